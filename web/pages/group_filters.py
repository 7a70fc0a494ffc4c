"""A group's filter, built condition by condition or written as text, each shown as the other, with whom it means now.

What the form says is one filter twice: what was built, and its text. Whichever was changed counts: the text where it is
not what the page wrote there last. Every change is answered with the whole form anew, by the same address that a form
without scripts is sent to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.filters.building import Bracket, Finished, built, fits, numbered
from campaigns.filters.errors import BadFilter
from campaigns.filters.reading import read
from campaigns.filters.writing import write
from campaigns.model import Book, Group
from gateway.registry.errors import AccountError, NotFound
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.desk.groups import Found
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.filter_form import Fields, built_of, done_to, drawn, fitted, fresh, offered
from web.pages.render import done, page


@dataclass
class Sheet:
    """What the form says, and what is to be shown of it."""

    name: str
    text: str
    written: str
    """The text as the page wrote it last: what differs from it was typed."""
    root: Bracket
    finished: Finished
    found: Found | None = None
    error: str = ""
    """What is wrong with the filter as a whole, or with its text."""
    at: tuple[int, int] | None = None
    """Where in the text, and how many letters."""
    name_error: str = ""

    @property
    def marked(self) -> tuple[str, str, str] | None:
        """The text before the mistake, the mistake, and the text after it."""
        if self.at is None:
            return None
        begin = min(self.at[0], len(self.text))
        end = min(begin + self.at[1], len(self.text))
        return self.text[max(0, begin - 60) : begin], self.text[begin:end] or "␣", self.text[end : end + 40]


def group_filter_pages(desk: Desk) -> APIRouter:
    """Routes under `/groups` for filters; they stand before those of single groups."""
    router = APIRouter(prefix="/groups")

    @router.get("/build")
    async def new(request: Request, actor: Asked, org: str = "", filter: str = "") -> Response:  # noqa: A002 - a query
        actor.require(Scope.CONTACTS_WRITE)
        return await _begun(request, desk, actor, org, None, filter)

    @router.post("/build")
    async def build(request: Request, actor: Asked) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return await _changed(request, desk, actor, None)

    @router.get("/{group_id}/filter")
    async def ask(request: Request, actor: Asked, group_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.get(actor, group_id)
        return await _begun(request, desk, actor, group.org_id, group, group.filter or "")

    @router.post("/{group_id}/filter")
    async def change(request: Request, actor: Asked, group_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return await _changed(request, desk, actor, await desk.groups.get(actor, group_id))

    return router


async def _begun(
    request: Request, desk: Desk, actor: Actor, org: str, group: Group | None, filter_text: str
) -> Response:
    book = await desk.groups.book(actor, org)
    form: Fields = {"text": [filter_text], "name": [group.name if group else ""], "act": ["line:1"]}
    sheet = await _sheet(desk, book, form if not filter_text else {**form, "act": []})
    await _count(desk, actor, book, sheet)
    return await _page(request, desk, book, group, sheet, wanting=False)


async def _changed(request: Request, desk: Desk, actor: Actor, group: Group | None) -> Response:
    posted = await request.form()
    form: dict[str, list[str]] = {}
    for name, value in posted.multi_items():
        if isinstance(value, str):
            form.setdefault(name, []).append(value)
    book = await desk.groups.book(actor, group.org_id if group else next(iter(form.get("org", ())), ""))
    sheet = await _sheet(desk, book, form)
    saving = form.get("act") == ["save"]
    if saving and not sheet.error and not sheet.finished.problems and not sheet.finished.unfinished:
        saved = await _save(desk, actor, group, sheet, book.org_id)
        if saved is not None:
            return done(request, _("The group %(name)s is saved", name=saved.name), f"/groups/{saved.id}", away=True)
    await _count(desk, actor, book, sheet)
    return await _page(request, desk, book, group, sheet, wanting=saving)


async def _sheet(desk: Desk, book: Book, form: Fields) -> Sheet:
    """Read the form: the text where it was changed, else what was built."""
    text, written, act = (next(iter(form.get(name, ())), "") for name in ("text", "written", "act"))
    name = next(iter(form.get("name", ())), "")
    words = await desk.groups.vocabulary(book)
    posted = built_of(form)
    typed = "too_large" in form or " ".join(text.split()) != " ".join(written.split())
    if typed and act != "back":
        try:
            root = fresh(built(read(text)), form)
        except BadFilter as error:
            finished = await desk.groups.finished(book, posted)
            return Sheet(name, text, written, posted, finished, None, told(error), (error.at, error.length))
        return Sheet(name, text, text, root, await desk.groups.finished(book, root))
    root = fresh(fitted(done_to(posted, act), words), form) if posted.id else numbered(done_to(numbered(posted), act))
    finished = await desk.groups.finished(book, root)
    text = write(finished.node)
    return Sheet(name, text, text, root, finished)


async def _count(desk: Desk, actor: Actor, book: Book, sheet: Sheet) -> None:
    if sheet.error:
        return
    try:
        sheet.found = await desk.groups.look(actor, sheet.text, book.org_id)
    except BadFilter as error:
        sheet.error, sheet.at = told(error), (error.at, error.length)
    except AccountError as error:
        sheet.error = told(error)


async def _save(desk: Desk, actor: Actor, group: Group | None, sheet: Sheet, org_id: str) -> Group | None:
    try:
        if group is None:
            return await desk.groups.make(actor, sheet.name, sheet.text, org_id)
        return await desk.groups.change(actor, group.id, sheet.name, sheet.text)
    except NotFound:
        raise
    except BadFilter as error:
        sheet.error, sheet.at = told(error), (error.at, error.length)
    except AccountError as error:
        sheet.name_error = told(error)
    return None


async def _page(
    request: Request, desk: Desk, book: Book, group: Group | None, sheet: Sheet, *, wanting: bool
) -> Response:
    words = await desk.groups.vocabulary(book)
    wrong = bool(
        sheet.error or sheet.name_error or (wanting and (sheet.finished.problems or sheet.finished.unfinished))
    )
    values: dict[str, Any] = {
        "sheet": sheet,
        "group": group,
        "org": book.org_id,
        "here": f"/groups/{group.id}/filter" if group else "/groups/build",
        "whole": drawn(sheet.root, words, sheet.finished, wanting=wanting) if fits(sheet.root) else None,
        "offered": offered(words),
        "everybody": not sheet.text.strip(),
    }
    return page(request, "groups/filter.html", fragment="editor", status=422 if wanting and wrong else 200, **values)
