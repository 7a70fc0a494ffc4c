"""SQL of the suppression list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Executable, select, update

from gateway.store import event_sql
from gateway.store.dialect import insert
from gateway.store.prepared import Prepared, among, values_of
from gateway.store.schema import optouts, organisations


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
    changed = connection.execute(
        insert(connection, optouts)
        .values(org_id=org_id, phone=phone, **fresh)
        .on_conflict_do_update(index_elements=["org_id", "phone"], set_=fresh, where=optouts.c.ended_at.is_not(None))
    ).rowcount
    if changed:
        event_sql.optout_changed(connection, org_id, phone, now, ended=False)


def opt_out_all(connection: Connection, words: Mapping[tuple[str, str], str], now: float) -> None:
    """Put (organisation, phone) on the list, each with its word."""
    # In one order everywhere, so that two transactions with the same phones do not wait in a ring.
    for (org_id, phone), word in sorted(words.items()):
        opt_out(connection, org_id, phone, word, now)


def opt_in(connection: Connection, org_id: str, phone: str, now: float) -> None:
    """Take a phone off the list."""
    changed = connection.execute(
        update(optouts)
        .where(optouts.c.org_id == org_id, optouts.c.phone == phone, optouts.c.ended_at.is_(None))
        .values(ended_at=now)
    ).rowcount
    if changed:
        event_sql.optout_changed(connection, org_id, phone, now, ended=True)


@dataclass(frozen=True, slots=True)
class OptOut:
    """One phone that wants no SMS from an organisation."""

    org_id: str
    organisation: str
    phone: str
    since: float
    word: str
    """What the person wrote."""


def list_stopped(connection: Connection, org_id: str | None) -> list[OptOut]:
    """The phones on the list now, of one organisation or of all, the latest first."""
    query = (
        select(optouts, organisations.c.name)
        .join(organisations, organisations.c.id == optouts.c.org_id)
        .where(optouts.c.ended_at.is_(None))
        .order_by(optouts.c.since.desc(), optouts.c.phone)
    )
    if org_id is not None:
        query = query.where(optouts.c.org_id == org_id)
    return [OptOut(row.org_id, row.name, row.phone, row.since, row.word) for row in connection.execute(query)]


def remove(connection: Connection, items: Sequence[tuple[str, str, float]]) -> list[bool]:
    """Work: take phones off the list, as (organisation, phone, now); False for one that is not on it."""
    found = stopped(connection, {(org_id, phone) for org_id, phone, _ in items})
    for org_id, phone, now in items:
        opt_in(connection, org_id, phone, now)
    return [(org_id, phone) in found for org_id, phone, _ in items]
