"""SQL of the suppression list."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from gateway.store.dialect import insert
from gateway.store.schema import optouts


def opted_out(connection: Connection, org_id: str, phones: Sequence[str]) -> frozenset[str]:
    """Those of the phones that are on the organisation's list now."""
    rows = connection.execute(
        select(optouts.c.phone).where(
            optouts.c.org_id == org_id, optouts.c.phone.in_(phones), optouts.c.ended_at.is_(None)
        )
    )
    return frozenset(rows.scalars())


def opt_out(connection: Connection, org_id: str, phone: str, word: str, now: float) -> None:
    """Put a phone on the list; the first STOP's time stays while it lasts."""
    fresh = {"since": now, "word": word, "ended_at": None}
    connection.execute(
        insert(connection, optouts)
        .values(org_id=org_id, phone=phone, **fresh)
        .on_conflict_do_update(index_elements=["org_id", "phone"], set_=fresh, where=optouts.c.ended_at.is_not(None))
    )


def opt_in(connection: Connection, org_id: str, phone: str, now: float) -> None:
    """Take a phone off the list."""
    connection.execute(
        update(optouts)
        .where(optouts.c.org_id == org_id, optouts.c.phone == phone, optouts.c.ended_at.is_(None))
        .values(ended_at=now)
    )
