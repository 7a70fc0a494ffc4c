"""`/numbers`: what numbers the organisation's accounts have; `/organisation-numbers`: its own, with their keywords."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.paging import Page
from gateway.registry.listings import NumberFilter, NumberListing
from gateway.registry.number_use import OrganisationNumber
from gateway.scopes import Scope
from web.api.answers import listed, nothing, one
from web.api.forms import Form, Id, Line, Listed, Moment, Phone, Shown, Word, moment
from web.api.routing import Caller, Cursor, Limit, PhonePath, needs, router
from web.desk.desk import Desk

WordPath = Annotated[str, Path(max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["SALE"])]


class NumberShown(Shown):
    """A number in use."""

    number: Phone
    provider: str = Field(examples=["simulator"])
    since: Moment
    account_id: Id | None
    email: str | None = Field(examples=["anna@firm.example"], description="Who reads what comes to it.")


class KeywordShown(Shown):
    """A first word by which an SMS finds its reader."""

    word: str = Field(examples=["SALE"])
    email: str = Field(examples=["sales@firm.example"])
    reply: str = Field(examples=[""], description="What the phone is answered at once.")


class OrganisationNumberShown(Shown):
    """A number of the organisation's own."""

    number: Phone
    provider: str = Field(examples=["simulator"])
    since: Moment
    email: str = Field(examples=["info@firm.example"], description="Who reads what no keyword is for.")
    keywords: list[KeywordShown]


class KeywordForm(Form):
    """Whom SMS go to that begin with a word."""

    email: Word = Field(examples=["sales@firm.example"])
    reply: Annotated[str, Field(max_length=2000, examples=["We will call you."])] = ""


def number_routes(desk: Desk) -> APIRouter:
    """Routes under `/numbers` and `/organisation-numbers`."""
    routes = router("numbers")
    _add_reading(routes, desk)
    _add_keywords(routes, desk)
    return routes


def _add_reading(routes: APIRouter, desk: Desk) -> None:

    @routes.get("/numbers", response_model=Listed[NumberShown], **needs(Scope.NUMBERS_READ))
    async def list_numbers(
        request: Request,
        caller: Caller,
        search: Annotated[Line | None, Query(description="A part of the number or of the address.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Numbers that are in use, ascending."""
        found = await desk.numbers.list(caller, NumberFilter(search=search), cursor=cursor, size=limit)
        return listed(request, found.map(_number))

    @routes.get("/organisation-numbers", response_model=Listed[OrganisationNumberShown], **needs(Scope.NUMBERS_READ))
    async def list_organisation_numbers(request: Request, caller: Caller) -> Response:
        """The organisation's own numbers, with their keywords."""
        return listed(request, Page(tuple(map(_own, await desk.numbers.organisation_numbers(caller)))))

    @routes.get(
        "/organisation-numbers/{phone}",
        response_model=OrganisationNumberShown,
        **needs(Scope.NUMBERS_READ, 304, 404),
    )
    async def get_organisation_number(request: Request, caller: Caller, phone: PhonePath) -> Response:
        """One of them."""
        return one(request, _own(await desk.numbers.organisation_number(caller, phone)))


def _add_keywords(routes: APIRouter, desk: Desk) -> None:
    path = "/organisation-numbers/{phone}/keywords/{word}"

    @routes.put(path, response_model=KeywordShown, **needs(Scope.NUMBERS_WRITE, 404))
    async def put_keyword(
        request: Request, caller: Caller, phone: PhonePath, word: WordPath, form: KeywordForm
    ) -> Response:
        """Let SMS that begin with a word go to an address; a word that is there already is changed."""
        made = await desk.numbers.put_keyword(caller, phone, word, form.email, form.reply)
        return one(request, KeywordShown(word=made.written, email=made.email, reply=made.reply))

    @routes.delete(path, status_code=204, **needs(Scope.NUMBERS_WRITE, 404))
    async def delete_keyword(caller: Caller, phone: PhonePath, word: WordPath) -> Response:
        """Let a word be a word like any other."""
        await desk.numbers.remove_keyword(caller, phone, word)
        return nothing()


def _number(listing: NumberListing) -> NumberShown:
    return NumberShown(
        number=listing.number,
        provider=listing.provider,
        since=moment(listing.taken_at),
        account_id=listing.account_id,
        email=listing.email,
    )


def _own(owned: OrganisationNumber) -> OrganisationNumberShown:
    return OrganisationNumberShown(
        number=owned.number,
        provider=owned.provider,
        since=moment(owned.since),
        email=owned.email,
        keywords=[
            KeywordShown(word=each.written, email=each.email, reply=each.reply) for each in owned.keywords.values()
        ],
    )
