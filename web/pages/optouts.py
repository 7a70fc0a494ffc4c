"""Opt-outs: phones that want no more SMS; searched, added by hand, removed after a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from gateway.numbers import display
from gateway.registry.errors import AccountError, BadValue
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see of the list, as the address of the page says it."""

    q: str = ""
    """A part of a phone number."""
    cursor: str = ""

    def link(self, **other: str) -> str:
        """The address of the same list, but for some values."""
        said = {name: value for name, value in ({"q": self.q, "cursor": ""} | other).items() if value}
        return "/optouts" + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def optout_pages(desk: Desk) -> APIRouter:
    """Routes under `/optouts`."""
    router = APIRouter(prefix="/optouts")

    @router.get("")
    async def optouts(request: Request, actor: Asked, wish: Wished) -> Response:
        search = "".join(wish.q.split())
        found = await desk.optouts.list(actor, search=search, cursor=wish.cursor or None)
        return page(request, "optouts/list.html", fragment="results", found=found, wish=wish, removal=_removal)

    _add_adding(router, desk)
    _add_removing(router, desk)
    return router


def _removal(org_id: str, phone: str) -> str:
    """The address of the question whether a phone is to be taken off."""
    return f"/optouts/{quote(phone)}/remove?{urlencode({'org': org_id})}"


def _add_adding(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def ask(request: Request, actor: Asked) -> Response:
        return await _adding(request, actor, desk, {"phone": "", "org": ""})

    @router.post("/new")
    async def add(request: Request, actor: Asked, phone: Words = "", org: Words = "") -> Response:
        try:
            entry, added = await desk.optouts.add(actor, phone, org or None)
        except AccountError as error:
            return await _adding(request, actor, desk, {"phone": phone, "org": org}, error)
        shown = display(entry.phone)
        words = _("%(phone)s gets no more SMS", phone=shown)
        return done(request, words if added else _("%(phone)s was on the list already", phone=shown), "/optouts")


async def _adding(
    request: Request, actor: Actor, desk: Desk, typed: dict[str, Any], error: AccountError | None = None
) -> Response:
    actor.require(Scope.OPTOUTS_WRITE)
    errors = {"phone" if isinstance(error, BadValue) else "org": told(error)} if error else {}
    organisations = await desk.organisations.list(actor)
    values = typed | {"organisations": organisations, "errors": errors}
    return page(request, "optouts/new.html", fragment="dialog", status=422 if error else 200, **values)


def _add_removing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{phone}/remove")
    async def ask(request: Request, actor: Asked, phone: str, org: str = "") -> Response:
        actor.require(Scope.OPTOUTS_WRITE)
        entry = await desk.optouts.get(actor, phone, org)
        return page(request, "optouts/remove.html", fragment="dialog", entry=entry)

    @router.post("/{phone}/remove")
    async def remove(request: Request, actor: Asked, phone: str, org: Words = "") -> Response:
        await desk.optouts.remove(actor, phone, org)
        return done(request, _("%(phone)s gets SMS again", phone=display(phone)), "/optouts")
