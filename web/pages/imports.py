"""Imports of contacts: the list, a file that comes, what its columns mean, how far it is, and what was refused."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from campaigns.filters.vocabulary import RESERVED
from campaigns.imports.imports import MAX_BYTES, MAX_ROWS
from campaigns.imports.imports import told as refusal
from campaigns.imports.plan import FIELD_WORDS, FIELDS, IGNORED, Existing, Plan
from campaigns.model import Attribute, AttributeType, Book
from campaigns.store.import_sql import Import, ImportState
from gateway.registry.errors import AccountError, BadValue
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import say, told, tongue
from web.pages.asked import Asked, SignInNeeded
from web.pages.render import done, page
from web.pages.tables import table
from web.pages.uploads import upload

_NEW = "new:"
"""Before the type of a field that is to be made of a column."""
_TYPES = (AttributeType.TEXT, AttributeType.NUMBER, AttributeType.DATE, AttributeType.YES_NO)


async def _writer(request: Request) -> Actor:
    """Whoever may import, before anything of the body is read; the form's token is looked at with its fields."""
    actor: Actor | None = request.state.actor
    if actor is None:
        raise SignInNeeded
    actor.require(Scope.CONTACTS_WRITE)
    return actor


Writer = Annotated[Actor, Depends(_writer)]


def import_pages(desk: Desk) -> APIRouter:
    """Routes under `/imports`."""
    router = APIRouter(prefix="/imports")

    @router.get("")
    async def imports(request: Request, actor: Asked, before: str = "") -> Response:
        found = await desk.imports.list(actor, before=before)
        return page(request, "imports/list.html", found=found, states=_states())

    @router.get("/new")
    async def ask(request: Request, actor: Asked) -> Response:
        return await _choosing(request, actor, desk)

    @router.post("")
    async def take(request: Request, actor: Writer) -> Response:
        try:
            form = await upload(request, MAX_BYTES)
            made = await desk.imports.upload(actor, form.name, form.file(), form.fields.get("org", ""))
        except BadValue as error:
            return await _choosing(request, actor, desk, told(error))
        return done(request, _("The file is here: say what its columns mean"), f"/imports/{made.id}", away=True)

    _add_one(router, desk)
    return router


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/{import_id}")
    @router.get("/{import_id}/plan")  # where a form has led: who goes there once more begins with the file
    async def show(request: Request, actor: Asked, import_id: str) -> Response:
        found = await desk.imports.get(actor, import_id)
        if found.state is ImportState.READY:
            return await _planning(request, actor, desk, found, await desk.imports.plan(actor, found))
        return page(request, "imports/one.html", fragment="progress", one=found, states=_states())

    @router.post("/{import_id}/plan")
    async def look(request: Request, actor: Asked, import_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        found = await desk.imports.get(actor, import_id)
        plan, more = _plan(await request.form(), found, await desk.imports.book(actor, found))
        return await _planning(request, actor, desk, found, plan, more)

    @router.post("/{import_id}/start")
    async def start(request: Request, actor: Asked, import_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        found = await desk.imports.get(actor, import_id)
        plan, more = _plan(await request.form(), found, await desk.imports.book(actor, found))
        try:
            await desk.imports.start(actor, import_id, plan, more)
        except BadValue as error:
            return await _planning(request, actor, desk, found, plan, more, told(error))
        return done(request, _("The import has begun"), f"/imports/{found.id}", away=True)

    @router.post("/{import_id}/cancel")
    async def cancel(request: Request, actor: Asked, import_id: str) -> Response:
        await desk.imports.cancel(actor, import_id)
        return done(request, _("The import is stopped; the contacts that it has made stay"), f"/imports/{import_id}")

    @router.get("/{import_id}/refused.csv")
    async def refused(actor: Asked, import_id: str) -> Response:
        return table("refused", await desk.imports.refused(actor, import_id, tongue().words, tongue().sheet))


async def _choosing(request: Request, actor: Actor, desk: Desk, error: str = "") -> Response:
    actor.require(Scope.CONTACTS_WRITE)
    values: dict[str, Any] = {
        "error": error,
        "organisations": await desk.organisations.list(actor),
        "most_rows": MAX_ROWS,
        "most_megabytes": MAX_BYTES // 1_000_000,
    }
    return page(request, "imports/new.html", status=422 if error else 200, **values)


async def _planning(
    request: Request,
    actor: Actor,
    desk: Desk,
    found: Import,
    plan: Plan,
    more: tuple[Attribute, ...] = (),
    error: str = "",
) -> Response:
    book = await desk.imports.book(actor, found)
    seen = None
    try:
        seen = await desk.imports.preview(actor, found, plan, more)
    except AccountError as wrong:
        error = error or told(wrong)
    sample = [cells for _line, cells in await desk.imports.sample(actor, found)][1 if plan.has_head else 0 :]
    new = {each.key: f"{_NEW}{each.type}" for each in more}
    chosen = [new.get(each, each) for each in plan.columns] + [IGNORED] * len(found.head)
    columns = [
        (place, name, [row[place] for row in sample if place < len(row) and row[place].strip()][:3], chosen[place])
        for place, name in enumerate(found.head)
    ]
    rows: list[tuple[int, str, str, Any]] = []
    if seen is not None:
        rows += [(each.line, seen.fates[each.line], "", each) for each in seen.rows if each.line in seen.fates]
        rows += [(each.line, "refused", refusal(each, book, tongue().words), each) for each in seen.refused]
    values: dict[str, Any] = {
        "one": found,
        "lines": found.rows - plan.has_head,
        "plan": plan,
        "seen": seen,
        "columns": columns,
        "meanings": _meanings(book),
        "rows": sorted(rows, key=lambda row: row[0]),
        "groups": [(each.id, each.name) for each in book.groups.values() if not each.dynamic],
        "fates": _fates(),
        "error": error,
    }
    return page(request, "imports/plan.html", status=422 if error else 200, **values)


def _meanings(book: Book) -> list[tuple[str, str]]:
    types = {
        AttributeType.TEXT: _("a new field: text"),
        AttributeType.NUMBER: _("a new field: number"),
        AttributeType.DATE: _("a new field: date"),
        AttributeType.YES_NO: _("a new field: yes or no"),
    }
    return [
        (IGNORED, _("leave out")),
        *((each, say(FIELD_WORDS[each])) for each in FIELDS),
        *((each.key, each.label) for each in book.own()),
        *((f"{_NEW}{each}", words) for each, words in types.items()),
    ]


def _plan(form: Any, found: Import, book: Book) -> tuple[Plan, tuple[Attribute, ...]]:
    """What a form says, and the fields that it wants to be made."""
    columns: list[str] = []
    more: dict[str, Attribute] = {}
    for place, head in enumerate(found.head):
        meaning = str(form.get(f"column-{place}", IGNORED))
        if meaning.startswith(_NEW) and meaning[len(_NEW) :] in set(_TYPES):
            own = _new_field(head, place, meaning[len(_NEW) :], {*more, *(each.key for each in book.own())})
            more[own.key] = own
            meaning = own.key
        columns.append(meaning)
    tags = tuple(filter(None, (each.strip() for each in str(form.get("tags", "")).split(","))))
    plan = Plan(
        tuple(columns),
        has_head=bool(form.get("has_head")),
        existing=Existing.KEEP if form.get("existing") == Existing.KEEP else Existing.UPDATE,
        create=form.get("create") != "no",
        tags=tags,
        group_id=str(form.get("group", "")),
        consent=str(form.get("consent", "")).strip(),
        consent_wording=str(form.get("wording", "")).strip(),
        consent_how=str(form.get("how", "")).strip(),
    )
    return plan, tuple(more.values())


def _new_field(head: str, place: int, kind: str, taken: set[str]) -> Attribute:
    """A field for a column, by how the file calls it."""
    key = re.sub(r"\W+", "_", head.strip().lower()).strip("_0123456789")[:36] or f"column_{place + 1}"
    free = key
    number = 2
    while free in taken or free in RESERVED or free in FIELDS:
        free, number = f"{key}_{number}", number + 1
    return Attribute(free, head.strip()[:60] or free, AttributeType(kind))


def _states() -> dict[str, tuple[str, str]]:
    return {
        "uploading": (_("comes in"), "blue"),
        "ready": (_("waits for you"), "orange"),
        "running": (_("runs"), "blue"),
        "finished": (_("finished"), "green"),
        "cancelled": (_("stopped"), "secondary"),
    }


def _fates() -> dict[str, tuple[str, str]]:
    return {
        "new": (_("new"), "green"),
        "updated": (_("updated"), "blue"),
        "same": (_("nothing new"), "secondary"),
        "refused": (_("refused"), "red"),
    }
