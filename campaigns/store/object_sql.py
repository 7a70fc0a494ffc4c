"""SQL of linked objects: orders, cars, children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from campaigns.model import Book, LabelSort, LinkedObject
from campaigns.store.book_sql import made_book
from campaigns.store.contact_sql import existing, numbered, slots, written
from campaigns.store.schema import OBJECT_SLOTS, contact_facts, contact_objects

_SLOTS = [f"{sort}_{n}" for sort in ("text", "number") for n in range(1, OBJECT_SLOTS + 1)]


def put(connection: Connection, items: Sequence[tuple[str, int, LinkedObject, float]]) -> list[int | None]:
    """Work: link objects to contacts, as (organisation, contact, object, now); their numbers, None without the contact.

    An object that has a name of the organisation's takes the place of the one of that kind and name. The kind is one
    that has attributes.
    """
    return [_put(connection, *item) for item in items]


def _put(connection: Connection, org_id: str, contact_id: int, thing: LinkedObject, now: float) -> int | None:
    of = made_book(connection, org_id)
    if not existing(connection, of, [contact_id]):
        return None
    kind = of.labels[LabelSort.KIND, thing.kind].number
    mine = _of(of, kind, contact_id)
    values = {
        **dict.fromkeys(_SLOTS),
        "ref": thing.ref,
        "fields": written(of, thing.kind, thing.fields),
        "updated_at": now,
        **slots(of, thing.kind, thing.fields),
    }
    number = thing.number
    if thing.ref:
        named = connection.execute(select(contact_objects.c.n).where(mine, contact_objects.c.ref == thing.ref))
        number = named.scalar() or 0
    if (
        number
        and connection.execute(
            update(contact_objects).where(mine, contact_objects.c.n == number).values(values)
        ).rowcount
    ):
        return number
    found = _insert(connection, of, kind, contact_id, values)
    _note(connection, contact_id)
    return found


def _insert(connection: Connection, of: Book, kind: int, contact_id: int, values: dict[str, Any]) -> int:
    mine = _of(of, kind, contact_id)
    last = connection.execute(select(func.coalesce(func.max(contact_objects.c.n), 0)).where(mine)).scalar_one()
    connection.execute(
        insert(contact_objects).values(book_id=of.id, kind=kind, contact_id=contact_id, n=last + 1, **values)
    )
    return int(last) + 1


def remove(connection: Connection, items: Sequence[tuple[str, int, str, int]]) -> list[bool]:
    """Work: remove linked objects, as (organisation, contact, kind, number); False for one that is not there."""
    return [_remove(connection, *item) for item in items]


def _remove(connection: Connection, org_id: str, contact_id: int, kind: str, number: int) -> bool:
    of = made_book(connection, org_id)
    label = of.labels.get((LabelSort.KIND, kind))
    if label is None:
        return False
    mine = _of(of, label.number, contact_id)
    gone = bool(connection.execute(delete(contact_objects).where(mine, contact_objects.c.n == number)).rowcount)
    if gone:
        _note(connection, contact_id)
    return gone


def _note(connection: Connection, contact_id: int) -> None:
    """Keep beside the contact's other facts which kinds of objects it has."""
    kinds = connection.execute(
        select(contact_objects.c.kind).where(contact_objects.c.contact_id == contact_id).distinct()
    ).scalars()
    noted = update(contact_facts).where(contact_facts.c.id == contact_id).values(kinds=numbered(kinds))
    connection.execute(noted)


def _of(of: Book, kind: int, contact_id: int) -> ColumnElement[bool]:
    return and_(
        contact_objects.c.book_id == of.id, contact_objects.c.kind == kind, contact_objects.c.contact_id == contact_id
    )
