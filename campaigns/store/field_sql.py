"""SQL of removing an attribute: its values go some contacts at a time, with the last of them the attribute itself.

Values stand twice: in the JSON of contacts and linked objects, as people wrote them, and in a slot, as filters compare
them. A million contacts take longer than anybody else should wait for the one that writes; so they are gone through in
many transactions while the attribute is still there, and whoever is killed in between begins anew. What was written
behind these goes in the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, select, update

from campaigns.model import Book, LabelSort
from campaigns.store.book_sql import book, made_book
from campaigns.store.schema import contact_attributes, contact_facts, contact_objects, contacts


@dataclass(frozen=True, slots=True)
class Named:
    """An attribute of an organisation's: of contacts, or of a kind of linked objects."""

    org_id: str
    kind: str
    key: str


def since(connection: Connection, name: Named) -> float | None:
    """When an attribute was defined, which tells it from another of the same name; None for none."""
    of = book(connection, name.org_id)
    return None if of is None else _since(connection, of, name)


def _since(connection: Connection, of: Book, name: Named) -> float | None:
    query = select(contact_attributes.c.created_at).where(_is(of, name))
    return connection.execute(query).scalar_one_or_none()


def _is(of: Book, name: Named) -> ColumnElement[bool]:
    there = contact_attributes.c
    return and_(there.book_id == of.id, there.kind == name.kind, there.key == name.key)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values to be removed of some contacts."""

    name: Named
    since: float | None
    """Of the attribute that is meant; None where values are left of one that is gone."""
    after: int
    """The contact that was the last one before; 0 to begin."""
    size: int
    """How many contacts, or linked objects."""


def sweep(connection: Connection, items: Sequence[Sweep]) -> list[int | None]:
    """Work: remove values of some contacts; for each the last contact, None behind the last of all.

    Also None where the attribute is another one by now: its values are nobody's to remove.
    """
    return [_sweep(connection, item) for item in items]


def _sweep(connection: Connection, item: Sweep) -> int | None:
    of = made_book(connection, item.name.org_id)
    place = _place(of, item.name)
    if place is None or _since(connection, of, item.name) != item.since:
        return None
    after = max(item.after, of.first_id)
    last = connection.execute(
        select(place.contact)
        .where(place.mine, place.contact > after)
        .order_by(place.contact)
        .offset(item.size - 1)
        .limit(1)
    ).scalar_one_or_none()
    _clear(connection, of, item.name, place, (after, of.last_id if last is None else last))
    return last


def left(connection: Connection, name: Named) -> bool:
    """Whether there are values of an attribute of this name, defined or not."""
    of = book(connection, name.org_id)
    place = None if of is None else _place(of, name)
    if place is None:
        return False
    return connection.execute(select(place.contact).where(place.mine, place.has(name.key)).limit(1)).first() is not None


def undefine(connection: Connection, items: Sequence[Named]) -> list[bool]:
    """Work: forget attributes with the values that are left; False for one that is not there."""
    return [_undefine(connection, item) for item in items]


def _undefine(connection: Connection, name: Named) -> bool:
    of = made_book(connection, name.org_id)
    place = _place(of, name)
    if place is not None:
        _clear(connection, of, name, place, (of.first_id, of.last_id))
    return bool(connection.execute(delete(contact_attributes).where(_is(of, name))).rowcount)


# --- where values stand --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """The rows that hold values of an attribute."""

    table: Table
    mine: ColumnElement[bool]
    contact: ColumnElement[int]
    """Whose a row is."""
    values: ColumnElement[str]
    """JSON."""
    slots: Table
    slots_mine: ColumnElement[bool]
    slots_contact: ColumnElement[int]

    def has(self, key: str) -> ColumnElement[bool]:
        """Whether a row has a value. Keys are letters, digits and underscores: JSON escapes none of them."""
        return self.values.contains(f'"{key}":', autoescape=True)


def _place(of: Book, name: Named) -> _Place | None:
    if not name.kind:
        own, facts = (table.c.id.between(of.first_id, of.last_id) for table in (contacts, contact_facts))
        return _Place(contacts, own, contacts.c.id, contacts.c.attributes, contact_facts, facts, contact_facts.c.id)
    label = of.labels.get((LabelSort.KIND, name.kind))
    if label is None:
        return None
    linked = contact_objects.c
    mine = and_(linked.book_id == of.id, linked.kind == label.number)
    return _Place(contact_objects, mine, linked.contact_id, linked.fields, contact_objects, mine, linked.contact_id)


def _clear(connection: Connection, of: Book, name: Named, place: _Place, between: tuple[int, int]) -> None:
    """Remove the values of contacts behind the first and up to the last."""
    after, last = between
    keys = list(place.table.primary_key.columns)
    query = select(*keys, place.values.label("written")).where(
        place.mine, place.contact > after, place.contact <= last, place.has(name.key)
    )
    changed = []
    for row in connection.execute(query):
        *at, written = row
        kept = {key: value for key, value in orjson.loads(written).items() if key != name.key}
        row_at = {f"at_{key.name}": value for key, value in zip(keys, at, strict=True)}
        changed.append({**row_at, "kept": orjson.dumps(kept).decode() if kept else ""})
    if changed:
        this = and_(*(key == bindparam(f"at_{key.name}") for key in keys))
        connection.execute(update(place.table).where(this).values({place.values: bindparam("kept")}), changed)
    attribute = of.attributes.get((name.kind, name.key))
    if attribute is not None and attribute.slot is not None:
        slot = place.slots.c[attribute.slot]
        these = (place.slots_mine, place.slots_contact > after, place.slots_contact <= last, slot.is_not(None))
        connection.execute(update(place.slots).where(*these).values({attribute.slot: None}))
