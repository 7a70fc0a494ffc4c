"""Mail addresses that want no e-mails of campaigns: searched, added by hand, removed after a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from campaigns.unsubscribing import Way
from gateway.registry.errors import AccountError, NotFound
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]
HERE = "/optouts/emails"


@dataclass(frozen=True, slots=True)
class EmailWish:
    """What a visitor wants to see of the list, as the address of the page says it."""

    q: str = ""
    """A part of an address."""
    cursor: str = ""

    def link(self, **other: str) -> str:
        """The address of the same list, but for some values."""
        said = {name: value for name, value in ({"q": self.q, "cursor": ""} | other).items() if value}
        return HERE + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[EmailWish, Depends()]


def email_optout_pages(desk: Desk) -> APIRouter:
    """Routes under `/optouts/emails`."""
    router = APIRouter(prefix=HERE)

    @router.get("")
    async def emails(request: Request, actor: Asked, wish: Wished) -> Response:
        found = await desk.email_optouts.list(actor, search=wish.q, cursor=wish.cursor or None)
        values: dict[str, Any] = {"found": found, "wish": wish, "removal": _removal, "way_words": way_words}
        return page(request, "optouts/emails.html", fragment="results", **values)

    _add_adding(router, desk)
    _add_removing(router, desk)
    return router


def way_words(way: str) -> str:
    """How somebody has unsubscribed."""
    known = {
        Way.ONE_CLICK: _("in their mail program"),
        Way.PAGE: _("by the link in a mail"),
        Way.MAIL: _("by mail"),
        Way.COMPLAINT: _("called a mail junk"),
        Way.HAND: _("noted by hand"),
    }
    return known[Way(way)] if way in set(Way) else way


def _removal(org_id: str, address: str) -> str:
    """The address of the question whether a mail address is to be taken off."""
    return f"{HERE}/remove?{urlencode({'org': org_id, 'address': address})}"


def _add_adding(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def ask(request: Request, actor: Asked) -> Response:
        return await _adding(request, actor, desk, {"address": "", "org": ""})

    @router.post("/new")
    async def add(request: Request, actor: Asked, address: Words = "", org: Words = "") -> Response:
        try:
            entry, added = await desk.email_optouts.add(actor, address, org or None)
        except AccountError as error:
            return await _adding(request, actor, desk, {"address": address, "org": org}, error)
        words = _("%(address)s gets no more e-mails of campaigns", address=entry.address)
        return done(request, words if added else _("%(address)s was on the list already", address=entry.address), HERE)


async def _adding(
    request: Request, actor: Actor, desk: Desk, typed: dict[str, Any], error: AccountError | None = None
) -> Response:
    actor.require(Scope.OPTOUTS_WRITE)
    errors = {"org" if isinstance(error, NotFound) else "address": told(error)} if error else {}
    organisations = await desk.organisations.list(actor)
    values = typed | {"organisations": organisations, "errors": errors}
    return page(request, "optouts/email_new.html", fragment="dialog", status=422 if error else 200, **values)


def _add_removing(router: APIRouter, desk: Desk) -> None:
    @router.get("/remove")
    async def ask(request: Request, actor: Asked, address: str = "", org: str = "") -> Response:
        actor.require(Scope.OPTOUTS_WRITE)
        entry = await desk.email_optouts.get(actor, address, org)
        how = way_words(entry.how)
        return page(request, "optouts/email_remove.html", fragment="dialog", entry=entry, how=how)

    @router.post("/remove")
    async def remove(request: Request, actor: Asked, address: Words = "", org: Words = "") -> Response:
        await desk.email_optouts.remove(actor, address, org)
        return done(request, _("%(address)s gets e-mails of campaigns again", address=address), HERE)
