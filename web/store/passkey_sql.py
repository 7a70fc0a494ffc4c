"""SQL of passkeys. Changes are work functions: (connection, items) -> results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from gateway.store.dialect import insert
from web.identity.model import Passkey
from web.store.schema import passkeys


def find(connection: Connection, passkey_id: str) -> Passkey | None:
    """A passkey by its credential's id."""
    row = connection.execute(select(passkeys).where(passkeys.c.id == passkey_id)).first()
    return None if row is None else _to_passkey(row)


def list_passkeys(connection: Connection, person_id: str) -> list[Passkey]:
    """A person's passkeys, the oldest first."""
    query = select(passkeys).where(passkeys.c.person_id == person_id).order_by(passkeys.c.created_at, passkeys.c.id)
    return [_to_passkey(row) for row in connection.execute(query)]


def put(connection: Connection, items: Sequence[Passkey]) -> list[bool]:
    """Insert passkeys; False for one whose id is there already."""
    return [
        connection.execute(
            insert(connection, passkeys)
            .values(
                id=each.id,
                person_id=each.person_id,
                public_key=each.public_key,
                sign_count=each.sign_count,
                label=each.label,
                created_at=each.created_at,
            )
            .on_conflict_do_nothing()
        ).rowcount
        == 1
        for each in items
    ]


def use(connection: Connection, items: Sequence[tuple[str, int, int, float]]) -> list[bool]:
    """Note uses: (id, count before, count now, now); False where another use was faster."""
    return [
        connection.execute(
            update(passkeys)
            .where(passkeys.c.id == passkey_id, passkeys.c.sign_count == before)
            .values(sign_count=count, used_at=now)
        ).rowcount
        == 1
        for passkey_id, before, count, now in items
    ]


def remove(connection: Connection, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Remove passkeys: (person id, id); False for one that is not theirs."""
    return [
        connection.execute(
            delete(passkeys).where(passkeys.c.person_id == person_id, passkeys.c.id == passkey_id)
        ).rowcount
        == 1
        for person_id, passkey_id in items
    ]


def remove_all(connection: Connection, items: Sequence[str]) -> list[int]:
    """Remove all passkeys of people, by the person's id; how many they were."""
    return [
        connection.execute(delete(passkeys).where(passkeys.c.person_id == person_id)).rowcount for person_id in items
    ]


def _to_passkey(row: Row[Any]) -> Passkey:
    return Passkey(
        id=row.id,
        person_id=row.person_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        label=row.label,
        created_at=row.created_at,
        used_at=row.used_at,
    )
