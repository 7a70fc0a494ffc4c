"""`/accounts`: who has which number, and the QR codes of numbers (D4, D6, D7, D13)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, StrictBool

from gateway.qr import svg
from gateway.registry.listings import AccountFilter, AccountListing, AccountSort, AccountState
from gateway.scopes import Scope
from gateway.translation import LANGUAGES
from web.api.answers import listed, nothing, one, only_if_unchanged, told
from web.api.forms import Form, Id, Line, Listed, Moment, Phone, Shown, Word, moment, moment_or_none
from web.api.routing import Caller, Cursor, IfMatch, Limit, ThingId, needs, router
from web.desk.desk import Desk
from web.identity.actor import Actor


class AccountForm(Form):
    """An account to be opened."""

    key: Word = Field(examples=["01KB0V3Y8QF6ZC5RCA3N4M7T2E"], description="The id of a key of the kind dialog.")
    email: Word = Field(examples=["anna@firm.example"])


class AccountEdit(Form):
    """What is to be changed; what is left out stays."""

    email: Word | None = Field(None, examples=["anna.hansen@firm.example"])
    key: Word | None = Field(None, examples=[None], description="The id of another key of the organisation.")
    language: Word | None = Field(None, examples=["da"], description=f"One of {', '.join(sorted(LANGUAGES))}.")
    cut_signature: StrictBool | None = Field(None, examples=[True], description="Whether signatures stay out of SMS.")


class AccountShown(Shown):
    """An employee's mail address, tied to a number."""

    id: Id
    email: str = Field(examples=["anna@firm.example"])
    number: Phone
    key: Id
    key_paused: bool
    language: str = Field(examples=["da"])
    cut_signature: bool
    opened_at: Moment
    closed_at: Moment | None
    mailbox_fault: str | None = Field(examples=[None], description="Why the mailbox last refused mail for good.")
    sent: int = Field(examples=[12])
    received: int = Field(examples=[7])
    active_at: Moment | None


class PasswordShown(Shown):
    """A new password, which is not shown again."""

    password: str = Field(examples=["abcdefg-hijklmn-opqrstu-vwxyz23"])


def account_routes(desk: Desk) -> APIRouter:
    """Routes under `/accounts`."""
    routes = router("accounts")
    _add_listing(routes, desk)
    _add_changing(routes, desk)
    _add_passwords(routes, desk)
    _add_qr(routes, desk)
    return routes


def _add_listing(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/accounts", response_model=Listed[AccountShown], **needs(Scope.ACCOUNTS_READ))
    async def list_accounts(
        request: Request,
        caller: Caller,
        search: Annotated[Line | None, Query(description="A part of the address or of the number.")] = None,
        key: Annotated[Line | None, Query(description="Only under this key (id).")] = None,
        state: Annotated[AccountState, Query()] = AccountState.OPEN,
        sort: Annotated[AccountSort, Query()] = AccountSort.SINCE,
        descending: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter has a name
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Accounts with their counters."""
        wanted = AccountFilter(key_id=key, search=search, state=state, sort=sort, descending=descending)
        found = await desk.accounts.list(caller, wanted, cursor=cursor, size=limit)
        return listed(request, found.map(_shown))

    @routes.get("/accounts/{account_id}", response_model=AccountShown, **needs(Scope.ACCOUNTS_READ, 304, 404))
    async def get_account(request: Request, caller: Caller, account_id: ThingId) -> Response:
        """One account, open or closed."""
        return one(request, await _one(desk, caller, account_id))


def _add_changing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/accounts",
        status_code=201,
        response_model=AccountShown,
        **needs(Scope.ACCOUNTS_WRITE, 404, 409, is_repeatable=True),
    )
    async def open_account(request: Request, caller: Caller, form: AccountForm) -> Response:
        """Open an account: a number is drawn. An address that has one under the key already gets that one."""
        opened = await desk.accounts.open(caller, form.key, form.email)
        return one(request, await _one(desk, caller, opened.id), 201, f"/accounts/{opened.id}")

    @routes.patch("/accounts/{account_id}", response_model=AccountShown, **needs(Scope.ACCOUNTS_WRITE, 404, 409, 412))
    async def edit_account(
        request: Request, caller: Caller, account_id: ThingId, form: AccountEdit, if_match: IfMatch = None
    ) -> Response:
        """Change address, key, language or habit of an open account; the number stays."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk, caller, account_id))
        await desk.accounts.edit(
            caller,
            account_id,
            email=form.email,
            key_id=form.key,
            language=form.language,
            cut_signature=form.cut_signature,
        )
        return one(request, await _one(desk, caller, account_id))

    @routes.delete("/accounts/{account_id}", status_code=204, **needs(Scope.ACCOUNTS_WRITE, 404, 412))
    async def close_account(
        request: Request, caller: Caller, account_id: ThingId, if_match: IfMatch = None
    ) -> Response:
        """Close an account: its number rests at once. Closing twice is closing."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk, caller, account_id))
        await desk.accounts.close(caller, account_id)
        return nothing()


def _add_passwords(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/accounts/{account_id}/password",
        status_code=201,
        response_model=PasswordShown,
        **needs(Scope.ACCOUNTS_WRITE, 404, is_repeatable=True),
    )
    async def make_password(request: Request, caller: Caller, account_id: ThingId) -> Response:
        """Make a password with which the account's mail client signs in to submission; an older one ends."""
        return told(request, PasswordShown(password=await desk.accounts.set_password(caller, account_id)), 201)

    @routes.delete("/accounts/{account_id}/password", status_code=204, **needs(Scope.ACCOUNTS_WRITE, 404))
    async def remove_password(caller: Caller, account_id: ThingId) -> Response:
        """End signing in with a password."""
        await desk.accounts.remove_password(caller, account_id)
        return nothing()


def _add_qr(routes: APIRouter, desk: Desk) -> None:
    for suffix, media_type, words, make in (
        ("png", "image/png", "The code that opens an SMS to the number, as a picture.", _png),
        ("svg", "image/svg+xml", "The same, to be scaled.", _svg),
        ("zip", "application/zip", "The code in every common format, a contact card, and what each is for.", _zip),
    ):
        _add_file(routes, desk, suffix, media_type, words, make)


def _add_file(
    routes: APIRouter,
    desk: Desk,
    suffix: str,
    media_type: str,
    words: str,
    make: Callable[[Desk, Actor, str], Awaitable[bytes]],
) -> None:
    how = needs(Scope.ACCOUNTS_READ, 404)
    how["responses"][200] = {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}

    async def file(caller: Caller, account_id: ThingId) -> Response:
        return Response(await make(desk, caller, account_id), media_type=media_type)

    routes.add_api_route(
        f"/accounts/{{account_id}}/qr.{suffix}",
        file,
        name=f"get_account_qr_{suffix}",
        description=words,
        response_class=Response,
        **how,
    )


async def _png(desk: Desk, caller: Actor, account_id: str) -> bytes:
    return await desk.accounts.qr(caller, account_id)


async def _svg(desk: Desk, caller: Actor, account_id: str) -> bytes:
    return svg((await desk.accounts.get(caller, account_id)).number)


async def _zip(desk: Desk, caller: Actor, account_id: str) -> bytes:
    return await desk.accounts.qr_package(caller, account_id)


async def _one(desk: Desk, caller: Actor, account_id: str) -> AccountShown:
    return _shown(await desk.accounts.listing(caller, account_id))


def _shown(listing: AccountListing) -> AccountShown:
    account = listing.account
    return AccountShown(
        id=account.id,
        email=account.email,
        number=account.number,
        key=account.key_id,
        key_paused=listing.key_paused,
        language=account.language,
        cut_signature=account.cut_signature,
        opened_at=moment(account.opened_at),
        closed_at=moment_or_none(account.closed_at),
        mailbox_fault=account.mailbox_fault,
        sent=listing.sent,
        received=listing.received,
        active_at=moment_or_none(listing.active_at),
    )
