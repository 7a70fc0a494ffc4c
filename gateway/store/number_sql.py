"""SQL of the number pool: which numbers are taken, drawing a free one, quarantine.

A number without a row is free; so is one whose quarantine is over. A row with neither account nor end is taken.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from gateway.numbers import NumberRange
from gateway.registry.listings import NumberListing, NumberState, PoolUsage
from gateway.registry.pool import NumberPool
from gateway.store.directory_sql import begin_change
from gateway.store.schema import accounts, numbers

_SINGLES = 500
"""Single numbers asked about at once."""


def draw(connection: Connection, pool: NumberPool, former: Collection[str], now: float) -> tuple[str, str] | None:
    """A free number at random with its provider, not one of the `former` unless nothing else is left; None: drained."""
    last_resort: list[tuple[str, str]] = []
    for batch in pool.candidates():
        taken = connection.execute(select(numbers.c.number).where(numbers.c.number.in_(batch), _taken(now))).scalars()
        free = batch.keys() - set(taken)
        fresh = sorted(free.difference(former))
        if fresh:
            number = secrets.choice(fresh)
            return number, batch[number]
        last_resort += [(number, batch[number]) for number in free]
    return secrets.choice(last_resort) if last_resort else None


def take(connection: Connection, number: str, provider: str, account_id: str, now: float) -> None:
    """Give a number that was drawn to an account. A number that is taken after all violates the primary key."""
    connection.execute(delete(numbers).where(numbers.c.number == number, ~_taken(now)))
    connection.execute(insert(numbers).values(number=number, provider=provider, account_id=account_id, taken_at=now))


def quarantine(connection: Connection, number: str, free_after: float) -> None:
    """Take a number from its account and let it rest."""
    connection.execute(update(numbers).where(numbers.c.number == number).values(account_id=None, free_after=free_after))


def release_number(connection: Connection, items: Sequence[str]) -> list[bool]:
    """End the quarantine of numbers; False for a number that is not in quarantine."""
    begin_change(connection)
    return [
        bool(
            connection.execute(
                delete(numbers).where(numbers.c.number == number, numbers.c.account_id.is_(None))
            ).rowcount
        )
        for number in items
    ]


def list_numbers(connection: Connection, state: NumberState | None, now: float) -> list[NumberListing]:
    """Numbers that cannot be drawn, ascending."""
    query = (
        select(numbers, accounts.c.email)
        .outerjoin(accounts, accounts.c.id == numbers.c.account_id)
        .where(_taken(now))
        .order_by(numbers.c.number)
    )
    if state is not None:
        in_use = numbers.c.account_id.is_not(None)
        query = query.where(in_use if state is NumberState.IN_USE else ~in_use)
    return [_to_listing(row) for row in connection.execute(query)]


def pool_usage(connection: Connection, pool: NumberPool, now: float) -> list[PoolUsage]:
    """How full each provider's numbers are, in the order of the configuration."""
    usages = []
    for provider in dict.fromkeys(name for name, _ in pool.ranges):
        ranges = [numbers for name, numbers in pool.ranges if name == provider]
        in_use = quarantined = 0
        for condition in _within(ranges):
            row = connection.execute(
                select(func.count(), func.count(numbers.c.account_id)).where(condition, _taken(now))
            ).one()
            in_use += row[1]
            quarantined += row[0] - row[1]
        usages.append(PoolUsage(provider, sum(each.size for each in ranges), in_use, quarantined))
    return usages


def _within(ranges: Sequence[NumberRange]) -> list[ColumnElement[bool]]:
    """Conditions that each hold some of the ranges, and together all of them once."""
    singles = [each.first for each in ranges if each.size == 1]
    chunks = [singles[start : start + _SINGLES] for start in range(0, len(singles), _SINGLES)]
    spans = [
        # Equal length makes the order of the texts the order of the numbers.
        and_(numbers.c.number.between(each.first, each.last), func.length(numbers.c.number) == len(each.first))
        for each in ranges
        if each.size > 1
    ]
    return [*(numbers.c.number.in_(chunk) for chunk in chunks), *spans]


def _taken(now: float) -> ColumnElement[bool]:
    return or_(numbers.c.account_id.is_not(None), numbers.c.free_after.is_(None), numbers.c.free_after > now)


def _to_listing(row: Any) -> NumberListing:
    state = NumberState.QUARANTINED if row.account_id is None else NumberState.IN_USE
    return NumberListing(row.number, row.provider, state, row.taken_at, row.free_after, row.account_id, row.email)
