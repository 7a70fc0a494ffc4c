"""Before a campaign starts, and starting and stopping it: check, estimate, questions, deeds (C10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from campaigns.campaign import Campaign, Cause, Limits, State
from campaigns.campaigns import Checked
from campaigns.drafts import BadDraft
from campaigns.estimate import Estimate
from campaigns.model import Channel
from campaigns.store.campaign_rows import fingerprint
from campaigns.trial import versions_of
from gateway.errors import Refusal
from gateway.money import Money
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.desk.providers import ProviderFacts
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import number, say, told, tongue
from web.pages.asked import Asked
from web.pages.campaign_form import WrongField, shown_budget, with_budget
from web.pages.campaigns import WORDS
from web.pages.render import done, page


def campaign_run_pages(desk: Desk) -> APIRouter:
    """Routes under `/campaigns/{id}` that look ahead and do."""
    router = APIRouter(prefix="/campaigns/{campaign_id}")
    _add_check(router, desk)
    _add_estimate(router, desk)
    _add_deeds(router, desk)
    _add_approval(router, desk)
    _add_picking(router, desk)
    return router


def _add_check(router: APIRouter, desk: Desk) -> None:
    @router.get("/check")
    async def check(request: Request, actor: Asked, campaign_id: str, search: str = "", contact: str = "") -> Response:
        return await _check(request, desk, actor, campaign_id, search, contact)

    @router.post("/test")
    async def test(
        request: Request,
        actor: Asked,
        campaign_id: str,
        contact: Annotated[str, Form()] = "",
        phone: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            to = await _send_test(desk, actor, campaign_id, _number(contact), phone)
        except Refusal as refusal:
            error = refusal.say(tongue().words)
        except AccountError as wrong:
            error = told(wrong)
        else:
            words = _("The test is on its way to %(phone)s", phone=to)
            return done(request, words, f"/campaigns/{campaign_id}/check?contact={_number(contact)}")
        return await _check(request, desk, actor, campaign_id, "", contact, phone=phone, test_error=error)


async def _send_test(desk: Desk, actor: Actor, campaign_id: str, contact_id: int, phone: str) -> str:
    """Where it went: the phone, or one's own mail address for an e-mail. Raises the Refusal, AccountError."""
    campaign = await desk.campaigns.get(actor, campaign_id)
    if campaign.content.channel is Channel.EMAIL:
        return (await desk.campaigns.test_email(actor, campaign_id, contact_id)).address
    sent = await desk.campaigns.test(actor, campaign_id, contact_id, phone)
    refused = next((each.refusal for each in sent.phones if each.refusal), None)
    if refused is not None:
        raise refused
    return phone


async def _check(
    request: Request,
    desk: Desk,
    actor: Actor,
    campaign_id: str,
    search: str,
    contact: str,
    *,
    phone: str = "",
    test_error: str = "",
) -> Response:
    campaign = await desk.campaigns.get(actor, campaign_id)
    got: Checked | None = None
    error = ""
    try:
        if contact:
            got = await desk.campaigns.check(actor, campaign_id, _number(contact))
        elif not search:
            got = await desk.campaigns.example(actor, campaign_id)
    except AccountError as wrong:
        error = told(wrong)
    found = await desk.campaigns.people(actor, campaign.org_id, search)
    contact = contact or (str(got.recipient.contact_id) if got else "")
    values: dict[str, Any] = {"campaign": campaign, "search": search, "contact": contact, "got": got, "found": found}
    values |= {"error": error, "why_not": say(got.reason.words) if got and got.reason else ""}
    values |= {"phone": phone, "test_error": test_error, "providers": await _providers(desk, actor, campaign)}
    status = 422 if test_error else 200
    return page(request, "campaigns/check.html", fragment="results", status=status, **values, **WORDS)


async def _providers(desk: Desk, actor: Actor, campaign: Campaign) -> list[ProviderFacts]:
    """Those that can be asked before a campaign by SMS starts (C5)."""
    if campaign.content.channel is not Channel.SMS or not actor.may(Scope.PROVIDERS_READ):
        return []
    return await desk.providers.list(actor)


def _number(written: str) -> int:
    """The id of a contact; 0, which is nobody's, for what is none."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 19 else 0


def _add_estimate(router: APIRouter, desk: Desk) -> None:
    @router.get("/estimate")
    async def estimate(request: Request, actor: Asked, campaign_id: str) -> Response:
        campaign = await desk.campaigns.get(actor, campaign_id)
        return page(request, "campaigns/estimate.html", fragment="estimate", **await _estimate(desk, actor, campaign))

    @router.post("/estimate")
    async def anew(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_WRITE)
        await desk.estimates.begin(actor, campaign_id, anew=True)
        return done(request, _("It is estimated anew"), f"/campaigns/{campaign_id}/estimate")


async def _estimate(desk: Desk, actor: Actor, campaign: Campaign) -> dict[str, Any]:
    begun = await desk.estimates.begin(actor, campaign.id)
    estimate = begun.estimate
    skipped = estimate.skipped if estimate is not None else {}
    return {
        "campaign": campaign,
        "shown": fingerprint(campaign.content),
        "beyond": _beyond(campaign.content.limits, estimate) if estimate is not None else [],
        "begun": begun,
        "estimate": estimate,
        "error": told(begun.error) if begun.error else "",
        "skipped": sorted(
            ((reason, say(reason.words), count) for reason, count in skipped.items()), key=lambda each: -each[2]
        ),
        **WORDS,
    }


def _beyond(limits: Limits, estimate: Estimate) -> list[str]:
    """Why a campaign would pause before everybody has it."""
    found = []
    if limits.parts and estimate.parts > limits.parts:
        most, needed = number(limits.parts), number(estimate.parts)
        words = _(
            "Its budget is %(most)s, all would take %(needed)s: it would pause on the way.", most=most, needed=needed
        )
        found.append(words)
    if limits.cost is not None and estimate.unpriced:
        found.append(_("Its budget is money, and nobody knows what it costs: it would pause before the first SMS."))
    elif limits.cost is not None and estimate.cost is not None and estimate.cost.thousandths > limits.cost.thousandths:
        found.append(_("All would cost more than its budget: it would pause on the way."))
    return found


def _add_deeds(router: APIRouter, desk: Desk) -> None:
    @router.get("/start")
    async def ask_start(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_RUN)
        campaign = await desk.campaigns.get(actor, campaign_id)
        values = await _estimate(desk, actor, campaign)
        return page(request, "campaigns/start.html", fragment="ahead", **values, refused="")

    @router.post("/start")
    async def start(request: Request, actor: Asked, campaign_id: str, shown: Annotated[str, Form()] = "") -> Response:
        """`shown` says what the campaign said when the question was shown."""
        try:
            started = await desk.campaigns.start(actor, campaign_id, shown)
        except AccountError as error:
            campaign = await desk.campaigns.get(actor, campaign_id)
            values = await _estimate(desk, actor, campaign)
            return page(request, "campaigns/start.html", status=422, **values, refused=told(error))
        words = {
            State.SCHEDULED: _("Campaign is scheduled"),
            State.APPROVAL: _("It is so large that somebody else has to approve it: they are told by mail"),
        }.get(started.state, _("Campaign started"))
        return done(request, words, f"/campaigns/{campaign_id}", away=True)

    for name, scope in (
        ("pause", Scope.CAMPAIGNS_RUN),
        ("resume", Scope.CAMPAIGNS_RUN),
        ("cancel", Scope.CAMPAIGNS_RUN),
        ("delete", Scope.CAMPAIGNS_WRITE),
    ):
        _add_deed(router, desk, name, scope)


def _add_deed(router: APIRouter, desk: Desk, name: str, scope: Scope) -> None:
    """A question, and the deed after it."""

    @router.get(f"/{name}", name=f"ask_{name}")
    async def ask(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(scope)
        values = await _question(desk, actor, campaign_id, name)
        return page(request, "campaigns/deed.html", fragment="dialog", **values)

    @router.post(f"/{name}", name=f"do_{name}")
    async def do(
        request: Request,
        actor: Asked,
        campaign_id: str,
        cause: Annotated[str, Form()] = "",
        budget: Annotated[str, Form()] = "",
        max_parts: Annotated[str, Form()] = "",
        max_cost: Annotated[str, Form()] = "",
        currency: Annotated[str, Form()] = "",
    ) -> Response:
        """`cause` is why it rested when the question was shown; `budget` whether that asked for the next fields."""
        typed = {"max_parts": max_parts, "max_cost": max_cost, "currency": currency}
        try:
            another = partial(with_budget, typed) if budget else None
            deeds: dict[str, Callable[[Actor, str], Awaitable[object]]] = {
                "pause": desk.campaigns.pause,
                "resume": partial(desk.campaigns.resume, seen=cause, budget=another),
                "cancel": desk.campaigns.cancel,
                "delete": desk.campaigns.delete,
            }
            await deeds[name](actor, campaign_id)
        except (AccountError, WrongField) as error:
            values = await _question(desk, actor, campaign_id, name)
            values |= ({"typed": typed} if budget else {}) | _wrong(error)
            return page(request, "campaigns/deed.html", fragment="dialog", status=422, **values)
        words = {
            "pause": _("Campaign paused"),
            "resume": _("Campaign goes on"),
            "cancel": _("Campaign cancelled"),
            "delete": _("Campaign deleted"),
        }
        to = "/campaigns" if name == "delete" else f"/campaigns/{campaign_id}"
        return done(request, words[name], to, away=True)


def _wrong(error: AccountError | WrongField) -> dict[str, Any]:
    """What a question says of it, and which of its fields are marked."""
    if isinstance(error, WrongField):
        return {"error": "", "errors": {error.field: told(error.error)}}
    if isinstance(error, BadDraft):
        return {"error": "", "errors": {name: say(problem) for name, problem in error.problems.items()}}
    return {"error": told(error), "errors": {}}


async def _question(desk: Desk, actor: Actor, campaign_id: str, deed: str) -> dict[str, Any]:
    campaign = await desk.campaigns.get(actor, campaign_id)
    contacts, error = 0, ""
    if deed == "resume" and campaign.cause == Cause.GROWN:
        try:
            contacts = await desk.campaigns.contacts(actor, campaign)
        except AccountError as wrong:
            error = told(wrong)
    typed = shown_budget(campaign.content.limits)
    return {
        "campaign": campaign,
        "deed": deed,
        "contacts": contacts,
        "error": error,
        "errors": {},
        "typed": typed,
        "spent": Money(campaign.counts.cost, campaign.content.limits.cost.currency)
        if campaign.content.limits.cost
        else None,
    }


def _add_approval(router: APIRouter, desk: Desk) -> None:
    """The answer of a second person to a large campaign."""

    @router.get("/approval")
    async def ask(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_RUN)
        campaign = await desk.campaigns.get(actor, campaign_id)
        return page(request, "campaigns/approval.html", fragment="dialog", campaign=campaign, word="", error="")

    @router.post("/approval")
    async def answer(
        request: Request,
        actor: Asked,
        campaign_id: str,
        answer: Annotated[str, Form()] = "",
        word: Annotated[str, Form()] = "",
        asked_at: Annotated[float, Form()] = 0.0,
    ) -> Response:
        """What is answered is what was shown: the question has the texts in it, and `asked_at` says which they were."""
        campaign = await desk.campaigns.get(actor, campaign_id)
        try:
            if answer == "approve":
                await desk.campaigns.approve(actor, campaign_id, asked_at)
            else:
                await desk.campaigns.send_back(actor, campaign_id, word, asked_at)
        except AccountError as error:
            values: dict[str, Any] = {"campaign": campaign, "word": word, "error": told(error)}
            return page(request, "campaigns/approval.html", fragment="dialog", status=422, **values)
        words = _("Campaign approved") if answer == "approve" else _("Campaign sent back")
        return done(request, words, f"/campaigns/{campaign_id}", away=True)


def _add_picking(router: APIRouter, desk: Desk) -> None:
    """The verdict of a person on versions that are tried."""

    @router.get("/pick")
    async def ask_pick(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_RUN)
        campaign = await desk.campaigns.get(actor, campaign_id)
        return page(request, "campaigns/pick.html", fragment="dialog", **_versions(campaign, ""), error="")

    @router.post("/pick")
    async def pick(request: Request, actor: Asked, campaign_id: str, version: Annotated[str, Form()] = "") -> Response:
        try:
            picked = await desk.campaigns.pick(actor, campaign_id, version)
        except AccountError as error:
            values = _versions(await desk.campaigns.get(actor, campaign_id), version)
            return page(request, "campaigns/pick.html", fragment="dialog", status=422, **values, error=told(error))
        words = _("Version %(letter)s goes to all others", letter=picked.verdict.winner.upper())
        return done(request, words, f"/campaigns/{campaign_id}", away=True)


def _versions(campaign: Campaign, chosen: str) -> dict[str, Any]:
    there = versions_of(campaign.content.texts)
    return {"campaign": campaign, "versions": [(each, each.upper()) for each in there], "version": chosen}
