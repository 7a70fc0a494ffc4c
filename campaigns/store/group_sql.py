"""SQL of groups: made, changed, counted, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from campaigns.filters.mentions import renamed
from campaigns.model import Book, Group
from campaigns.store.audience_sql import Behaviours
from campaigns.store.book_sql import made_book
from campaigns.store.contact_sql import chunks, existing
from campaigns.store.filter_sql import Asked, Look, group_condition, of_book
from campaigns.store.schema import contact_facts, contact_groups, group_members
from campaigns.values import fold
from gateway.store.prepared import insert_new

_NEW_MEMBERS = insert_new(group_members, ["group_id", "contact_id", "added_at"])


def save(connection: Connection, items: Sequence[Group]) -> list[bool]:
    """Work: make groups, or change their names and filters; False where the organisation has another of that name."""
    return [_save(connection, group) for group in items]


def _save(connection: Connection, group: Group) -> bool:
    of = made_book(connection, group.org_id)
    folded = fold(group.name)
    named = of.groups.get(folded)
    if named is not None and named.id != group.id:
        return False
    values = {"name": group.name, "folded": folded, "filter": group.filter, "updated_at": group.updated_at}
    there = next((each for each in of.groups.values() if each.id == group.id), None)
    if there is not None:
        connection.execute(update(contact_groups).where(contact_groups.c.id == group.id).values(values))
        _call_otherwise(connection, of, fold(there.name), group)
    else:
        connection.execute(
            insert(contact_groups).values(id=group.id, org_id=group.org_id, created_at=group.created_at, **values)
        )
    return True


def _call_otherwise(connection: Connection, of: Book, was: str, group: Group) -> None:
    """Let the filters of other groups go on asking for a group that has a new name."""
    if was == fold(group.name):
        return
    for each in of.groups.values():
        text = renamed(each.filter or "", was, group.name)
        if each.id != group.id and text != (each.filter or ""):
            changed = {"filter": text, "updated_at": group.updated_at}
            connection.execute(update(contact_groups).where(contact_groups.c.id == each.id).values(changed))


def find(connection: Connection, group_id: str) -> Group | None:
    """A group, whoever's it is."""
    row = connection.execute(select(contact_groups).where(contact_groups.c.id == group_id)).one_or_none()
    if row is None:
        return None
    return Group(row.id, row.org_id, row.name, row.filter, row.created_at, row.updated_at)


def remove(connection: Connection, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Work: remove groups, as (organisation, group); False for one that is not there."""
    return [_remove(connection, org_id, group_id) for org_id, group_id in items]


def _remove(connection: Connection, org_id: str, group_id: str) -> bool:
    mine = (contact_groups.c.id == group_id, contact_groups.c.org_id == org_id)
    if not connection.execute(delete(contact_groups).where(*mine)).rowcount:
        return False
    connection.execute(delete(group_members).where(group_members.c.group_id == group_id))
    return True


@dataclass(frozen=True, slots=True)
class Membership:
    """Contacts that are to be listed in a group from now on, or no more."""

    org_id: str
    group_id: str
    contacts: Sequence[int]
    now: float
    ends: bool = False


def change_members(connection: Connection, items: Sequence[Membership]) -> list[int]:
    """Work: list contacts in groups whose members are listed, or take them off; how many of them there are."""
    return [change_members_once(connection, item) for item in items]


def change_members_once(connection: Connection, item: Membership) -> int:
    """The same for one group, as part of a transaction that does more."""
    of = made_book(connection, item.org_id)
    there = sorted(existing(connection, of, item.contacts))
    if not any(each.id == item.group_id and not each.dynamic for each in of.groups.values()):
        return 0
    if not item.ends:
        rows = [{"group_id": item.group_id, "contact_id": each, "added_at": item.now} for each in there]
        _NEW_MEMBERS.many(connection, rows)
        return len(there)
    for some in chunks(there):
        mine = (group_members.c.group_id == item.group_id, group_members.c.contact_id.in_(some))
        connection.execute(delete(group_members).where(*mine))
    return len(there)


def groups_of(connection: Connection, asked: Asked, contact_id: int) -> list[Group]:
    """The groups that a contact belongs to; those whose filter cannot be understood any more raise BadFilter."""
    mine = (of_book(asked.book), contact_facts.c.id == contact_id)

    def belongs(who: ColumnElement[bool]) -> bool:
        return connection.execute(select(contact_facts.c.id).where(*mine, who)).first() is not None

    return [group for group in asked.book.groups.values() if belongs(group_condition(group, asked.anew()))]


def try_condition(group: Group, of: Book, today: date, behaviours: Behaviours) -> None:
    """Make sure that a group can be asked. Raises BadFilter where it asks for itself, or for what is not there."""
    group_condition(group, Asked(of, today, Look.EACH, behaviours=behaviours))
