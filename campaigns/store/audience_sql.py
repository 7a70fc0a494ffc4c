"""SQL of audiences: who is meant, counted, page by page in the order of their ids, and why somebody is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

import orjson
from sqlalchemy import ColumnElement, Connection, Executable, and_, false, func, or_, select, true

from campaigns.filters.reading import read
from campaigns.filters.tree import Mark
from campaigns.model import Audience, Book, Group, LabelSort, Recipient
from campaigns.store.book_sql import book, book_or_blank
from campaigns.store.contact_sql import label_names, objects_of
from campaigns.store.filter_sql import Asked, Behaviour, Look, condition, gather, group_condition, of_book
from campaigns.store.schema import contact_facts, contacts
from campaigns.values import own_name
from gateway.registry.errors import NotFound
from gateway.store import optout_sql
from gateway.store.prepared import Prepared, among_numbers, values_of
from gateway.translation import sentence

Behaviours: TypeAlias = Mapping[Mark, Behaviour]
NO_BEHAVIOURS: Behaviours = {}
_MANY = 10_000


@dataclass(frozen=True, slots=True)
class Meant:
    """An audience, and what it takes to ask for it."""

    org_id: str
    audience: Audience
    today: date
    """Where the organisation is; filters say 'today'."""
    behaviours: Behaviours = field(default_factory=lambda: NO_BEHAVIOURS)
    kinds: frozenset[str] | None = None
    """Kinds of linked objects whose latest is wanted for macros; None for all of them."""


def count(connection: Connection, meant: Meant) -> int:
    """How many are meant. Raises BadFilter, and NotFound for a group that is gone, before the first contact too."""
    of = book_or_blank(connection, meant.org_id)
    asked = who(of, meant, gather(connection))
    query = select(func.count()).select_from(contact_facts).where(of_book(of), asked)
    return int(connection.execute(query).scalar_one())


def look(connection: Connection, meant: Meant, size: int) -> tuple[int, list[Recipient]]:
    """How many are meant, and the first of them. Raises BadFilter, and NotFound for a group that is gone."""
    found = count(connection, meant)
    of = book(connection, meant.org_id)
    if not found or of is None:
        return found, []
    # Few are found sooner where what is asked for is gathered; many are met at once.
    asked = who(of, meant, Look.EACH if found > _MANY else gather(connection))
    query = select(contact_facts.c.id).where(of_book(of), asked).order_by(contact_facts.c.id).limit(size)
    return found, recipients(connection, of, list(connection.execute(query).scalars()), frozenset())


def page(connection: Connection, meant: Meant, after: int, size: int) -> list[Recipient]:
    """Up to `size` of those who are meant, in the order of their ids, after one of them; 0 to begin.

    Raises BadFilter, and NotFound for a group that is gone.
    """
    of = book(connection, meant.org_id)
    return [] if of is None else recipients(connection, of, _ids(connection, of, meant, after, size), meant.kinds)


def ids(connection: Connection, meant: Meant, after: int, size: int) -> list[int]:
    """The same, their ids alone."""
    of = book(connection, meant.org_id)
    return [] if of is None else _ids(connection, of, meant, after, size)


def _ids(connection: Connection, of: Book, meant: Meant, after: int, size: int) -> list[int]:
    query = (
        select(contact_facts.c.id)
        .where(contact_facts.c.id.between(max(of.first_id, after) + 1, of.last_id), who(of, meant, Look.EACH))
        .order_by(contact_facts.c.id)
        .limit(size)
    )
    return list(connection.execute(query).scalars())


def includes(connection: Connection, meant: Meant, contact_id: int) -> bool:
    """Whether a contact is meant."""
    of = book(connection, meant.org_id)
    if of is None:
        return False
    return _holds(connection, of, contact_id, who(of, meant, Look.EACH))


@dataclass(frozen=True, slots=True)
class Reason:
    """What brings a contact into an audience, or keeps it out."""

    by_itself: bool
    """Named as a single contact."""
    groups: tuple[Group, ...]
    """Those of the audience that it belongs to."""
    by_filter: bool
    left_out_by: tuple[Group, ...]
    """Groups that are left out and that it belongs to."""

    @property
    def meant(self) -> bool:
        """Whether it is of the audience."""
        return bool(self.by_itself or self.groups or self.by_filter) and not self.left_out_by


def why(connection: Connection, meant: Meant, contact_id: int) -> Reason | None:
    """Why a contact is in an audience or not; None where it is no contact of the organisation's."""
    of = book(connection, meant.org_id)
    if of is None or not _holds(connection, of, contact_id, true()):
        return None
    asked = _asked(of, meant, Look.EACH)
    audience = meant.audience

    def belongs(ids: Sequence[str]) -> tuple[Group, ...]:
        return tuple(
            group
            for group in _groups(of, ids)
            if _holds(connection, of, contact_id, group_condition(group, asked.anew()))
        )

    by_filter = audience.filter is not None and _holds(
        connection, of, contact_id, condition(read(audience.filter), asked.anew())
    )
    return Reason(contact_id in audience.contacts, belongs(audience.groups), by_filter, belongs(audience.without))


def _holds(connection: Connection, of: Book, contact_id: int, asked: ColumnElement[bool]) -> bool:
    query = select(contact_facts.c.id).where(of_book(of), contact_facts.c.id == contact_id, asked)
    return connection.execute(query).first() is not None


def who(of: Book, meant: Meant, look: Look) -> ColumnElement[bool]:
    """The condition that all of an audience meet. Raises BadFilter, and NotFound for a group that is gone."""
    asked = _asked(of, meant, look)
    audience = meant.audience
    parts: list[ColumnElement[bool]] = [group_condition(group, asked) for group in _groups(of, audience.groups)]
    if audience.filter is not None:
        parts.append(condition(read(audience.filter), asked))
    if audience.contacts:
        parts.append(contact_facts.c.id.in_(audience.contacts))
    left_out = [group_condition(group, asked, wanted=False) for group in _groups(of, audience.without)]
    return and_(or_(*parts) if parts else false(), *left_out)


def _asked(of: Book, meant: Meant, look: Look) -> Asked:
    return Asked(of, meant.today, look, meant.behaviours)


def _groups(of: Book, ids: Sequence[str]) -> list[Group]:
    there = {group.id: group for group in of.groups.values()}
    missing = next((each for each in ids if each not in there), None)
    if missing is not None:
        raise NotFound(sentence("a group of the audience is gone: choose the groups again"))
    return [there[each] for each in ids]


# --- what it takes to write to them --------------------------------------------------------------------------------

_COLUMNS = (
    contacts.c.id,
    contacts.c.name,
    contacts.c.first_name,
    contacts.c.phone,
    contacts.c.email,
    contacts.c.language,
    contacts.c.zone,
    contacts.c.no_sms,
    contacts.c.attributes,
    contact_facts.c.country,
    contact_facts.c.consents,
)


def _recipients(dialect: str) -> Executable:
    return (
        select(*_COLUMNS)
        .join(contact_facts, contact_facts.c.id == contacts.c.id)
        .where(among_numbers(dialect, contacts.c.id, "ids"))
        .order_by(contacts.c.id)
    )


_RECIPIENTS = Prepared(_recipients)


def recipients(
    connection: Connection, of: Book, ids: Sequence[int], kinds: frozenset[str] | None = None
) -> list[Recipient]:
    """Contacts of a book as recipients, in the order of their ids."""
    if not ids:
        return []
    rows = _RECIPIENTS.rows(connection, {"ids": values_of(connection, ids)})
    stopped = optout_sql.stopped(connection, {(of.org_id, row.phone) for row in rows if row.phone})
    linked = objects_of(connection, of, ids, kinds)
    agreed = {label.number: folded for (sort, folded), label in of.labels.items() if sort is LabelSort.CONSENT}
    every = [each.key for each in of.own()]
    of_kinds = {
        name: [each.key for each in of.own(name)]
        for name in label_names(of, LabelSort.KIND).values()
        if kinds is None or name in kinds
    }
    found = []
    for row in rows:
        fields = _fields(row, every)
        if of_kinds:
            objects = {each.kind: each.fields for each in reversed(linked.get(row.id, ()))}
            for kind, keys in of_kinds.items():
                fields[kind] = {key: objects.get(kind, {}).get(key) for key in keys}
        found.append(
            Recipient(
                row.id,
                row.name,
                row.phone,
                row.email,
                row.language,
                row.zone,
                (row.country or "").upper(),
                bool(row.no_sms),
                bool(stopped) and (of.org_id, row.phone) in stopped,
                _agreed(row.consents, agreed) if row.consents else _NOTHING,
                fields,
            )
        )
    return found


def some(
    connection: Connection, org_id: str, contact_ids: Sequence[int], kinds: frozenset[str] | None = None
) -> list[Recipient]:
    """Contacts of an organisation as recipients, whoever is meant; those that are not there are left out."""
    of = book(connection, org_id)
    if of is None:
        return []
    return recipients(connection, of, [each for each in contact_ids if of.first_id < each <= of.last_id], kinds)


_NOTHING: Final[frozenset[str]] = frozenset()


def _agreed(consents: str, names: Mapping[int, str]) -> frozenset[str]:
    return frozenset(names[number] for number in map(int, consents.split()) if number in names)


def _fields(row: Any, every: Sequence[str]) -> dict[str, object]:
    values = orjson.loads(row.attributes) if row.attributes else {}
    name = own_name(row.name)
    return {
        **{key: values.get(key) for key in every},
        "name": name,
        "first_name": row.first_name or name.partition(" ")[0],
        "phone": row.phone,
        "email": row.email,
        "language": row.language,
    }
