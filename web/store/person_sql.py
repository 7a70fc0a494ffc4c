"""SQL of people. Changes are work functions: (connection, items) -> results.

Every change that could take away an organisation's last owner begins with `_wait_in_line`, whose row lock makes changes
of all processes wait for each other: what a change reads stays true until it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from gateway.store.dialect import insert as insert_or
from gateway.store.schema import revisions
from web.identity.model import Credentials, Person
from web.identity.roles import Role
from web.store.link_sql import use as use_link
from web.store.schema import links, people, sessions


class Obstacle(Enum):
    """Why a change was not made."""

    NO_PERSON = auto()
    EXISTS = auto()
    LAST = auto()
    DEAD_LINK = auto()


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to be put in; `link` is the digest of the one-time link that is used up by it, if there is one."""

    person: Person
    folded: str
    password: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Columns of a person to be set; `link` as above."""

    person_id: str
    values: Mapping[str, Any]
    now: float
    link: str | None = None


def any_person(connection: Connection) -> bool:
    """Whether there is anybody at all."""
    return connection.execute(select(people.c.id).limit(1)).first() is not None


def person(connection: Connection, person_id: str) -> Person | None:
    """A person by their id."""
    row = connection.execute(select(people).where(people.c.id == person_id)).first()
    return None if row is None else to_person(row)


def credentials_at(connection: Connection, folded: str) -> Credentials | None:
    """What the person with this address, folded, proves themselves by."""
    return _credentials(connection, people.c.email_folded == folded)


def credentials_of(connection: Connection, person_id: str) -> Credentials | None:
    """The same by the person's id."""
    return _credentials(connection, people.c.id == person_id)


def _credentials(connection: Connection, which: ColumnElement[bool]) -> Credentials | None:
    row = connection.execute(select(people).where(which)).first()
    return None if row is None else Credentials(to_person(row), row.password, row.totp, row.totp_step)


def list_people(connection: Connection, org_id: str | None) -> list[Person]:
    """The people of an organisation, or those of none: operators; by address."""
    query = select(people).where(people.c.org_id.is_(None) if org_id is None else people.c.org_id == org_id)
    return [to_person(row) for row in connection.execute(query.order_by(people.c.email_folded))]


def put(connection: Connection, items: Sequence[NewPerson]) -> list[Person | Obstacle]:
    """Insert people, each with the link that lets them in used up by the same commit."""
    _wait_in_line(connection)
    return [_put(connection, item) for item in items]


def _put(connection: Connection, item: NewPerson) -> Person | Obstacle:
    if connection.execute(select(people.c.id).where(people.c.email_folded == item.folded)).first() is not None:
        return Obstacle.EXISTS
    if item.link is not None and not use_link(connection, item.link, item.person.created_at):
        return Obstacle.DEAD_LINK
    connection.execute(
        insert(people).values(
            id=item.person.id,
            org_id=item.person.org_id,
            email=item.person.email,
            email_folded=item.folded,
            name=item.person.name,
            role=item.person.role,
            password=item.password,
            language=item.person.language,
            timezone=item.person.timezone,
            created_at=item.person.created_at,
        )
    )
    return person(connection, item.person.id) or Obstacle.NO_PERSON


def change(connection: Connection, items: Sequence[Edit]) -> list[Person | Obstacle]:
    """Edit people. Who is disabled loses sessions and links."""
    _wait_in_line(connection)
    return [_change(connection, edit) for edit in items]


def _change(connection: Connection, edit: Edit) -> Person | Obstacle:
    row = connection.execute(select(people).where(people.c.id == edit.person_id)).first()
    if row is None:
        return Obstacle.NO_PERSON
    if _leaves(row, edit.values) and not _has_equal(connection, row):
        return Obstacle.LAST
    if edit.link is not None and not use_link(connection, edit.link, edit.now):
        return Obstacle.DEAD_LINK
    connection.execute(update(people).where(people.c.id == row.id).values(**edit.values))
    if edit.values.get("disabled_at") is not None:
        connection.execute(delete(sessions).where(sessions.c.person_id == row.id))
        connection.execute(delete(links).where(links.c.person_id == row.id, links.c.used_at.is_(None)))
    return person(connection, row.id) or Obstacle.NO_PERSON


def keep_password(connection: Connection, items: Sequence[tuple[str, str, str]]) -> list[None]:
    """Replace hashes by newer ones of the same passwords: (person id, old, new), where the old one still stands."""
    for person_id, old, new in items:
        connection.execute(
            update(people).where(people.c.id == person_id, people.c.password == old).values(password=new)
        )
    return [None] * len(items)


def to_person(row: Row[Any]) -> Person:
    """A row of `people` as a record."""
    return Person(
        id=row.id,
        org_id=row.org_id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        language=row.language,
        timezone=row.timezone,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        has_password=bool(row.password),
        has_second_factor=bool(row.totp),
    )


def _leaves(row: Row[Any], values: Mapping[str, Any]) -> bool:
    """Whether somebody whose kind must not die out goes."""
    if row.role not in {Role.OWNER, Role.OPERATOR} or row.disabled_at is not None:
        return False
    return values.get("role", row.role) != row.role or values.get("disabled_at") is not None


def _has_equal(connection: Connection, row: Row[Any]) -> bool:
    same_place = people.c.org_id.is_(None) if row.org_id is None else people.c.org_id == row.org_id
    others = select(people.c.id).where(
        same_place, people.c.role == row.role, people.c.disabled_at.is_(None), people.c.id != row.id
    )
    return connection.execute(others.limit(1)).first() is not None


def _wait_in_line(connection: Connection) -> None:
    row = insert_or(connection, revisions).values(name="people", value=1)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": revisions.c.value + 1}))
