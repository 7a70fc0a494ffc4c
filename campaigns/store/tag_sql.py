"""SQL of tags: put on many contacts at once, and taken off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, select, update

from campaigns.model import Book, Label, LabelSort
from campaigns.store.book_sql import labelled, made_book
from campaigns.store.contact_sql import chunks, existing, numbered
from campaigns.store.schema import contact_facts, contacts
from campaigns.values import fold


@dataclass(frozen=True, slots=True)
class Tagging:
    """Contacts that are to have a tag from now on, or no more."""

    org_id: str
    contacts: Sequence[int]
    tag: str
    now: float
    most: int
    """Tags that a contact may have: one that has so many gets no more."""
    ends: bool = False


def tag(connection: Connection, items: Sequence[Tagging]) -> list[int]:
    """Work: put tags on contacts, or take them off; for each how many contacts it changed."""
    return [_tag(connection, item) for item in items]


def _tag(connection: Connection, item: Tagging) -> int:
    of = made_book(connection, item.org_id)
    there = sorted(existing(connection, of, item.contacts))
    label = _label(connection, of, item) if there else None
    if label is None:
        return 0
    changed = 0
    for ids in chunks(there):
        query = select(contact_facts.c.id, contact_facts.c.tags).where(contact_facts.c.id.in_(ids))
        worn = {row.id: frozenset(map(int, (row.tags or "").split())) for row in connection.execute(query)}
        wanted = {each: _with(tags, label.number, item) for each, tags in worn.items()}
        changed += _write(connection, {each: tags for each, tags in wanted.items() if tags != worn[each]}, item.now)
    return changed


def _label(connection: Connection, of: Book, item: Tagging) -> Label | None:
    if item.ends:
        return of.labels.get((LabelSort.TAG, fold(item.tag)))
    return labelled(connection, of, LabelSort.TAG, [item.tag])[fold(item.tag)]


def _with(tags: frozenset[int], number: int, item: Tagging) -> frozenset[int]:
    if item.ends:
        return tags - {number}
    return tags | {number} if len(tags) < item.most else tags


def _write(connection: Connection, wanted: Mapping[int, frozenset[int]], now: float) -> int:
    """Contacts that wear the same are written together."""
    by_tags = sorted((numbered(tags) or "", each) for each, tags in wanted.items())
    for written, group in groupby(by_tags, key=lambda pair: pair[0]):
        ids = [each for _, each in group]
        connection.execute(update(contact_facts).where(contact_facts.c.id.in_(ids)).values(tags=written or None))
        connection.execute(update(contacts).where(contacts.c.id.in_(ids)).values(updated_at=now))
    return len(by_tags)
