"""SMS Dialog: the accounts (D4, D6, D7, D13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from gateway.registry.errors import AccountError, AccountExists, BadAddress
from gateway.registry.listings import AccountFilter, AccountSort, AccountState
from gateway.scopes import Scope
from gateway.translation import LANGUAGES
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.pictures import archive, picture
from web.pages.render import done, page


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see of the accounts, as the address of the page says it."""

    q: str = ""
    key: str = ""
    org: str = ""
    state: str = AccountState.OPEN
    """One of `AccountState`, or "all"."""
    sort: str = AccountSort.SINCE
    """One of `AccountSort`, with a minus before it downwards."""
    cursor: str = ""

    def filter(self) -> AccountFilter:
        """The same for the desk; words that say nothing count for nothing."""
        sort = self.sort.removeprefix("-")
        state = None if self.state == "all" else AccountState.OPEN
        return AccountFilter(
            org_id=self.org or None,
            key_id=self.key or None,
            search=self.q or None,
            state=AccountState(self.state) if self.state in set(AccountState) else state,
            sort=AccountSort(sort) if sort in set(AccountSort) else AccountSort.SINCE,
            descending=self.sort.startswith("-"),
        )

    def link(self, **other: str) -> str:
        """The address of the same list, but for some values. Another order or search begins with the first page."""
        plain = Wish()
        wanted = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"cursor": ""} | other
        said = {name: value for name, value in wanted.items() if value != getattr(plain, name)}
        return "/accounts" + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]
_ROWS = 40
"""Of a page of the list: it stays under 100 kB."""


def account_pages(desk: Desk) -> APIRouter:
    """Routes under `/accounts`."""
    router = APIRouter(prefix="/accounts")

    @router.get("")
    async def accounts(request: Request, actor: Asked, wish: Wished) -> Response:
        wanted = wish.filter()
        found = await desk.accounts.list(actor, wanted, cursor=wish.cursor or None, size=_ROWS)
        values: dict[str, Any] = {
            "found": found,
            "wish": wish,
            "count": await desk.accounts.count(actor, wanted),
            "keys": await desk.keys.dialog_keys(actor),
            "organisations": await desk.organisations.list(actor) if actor.org_id is None else (),
            "states": _states(),
        }
        return page(request, "accounts/list.html", fragment="results", **values)

    _add_opening(router, desk)
    _add_one(router, desk)
    _add_deeds(router, desk)
    _add_password(router, desk)
    _add_qr(router, desk)
    return router


def _states() -> list[tuple[str, str]]:
    return [
        (AccountState.OPEN, _("Open")),
        (AccountState.PAUSED, _("Key is paused")),
        (AccountState.REFUSED, _("Mailbox refuses mail")),
        (AccountState.CLOSED, _("Closed")),
        ("all", _("All")),
    ]


def _add_opening(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked, key: str = "") -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        keys = await desk.keys.dialog_keys(actor)
        return page(request, "accounts/open.html", fragment="dialog", keys=keys, email="", key=key, errors={})

    @router.post("/new")
    async def opened(
        request: Request,
        actor: Asked,
        email: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
        welcome: Annotated[str, Form()] = "",
    ) -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        try:
            known = await desk.accounts.holder(actor, key, email)
            account = known or await desk.accounts.open(actor, key, email, welcome=bool(welcome))
        except AccountError as error:
            keys = await desk.keys.dialog_keys(actor)
            values: dict[str, Any] = {"keys": keys, "email": email, "key": key, "errors": _beside(error)}
            return page(request, "accounts/open.html", fragment="dialog", status=422, **values)
        values = {"account": account, "is_known": known is not None, "told": bool(welcome)}
        return page(request, "accounts/opened.html", fragment="dialog", **values)


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}")
    async def account(request: Request, actor: Asked, account_id: str) -> Response:
        listing = await desk.accounts.listing(actor, account_id)
        values: dict[str, Any] = {"listing": listing, "account": listing.account, "languages": _languages()}
        return page(request, "accounts/one.html", **values)


def _add_deeds(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}/edit")
    async def edit(request: Request, actor: Asked, account_id: str) -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await desk.accounts.get(actor, account_id)
        typed = {
            "email": account.email,
            "key": account.key_id,
            "language": account.language,
            "cut_signature": account.cut_signature,
        }
        return await _editing(request, actor, desk, account_id, typed)

    @router.post("/{account_id}/edit")
    async def edited(
        request: Request,
        actor: Asked,
        account_id: str,
        email: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
        language: Annotated[str, Form()] = "",
        cut_signature: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            account = await desk.accounts.edit(
                actor, account_id, email=email, key_id=key, language=language or None, cut_signature=bool(cut_signature)
            )
        except (BadAddress, AccountExists) as error:
            typed = {"email": email, "key": key, "language": language, "cut_signature": cut_signature}
            return await _editing(request, actor, desk, account_id, typed, error)
        return done(request, _("%(email)s is changed", email=account.email), f"/accounts/{account.id}")

    @router.get("/{account_id}/close")
    async def close(request: Request, actor: Asked, account_id: str) -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await desk.accounts.get(actor, account_id)
        return page(request, "accounts/close.html", fragment="dialog", account=account)

    @router.post("/{account_id}/close")
    async def closed(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.close(actor, account_id)
        return done(request, _("The account of %(email)s is closed", email=account.email), "/accounts")


async def _editing(
    request: Request,
    actor: Actor,
    desk: Desk,
    account_id: str,
    typed: dict[str, Any],
    error: AccountError | None = None,
) -> Response:
    account = await desk.accounts.get(actor, account_id)
    values: dict[str, Any] = typed | {
        "account": account,
        "keys": await desk.keys.dialog_keys(actor),
        "languages": _languages(),
        "errors": _beside(error) if error else {},
    }
    return page(request, "accounts/edit.html", fragment="dialog", status=422 if error else 200, **values)


def _beside(error: AccountError) -> dict[str, str]:
    """The field that an error belongs to."""
    return {"email" if isinstance(error, BadAddress | AccountExists) else "key": told(error)}


def _languages() -> list[tuple[str, str]]:
    """The languages that our mails are written in, each in its own words."""
    own = {
        "da": "Dansk",
        "no": "Norsk",
        "sv": "Svenska",
        "en": "English",
        "de": "Deutsch",
        "fr": "Français",
        "ru": "Русский",
    }
    return [(code, own[code]) for code in LANGUAGES]


def _add_password(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}/password")
    async def ask(request: Request, actor: Asked, account_id: str) -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        listing = await desk.accounts.listing(actor, account_id)
        return page(
            request,
            "accounts/password.html",
            fragment="dialog",
            account=listing.account,
            has=listing.has_password,
            made="",
        )

    @router.post("/{account_id}/password")
    async def make(request: Request, actor: Asked, account_id: str) -> Response:
        made = await desk.accounts.set_password(actor, account_id)
        account = await desk.accounts.get(actor, account_id)
        return page(request, "accounts/password.html", fragment="dialog", account=account, has=True, made=made)

    @router.post("/{account_id}/password/remove")
    async def remove(request: Request, actor: Asked, account_id: str) -> Response:
        await desk.accounts.remove_password(actor, account_id)
        return done(request, _("The password works no more"), f"/accounts/{account_id}")


def _add_qr(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}/qr")
    async def qr(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        return page(request, "accounts/qr.html", fragment="dialog", account=account)

    @router.get("/{account_id}/qr.png")
    async def qr_picture(actor: Asked, account_id: str) -> Response:
        return picture(await desk.accounts.qr(actor, account_id))

    @router.get("/{account_id}/qr.zip")
    async def qr_package(actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        return archive(await desk.accounts.qr_package(actor, account_id), account.number)
