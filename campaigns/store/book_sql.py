"""SQL of what an organisation calls things: attributes, tags, what consents are for, kinds of linked objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update

from campaigns.model import Attribute, AttributeType, Book, Group, Label, LabelSort
from campaigns.store.schema import (
    OBJECT_SLOTS,
    SLOTS,
    contact_attributes,
    contact_books,
    contact_groups,
    contact_labels,
)
from campaigns.values import fold
from gateway.store.dialect import insert as insert_or
from gateway.store.prepared import Prepared
from gateway.store.schema import organisations

_NO_BOOK = 0
"""The number of a book that is not there: no contact's id lies in its range."""
_BOOK = Prepared(
    lambda _dialect: (
        select(contact_books.c.id, organisations.c.region)
        .join(organisations, organisations.c.id == contact_books.c.org_id)
        .where(contact_books.c.org_id == bindparam("org"))
    )
)
_ATTRIBUTES = Prepared(
    lambda _dialect: (
        select(contact_attributes)
        .where(contact_attributes.c.book_id == bindparam("book"))
        .order_by(contact_attributes.c.created_at, contact_attributes.c.key)
    )
)
_LABELS = Prepared(
    lambda _dialect: (
        select(contact_labels).where(contact_labels.c.book_id == bindparam("book")).order_by(contact_labels.c.folded)
    )
)
_GROUPS = Prepared(
    lambda _dialect: (
        select(contact_groups).where(contact_groups.c.org_id == bindparam("org")).order_by(contact_groups.c.folded)
    )
)


def book(connection: Connection, org_id: str) -> Book | None:
    """An organisation's book; None for no such organisation, and for one that has had no contacts yet."""
    row = next(iter(_BOOK.rows(connection, {"org": org_id})), None)
    if row is None:
        return None
    return Book(
        row.id,
        org_id,
        row.region,
        _attributes(connection, row.id),
        _labels(connection, row.id),
        _groups(connection, org_id),
    )


def book_or_blank(connection: Connection, org_id: str) -> Book:
    """The same; where there is none yet, one as it would begin: looking makes none."""
    region = select(organisations.c.region).where(organisations.c.id == org_id)
    return book(connection, org_id) or Book(_NO_BOOK, org_id, connection.execute(region).scalar_one())


def owner(connection: Connection, book_id: int) -> str | None:
    """The organisation whose book it is; None for no such book."""
    return connection.execute(select(contact_books.c.org_id).where(contact_books.c.id == book_id)).scalar_one_or_none()


def made_book(connection: Connection, org_id: str) -> Book:
    """The same, made where there is none, and held: changes of one book wait in line until this one is committed."""
    connection.execute(insert_or(connection, contact_books).values(org_id=org_id).on_conflict_do_nothing())
    connection.execute(update(contact_books).where(contact_books.c.org_id == org_id).values(last=contact_books.c.last))
    found = book(connection, org_id)
    if found is None:  # the foreign key says that there is such an organisation
        raise RuntimeError("a book that was just made is not there")
    return found


def numbers(connection: Connection, book_id: int, count: int) -> range:
    """The ids of so many new contacts; the book is held already."""
    connection.execute(
        update(contact_books).where(contact_books.c.id == book_id).values(last=contact_books.c.last + count)
    )
    last = connection.execute(select(contact_books.c.last).where(contact_books.c.id == book_id)).scalar_one()
    end = (book_id << 32) + int(last) + 1
    return range(end - count, end)


def _attributes(connection: Connection, book_id: int) -> dict[tuple[str, str], Attribute]:
    rows = _ATTRIBUTES.rows(connection, {"book": book_id})
    return {
        (row.kind, row.key): Attribute(
            row.key,
            row.label,
            AttributeType(row.type),
            tuple(orjson.loads(row.choices)) if row.choices else (),
            row.kind,
            row.slot,
        )
        for row in rows
    }


def _labels(connection: Connection, book_id: int) -> dict[tuple[LabelSort, str], Label]:
    rows = _LABELS.rows(connection, {"book": book_id})
    return {(LabelSort(row.sort), row.folded): Label(row.number, row.name) for row in rows}


def _groups(connection: Connection, org_id: str) -> dict[str, Group]:
    rows = _GROUPS.rows(connection, {"org": org_id})
    return {row.folded: Group(row.id, row.org_id, row.name, row.filter, row.created_at, row.updated_at) for row in rows}


# --- labels --------------------------------------------------------------------------------------------------------


def labelled(connection: Connection, of: Book, sort: LabelSort, names: Iterable[str]) -> Mapping[str, Label]:
    """The labels of these names, by folded name; what is new is made. The book is held."""
    wanted = {fold(name): name for name in names}
    there = {folded: label for (kind, folded), label in of.labels.items() if kind is sort}
    fresh = {folded: name for folded, name in wanted.items() if folded not in there}
    if fresh:
        there |= _new_labels(connection, of.id, sort, fresh)
    return {folded: there[folded] for folded in wanted}


def _new_labels(connection: Connection, book_id: int, sort: LabelSort, fresh: Mapping[str, str]) -> dict[str, Label]:
    mine = (contact_labels.c.book_id == book_id, contact_labels.c.sort == sort.value)
    rows = connection.execute(select(contact_labels).where(*mine, contact_labels.c.folded.in_(list(fresh)))).all()
    made = {row.folded: Label(row.number, row.name) for row in rows}
    last = connection.execute(select(func.coalesce(func.max(contact_labels.c.number), 0)).where(*mine)).scalar_one()
    added = {
        folded: Label(number, name)
        for number, (folded, name) in enumerate(
            ((folded, name) for folded, name in fresh.items() if folded not in made), last + 1
        )
    }
    if added:
        values = [
            {"book_id": book_id, "sort": sort.value, "number": label.number, "name": label.name, "folded": folded}
            for folded, label in added.items()
        ]
        connection.execute(insert(contact_labels), values)
    return made | added


# --- attributes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Definition:
    """An attribute that is to be there from now on, or to be called otherwise."""

    org_id: str
    attribute: Attribute
    now: float


def define(connection: Connection, items: Sequence[Definition]) -> list[Attribute | None]:
    """Work: define attributes, or change label and choices of those there are; None where the type differs."""
    return [_define(connection, item) for item in items]


def _define(connection: Connection, item: Definition) -> Attribute | None:
    of, wanted = made_book(connection, item.org_id), item.attribute
    there = of.attributes.get((wanted.kind, wanted.key))
    texts = {"label": wanted.label, "choices": orjson.dumps(wanted.choices).decode() if wanted.choices else ""}
    if there is not None:
        if there.type is not wanted.type:
            return None
        connection.execute(update(contact_attributes).where(_named(of.id, wanted)).values(texts))
        return Attribute(there.key, wanted.label, there.type, wanted.choices, there.kind, there.slot)
    if wanted.kind:
        labelled(connection, of, LabelSort.KIND, [wanted.kind])
    slot = _free_slot(of, wanted)
    connection.execute(
        insert(contact_attributes).values(
            book_id=of.id,
            kind=wanted.kind,
            key=wanted.key,
            type=wanted.type.value,
            slot=slot,
            created_at=item.now,
            **texts,
        )
    )
    return Attribute(wanted.key, wanted.label, wanted.type, wanted.choices, wanted.kind, slot)


def _free_slot(of: Book, wanted: Attribute) -> str | None:
    taken: Collection[str | None] = {each.slot for each in of.own(wanted.kind)}
    sort = "text" if wanted.type.is_text else "number"
    places = range(1, (OBJECT_SLOTS if wanted.kind else SLOTS) + 1)
    return next((f"{sort}_{n}" for n in places if f"{sort}_{n}" not in taken), None)


def _named(book_id: int, attribute: Attribute) -> ColumnElement[bool]:
    return and_(
        contact_attributes.c.book_id == book_id,
        contact_attributes.c.kind == attribute.kind,
        contact_attributes.c.key == attribute.key,
    )
