"""SQL of the list of contacts: searched, filtered, page by page; and of finding contacts by phone or address.

Pages come by name, or by how new contacts are; where a filter says which, always by how new they are: that is the order
of what a filter reads, and a page ends as soon as it is full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_

from campaigns.filters.reading import read
from campaigns.model import Book, ContactListing, LabelSort, PointKind
from campaigns.store.audience_sql import NO_BEHAVIOURS, Behaviours
from campaigns.store.book_sql import book
from campaigns.store.contact_sql import chunks, label_names, tags_of
from campaigns.store.filter_sql import Asked, Look, condition, gather, of_book
from campaigns.store.schema import contact_facts, contact_points, contacts
from campaigns.values import fold
from gateway import paging
from gateway.paging import COUNTED_TO, Cursor, Page, Place
from gateway.registry.employee_address import fold_email
from gateway.store import optout_sql

_PHONE = re.compile(r"\+?[\d\s().-]{3,}")
_SEPARATORS = re.compile(r"[\s().+-]")


class ContactSort(StrEnum):
    """The order of a list."""

    NAME = "name"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts of an organisation."""

    org_id: str
    today: date
    search: str | None = None
    """A part of the name, of a phone, or the beginning of an address."""
    filter: str = ""
    """In the language of `campaigns.filters`."""
    sort: ContactSort = ContactSort.NAME
    behaviours: Behaviours = field(default_factory=lambda: NO_BEHAVIOURS)

    @property
    def order(self) -> str:
        """The name that cursors give the order."""
        return f"contacts {ContactSort.NEWEST if self.filter else self.sort}"

    @property
    def kinds(self) -> tuple[type, ...]:
        """The kinds of values in its cursors."""
        return (int,) if self.order.endswith(ContactSort.NEWEST) else (str, int)


def page(connection: Connection, wanted: ContactFilter, at: Cursor | None, size: int) -> Page[ContactListing]:
    """One page. Raises BadFilter."""
    of = book(connection, wanted.org_id)
    if of is None:
        return Page(())
    found: Sequence[tuple[Place, ...]]
    if len(wanted.kinds) > 1:
        found = _by_name(connection, of, wanted, at, size)
    else:
        found = _newest(connection, of, wanted, at, size)
    places = paging.page(found, size, at, wanted.order, lambda place: place)
    listed = {each.id: each for each in listings(connection, of, [int(place[-1]) for place in places.items])}
    return places.map(lambda place: listed[int(place[-1])])


def _by_name(
    connection: Connection, of: Book, wanted: ContactFilter, at: Cursor | None, size: int
) -> list[tuple[str, int]]:
    keys = (contacts.c.folded, contacts.c.id)
    query = select(*keys).where(contacts.c.book_id == of.id)
    if wanted.search is not None:
        query = query.where(_contains(of, wanted.search, contacts.c.id))
    back = at is not None and at.back
    if at is not None:
        query = query.where(tuple_(*keys) < tuple_(*at.place) if back else tuple_(*keys) > tuple_(*at.place))
    query = query.order_by(*(key.desc() if back else key for key in keys)).limit(size + 1)
    return [(row.folded, row.id) for row in connection.execute(query)]


def _newest(connection: Connection, of: Book, wanted: ContactFilter, at: Cursor | None, size: int) -> list[tuple[int]]:
    key = contact_facts.c.id
    asked = Asked(of, wanted.today, Look.EACH, behaviours=wanted.behaviours)
    query = select(key).where(of_book(of), condition(read(wanted.filter), asked))
    if wanted.search is not None:
        query = query.where(_contains(of, wanted.search, key))
    back = at is not None and at.back
    if at is not None:
        (place,) = at.place
        query = query.where(key > place if back else key < place)
    query = query.order_by(key.asc() if back else key.desc()).limit(size + 1)
    return [(row.id,) for row in connection.execute(query)]


def count(connection: Connection, wanted: ContactFilter) -> int:
    """How many there are; one more than are counted where there are more. Raises BadFilter."""
    of = book(connection, wanted.org_id)
    if of is None:
        return 0
    asked = Asked(of, wanted.today, gather(connection), behaviours=wanted.behaviours)
    some = select(contact_facts.c.id).where(of_book(of), condition(read(wanted.filter), asked))
    if wanted.search is not None:
        some = some.where(_contains(of, wanted.search, contact_facts.c.id))
    few = some.limit(COUNTED_TO + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(few)).scalar_one())


def _contains(of: Book, search: str, contact_id: ColumnElement[int]) -> ColumnElement[bool]:
    mine = contact_points.c.book_id == of.id
    ids = select(contact_points.c.contact_id)
    if _PHONE.fullmatch(search):
        part = contact_points.c.value.contains(_SEPARATORS.sub("", search), autoescape=True)
        return contact_id.in_(ids.where(mine, contact_points.c.kind == PointKind.PHONE.value, part))
    begins = contact_points.c.value.startswith(search.strip().lower(), autoescape=True)
    by_address = contact_id.in_(ids.where(mine, contact_points.c.kind == PointKind.EMAIL.value, begins))
    named = contacts.c.folded.contains(fold(search), autoescape=True)
    if contact_id is contacts.c.id:
        return or_(named, by_address)
    return or_(contact_id.in_(select(contacts.c.id).where(contacts.c.book_id == of.id, named)), by_address)


def listings(connection: Connection, of: Book, ids: Sequence[int]) -> list[ContactListing]:
    """Contacts of a book as lists show them, in the order of their ids."""
    names = label_names(of, LabelSort.TAG)
    query = select(contacts, contact_facts.c.tags).join(contact_facts, contact_facts.c.id == contacts.c.id)
    found: list[ContactListing] = []
    for some in chunks(sorted(ids)):
        rows = connection.execute(query.where(contacts.c.id.in_(some)).order_by(contacts.c.id)).all()
        stopped = optout_sql.stopped(connection, {(of.org_id, row.phone) for row in rows if row.phone})
        found += (_listing(row, tags_of(row.tags, names), (of.org_id, row.phone) in stopped) for row in rows)
    return found


def _listing(row: Any, tags: tuple[str, ...], stopped: bool) -> ContactListing:  # noqa: FBT001 - a column
    return ContactListing(
        row.id, row.name, row.phone, row.email, row.language, row.no_sms, stopped, tags, row.created_at
    )


def by_points(connection: Connection, of: Book, kind: PointKind, values: Sequence[str]) -> dict[str, list[int]]:
    """The contacts that have these phones (E.164) or addresses, by folded address; the oldest first."""
    found: dict[str, list[int]] = {}
    query = select(contact_points.c.value, contact_points.c.contact_id).where(
        contact_points.c.book_id == of.id, contact_points.c.kind == kind.value
    )
    for some in chunks(sorted({fold_email(each) if kind is PointKind.EMAIL else each for each in values})):
        rows: Any = connection.execute(
            query.where(contact_points.c.value.in_(some)).order_by(contact_points.c.contact_id)
        )
        for row in rows:
            found.setdefault(row.value, []).append(row.contact_id)
    return found
