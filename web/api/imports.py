"""`/imports`: files of contacts come in, are looked at, run; and what was refused goes back, row by row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field, StrictBool

from campaigns.imports.imports import ENGLISH, MAX_BYTES, Preview
from campaigns.imports.plan import MOST_COLUMNS, Existing, Plan
from campaigns.store.import_sql import Import, ImportState
from gateway.paging import Page
from gateway.scopes import Scope
from web.api import problems
from web.api.answers import listed, one, told
from web.api.forms import Form, Id, Line, Listed, Moment, Shown, Word, moment, moment_or_none
from web.api.routing import Caller, Limit, ThingId, needs, router
from web.connections import LARGE
from web.desk.desk import Desk

_AROUND = 100_000
"""Bytes of a request beside its file."""
_COLUMNS = (
    "For each column a field (name, first_name, last_name, phone, email, language, zone, no_sms, tags), "
    'the name of a field of your own, or "" to leave it out.'
)
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"The file itself, CSV or XLSX, of {MAX_BYTES // 1_000_000} MB at most; no form around it.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


class ConsentOfAll(Form):
    """What all contacts of a file have agreed to."""

    purpose: Word = Field(examples=["newsletter"])
    how: Word = Field(examples=["form on the website"])
    wording: Word = Field(examples=["Yes, write to me about offers."])


class PlanForm(Form):
    """How a file is read. What is left out is as for the last file with the same head, or guessed."""

    columns: list[Line] | None = Field(
        None, max_length=MOST_COLUMNS, examples=[["name", "phone", ""]], description=_COLUMNS
    )
    has_head: StrictBool | None = Field(None, examples=[True], description="Whether the first row names the columns.")
    existing: Existing | None = Field(
        None,
        examples=["update"],
        description="Known contacts get what their row says, or stay as they are.",
    )
    create: StrictBool | None = Field(None, examples=[True], description="Whether new contacts are made; else refused.")
    tags: list[Line] | None = Field(None, max_length=100, examples=[["fair"]], description="For all of them.")
    group: Line | None = Field(
        None, examples=[None], description="Id of a group with listed members that all of them join."
    )
    consent: ConsentOfAll | None = Field(None, examples=[None])


class ImportShown(Shown):
    """An import, and how far it is."""

    id: Id
    name: str = Field(examples=["people.csv"])
    state: ImportState
    head: list[str] = Field(examples=[["Name", "Phone", "Note"]], description="The first row.")
    progress: float = Field(examples=[1.0], description="From 0 to 1.")
    rows: int = Field(examples=[1000], description="That hold something; the head with them.")
    created: int = Field(examples=[950])
    updated: int = Field(examples=[30])
    same: int = Field(examples=[10], description="Rows that said nothing new.")
    refused: int = Field(examples=[9])
    created_at: Moment
    finished_at: Moment | None


class RowProblem(Shown):
    """What is wrong with a row."""

    field: str = Field(examples=["phone"], description="Empty for the whole row.")
    message: str = Field(examples=["12 is no phone number: too short"])


class RefusedShown(Shown):
    """A row that nothing would become of."""

    line: int = Field(examples=[4], description="Of the file, from 1.")
    errors: list[RowProblem]


class PreviewShown(Shown):
    """What would become of the first rows."""

    columns: list[str] = Field(examples=[["name", "phone", ""]], description="What they mean.")
    has_head: bool
    created: int = Field(examples=[95])
    updated: int = Field(examples=[3])
    same: int = Field(examples=[1])
    refused: list[RefusedShown]


def import_routes(desk: Desk) -> APIRouter:
    """Routes under `/imports`."""
    routes = router("imports")
    _add_looking(routes, desk)
    _add_running(routes, desk)
    return routes


def _add_looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/imports", response_model=Listed[ImportShown], **needs(Scope.CONTACTS_READ))
    async def list_imports(
        request: Request,
        caller: Caller,
        cursor: Annotated[Line | None, Query(description="The `next` of the page before.")] = None,
        limit: Limit = 50,
    ) -> Response:
        """Imports of the last month, the latest first."""
        found = await desk.imports.list(caller, before=cursor or "", size=limit)
        following = found[-1].id if len(found) == limit else None
        return listed(request, Page(tuple(map(_shown, found)), next=following))

    @routes.get("/imports/{import_id}", response_model=ImportShown, **needs(Scope.CONTACTS_READ, 304, 404))
    async def get_import(request: Request, caller: Caller, import_id: ThingId) -> Response:
        """One import, and how far it is."""
        return one(request, _shown(await desk.imports.get(caller, import_id)))

    wanted = needs(Scope.CONTACTS_READ, 404)
    wanted["responses"] |= _CSV

    @routes.get("/imports/{import_id}/refused", response_class=StreamingResponse, **wanted)
    async def get_refused_rows(caller: Caller, import_id: ThingId) -> Response:
        """Every row that was refused as CSV: its line, why, and its cells as they were."""
        rows = await desk.imports.refused(caller, import_id, ENGLISH)
        headers = {"Content-Disposition": 'attachment; filename="refused.csv"'}
        return StreamingResponse(rows, media_type="text/csv", headers=headers)


def _add_running(routes: APIRouter, desk: Desk) -> None:
    wanted = needs(Scope.CONTACTS_WRITE)
    wanted["openapi_extra"] = wanted["openapi_extra"] | _FILE

    @routes.post("/imports", status_code=201, response_model=ImportShown, **wanted)
    async def upload_import(
        request: Request,
        caller: Caller,
        name: Annotated[Line, Query(description="Of the file, as people see it.", examples=["people.csv"])] = "",
    ) -> Response:
        """Take a file. Nothing becomes of its rows before it is started; after a day without that it is forgotten."""
        made = await desk.imports.upload(caller, name or "contacts", _content(request))
        return one(request, _shown(made), 201, f"/imports/{made.id}")

    @routes.post("/imports/{import_id}/preview", response_model=PreviewShown, **needs(Scope.CONTACTS_READ, 404))
    async def preview_import(request: Request, caller: Caller, import_id: ThingId, form: PlanForm) -> Response:
        """What would become of the first 100 rows. Nothing is changed."""
        found = await desk.imports.get(caller, import_id)
        plan = _planned(form, await desk.imports.plan(caller, found))
        return told(request, _previewed(plan, await desk.imports.preview(caller, found, plan), len(found.head)))

    @routes.post("/imports/{import_id}/start", response_model=ImportShown, **needs(Scope.CONTACTS_WRITE, 404))
    async def start_import(request: Request, caller: Caller, import_id: ThingId, form: PlanForm) -> Response:
        """Let it run, once. How far it is, `GET` tells."""
        found = await desk.imports.get(caller, import_id)
        await desk.imports.start(caller, import_id, _planned(form, await desk.imports.plan(caller, found)))
        return one(request, _shown(await desk.imports.get(caller, import_id)))

    @routes.post("/imports/{import_id}/cancel", response_model=ImportShown, **needs(Scope.CONTACTS_WRITE, 404))
    async def cancel_import(request: Request, caller: Caller, import_id: ThingId) -> Response:
        """Stop it; the contacts that it has made stay."""
        await desk.imports.cancel(caller, import_id)
        return one(request, _shown(await desk.imports.get(caller, import_id)))


async def _content(request: Request) -> AsyncIterator[bytes]:
    """The file, as it comes: whoever asks for it is let in by now. Raises CallRefused where it is too large."""
    let_in = request.scope.get(LARGE)
    if let_in is not None:
        let_in(MAX_BYTES + _AROUND)
    length = request.headers.get("content-length", "")
    size = int(length[:20]) if length.isdecimal() else 0
    if size <= MAX_BYTES:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_BYTES:
                break
            yield piece
    if size > MAX_BYTES:
        raise problems.too_large(MAX_BYTES)


# --- how they are written ------------------------------------------------------------------------------------------


def _planned(form: PlanForm, guess: Plan) -> Plan:
    """The plan that a call means; what it does not say is as in `guess`."""
    plain = {name: getattr(form, name) for name in ("has_head", "existing", "create")}
    plan = replace(guess, **{name: value for name, value in plain.items() if value is not None})
    if form.columns is not None:
        plan = replace(plan, columns=tuple(form.columns))
    if form.tags is not None:
        plan = replace(plan, tags=tuple(form.tags))
    if form.group is not None:
        plan = replace(plan, group_id=form.group)
    if "consent" in form.model_fields_set:
        given = form.consent
        words = (given.purpose, given.wording, given.how) if given is not None else ("", "", "")
        plan = replace(plan, consent=words[0], consent_wording=words[1], consent_how=words[2])
    return plan


def _previewed(plan: Plan, seen: Preview, width: int) -> PreviewShown:
    return PreviewShown(
        columns=list((*plan.columns, *[""] * width)[:width]),
        has_head=plan.has_head,
        created=seen.new,
        updated=seen.updated,
        same=seen.same,
        refused=[
            RefusedShown(
                line=each.line,
                errors=[RowProblem(field=name, message=str(problem)) for name, problem in each.problems.items()],
            )
            for each in seen.refused
        ],
    )


def _shown(found: Import) -> ImportShown:
    return ImportShown(
        id=found.id,
        name=found.name,
        state=found.state,
        head=list(found.head),
        progress=found.progress,
        rows=found.rows,
        created=found.created,
        updated=found.updated,
        same=found.same,
        refused=found.refused,
        created_at=moment(found.created_at),
        finished_at=moment_or_none(found.finished_at),
    )
