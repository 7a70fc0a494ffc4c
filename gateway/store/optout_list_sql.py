"""SQL of the suppression list as people and programs look at it: page by page, one phone, one more by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_

from gateway import paging
from gateway.paging import Cursor, Page
from gateway.store.optout_sql import OptOut, opt_out, stopped
from gateway.store.schema import optouts, organisations

ORDER = "optouts"
KINDS = (float, str, str)
"""A place in the list: since when, which organisation, which phone."""


@dataclass(frozen=True, slots=True)
class OptOutFilter:
    """Which phones; an `org_id` of None is for operators alone."""

    org_id: str | None
    search: str | None = None
    """A part of the number."""


def page(connection: Connection, wanted: OptOutFilter, at: Cursor | None, size: int) -> Page[OptOut]:
    """Phones on the list now, the latest first."""
    place = tuple_(optouts.c.since, optouts.c.org_id, optouts.c.phone)
    query = _listed()
    if wanted.org_id is not None:
        query = query.where(optouts.c.org_id == wanted.org_id)
    if wanted.search is not None:
        query = query.where(optouts.c.phone.contains(wanted.search.lstrip("+"), autoescape=True))
    back = at is not None and at.back
    if at is not None:
        here = tuple_(*at.place)
        query = query.where(place > here if back else place < here)
    columns = (optouts.c.since, optouts.c.org_id, optouts.c.phone)
    query = query.order_by(*(column.asc() if back else column.desc() for column in columns)).limit(size + 1)
    rows = [_to_optout(row) for row in connection.execute(query)]
    return paging.page(rows, size, at, ORDER, lambda each: (each.since, each.org_id, each.phone))


def find(connection: Connection, org_id: str, phone: str) -> OptOut | None:
    """A phone, where it is on the list now."""
    row = connection.execute(_listed().where(optouts.c.org_id == org_id, optouts.c.phone == phone)).one_or_none()
    return None if row is None else _to_optout(row)


def add(connection: Connection, items: Sequence[tuple[str, str, str, float]]) -> list[bool]:
    """Work: put phones on the list, as (organisation, phone, word, now); False for one that is on it already."""
    there = stopped(connection, {(org_id, phone) for org_id, phone, _, _ in items})
    for org_id, phone, word, now in sorted(items):
        opt_out(connection, org_id, phone, word, now)
    return [(org_id, phone) not in there for org_id, phone, _, _ in items]


def _listed() -> Select[Any]:
    return (
        select(optouts, organisations.c.name)
        .join(organisations, organisations.c.id == optouts.c.org_id)
        .where(optouts.c.ended_at.is_(None))
    )


def _to_optout(row: Any) -> OptOut:
    return OptOut(row.org_id, row.name, row.phone, row.since, row.word)
