"""Contacts: the list, searched and filtered, what is done to several of them, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response, StreamingResponse

from campaigns.filters.vocabulary import vocabulary
from campaigns.filters.writing import quoted
from campaigns.model import Book, Label, LabelSort
from campaigns.store.contact_list_sql import ContactFilter, ContactSort
from gateway.registry.errors import AccountError, NotFound
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import ngettext, told, tongue
from web.pages.asked import Asked
from web.pages.render import done, page
from web.pages.tables import table

Words = Annotated[str, Form()]
Chosen = Annotated[list[str] | None, Form()]
_ROWS = 40
"""Of a page of the list: it stays under 100 kB."""
_MOST_CARDS = 10_000_000
"""Bytes of a file of vCards."""
_STATES = {
    "phone": "has: phone",
    "no_phone": "not has: phone",
    "no_sms": "is: no_sms",
    "opted_out": "is: opted_out",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see of the contacts, as the address of the page says it."""

    q: str = ""
    filter: str = ""
    """In the language of `campaigns.filters`."""
    tag: str = ""
    group: str = ""
    state: str = ""
    """One of `_STATES`."""
    sort: str = ContactSort.NAME
    org: str = ""
    cursor: str = ""

    @property
    def whole_filter(self) -> str:
        """What was typed and what was chosen, as one filter."""
        said = [f"({self.filter.strip()})"] if self.filter.strip() else []
        if self.tag:
            said.append(f"tag: {quoted(self.tag)}")
        if self.group:
            said.append(f"group: {quoted(self.group)}")
        if self.state in _STATES:
            said.append(_STATES[self.state])
        return " and ".join(said)

    @property
    def plain(self) -> bool:
        """Whether nothing is looked for."""
        return not (self.q or self.whole_filter)

    def link(self, path: str = "/contacts", **other: str) -> str:
        """The address of the same list, but for some values. Another search begins with the first page."""
        plain = Wish()
        wanted = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"cursor": ""} | other
        said = {name: value for name, value in wanted.items() if value != getattr(plain, name)}
        return path + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def contact_pages(desk: Desk) -> APIRouter:
    """The list under `/contacts`, and what is done from there; it stands before the pages of single contacts."""
    router = APIRouter(prefix="/contacts")

    @router.get("")
    async def contacts(request: Request, actor: Asked, wish: Wished) -> Response:
        actor.require(Scope.CONTACTS_READ)
        organisations = await desk.organisations.list(actor) if actor.org_id is None else ()
        if actor.org_id is None and not organisations:
            return page(request, "contacts/nobody.html")
        book = await desk.contacts.book(actor, wish.org)
        values: dict[str, Any] = {
            "wish": wish,
            "org": wish.org or book.org_id,
            "organisations": organisations,
            "book": book,
            "tags": _names(book, LabelSort.TAG),
            "groups": list(book.groups.values()),
            "states": _states(),
            "fields": vocabulary(book).fields,
        }
        found, count, error = None, None, ""
        try:
            wanted = await _wanted(desk, actor, wish)
            found = await desk.contacts.page(actor, wanted, cursor=wish.cursor or None, size=_ROWS)
            count = await desk.contacts.count(actor, wanted)
        except NotFound:
            raise
        except AccountError as wrong:
            error = told(wrong)
        values |= {"found": found, "count": count, "error": error}
        return page(request, "contacts/list.html", fragment="results", status=422 if error else 200, **values)

    _add_selected(router, desk)
    _add_cards(router, desk)
    return router


async def _wanted(desk: Desk, actor: Actor, wish: Wish) -> ContactFilter:
    if wish.filter.strip():
        await desk.contacts.wanted(actor, wish.org, filter_text=wish.filter)  # its mistake is told by its own words
    sort = ContactSort(wish.sort) if wish.sort in set(ContactSort) else ContactSort.NAME
    return await desk.contacts.wanted(actor, wish.org, search=wish.q, filter_text=wish.whole_filter, sort=sort)


def _names(book: Book, sort: LabelSort) -> list[Label]:
    return [label for (kind, _folded), label in book.labels.items() if kind is sort]


def _states() -> list[tuple[str, str]]:
    return [
        ("", _("Everybody")),
        ("phone", _("With a phone")),
        ("no_phone", _("Without a phone")),
        ("no_sms", _("Do not use SMS")),
        ("opted_out", _("Has said STOP")),
    ]


# --- several at once -----------------------------------------------------------------------------------------------


def _add_selected(router: APIRouter, desk: Desk) -> None:
    @router.post("/selected")
    async def selected(
        request: Request,
        actor: Asked,
        deed: Words = "",
        tag: Words = "",
        group: Words = "",
        org: Words = "",
        chosen: Chosen = None,
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        ids, error = chosen or [], ""
        if not ids:
            error = _("Tick the contacts that it is about.")
        elif deed in _DEEDS:
            try:
                words = await _do(desk, actor, org, ids, deed, tag, group)
            except AccountError as wrong:
                error = told(wrong)
            else:
                return done(request, words, f"/contacts?{urlencode({'org': org})}" if org else "/contacts")
        return await _asking(request, desk, actor, org, ids, error)


_DEEDS = frozenset({"tag", "untag", "group", "remove"})


async def _do(desk: Desk, actor: Actor, org: str, ids: Sequence[str], deed: str, tag: str, group: str) -> str:
    if deed == "remove":
        count = await desk.contacts.remove_many(actor, org, ids)
        return ngettext("%(num)s contact is removed", "%(num)s contacts are removed", count)
    if deed == "group":
        count = await desk.contacts.join(actor, org, ids, group)
        return ngettext("%(num)s contact is in the group", "%(num)s contacts are in the group", count)
    count = await desk.contacts.tag(actor, org, ids, tag, ends=deed == "untag")
    if deed == "untag":
        return ngettext("%(num)s contact has lost the tag", "%(num)s contacts have lost the tag", count)
    return ngettext("%(num)s contact has got the tag", "%(num)s contacts have got the tag", count)


async def _asking(
    request: Request, desk: Desk, actor: Actor, org: str, ids: Sequence[str], error: str = ""
) -> Response:
    """What is to be done with those that were ticked."""
    book = await desk.contacts.book(actor, org)
    values: dict[str, Any] = {
        "ids": ids,
        "org": org,
        "tags": _names(book, LabelSort.TAG),
        "groups": [each for each in book.groups.values() if not each.dynamic],
        "error": error,
    }
    return page(request, "contacts/selected.html", fragment="dialog", status=422 if error else 200, **values)


# --- vCards --------------------------------------------------------------------------------------------------------


def _add_cards(router: APIRouter, desk: Desk) -> None:
    @router.get("/vcards")
    async def choose(request: Request, actor: Asked, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return page(request, "contacts/cards.html", fragment="dialog", org=org, error="")

    @router.post("/vcards")
    async def taken(
        request: Request, actor: Asked, org: Words = "", file: Annotated[UploadFile | None, File()] = None
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        content = await file.read(_MOST_CARDS + 1) if file is not None and file.filename else b""
        try:
            if len(content) > _MOST_CARDS:
                error = _("The file is too big: %(most)s MB at most.", most=_MOST_CARDS // 1_000_000)
            elif not content:
                error = _("Choose a file first.")
            else:
                merged, refused = await desk.contacts.take_cards(actor, org, content)
                return page(
                    request, "contacts/cards_taken.html", fragment="dialog", merged=merged, refused=refused, org=org
                )
        except AccountError as wrong:
            error = told(wrong)
        return page(request, "contacts/cards.html", fragment="dialog", status=422, org=org, error=error)


def contact_files(desk: Desk) -> APIRouter:
    """The list as files, by the same filters."""
    router = APIRouter()

    @router.get("/contacts.csv")
    async def sheet(actor: Asked, wish: Wished) -> Response:
        wanted = await _wanted(desk, actor, wish)
        return table("contacts", await desk.contacts.csv(actor, wanted, tongue().sheet))

    @router.get("/contacts.vcf")
    async def cards(actor: Asked, wish: Wished) -> StreamingResponse:
        wanted = await _wanted(desk, actor, wish)
        headers = {"Content-Disposition": 'attachment; filename="contacts.vcf"'}
        return StreamingResponse(await desk.contacts.cards(actor, wanted), media_type="text/vcard", headers=headers)

    return router
