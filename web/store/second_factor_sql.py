"""SQL of second factors and recovery codes. Changes are work functions: (connection, items) -> results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from web.store.schema import people, recovery_codes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor to be kept; the step of its first code is used up."""

    person_id: str
    sealed: str = field(repr=False)
    step: int
    digests: Sequence[str]


def enrol(connection: Connection, items: Sequence[Enrolment]) -> list[None]:
    """Keep second factors with their recovery codes."""
    for item in items:
        connection.execute(
            update(people).where(people.c.id == item.person_id).values(totp=item.sealed, totp_step=item.step)
        )
        put_codes(connection, [(item.person_id, item.digests)])
    return [None] * len(items)


def remove(connection: Connection, items: Sequence[str]) -> list[None]:
    """Take second factors off, by person."""
    for person_id in items:
        connection.execute(update(people).where(people.c.id == person_id).values(totp="", totp_step=0))
        put_codes(connection, [(person_id, ())])
    return [None] * len(items)


def put_codes(connection: Connection, items: Sequence[tuple[str, Sequence[str]]]) -> list[None]:
    """Replace recovery codes: (person id, digests)."""
    for person_id, digests in items:
        connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
        if digests:
            rows = [{"person_id": person_id, "digest": digest} for digest in digests]
            connection.execute(insert(recovery_codes), rows)
    return [None] * len(items)


def count_codes(connection: Connection, person_id: str) -> int:
    """How many recovery codes a person has left."""
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.person_id == person_id)
    return connection.execute(query).scalar_one()


def use_step(connection: Connection, items: Sequence[tuple[str, int]]) -> list[bool]:
    """Use time steps up: (person id, step); False for one that is not later than all that were used."""
    return [
        connection.execute(
            update(people).where(people.c.id == person_id, people.c.totp_step < step).values(totp_step=step)
        ).rowcount
        == 1
        for person_id, step in items
    ]


def use_code(connection: Connection, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Use recovery codes up: (person id, digest); False for one that is not there."""
    return [
        connection.execute(
            delete(recovery_codes).where(recovery_codes.c.person_id == person_id, recovery_codes.c.digest == digest)
        ).rowcount
        == 1
        for person_id, digest in items
    ]
