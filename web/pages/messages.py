"""The log of SMS, and one message's story."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from gateway.listed_sms import LogFilter, Way
from gateway.numbers import NumberError, to_e164
from gateway.registry.errors import AccountError
from gateway.sms import MessageState
from gateway.store.inbound_sql import InboundState
from web.desk.desk import Desk
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.render import page
from web.pages.tables import table
from web.pages.wording import state_words


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see of the log, as the address of the page says it."""

    q: str = ""
    """A part of the text, or a phone."""
    way: str = ""
    state: str = ""
    account: str = ""
    org: str = ""
    since: str = ""
    """A day, "2026-11-26", in the viewer's zone."""
    until: str = ""
    """The last day."""
    live: str = ""
    cursor: str = ""

    def filter(self, region: str) -> LogFilter:
        """The same for the desk; words that say nothing count for nothing. Phones without a plus are of `region`."""
        phone = typed_phone(self.q, region)
        known = set(MessageState) | set(InboundState)
        return LogFilter(
            org_id=self.org or None,
            account_id=self.account or None,
            way=Way(self.way) if self.way in set(Way) else None,
            states=frozenset({self.state}) if self.state in known else frozenset(),
            phone=phone,
            text=(self.q.strip() or None) if phone is None else None,
            since=_midnight(self.since),
            until=_midnight(self.until, days=1),
        )

    def link(self, path: str = "/messages", **other: str) -> str:
        """The address of the same list, but for some values. Another filter begins with the first page."""
        wanted = {each.name: getattr(self, each.name) for each in fields(self)} | {"cursor": ""} | other
        said = {name: value for name, value in wanted.items() if value}
        return path + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def typed_phone(written: str, region: str) -> str | None:
    """What was looked for as a phone; None where it is none."""
    if sum(letter.isdigit() for letter in written) < 6:
        return None
    try:
        return to_e164(written, region)
    except NumberError:
        digits = "".join(written.split())
        return digits if digits.startswith("+") and digits[1:].isdecimal() else None


def _midnight(day: str, days: int = 0) -> float | None:
    """When a day begins in the viewer's zone; None for what is no day."""
    try:
        at = datetime.combine(datetime.fromisoformat(day).date() + timedelta(days), time(), tongue().zone)
        return max(at.timestamp(), 0.0)
    except (ValueError, OverflowError):
        return None


def message_pages(desk: Desk) -> APIRouter:
    """Routes under `/messages`."""
    router = APIRouter(prefix="/messages")

    @router.get("")
    async def messages(request: Request, actor: Asked, wish: Wished) -> Response:
        wanted = wish.filter(await desk.organisations.region(actor))
        found, error = None, ""
        try:
            found = await desk.messages.list(actor, wanted, cursor=wish.cursor or None)
        except AccountError as wrong:
            error = told(wrong)
        return page(
            request,
            "messages/list.html",
            fragment="results",
            status=422 if error else 200,
            found=found,
            campaigns=await desk.campaigns.names(actor, found.items) if found else {},
            error=error,
            wish=wish,
            states=[(each, state_words(each)) for each in (*MessageState, *InboundState)],
            organisations=await desk.organisations.list(actor) if actor.org_id is None else (),
        )

    @router.get("/{message_id}")
    async def story(request: Request, actor: Asked, message_id: str) -> Response:
        sms = await desk.messages.get(actor, message_id)
        story = await desk.messages.trace(actor, message_id)
        campaigns = await desk.campaigns.names(actor, [sms])
        return page(request, "messages/one.html", sms=sms, story=story, campaign=campaigns.get(sms.mail_id or "", ""))

    return router


def message_file(desk: Desk) -> APIRouter:
    """The log as a file, by the same filters."""
    router = APIRouter()

    @router.get("/messages.csv")
    async def file(actor: Asked, wish: Wished) -> Response:
        wanted = wish.filter(await desk.organisations.region(actor))
        await desk.messages.list(actor, wanted, size=1)  # what is wrong is told before a file begins
        return table("messages", desk.messages.export(actor, wanted, tongue().zone, tongue().sheet))

    return router
