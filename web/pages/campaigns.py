"""Campaigns: the list, several side by side, and how one stands while it runs (C12)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from babel.dates import format_datetime
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from campaigns.campaign import Campaign, Content, Deed, State, may
from campaigns.campaigns import PAGE
from campaigns.filters.writing import quoted
from campaigns.recipients import Skip
from campaigns.schedule import write_window
from campaigns.statistics import Figures
from campaigns.terms import split_of
from campaigns.trial import NEVER, language_of, version_of
from gateway.model import Account
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web import charts
from web.charts import Bar, Heading, Series
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import amount, ngettext, number, say, told, tongue
from web.language import gettext as _
from web.pages.asked import Asked
from web.pages.campaign_wording import (
    campaign_cause,
    campaign_colour,
    campaign_rule,
    campaign_state,
    recipient_colour,
    recipient_state,
)
from web.pages.contacts import Wish
from web.pages.drawing import Drawn
from web.pages.render import done, page

_COMPARED = 6
WORDS: dict[str, Any] = {
    "campaign_state": campaign_state,
    "campaign_colour": campaign_colour,
    "campaign_cause": campaign_cause,
    "campaign_rule": campaign_rule,
    "recipient_state": recipient_state,
    "recipient_colour": recipient_colour,
    "version_of": version_of,
    "language_of": language_of,
}
"""What every template of campaigns may say."""


def campaign_pages(desk: Desk) -> APIRouter:
    """Routes under `/campaigns`."""
    router = APIRouter(prefix="/campaigns")

    @router.get("")
    async def listing(request: Request, actor: Asked, state: str = "", before: str = "") -> Response:
        chosen = State(state) if state in set(State) else None
        found = await desk.campaigns.list(actor, state=chosen, before=before or None)
        values: dict[str, Any] = {"found": found, "state": state, "states": list(State), "more": len(found) == PAGE}
        return page(request, "campaigns/list.html", fragment="results", **WORDS, **values)

    @router.get("/compare")
    async def compare(request: Request, actor: Asked, id: Annotated[list[str], Query()] = []) -> Response:  # noqa: A002, B006 - the query's name; never changed
        actor.require(Scope.CAMPAIGNS_READ)
        standing = [await desk.campaigns.standing(actor, each) for each in dict.fromkeys(id[:_COMPARED])]
        return page(request, "campaigns/compare.html", standing=standing, **WORDS)

    _add_copying(router, desk)

    @router.get("/{campaign_id}")
    async def campaign(request: Request, actor: Asked, campaign_id: str) -> Response:
        return page(request, "campaigns/one.html", fragment="figures", **await _standing(desk, actor, campaign_id))

    return router


def _add_copying(router: APIRouter, desk: Desk) -> None:
    @router.get("/{campaign_id}/copy")
    async def ask(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_WRITE)
        found = await desk.campaigns.get(actor, campaign_id)
        name = _("%(name)s, copy", name=found.content.name)
        return page(request, "campaigns/copy.html", fragment="dialog", campaign=found, name=name, error="")

    @router.post("/{campaign_id}/copy")
    async def copy(request: Request, actor: Asked, campaign_id: str, name: Annotated[str, Form()] = "") -> Response:
        found = await desk.campaigns.get(actor, campaign_id)
        try:
            made = await desk.campaigns.copy(actor, campaign_id, name)
        except AccountError as error:
            values: dict[str, Any] = {"campaign": found, "name": name, "error": told(error)}
            return page(request, "campaigns/copy.html", fragment="dialog", status=422, **values)
        return done(request, _("%(name)s is saved", name=made.content.name), f"/campaigns/{made.id}/edit", away=True)


async def _standing(desk: Desk, actor: Actor, campaign_id: str) -> dict[str, Any]:
    standing = await desk.campaigns.standing(actor, campaign_id)
    values = standing_of(desk, actor, standing.campaign, standing.account, standing.figures)
    return values | {"chosen": list(chosen(standing.campaign.content, standing.groups))}


def chosen(content: Content, groups: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What was chosen for a campaign: whom it is for, when it leaves and how fast."""
    audience = content.audience
    whom = [groups.get(each, "?") for each in audience.groups]
    if audience.filter is not None:
        whom.append(audience.filter or _("everybody"))
    if audience.contacts:
        count = len(audience.contacts)
        whom.append(ngettext("%(num)s single contact", "%(num)s single contacts", count))
    yield _("Who gets it"), ", ".join(whom) or _("nobody")
    if audience.without:
        yield _("Without these groups"), ", ".join(groups.get(each, "?") for each in audience.without)
    if not content.window.always:
        yield _("Hours"), write_window(content.window)
    yield _("Quiet hours"), _("write in them as well") if content.any_hour else _("rest in them")
    if content.limits.per_minute:
        yield _("Messages a minute"), number(content.limits.per_minute)
    if content.limits.per_week:
        yield _("Messages a contact gets a week"), number(content.limits.per_week)
    if content.limits.parts:
        yield _("Budget in SMS parts, or in e-mails"), number(content.limits.parts)
    if content.limits.cost:
        yield _("Budget in money"), amount(content.limits.cost)


def standing_of(
    desk: Desk, actor: Actor, campaign: Campaign, account: Account | None, figures: Figures
) -> dict[str, Any]:
    """What the page of a campaign says."""
    state, name = campaign.state, quoted(campaign.content.name)
    return {
        "campaign": campaign,
        "answered": Wish(filter=f"answered: {name}", org=campaign.org_id).link(),
        "followed": Wish(filter=f"clicked: {name}", org=campaign.org_id).link(),
        "account": account,
        "figures": figures,
        "live": state in {State.RUNNING, State.SCHEDULED, State.PAUSED, State.FINISHED},
        "may_answer": desk.campaigns.may_answer(actor, campaign),
        "deeds": {str(deed) for deed in Deed if may(campaign, deed)},
        "skipped": [(reason, skip_words(reason), count) for reason, count in sorted(figures.skipped.items())],
        "texts": sorted(campaign.content.texts.items(), key=_place),
        "judged_at": _judged_at(campaign),
        "goes_on_at": _goes_on_at(campaign),
        "drawn": _drawn(figures),
        **WORDS,
    }


def _place(text: tuple[str, str]) -> tuple[str, str]:
    return version_of(text[0]), language_of(text[0])


def _judged_at(campaign: Campaign) -> float | None:
    """When the rule finds the winner that is waited for; None where somebody says it, or nothing is waited for."""
    split = split_of(campaign)
    if split is None or split.winner or split.until == NEVER or campaign.started_at is None:
        return None
    return split.until


def _goes_on_at(campaign: Campaign) -> float | None:
    """When the first of those who wait for their hours get it; None where nobody waits for hours alone."""
    waits = campaign.state is State.RUNNING and campaign.exhausted and campaign.counts.waiting and not campaign.cause
    return campaign.available_at if waits and campaign.available_at > time.time() else None


def skip_words(reason: str) -> str:
    """Why somebody gets nothing."""
    return say(Skip(reason).words) if reason in set(Skip) else reason


def _drawn(figures: Figures) -> Drawn | None:
    """What was delivered over time."""
    if not figures.delivered:
        return None
    zone, locale = tongue().zone, tongue().locale
    counts = dict(figures.delivered)
    first, last = figures.delivered[0][0], figures.delivered[-1][0]
    places = [first + n * figures.span for n in range(int((last - first) / figures.span) + 1)][-400:]
    shape = "d. MMM" if figures.span >= 86_400 else "HH:mm"
    bars = [
        Bar(
            format_datetime(datetime.fromtimestamp(at, zone), shape, locale=locale),
            format_datetime(datetime.fromtimestamp(at, zone), "short", locale=locale),
            (float(counts.get(at, 0)),),
        )
        for at in places
    ]
    series = (Series(_("delivered"), "c-delivered"),)
    heading = Heading("delivered", _("Delivered over time"), f"{_('delivered')}: {number(sum(counts.values()))}")
    rows = tuple((bar.whole, number(bar.values[0])) for bar in bars if bar.values[0])
    return Drawn(charts.bars(heading, series, bars, number), series, (_("When"), _("delivered")), rows)
