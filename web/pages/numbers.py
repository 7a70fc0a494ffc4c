"""Numbers: how full the pool is, which are in use or rest, and organisations' numbers with their keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from gateway.numbers import display
from gateway.registry.errors import AccountError, BadAddress
from gateway.registry.listings import NumberFilter, NumberState
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]
_STATES: Mapping[str, NumberState] = {"used": NumberState.IN_USE, "resting": NumberState.QUARANTINED}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see of the numbers, as the address of the page says it."""

    q: str = ""
    state: str = ""
    """"used", "resting", or nothing for both."""
    cursor: str = ""

    def filter(self) -> NumberFilter:
        """The same for the desk."""
        return NumberFilter(search=self.q or None, state=_STATES.get(self.state))

    def link(self, **other: str) -> str:
        """The address of the same list, but for some values."""
        wanted = {"q": self.q, "state": self.state, "cursor": ""} | other
        said = {name: value for name, value in wanted.items() if value}
        return "/numbers" + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def number_pages(desk: Desk) -> APIRouter:
    """Routes under `/numbers`."""
    router = APIRouter(prefix="/numbers")

    @router.get("")
    async def numbers(request: Request, actor: Asked, wish: Wished) -> Response:
        values: dict[str, Any] = {
            "found": await desk.numbers.list(actor, wish.filter(), cursor=wish.cursor or None),
            "wish": wish,
            "pool": await desk.numbers.pool(actor),
            "owned": await desk.numbers.organisation_numbers(actor),
            "names": await _names(desk, actor),
        }
        return page(request, "numbers/list.html", fragment="results", **values)

    _add_giving(router, desk)
    _add_pool_deeds(router, desk)
    _add_reader(router, desk)
    _add_keywords(router, desk)
    return router


async def _names(desk: Desk, actor: Actor) -> Mapping[str, str]:
    """Names of organisations by id, where the actor sees several."""
    if actor.org_id is not None:
        return {}
    return {each.id: each.name for each in await desk.organisations.list(actor)}


def _add_giving(router: APIRouter, desk: Desk) -> None:
    @router.get("/give")
    async def ask(request: Request, actor: Asked) -> Response:
        return await _giving(request, actor, desk, {"org": "", "email": "", "number": ""})

    @router.post("/give")
    async def give(request: Request, actor: Asked, org: Words = "", email: Words = "", number: Words = "") -> Response:
        try:
            given = await desk.numbers.give(actor, org, email, number.strip() or None)
        except AccountError as error:
            return await _giving(request, actor, desk, {"org": org, "email": email, "number": number}, error)
        return done(request, _("The organisation has the number %(number)s", number=display(given.number)), "/numbers")


async def _giving(
    request: Request, actor: Actor, desk: Desk, typed: dict[str, Any], error: AccountError | None = None
) -> Response:
    actor.require(Scope.GATEWAY)
    values = typed | {"organisations": await desk.organisations.list(actor), "errors": _beside(error, "number")}
    return page(request, "numbers/give.html", fragment="dialog", status=422 if error else 200, **values)


def _beside(error: AccountError | None, otherwise: str) -> dict[str, str]:
    """The field that an error belongs to."""
    return {"email" if isinstance(error, BadAddress) else otherwise: told(error)} if error else {}


def _add_pool_deeds(router: APIRouter, desk: Desk) -> None:
    @router.get("/{number}/release")
    async def ask_release(request: Request, actor: Asked, number: str) -> Response:
        actor.require(Scope.GATEWAY)
        return page(request, "numbers/release.html", fragment="dialog", number=number)

    @router.post("/{number}/release")
    async def release(request: Request, actor: Asked, number: str) -> Response:
        await desk.numbers.release(actor, number)
        return done(request, _("%(number)s can be drawn again", number=display(number)), "/numbers")

    @router.get("/{number}/take")
    async def ask_take(request: Request, actor: Asked, number: str) -> Response:
        actor.require(Scope.GATEWAY)
        owned = await desk.numbers.organisation_number(actor, number)
        return page(request, "numbers/take.html", fragment="dialog", owned=owned)

    @router.post("/{number}/take")
    async def take(request: Request, actor: Asked, number: str) -> Response:
        owned = await desk.numbers.take_back(actor, number)
        return done(request, _("%(number)s is taken back", number=display(owned.number)), "/numbers")


def _add_reader(router: APIRouter, desk: Desk) -> None:
    @router.get("/{number}/reader")
    async def ask(request: Request, actor: Asked, number: str) -> Response:
        actor.require(Scope.NUMBERS_WRITE)
        owned = await desk.numbers.organisation_number(actor, number)
        return page(request, "numbers/reader.html", fragment="dialog", owned=owned, email=owned.email, error="")

    @router.post("/{number}/reader")
    async def change(request: Request, actor: Asked, number: str, email: Words = "") -> Response:
        try:
            await desk.numbers.set_reader(actor, number, email)
        except BadAddress as error:
            owned = await desk.numbers.organisation_number(actor, number)
            values = {"owned": owned, "email": email, "error": told(error)}
            return page(request, "numbers/reader.html", fragment="dialog", status=422, **values)
        return done(request, _("The reader is changed"), "/numbers")


def _add_keywords(router: APIRouter, desk: Desk) -> None:
    @router.get("/{number}/keyword")
    async def ask(request: Request, actor: Asked, number: str, word: str = "") -> Response:
        owned = await desk.numbers.organisation_number(actor, number)
        known = next((each for each in owned.keywords.values() if each.written == word), None)
        typed = {
            "word": word,
            "email": known.email if known else owned.email,
            "reply": known.reply if known else "",
            "known": known is not None,
        }
        return await _keyword(request, actor, desk, number, typed)

    @router.post("/{number}/keyword")
    async def put(
        request: Request, actor: Asked, number: str, word: Words = "", email: Words = "", reply: Words = ""
    ) -> Response:
        try:
            keyword = await desk.numbers.put_keyword(actor, number, word, email, reply)
        except AccountError as error:
            typed = {"word": word, "email": email, "reply": reply, "known": False}
            return await _keyword(request, actor, desk, number, typed, error)
        return done(
            request, _("The keyword %(word)s goes to %(email)s", word=keyword.written, email=keyword.email), "/numbers"
        )

    @router.post("/{number}/keyword/remove")
    async def remove(request: Request, actor: Asked, number: str, word: Words = "") -> Response:
        await desk.numbers.remove_keyword(actor, number, word)
        return done(request, _("The keyword %(word)s is gone", word=word), "/numbers")


async def _keyword(
    request: Request,
    actor: Actor,
    desk: Desk,
    number: str,
    typed: dict[str, Any],
    error: AccountError | None = None,
) -> Response:
    actor.require(Scope.NUMBERS_WRITE)
    owned = await desk.numbers.organisation_number(actor, number)
    values = typed | {"owned": owned, "errors": _beside(error, "word")}
    return page(request, "numbers/keyword.html", fragment="dialog", status=422 if error else 200, **values)
