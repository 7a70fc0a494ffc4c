"""SQL of imports: a file's rows wait in chunks; each chunk becomes contacts in one transaction, with the counts of it.

Whoever is killed in the middle has done a chunk or has not: the next one goes on behind it, and no row is lost or made
twice. Two processes at the same chunk do it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from campaigns.imports.merging import Known, Merged, ReadRow, RefusedRow, Row, merge
from campaigns.imports.plan import Plan
from campaigns.imports.plan import read as read_plan
from campaigns.imports.plan import write as write_plan
from campaigns.model import Book, Consent, PointKind
from campaigns.store import consent_sql, contact_list_sql, contact_sql, group_sql
from campaigns.store.book_sql import made_book
from campaigns.store.schema import contact_imports, import_chunks, import_plans, import_refusals
from gateway.registry.employee_address import fold_email
from gateway.store.dialect import insert as insert_or
from gateway.translation import Sentence


class ImportState(StrEnum):
    """Where an import stands."""

    UPLOADING = "uploading"
    READY = "ready"
    """Its rows are here; somebody says what the columns mean."""
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    """Stopped; the chunks that were done stay done."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import, and how far it is."""

    id: str
    org_id: str
    name: str
    state: ImportState
    head: tuple[str, ...]
    """The first row."""
    plan: Plan | None
    by: str
    rows: int
    chunks: int
    done_chunks: int
    created: int
    updated: int
    same: int
    refused: int
    created_at: float
    finished_at: float | None

    @property
    def people(self) -> int:
        """Rows that could be somebody: without the head, where the plan knows of one."""
        return max(0, self.rows - (self.plan is not None and self.plan.has_head))

    @property
    def progress(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self.done_chunks / self.chunks if self.chunks else float(self.state is ImportState.FINISHED)


def find(connection: Connection, org_id: str | None, import_id: str) -> Import | None:
    """An import of an organisation's; None is whoever's it is."""
    query = select(contact_imports).where(contact_imports.c.id == import_id)
    row = connection.execute(_of(query, org_id)).one_or_none()
    return None if row is None else _to_import(row)


def latest(connection: Connection, org_id: str | None, count: int, before: str = "") -> list[Import]:
    """The organisation's imports, or those of all, the latest first; those older than one of them."""
    query = _of(select(contact_imports), org_id)
    if before:
        query = query.where(contact_imports.c.id < before)
    return [_to_import(row) for row in connection.execute(query.order_by(contact_imports.c.id.desc()).limit(count))]


def _of(query: Select[Any], org_id: str | None) -> Select[Any]:
    return query if org_id is None else query.where(contact_imports.c.org_id == org_id)


def running(connection: Connection) -> Import | None:
    """The oldest that runs, of any organisation."""
    query = select(contact_imports).where(contact_imports.c.state == ImportState.RUNNING.value)
    row = connection.execute(query.order_by(contact_imports.c.id).limit(1)).one_or_none()
    return None if row is None else _to_import(row)


def _to_import(row: object) -> Import:
    get = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001 - a row's own
    return Import(
        get["id"],
        get["org_id"],
        get["name"],
        ImportState(get["state"]),
        tuple(orjson.loads(get["head"])),
        read_plan(get["plan"]) if get["plan"] else None,
        get["by"],
        get["rows"],
        get["chunks"],
        get["done_chunks"],
        get["created_count"],
        get["updated_count"],
        get["same_count"],
        get["refused_count"],
        get["created_at"],
        get["finished_at"],
    )


# --- the file ------------------------------------------------------------------------------------------------------


def begin(connection: Connection, items: Sequence[tuple[Import, int]]) -> list[bool]:
    """Work: note that files are coming; False where so many of the organisation's are here and not imported."""
    return [_begin(connection, item, most) for item, most in items]


def _begin(connection: Connection, item: Import, most: int) -> bool:
    unfinished = contact_imports.c.state.in_((ImportState.UPLOADING.value, ImportState.READY.value))
    query = select(func.count()).select_from(contact_imports)
    if connection.execute(_of(query, item.org_id).where(unfinished)).scalar_one() >= most:
        return False
    connection.execute(
        insert(contact_imports).values(
            id=item.id,
            org_id=item.org_id,
            name=item.name,
            state=ImportState.UPLOADING.value,
            head="[]",
            by=item.by,
            created_at=item.created_at,
        )
    )
    return True


def add_chunk(connection: Connection, items: Sequence[tuple[str, int, Sequence[Row]]]) -> list[None]:
    """Work: keep rows of files, as (import, number of the chunk, rows)."""
    values = [
        {"import_id": import_id, "number": number, "rows": orjson.dumps(rows).decode()}
        for import_id, number, rows in items
    ]
    connection.execute(insert(import_chunks), values)
    return [None] * len(items)


def uploaded(connection: Connection, items: Sequence[tuple[str, Sequence[str], int, int]]) -> list[bool]:
    """Work: files are here, as (import, head, rows, chunks); False for one that was stopped meanwhile."""
    return [_uploaded(connection, *item) for item in items]


def _uploaded(connection: Connection, import_id: str, head: Sequence[str], rows: int, chunks: int) -> bool:
    mine = (contact_imports.c.id == import_id, contact_imports.c.state == ImportState.UPLOADING.value)
    values = {"state": ImportState.READY.value, "head": orjson.dumps(head).decode(), "rows": rows, "chunks": chunks}
    return bool(connection.execute(update(contact_imports).where(*mine).values(values)).rowcount)


def chunk(connection: Connection, import_id: str, number: int) -> list[Row]:
    """The rows of a chunk; none where it is gone."""
    mine = (import_chunks.c.import_id == import_id, import_chunks.c.number == number)
    kept = connection.execute(select(import_chunks.c.rows).where(*mine)).scalar()
    return [(line, cells) for line, cells in orjson.loads(kept)] if kept else []


# --- the plan ------------------------------------------------------------------------------------------------------


def remembered(connection: Connection, org_id: str, head: str) -> Plan | None:
    """The plan of the last file with the same head."""
    mine = (import_plans.c.org_id == org_id, import_plans.c.head == head)
    kept = connection.execute(select(import_plans.c.plan).where(*mine)).scalar()
    return read_plan(kept) if kept else None


@dataclass(frozen=True, slots=True)
class Start:
    """An import that is to run by a plan; the plan is remembered for files with the same head."""

    org_id: str
    import_id: str
    plan: Plan
    head: str
    now: float


def start(connection: Connection, items: Sequence[Start]) -> list[bool]:
    """Work: let imports run; False for one that is not ready."""
    return [_start(connection, item) for item in items]


def _start(connection: Connection, item: Start) -> bool:
    mine = (contact_imports.c.id == item.import_id, contact_imports.c.org_id == item.org_id)
    ready = contact_imports.c.state == ImportState.READY.value
    values = {"state": ImportState.RUNNING.value, "plan": write_plan(item.plan)}
    if not connection.execute(update(contact_imports).where(*mine, ready).values(values)).rowcount:
        return False
    kept = {"plan": write_plan(item.plan), "used_at": item.now}
    connection.execute(
        insert_or(connection, import_plans)
        .values(org_id=item.org_id, head=item.head, **kept)
        .on_conflict_do_update(index_elements=["org_id", "head"], set_=kept)
    )
    return True


def known(connection: Connection, of: Book, rows: Sequence[ReadRow]) -> Known:
    """The contacts that rows could be, with what is stored of them."""
    numbers = [point.value for row in rows for point in row.draft.phones]
    addresses = [fold_email(point.value) for row in rows for point in row.draft.emails]
    phones = contact_list_sql.by_points(connection, of, PointKind.PHONE, numbers)
    emails = contact_list_sql.by_points(connection, of, PointKind.EMAIL, addresses)
    ids = sorted({found[0] for found in (*phones.values(), *emails.values())})
    drafts = {each.id: each.draft() for each in contact_sql.load(connection, of, ids)}
    return Known(
        {value: found[0] for value, found in phones.items()},
        {value: found[0] for value, found in emails.items()},
        drafts,
    )


# --- the work ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A chunk that was read, to be made contacts of."""

    org_id: str
    import_id: str
    number: int
    plan: Plan
    rows: Sequence[ReadRow]
    refused: Sequence[RefusedRow]
    consent: Consent | None
    now: float


def step(connection: Connection, items: Sequence[Step]) -> list[bool]:
    """Work: make contacts of chunks; False for one that is done, or whose import was stopped."""
    return [_step(connection, item) for item in items]


def _step(connection: Connection, item: Step) -> bool:
    of = made_book(connection, item.org_id)
    mine = (contact_imports.c.id == item.import_id, contact_imports.c.state == ImportState.RUNNING.value)
    turn = (*mine, contact_imports.c.done_chunks == item.number)
    if not connection.execute(update(contact_imports).where(*turn).values(done_chunks=item.number + 1)).rowcount:
        return False
    merged, made = _join(connection, of, item.rows, item.plan, item.now)
    ids = sorted({*made.new, *merged.met})
    if item.plan.group_id and ids:
        joining = group_sql.Membership(item.org_id, item.plan.group_id, ids, item.now)
        group_sql.change_members_once(connection, joining)
    if item.consent is not None and ids:
        # A list may be older than a withdrawal, and says nothing of when.
        consent_sql.give_one(connection, consent_sql.Agreement(item.org_id, ids, item.consent, again=False))
    refused = [*item.refused, *merged.refused]
    if refused:
        connection.execute(
            insert(import_refusals),
            [
                {
                    "import_id": item.import_id,
                    "line": each.line,
                    "why": _written(each.problems),
                    "cells": _json(each.cells),
                }
                for each in refused
            ],
        )
    counts = contact_imports.c
    connection.execute(
        update(contact_imports)
        .where(counts.id == item.import_id)
        .values(
            created_count=counts.created_count + len(made.new),
            updated_count=counts.updated_count + merged.updates,
            same_count=counts.same_count + merged.same,
            refused_count=counts.refused_count + len(refused),
        )
    )
    connection.execute(
        delete(import_chunks).where(import_chunks.c.import_id == item.import_id, import_chunks.c.number == item.number)
    )
    return True


def _join(
    connection: Connection, of: Book, rows: Sequence[ReadRow], plan: Plan, now: float
) -> tuple[Merged, contact_sql.Changed]:
    merged = merge(rows, plan, known(connection, of, rows))
    change = contact_sql.Change(of.org_id, now, merged.new, list(merged.changed.items()))
    return merged, contact_sql.store_one(connection, change)


def join(connection: Connection, items: Sequence[tuple[str, Sequence[ReadRow], Plan, float]]) -> list[Merged]:
    """Work: join rows with what is known at once, as (organisation, rows, plan, now), where there are few."""
    return [_join(connection, made_book(connection, org_id), rows, plan, now)[0] for org_id, rows, plan, now in items]


def _json(cells: Sequence[str]) -> str:
    return orjson.dumps(list(cells)).decode()


def finish(connection: Connection, items: Sequence[tuple[str, float]]) -> list[None]:
    """Work: imports whose chunks are all done are over, as (import, now)."""
    for import_id, now in items:
        done = contact_imports.c.done_chunks >= contact_imports.c.chunks
        mine = (contact_imports.c.id == import_id, contact_imports.c.state == ImportState.RUNNING.value, done)
        values = {"state": ImportState.FINISHED.value, "finished_at": now}
        connection.execute(update(contact_imports).where(*mine).values(values))
    return [None] * len(items)


def cancel(connection: Connection, items: Sequence[tuple[str, str, float]]) -> list[bool]:
    """Work: stop imports, as (organisation, import, now); False for one that is over. `prune` takes what is left."""
    return [_cancel(connection, *item) for item in items]


def _cancel(connection: Connection, org_id: str, import_id: str, now: float) -> bool:
    over = (ImportState.FINISHED.value, ImportState.CANCELLED.value)
    mine = (contact_imports.c.id == import_id, contact_imports.c.org_id == org_id, contact_imports.c.state.not_in(over))
    values = {"state": ImportState.CANCELLED.value, "finished_at": now}
    return bool(connection.execute(update(contact_imports).where(*mine).values(values)).rowcount)


@dataclass(frozen=True, slots=True)
class Prune:
    """What is not needed any more, some of it at a time."""

    abandoned_before: float
    """Files that were not here by then, and were begun before, or nobody planned."""
    forgotten_before: float
    """Imports that ended before."""
    most: int


def prune(connection: Connection, items: Sequence[Prune]) -> list[int]:
    """Work: remove chunks of imports that are stopped, and imports by age; how many rows went."""
    return [_prune(connection, item) for item in items]


def _prune(connection: Connection, item: Prune) -> int:
    imports = contact_imports.c
    waiting = imports.state.in_((ImportState.UPLOADING.value, ImportState.READY.value))
    connection.execute(
        update(contact_imports)
        .where(waiting, imports.created_at < item.abandoned_before)
        .values(state=ImportState.CANCELLED.value, finished_at=imports.created_at)
    )
    stopped = select(imports.id).where(imports.state == ImportState.CANCELLED.value)
    old = select(imports.id).where(imports.finished_at < item.forgotten_before)
    gone = 0
    for table, ids in ((import_chunks, stopped), (import_refusals, old)):
        keys = list(table.primary_key.columns)
        rows = connection.execute(select(*keys).where(table.c.import_id.in_(ids)).limit(item.most)).all()
        for row in rows:
            connection.execute(delete(table).where(*(key == value for key, value in zip(keys, row, strict=True))))
        gone += len(rows)
    if not gone:
        gone = connection.execute(delete(contact_imports).where(imports.finished_at < item.forgotten_before)).rowcount
    return gone


# --- what was refused ----------------------------------------------------------------------------------------------


def refusals(connection: Connection, import_id: str, after: int, size: int) -> list[RefusedRow]:
    """Rows that were refused, by line, after one of them."""
    mine = (import_refusals.c.import_id == import_id, import_refusals.c.line > after)
    query = select(import_refusals).where(*mine).order_by(import_refusals.c.line).limit(size)
    return [RefusedRow(row.line, _problems(row.why), orjson.loads(row.cells)) for row in connection.execute(query)]


def _written(problems: Mapping[str, Sentence]) -> str:
    """What is wrong, kept so that it can be said in any language."""
    return orjson.dumps({name: _pieces(problem) for name, problem in problems.items()}).decode()


def _pieces(said: Sentence) -> list[Any]:
    values = {name: _pieces(each) if isinstance(each, Sentence) else each for name, each in said.values.items()}
    return [said.text, values, said.many, said.amount]


def _problems(kept: str) -> dict[str, Sentence]:
    return {name: _sentence(pieces) for name, pieces in orjson.loads(kept).items()}


def _sentence(pieces: list[Any]) -> Sentence:
    text, values, many, amount = pieces
    said = {name: _sentence(each) if isinstance(each, list) else each for name, each in values.items()}
    return Sentence(text, said, many, amount)


def waiting_chunks(connection: Connection, import_id: str) -> int:
    """How many chunks of an import are still kept."""
    query = select(func.count()).select_from(import_chunks).where(import_chunks.c.import_id == import_id)
    return int(connection.execute(query).scalar_one())
