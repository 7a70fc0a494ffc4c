"""Opening many accounts from a table: choose the file, look at what would happen, do it, keep the report."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from gateway import csv_cells
from gateway.registry.errors import AccountError, BadValue
from gateway.scopes import Scope
from gateway.translation import Sentence, sentence
from web.desk.bulk import BulkRow, Fate
from web.desk.desk import Desk
from web.desk.sheets import MAX_BYTES, MAX_ROWS, SheetRow, read_sheet
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import say, told, tongue
from web.pages.asked import Asked
from web.pages.render import page
from web.pages.tables import table

Words = Annotated[str, Form()]
_SHOWN = 100
"""Lines of each fate that a page shows; the report has all of them."""
_LINE = re.compile(r"([0-9]{1,9}) (.*)")
_MAX_REPORT = 3_000_000


def bulk_pages(desk: Desk) -> APIRouter:
    """Routes under `/accounts/bulk`; they stand before those of single accounts."""
    router = APIRouter(prefix="/accounts/bulk")

    @router.get("")
    async def choose(request: Request, actor: Asked, key: str = "") -> Response:
        return await _choosing(request, actor, desk, key)

    @router.post("")
    async def look(
        request: Request, actor: Asked, key: Words = "", file: Annotated[UploadFile | None, File()] = None
    ) -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        try:
            rows = await asyncio.to_thread(read_sheet, await _content(file))
        except BadValue as error:
            return await _choosing(request, actor, desk, key, told(error))
        planned = await desk.bulk.plan(actor, key, rows)
        return await _table(request, actor, desk, key, planned, "bulk/plan.html")

    @router.post("/open")
    async def opened(
        request: Request, actor: Asked, key: Words = "", lines: Words = "", welcome: Words = ""
    ) -> Response:
        done = await desk.bulk.open(actor, key, _lines(lines), welcome=bool(welcome))
        return await _table(request, actor, desk, key, done, "bulk/report.html")

    @router.post("/report.csv")
    async def report(actor: Asked, report: Words = "") -> Response:
        actor.require(Scope.ACCOUNTS_WRITE)
        head = [_("Line"), _("E-mail"), _("Result"), _("Number"), _("Reason")]
        return table("accounts", csv_cells.file([head, *_report(report)], tongue().sheet))

    return router


async def _content(file: UploadFile | None) -> bytes:
    if file is None or not file.filename:
        raise BadValue(sentence("choose a file first"))
    return await file.read(MAX_BYTES + 1)


async def _choosing(request: Request, actor: Actor, desk: Desk, key: str, error: str = "") -> Response:
    actor.require(Scope.ACCOUNTS_WRITE)
    values: dict[str, Any] = {
        "keys": await desk.keys.dialog_keys(actor),
        "key": key,
        "error": error,
        "most_rows": MAX_ROWS,
        "most_megabytes": MAX_BYTES // 1_000_000,
    }
    return page(request, "bulk/choose.html", status=422 if error else 200, **values)


async def _table(
    request: Request, actor: Actor, desk: Desk, key: str, rows: Sequence[BulkRow], template: str
) -> Response:
    counts = Counter(row.fate for row in rows)
    listed = next((each for each in await desk.keys.dialog_keys(actor) if each.key.id == key), None)
    said = [(row, _said(row)) for row in rows]
    values: dict[str, Any] = {
        "key": key,
        "listed": listed,
        "counts": {str(fate): counts[fate] for fate in Fate},
        "groups": [(fate, _first(said, fate)) for fate in (Fate.REFUSED, Fate.OPENED, Fate.KNOWN, Fate.OPEN)],
        "words": {str(fate): words for fate, words in _words().items()},
        "shown": _SHOWN,
        "lines": "\n".join(f"{row.line} {row.email}" for row in rows),
        "report": _written(said),
    }
    return page(request, template, **values)


def _words() -> dict[Fate, str]:
    return {
        Fate.OPEN: _("will be opened"),
        Fate.OPENED: _("opened"),
        Fate.KNOWN: _("had one already"),
        Fate.REFUSED: _("refused"),
    }


def _first(said: Sequence[tuple[BulkRow, str]], fate: Fate) -> list[tuple[BulkRow, str]]:
    return [(row, why) for row, why in said if row.fate is fate][:_SHOWN]


def _said(row: BulkRow) -> str:
    """Why a line is refused, in the viewer's language."""
    if isinstance(row.why, AccountError):
        return told(row.why)
    return say(row.why) if isinstance(row.why, Sentence) else ""


def _lines(text: str) -> list[SheetRow]:
    """The lines that a page of ours wrote into its form. Raises BadValue for more than it can have written."""
    found = [_LINE.fullmatch(line) for line in text.splitlines() if line.strip()]
    if len(found) > MAX_ROWS or not all(found):
        raise BadValue(sentence("this form cannot be read: choose the file again"))
    return [SheetRow(int(match[1]), match[2]) for match in found if match]


def _written(said: Sequence[tuple[BulkRow, str]]) -> str:
    words = _words()
    return orjson.dumps([[row.line, row.email, words[row.fate], row.number, why] for row, why in said]).decode()


def _report(text: str) -> list[list[Any]]:
    """The lines of a report that a page of ours wrote into its form. Raises BadValue."""
    unreadable = BadValue(sentence("this form cannot be read: choose the file again"))
    if len(text) > _MAX_REPORT:
        raise unreadable
    try:
        rows = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise unreadable from error
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 5 for row in rows):
        raise unreadable
    return rows
