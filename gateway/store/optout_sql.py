"""SQL of the suppression list."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Executable, select, update

from gateway.store.dialect import insert
from gateway.store.prepared import Prepared, among, values_of
from gateway.store.schema import optouts


def _stopped(dialect: str) -> Executable:
    return select(optouts.c.org_id, optouts.c.phone).where(
        among(dialect, optouts.c.org_id, "organisations"),
        among(dialect, optouts.c.phone, "phones"),
        optouts.c.ended_at.is_(None),
    )


_STOPPED = Prepared(_stopped)


def stopped(connection: Connection, pairs: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Those of the (organisation, phone) that are on the list now."""
    if not pairs:
        return frozenset()
    wanted = {
        "organisations": values_of(connection, sorted({org_id for org_id, _ in pairs})),
        "phones": values_of(connection, sorted({phone for _, phone in pairs})),
    }
    return frozenset((row.org_id, row.phone) for row in _STOPPED.rows(connection, wanted)).intersection(pairs)


def opt_out(connection: Connection, org_id: str, phone: str, word: str, now: float) -> None:
    """Put a phone on the list; the first STOP's time stays while it lasts."""
    fresh = {"since": now, "word": word, "ended_at": None}
    connection.execute(
        insert(connection, optouts)
        .values(org_id=org_id, phone=phone, **fresh)
        .on_conflict_do_update(index_elements=["org_id", "phone"], set_=fresh, where=optouts.c.ended_at.is_not(None))
    )


def opt_out_all(connection: Connection, words: Mapping[tuple[str, str], str], now: float) -> None:
    """Put (organisation, phone) on the list, each with its word."""
    # In one order everywhere, so that two transactions with the same phones do not wait in a ring.
    for (org_id, phone), word in sorted(words.items()):
        opt_out(connection, org_id, phone, word, now)


def opt_in(connection: Connection, org_id: str, phone: str, now: float) -> None:
    """Take a phone off the list."""
    connection.execute(
        update(optouts)
        .where(optouts.c.org_id == org_id, optouts.c.phone == phone, optouts.c.ended_at.is_(None))
        .values(ended_at=now)
    )
