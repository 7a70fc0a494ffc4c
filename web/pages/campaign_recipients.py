"""Whom a campaign has looked at and what became of each, who would be left out, and its figures as a file (C12)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from campaigns.campaign import Campaign
from campaigns.model import Channel
from campaigns.recipients import Skip
from campaigns.store.recipient_list_sql import RecipientFilter
from gateway.registry.errors import AccountError
from gateway.sms import MessageState
from gateway.writing.reports import FailureReason
from web.desk.desk import Desk
from web.language import gettext as _
from web.language import say, told, tongue
from web.pages.asked import Asked
from web.pages.campaign_wording import recipient_state
from web.pages.campaigns import WORDS, skip_words
from web.pages.messages import typed_phone
from web.pages.render import page
from web.pages.tables import table

_LEFT_OUT_PAGE = 100
"""Contacts that are named on a page of those who would be left out."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which recipients a visitor wants to see, as the address of the page says it."""

    q: str = ""
    """A part of the name, a phone, or the beginning of an address."""
    state: str = ""
    reason: str = ""
    variant: str = ""
    """A variant with a mark before it, so that the common one is a choice too: "=", "=da", "=b/da"."""
    cursor: str = ""

    def filter(self, region: str) -> RecipientFilter:
        """The same for the desk. Phones without a plus are of `region`."""
        phone = typed_phone(self.q, region)
        return RecipientFilter(
            state=self.state,
            reason=self.reason,
            variant=self.variant[1:] if self.variant.startswith("=") else None,
            phone=phone,
            search="" if phone is not None else self.q.strip(),
        )

    def link(self, path: str, **other: str) -> str:
        """The address of the same list, but for some values. Another filter begins with the first page."""
        wanted = {each.name: getattr(self, each.name) for each in fields(self)} | {"cursor": ""} | other
        said = {name: value for name, value in wanted.items() if value}
        return path + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def campaign_recipient_pages(desk: Desk) -> APIRouter:
    """Routes under `/campaigns/{id}` that name people, and files."""
    router = APIRouter(prefix="/campaigns/{campaign_id}")
    _add_list(router, desk)
    _add_left_out(router, desk)

    @router.get("/statistics.csv")
    async def statistics(actor: Asked, campaign_id: str) -> Response:
        return table("statistics", await desk.recipients.figures_csv(actor, campaign_id, tongue().zone, tongue().sheet))

    return router


def _add_list(router: APIRouter, desk: Desk) -> None:
    @router.get("/recipients")
    async def recipients(request: Request, actor: Asked, campaign_id: str, wish: Wished) -> Response:
        campaign = await desk.recipients.campaign(actor, campaign_id)
        found, error = None, ""
        try:
            wanted = wish.filter(await desk.organisations.region(actor))
            found = await desk.recipients.page(actor, campaign_id, wanted, cursor=wish.cursor or None)
        except AccountError as wrong:
            error = told(wrong)
        values: dict[str, Any] = {
            "campaign": campaign,
            "found": found,
            "error": error,
            "wish": wish,
            "states": _states(campaign),
            "reasons": _reasons(campaign),
            "variants": sorted(campaign.content.texts),
            "reason_words": reason_words,
        }
        status = 422 if error else 200
        return page(request, "campaigns/recipients.html", fragment="results", status=status, **values, **WORDS)

    @router.get("/recipients.csv")
    async def file(actor: Asked, campaign_id: str, wish: Wished) -> Response:
        wanted = wish.filter(await desk.organisations.region(actor))
        rows = await desk.recipients.csv(actor, campaign_id, wanted, tongue().zone, tongue().sheet)
        return table("recipients", rows)


def _states(campaign: Campaign) -> list[tuple[str, str]]:
    by_mail = campaign.content.channel is Channel.EMAIL
    known = ("queued", "sent", "failed") if by_mail else tuple(str(each) for each in MessageState)
    own = ("skipped", "waiting") if by_mail else ("sent", "skipped", "waiting")
    return [(each, recipient_state(each, by_mail=by_mail)) for each in (*own, *known)]


def _reasons(campaign: Campaign) -> list[tuple[str, str]]:
    by_mail = campaign.content.channel is Channel.EMAIL
    failures = () if by_mail else tuple(str(each) for each in FailureReason)
    known = dict.fromkeys((*(str(each) for each in Skip), *failures))
    return sorted(((each, reason_words(each)) for each in known), key=lambda pair: pair[1])


def reason_words(reason: str) -> str:
    """Why somebody got none, or it failed."""
    known = {
        FailureReason.BAD_NUMBER: _("the number cannot exist"),
        FailureReason.NOT_IN_USE: _("the number is not in use"),
        FailureReason.NOT_ALLOWED: _("not allowed to write there"),
        FailureReason.LIMIT: _("a limit is reached"),
        FailureReason.EXPIRED: _("the phone was not reached in time"),
        FailureReason.NO_WORD: _("no word came from the operator"),
        FailureReason.NOT_SENT: _("it was not sent in time"),
        FailureReason.UNREACHABLE: _("the phone cannot be reached"),
        FailureReason.REJECTED: _("the operator refuses it"),
        FailureReason.PAUSED: _("the key is paused"),
        FailureReason.ACCOUNT_CLOSED: _("the account is closed"),
        FailureReason.UNKNOWN: _("it may have been sent or not"),
        FailureReason.DELAYED: _("it is delayed"),
        FailureReason.CANCELLED: _("the campaign was cancelled"),
        FailureReason.NO_CONSENT: _("has not agreed to it, or withdrawn it"),
        "failed": _("failed"),
    }
    return known.get(reason) or skip_words(reason)


def _add_left_out(router: APIRouter, desk: Desk) -> None:
    @router.get("/skipped")
    async def skipped(request: Request, actor: Asked, campaign_id: str, reason: str = "", after: int = 0) -> Response:
        campaign = await desk.recipients.campaign(actor, campaign_id)
        begun = await desk.estimates.begin(actor, campaign_id)
        estimate = begun.estimate
        counts = estimate.skipped if estimate is not None else {}
        chosen = Skip(reason) if reason in set(Skip) else None
        named = estimate.named if estimate is not None else {}
        some = [each for of, people in named.items() if chosen in {None, of} for each in people]
        first = min(max(after, 0), len(some))
        values: dict[str, Any] = {
            "campaign": campaign,
            "begun": begun,
            "error": told(begun.error) if begun.error else "",
            "reason": chosen or "",
            "counts": sorted(((of, say(of.words), count) for of, count in counts.items()), key=lambda each: -each[2]),
            "count": sum(count for of, count in counts.items() if chosen in {None, of}),
            "people": some[first : first + _LEFT_OUT_PAGE],
            "known": len(some),
            "following": first + _LEFT_OUT_PAGE if first + _LEFT_OUT_PAGE < len(some) else 0,
            "skip_words": skip_words,
        }
        return page(request, "campaigns/skipped.html", fragment="results", **values, **WORDS)

    @router.get("/skipped.csv")
    async def file(actor: Asked, campaign_id: str, reason: str = "") -> Response:
        chosen = Skip(reason) if reason in set(Skip) else None
        rows = await desk.recipients.left_out_csv(actor, campaign_id, chosen, tongue().words, tongue().sheet)
        return table("skipped", rows)
