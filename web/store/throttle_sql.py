"""SQL of sign-in throttling: a leaky bucket a row, the same for all processes and after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from gateway.store.dialect import insert
from web.store.schema import sign_in_rates

_NOTHING = 0.001
"""Seconds that are no wait but what arithmetic with large times leaves."""
_KEPT_SECONDS = 3600.0
"""How long an empty bucket stays: long enough that nobody is about to fill it."""


@dataclass(frozen=True, slots=True)
class Drop:
    """One attempt under a name: `burst` at once, then one every `seconds`."""

    name: str
    burst: int
    seconds: float
    now: float


def take(connection: Connection, items: Sequence[tuple[Drop, ...]]) -> list[float]:
    """Count attempts, each under all its names, or under none where one is full; the seconds to wait, else 0."""
    oldest = min(drop.now for drops in items for drop in drops)
    connection.execute(delete(sign_in_rates).where(sign_in_rates.c.empty_at < oldest - _KEPT_SECONDS))
    _lock(connection, items)
    return [_take(connection, drops) for drops in items]


def _lock(connection: Connection, items: Sequence[tuple[Drop, ...]]) -> None:
    """Make rows of all names, in one order everywhere, so that two transactions do not wait in a ring."""
    for name, now in sorted({(drop.name, drop.now) for drops in items for drop in drops}):
        row = insert(connection, sign_in_rates).values(name=name, empty_at=now)
        connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"name": name}))


def _take(connection: Connection, drops: tuple[Drop, ...]) -> float:
    levels = [_level(connection, drop) for drop in drops]
    wait = max(level + drop.seconds - drop.burst * drop.seconds for level, drop in zip(levels, drops, strict=True))
    if wait > _NOTHING:
        return wait
    for level, drop in zip(levels, drops, strict=True):
        _fill(connection, drop.name, drop.now + level + drop.seconds)
    return 0.0


def _level(connection: Connection, drop: Drop) -> float:
    """Seconds until the bucket is empty. Where a clock has stepped back it is full, and no fuller."""
    level = connection.execute(
        select(sign_in_rates.c.empty_at - drop.now).where(sign_in_rates.c.name == drop.name)
    ).scalar_one()
    full = drop.burst * drop.seconds
    if level > full:
        _fill(connection, drop.name, drop.now + full)
    return min(max(0.0, float(level)), full)


def _fill(connection: Connection, name: str, empty_at: float) -> None:
    connection.execute(update(sign_in_rates).where(sign_in_rates.c.name == name).values(empty_at=empty_at))


def give_back(connection: Connection, items: Sequence[tuple[Drop, ...]]) -> list[None]:
    """Uncount attempts that succeeded."""
    for name, seconds in sorted((drop.name, drop.seconds) for drops in items for drop in drops):
        connection.execute(
            update(sign_in_rates)
            .where(sign_in_rates.c.name == name)
            .values(empty_at=sign_in_rates.c.empty_at - seconds)
        )
    return [None] * len(items)
