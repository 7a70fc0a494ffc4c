"""What waits for a person: one list, and a question before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from campaigns.campaign import Campaign
from gateway.listed_sms import Need
from gateway.registry.errors import AccountError, NotFound
from web.desk.attention import Verdict
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.campaign_wording import campaign_cause
from web.pages.render import done, page


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see, as the address of the page says it."""

    need: str = ""
    cursor: str = ""

    @property
    def wanted(self) -> Need | None:
        """The same for the desk; None for all."""
        return Need(self.need) if self.need in set(Need) else None

    def link(self, **other: str) -> str:
        """The address of the same list, but for some values."""
        said = {name: value for name, value in ({"need": self.need, "cursor": ""} | other).items() if value}
        return "/attention" + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def attention_pages(desk: Desk) -> APIRouter:
    """Routes under `/attention`."""
    router = APIRouter(prefix="/attention")

    @router.get("")
    async def waiting(request: Request, actor: Asked, wish: Wished) -> Response:
        values: dict[str, Any] = {
            "found": await desk.attention.list(actor, wish.wanted, cursor=wish.cursor or None),
            "counts": await desk.attention.count(actor),
            "approvals": await approvals(desk, actor),
            "wish": wish,
            "names": await _names(desk, actor),
            "campaign_cause": campaign_cause,
        }
        return page(request, "attention/list.html", fragment="results", **values)

    @router.get("/count")
    async def count(request: Request, actor: Asked) -> Response:
        counts = await desk.attention.count(actor)
        large = await approvals(desk, actor)
        return page(request, "attention/count.html", fragment="count", counts=counts, approvals=large)

    _add_handing_on(router, desk)
    _add_verdicts(router, desk)
    return router


async def approvals(desk: Desk, actor: Actor) -> list[Campaign]:
    """Campaigns that the visitor may approve, send back or let go on, the longest waiting first."""
    return [each for each in await desk.campaigns.waiting(actor) if desk.campaigns.may_answer(actor, each)]


async def _names(desk: Desk, actor: Actor) -> dict[str, str]:
    """Names of organisations by id, where the actor sees several."""
    if actor.org_id is not None:
        return {}
    return {each.id: each.name for each in await desk.organisations.list(actor)}


def _add_verdicts(router: APIRouter, desk: Desk) -> None:
    @router.get("/{message_id}/{verdict}")
    async def ask(request: Request, actor: Asked, message_id: str, verdict: Verdict) -> Response:
        waiting = await desk.attention.get(actor, message_id)
        if waiting.need is not Need.UNKNOWN:
            raise NotFound("there is nothing to say about it")
        return page(request, "attention/verdict.html", fragment="dialog", sms=waiting.sms, verdict=verdict)

    @router.post("/{message_id}/{verdict}")
    async def rule(request: Request, actor: Asked, message_id: str, verdict: Verdict) -> Response:
        await desk.attention.rule(actor, message_id, verdict)
        words = {
            Verdict.SENT: _("It counts as sent, and waits for its report"),
            Verdict.NOT_SENT: _("It counts as not sent, and its sender is told"),
            Verdict.AGAIN: _("It is sent again"),
        }
        return done(request, words[verdict], "/attention")


def _add_handing_on(router: APIRouter, desk: Desk) -> None:
    @router.get("/{message_id}/hand")
    async def ask(request: Request, actor: Asked, message_id: str) -> Response:
        return await _handing(request, actor, desk, message_id)

    @router.post("/{message_id}/hand")
    async def hand(request: Request, actor: Asked, message_id: str, to: Annotated[str, Form()] = "") -> Response:
        try:
            handed = await desk.attention.deliver(actor, message_id, to.strip())
        except AccountError as error:
            return await _handing(request, actor, desk, message_id, to, told(error))
        if handed.answerable:
            return done(request, _("It is on its way to %(email)s", email=handed.email), "/attention")
        words = _(
            "It is on its way to %(email)s, who has no account: an answer will not reach the phone", email=handed.email
        )
        return done(request, words, "/attention")


async def _handing(
    request: Request, actor: Actor, desk: Desk, message_id: str, to: str = "", error: str = ""
) -> Response:
    waiting = await desk.attention.get(actor, message_id)
    if waiting.need is Need.UNKNOWN:
        raise NotFound("it went out")
    values = {
        "waiting": waiting,
        "to": to or (waiting.likely[0] if len(waiting.likely) == 1 else waiting.last),
        "error": error,
    }
    return page(request, "attention/hand.html", fragment="dialog", status=422 if error else 200, **values)
