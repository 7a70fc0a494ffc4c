"""Write an SMS: parts, alphabet and price count as one types; the characters that cost are marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.composer import Dear
from gateway.errors import Refusal
from gateway.model import new_id
from gateway.registry.errors import AccountError
from gateway.registry.listings import AccountFilter, AccountSort
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.desk.sending import Quote
from web.identity.actor import Actor
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.render import page

_OFFERED = 20
"""Accounts that are offered while one types."""


def write_pages(desk: Desk) -> APIRouter:
    """Routes under `/write`."""
    router = APIRouter(prefix="/write")

    @router.get("")
    async def write(request: Request, actor: Asked, account: str = "", phones: str = "", text: str = "") -> Response:
        return await _form(request, desk, actor, account, phones, text)

    @router.get("/accounts")
    async def accounts(request: Request, actor: Asked, account: str = "") -> Response:
        return page(request, "write/offered.html", offered=await _offered(desk, actor, account))

    @router.post("/count")
    async def count(
        request: Request,
        actor: Asked,
        account: Annotated[str, Form()] = "",
        phones: Annotated[str, Form()] = "",
        text: Annotated[str, Form()] = "",
    ) -> Response:
        quote = await quote_of(desk, actor, account, phones, text)
        return page(request, "write/count.html", quote=quote, pieces=list(marked(quote)))

    @router.post("")
    async def written(
        request: Request,
        actor: Asked,
        account: Annotated[str, Form()] = "",
        phones: Annotated[str, Form()] = "",
        text: Annotated[str, Form()] = "",
        identity: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            sent = await desk.sending.send(actor, account, _split(phones), text, identity or None)
        except Refusal as refusal:
            error = refusal.say(tongue().words)
        except AccountError as wrong:
            error = told(wrong)
        else:
            return page(request, "write/sent.html", sent=sent, account=account)
        return await _form(request, desk, actor, account, phones, text, error=error)

    return router


async def _form(
    request: Request, desk: Desk, actor: Actor, account: str, phones: str, text: str, *, error: str = ""
) -> Response:
    actor.require(Scope.MESSAGES_SEND)
    quote = await quote_of(desk, actor, account, phones, text)
    return page(
        request,
        "write/page.html",
        status=422 if error else 200,
        account=account,
        phones=phones,
        text=text,
        error=error,
        quote=quote,
        pieces=list(marked(quote)),
        offered=await _offered(desk, actor, ""),
        identity=new_id(0),
    )


async def _offered(desk: Desk, actor: Actor, typed: str) -> list[str]:
    """Addresses of accounts that fit what was typed, those that wrote last first."""
    actor.require(Scope.MESSAGES_SEND)
    wanted = AccountFilter(search=typed.strip() or None, sort=AccountSort.ACTIVE, descending=True)
    found = await desk.accounts.list(actor, wanted)
    return [each.account.email for each in found.items[:_OFFERED]]


async def quote_of(desk: Desk, actor: Actor, account: str, phones: str, text: str) -> Quote:
    """What it would cost; where account or phones are not ready yet, without a price."""
    try:
        return await desk.sending.count(actor, text, account, _split(phones))
    except (AccountError, Refusal):
        return await desk.sending.count(actor, text)


def _split(phones: str) -> list[str]:
    return [phones] if phones.strip() else []


def marked(quote: Quote) -> Iterator[tuple[str, Dear | None]]:
    """The text in pieces: those that cost no more than they should, and each character that does."""
    dear = {place: each for each in quote.count.dear for place in each.at}
    text, begun = quote.count.text, 0
    for place in sorted(dear):
        if place > begun:
            yield text[begun:place], None
        yield text[place], dear[place]
        begun = place + 1
    if begun < len(text):
        yield text[begun:], None
