"""SQL of contacts: stored, changed, read and removed. Changes are over many at once, of one book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Executable, bindparam, delete, false, select, update

from campaigns.model import (
    Book,
    Channel,
    Consent,
    Contact,
    Draft,
    Has,
    Label,
    LabelSort,
    LinkedObject,
    Point,
    PointKind,
    Values,
)
from campaigns.recipients import Skip
from campaigns.store import link_sql, stopping_sql
from campaigns.store.book_sql import book, labelled, made_book, numbers
from campaigns.store.schema import (
    SLOTS,
    consents,
    contact_facts,
    contact_objects,
    contact_points,
    contacts,
    group_members,
)
from campaigns.values import day_number, fact, fold
from gateway.numbers import region_of
from gateway.registry.employee_address import fold_email
from gateway.store import optout_sql
from gateway.store.prepared import Prepared, insert_new

_CONTACT = [column.name for column in contacts.columns]
_FACTS = [column.name for column in contact_facts.columns]
_SLOTS = [f"{sort}_{n}" for sort in ("text", "number") for n in range(1, SLOTS + 1)]
_KEPT = {"id", "book_id", "created_at", "created", "consents", "kinds"}
"""What a change of a contact leaves as it is."""
_NEW_CONTACTS = insert_new(contacts, _CONTACT)
_NEW_FACTS = insert_new(contact_facts, _FACTS)
_NEW_POINTS = insert_new(contact_points, [column.name for column in contact_points.columns])
_AT_ONCE = 500
"""Ids that one statement names."""
Id = TypeVar("Id", int, str)


def _change(table: Any, columns: Iterable[str]) -> Prepared:
    def build(_dialect: str) -> Executable:
        changed: dict[str, Any] = {name: bindparam(name) for name in columns if name not in _KEPT}
        return update(table).where(table.c.id == bindparam("contact")).values(changed)

    return Prepared(build)


_CHANGED_CONTACTS = _change(contacts, _CONTACT)
_CHANGED_FACTS = _change(contact_facts, _FACTS)


# --- changes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """Contacts of one organisation that are to be stored: new ones, and others by their ids."""

    org_id: str
    now: float
    new: Sequence[Draft] = ()
    changed: Sequence[tuple[int, Draft]] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of it."""

    new: tuple[int, ...]
    """Ids, in order."""
    gone: frozenset[int]
    """Ids that were to be changed and are no contacts of the organisation's."""


def store(connection: Connection, items: Sequence[Change]) -> list[Changed]:
    """Work: store contacts."""
    return [store_one(connection, item) for item in items]


def store_one(connection: Connection, item: Change) -> Changed:
    """Store contacts, as part of a transaction that does more."""
    of = made_book(connection, item.org_id)
    drafts = [*item.new, *(draft for _, draft in item.changed)]
    tags = labelled(connection, of, LabelSort.TAG, {name for draft in drafts for name in draft.tags})
    ids = numbers(connection, of.id, len(item.new)) if item.new else range(0)
    there = existing(connection, of, [contact_id for contact_id, _ in item.changed])
    changed = [(contact_id, draft) for contact_id, draft in item.changed if contact_id in there]
    marked = _newly_marked(connection, changed)
    rows = list(zip(ids, item.new, strict=True))
    _NEW_CONTACTS.many(connection, [_contact_row(of, each, draft, item.now) for each, draft in rows])
    _NEW_FACTS.many(connection, [_fact_row(of, each, draft, tags, item.now) for each, draft in rows])
    if changed:
        _CHANGED_CONTACTS.many(
            connection, [{"contact": each} | _contact_row(of, each, draft, item.now) for each, draft in changed]
        )
        _CHANGED_FACTS.many(
            connection, [{"contact": each} | _fact_row(of, each, draft, tags, item.now) for each, draft in changed]
        )
        for some in chunks([contact_id for contact_id, _ in changed]):
            connection.execute(delete(contact_points).where(contact_points.c.contact_id.in_(some)))
    points = [row for contact_id, draft in [*rows, *changed] for row in _point_rows(of, contact_id, draft)]
    _NEW_POINTS.many(connection, points)
    if marked:
        under_way = stopping_sql.under_way(connection, item.org_id, Channel.SMS)
        stopping_sql.stop(connection, under_way, marked, Skip.NO_SMS, item.now)
    return Changed(tuple(ids), frozenset(contact_id for contact_id, _ in item.changed) - there)


def _newly_marked(connection: Connection, changed: Sequence[tuple[int, Draft]]) -> list[int]:
    """Those that campaigns write no SMS to from now on, and did until now."""
    marked = sorted(contact_id for contact_id, draft in changed if draft.no_sms)
    return [
        contact_id
        for some in chunks(marked)
        for contact_id in connection.execute(
            select(contacts.c.id).where(contacts.c.id.in_(some), contacts.c.no_sms == false()).order_by(contacts.c.id)
        ).scalars()
    ]


def _contact_row(of: Book, contact_id: int, draft: Draft, now: float) -> dict[str, Any]:
    return {
        "id": contact_id,
        "book_id": of.id,
        "name": draft.name,
        "first_name": draft.first_name,
        "folded": fold(draft.name),
        "phone": draft.phones[0].value if draft.phones else None,
        "email": draft.emails[0].value if draft.emails else None,
        "language": draft.language,
        "zone": draft.zone,
        "no_sms": draft.no_sms,
        "attributes": written(of, "", draft.attributes),
        "created_at": now,
        "updated_at": now,
    }


def _fact_row(of: Book, contact_id: int, draft: Draft, tags: Mapping[str, Label], now: float) -> dict[str, Any]:
    has = (Has.PHONE if draft.phones else 0) | (Has.EMAIL if draft.emails else 0) | (Has.NO_SMS if draft.no_sms else 0)
    row: dict[str, Any] = dict.fromkeys(_SLOTS)
    row.update(
        id=contact_id,
        has=int(has),
        language=fold(draft.language) or None,
        zone=fold(draft.zone) or None,
        country=fold(region_of(draft.phones[0].value) or "") or None if draft.phones else None,
        created=day_number(datetime.fromtimestamp(now, UTC).date()),
        tags=numbered(tags[fold(name)].number for name in draft.tags),
        consents=None,
        kinds=None,
    )
    return row | slots(of, "", draft.attributes)


def slots(of: Book, kind: str, values: Values) -> dict[str, str | float]:
    """Values as filters compare them, by the slots of their attributes."""
    found: dict[str, str | float] = {}
    for key, value in values.items():
        attribute = of.attributes.get((kind, key))
        if attribute is not None and attribute.slot is not None:
            found[attribute.slot] = fact(attribute, value)
    return found


def numbered(labels: Iterable[int]) -> str | None:
    """Numbers of labels as a fact; a label of number 3 is in it where " 3 " is."""
    written = " ".join(map(str, sorted(labels)))
    return f" {written} " if written else None


def _point_rows(of: Book, contact_id: int, draft: Draft) -> Iterable[dict[str, Any]]:
    for kind, points in ((PointKind.PHONE, draft.phones), (PointKind.EMAIL, draft.emails)):
        for place, point in enumerate(points):
            yield {
                "book_id": of.id,
                "kind": kind.value,
                "value": fold_email(point.value) if kind is PointKind.EMAIL else point.value,
                "contact_id": contact_id,
                "place": place,
                "written": point.value,
                "label": point.label,
            }


@dataclass(frozen=True, slots=True)
class Removal:
    """Contacts of one organisation that are to be removed."""

    org_id: str
    contacts: Sequence[int]
    now: float


def remove(connection: Connection, items: Sequence[Removal]) -> list[int]:
    """Work: remove contacts with all that belongs to them; how many there were. What waits for them does not leave."""
    return [_remove(connection, item) for item in items]


def _remove(connection: Connection, item: Removal) -> int:
    there = sorted(existing(connection, made_book(connection, item.org_id), item.contacts))
    for some in chunks(there):
        for table in (contact_points, contact_objects, consents, group_members):
            connection.execute(delete(table).where(table.c.contact_id.in_(some)))
        for table in (contact_facts, contacts):
            connection.execute(delete(table).where(table.c.id.in_(some)))
        link_sql.forget_contacts(connection, some)
    if there:
        under_way = stopping_sql.under_way(connection, item.org_id)
        stopping_sql.stop(connection, under_way, there, Skip.GONE, item.now)
    return len(there)


def existing(connection: Connection, of: Book, ids: Sequence[int]) -> frozenset[int]:
    """Those of the ids that are contacts of a book."""
    found: set[int] = set()
    for some in chunks([each for each in ids if of.first_id < each <= of.last_id]):
        found.update(connection.execute(select(contacts.c.id).where(contacts.c.id.in_(some))).scalars())
    return frozenset(found)


# --- one contact, or some ------------------------------------------------------------------------------------------


def find(connection: Connection, org_id: str, contact_id: int) -> Contact | None:
    """A contact of an organisation's, with all that belongs to it."""
    of = book(connection, org_id)
    found = load(connection, of, [contact_id]) if of is not None else []
    return found[0] if found else None


def load(connection: Connection, of: Book, ids: Sequence[int]) -> list[Contact]:
    """Contacts of a book, in the order of their ids."""
    mine = sorted({each for each in ids if of.first_id < each <= of.last_id})
    return [contact for some in chunks(mine) for contact in _load(connection, of, some)]


def _load(connection: Connection, of: Book, ids: Sequence[int]) -> list[Contact]:
    query = (
        select(contacts, contact_facts.c.tags)
        .join(contact_facts, contact_facts.c.id == contacts.c.id)
        .where(contacts.c.id.in_(ids))
        .order_by(contacts.c.id)
    )
    rows = connection.execute(query).all()
    points = _points(connection, ids)
    agreed, linked = _consents(connection, of, ids), objects_of(connection, of, ids)
    stopped = optout_sql.stopped(connection, {(of.org_id, row.phone) for row in rows if row.phone})
    names = label_names(of, LabelSort.TAG)
    return [
        Contact(
            row.id,
            row.name,
            row.first_name,
            tuple(points.get((row.id, PointKind.PHONE), ())),
            tuple(points.get((row.id, PointKind.EMAIL), ())),
            row.language,
            row.zone,
            row.no_sms,
            (of.org_id, row.phone) in stopped,
            values_of(row.attributes, of),
            tags_of(row.tags, names),
            tuple(agreed.get(row.id, ())),
            tuple(linked.get(row.id, ())),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]


def _points(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, str], list[Point]]:
    found: dict[tuple[int, str], list[Point]] = {}
    query = select(contact_points).where(contact_points.c.contact_id.in_(ids)).order_by(contact_points.c.place)
    for row in connection.execute(query):
        found.setdefault((row.contact_id, PointKind(row.kind)), []).append(Point(row.written, row.label))
    return found


def _consents(connection: Connection, of: Book, ids: Sequence[int]) -> dict[int, list[Consent]]:
    names = label_names(of, LabelSort.CONSENT)
    found: dict[int, list[Consent]] = {}
    query = select(consents).where(consents.c.contact_id.in_(ids)).order_by(consents.c.n.desc())
    for row in connection.execute(query):
        found.setdefault(row.contact_id, []).append(
            Consent(
                names.get(row.purpose, ""),
                row.given_at,
                row.how,
                row.wording,
                row.ended_at,
                row.ended_how,
                row.n,
            )
        )
    return found


def objects_of(
    connection: Connection, of: Book, ids: Sequence[int], kinds: frozenset[str] | None = None
) -> dict[int, list[LinkedObject]]:
    """The linked objects of contacts, of some kinds or of all, the latest first."""
    names = {number: name for number, name in label_names(of, LabelSort.KIND).items() if not kinds or name in kinds}
    found: dict[int, list[LinkedObject]] = {}
    if not names or (kinds is not None and not kinds):
        return found
    query = (
        select(contact_objects)
        .where(contact_objects.c.contact_id.in_(ids), contact_objects.c.kind.in_(names))
        .order_by(contact_objects.c.n.desc())
    )
    for row in connection.execute(query):
        kind = names[row.kind]
        found.setdefault(row.contact_id, []).append(LinkedObject(kind, values_of(row.fields, of, kind), row.ref, row.n))
    return found


def label_names(of: Book, sort: LabelSort) -> dict[int, str]:
    """The names of labels by their numbers."""
    return {label.number: label.name for (each, _), label in of.labels.items() if each is sort}


def tags_of(written: str | None, names: Mapping[int, str]) -> tuple[str, ...]:
    """The names of tags that stand as a fact."""
    numbers_there = map(int, written.split()) if written else ()
    return tuple(sorted(names[number] for number in numbers_there if number in names))


def values_of(written: str, of: Book, kind: str = "") -> Values:
    """Values of attributes that are still defined."""
    values: Values = orjson.loads(written) if written else {}
    return {key: value for key, value in values.items() if (kind, key) in of.attributes}


def written(of: Book, kind: str, values: Values) -> str:
    """Values as they are kept; without those of attributes that were removed since they were read."""
    kept = {key: value for key, value in values.items() if (kind, key) in of.attributes}
    return orjson.dumps(kept).decode() if kept else ""


def chunks(ids: Sequence[Id], size: int = _AT_ONCE) -> Iterable[Sequence[Id]]:
    """Ids, as many at a time as one statement names."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
