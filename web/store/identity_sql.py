"""SQL of people at OpenID Connect providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from gateway.store.dialect import insert
from web.store.schema import identities


@dataclass(frozen=True, slots=True)
class Known:
    """Who a person is at a provider."""

    issuer: str
    subject: str
    person_id: str
    since: float


def person_id(connection: Connection, issuer: str, subject: str) -> str | None:
    """Whose identity it is."""
    row = connection.execute(
        select(identities.c.person_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    ).first()
    return None if row is None else str(row.person_id)


def put(connection: Connection, items: Sequence[Known]) -> list[None]:
    """Remember identities; one that is somebody's already stays theirs."""
    for item in items:
        row = insert(connection, identities).values(
            issuer=item.issuer, subject=item.subject, person_id=item.person_id, since=item.since
        )
        connection.execute(row.on_conflict_do_nothing())
    return [None] * len(items)
