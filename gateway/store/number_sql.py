"""SQL of the number pool: which numbers are taken, drawing a free one, quarantine.

A number without a row is free; so is one whose quarantine is over. A row with neither account nor end is an
organisation's. Numbers that accounts share have no rows: who has them stands with the accounts.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, union, update

from gateway.numbers import NumberRange
from gateway.registry.listings import NumberListing, NumberState, PoolUsage
from gateway.registry.pool import NumberPool
from gateway.store.directory_sql import begin_change
from gateway.store.schema import accounts, numbers, organisation_numbers

_SINGLES = 500
"""Single numbers asked about at once."""


def draw(connection: Connection, pool: NumberPool, former: Collection[str], now: float) -> tuple[str, str] | None:
    """A free number at random with its provider, not one of the `former` unless nothing else is left; None: drained."""
    last_resort: list[tuple[str, str]] = []
    for batch in pool.candidates():
        free = batch.keys() - _not_free(connection, batch, now)
        fresh = sorted(free.difference(former))
        if fresh:
            number = secrets.choice(fresh)
            return number, batch[number]
        last_resort += [(number, batch[number]) for number in free]
    return secrets.choice(last_resort) if last_resort else None


def _not_free(connection: Connection, batch: Collection[str], now: float) -> set[str]:
    """Those of the numbers that are taken, also by accounts that shared one when its pool still was shared."""
    away = select(numbers.c.number).where(numbers.c.number.in_(batch), taken(now))
    used = select(accounts.c.number).where(accounts.c.number.in_(batch), accounts.c.closed_at.is_(None))
    return set(connection.execute(union(away, used)).scalars())


def free(connection: Connection, pool: NumberPool, number: str, now: float) -> tuple[str, str] | None:
    """A certain number with its provider; None where it is none that one alone may have, or is not free."""
    provider = None if pool.is_shared(number) else pool.provider_of(number)
    return None if provider is None or _not_free(connection, [number], now) else (number, provider)


@dataclass(frozen=True, slots=True)
class SharedDraw:
    """A wish for a number to share. `rested_since`: who closed an account before that gets no more answers."""

    org_id: str
    now: float
    rested_since: float


def draw_shared(connection: Connection, pool: NumberPool, wish: SharedDraw) -> tuple[str, str] | None:
    """The number that the fewest accounts of the organisation have, and nobody else's; None where there is none.

    A number is shared within one organisation, for an answer may be shown to all who share it.
    """
    numbers_left = pool.shared()
    if not numbers_left:
        return None
    others = or_(accounts.c.closed_at.is_(None), accounts.c.closed_at > wish.rested_since)
    foreign = select(accounts.c.number).where(
        accounts.c.number.in_(numbers_left), accounts.c.org_id != wish.org_id, others
    )
    # Of an organisation, or resting since the pool was not shared.
    resting = select(numbers.c.number).where(
        numbers.c.number.in_(numbers_left), numbers.c.account_id.is_(None), taken(wish.now)
    )
    for number in connection.execute(union(foreign, resting)).scalars():
        numbers_left.pop(number, None)
    if not numbers_left:
        return None
    own = (
        select(accounts.c.number, func.count().label("users"))
        .where(accounts.c.number.in_(numbers_left), accounts.c.closed_at.is_(None))
        .group_by(accounts.c.number)
    )
    used: dict[str, int] = {row.number: row.users for row in connection.execute(own)}
    fewest = min(used.get(number, 0) for number in numbers_left)
    number = secrets.choice([each for each in numbers_left if used.get(each, 0) == fewest])
    return number, numbers_left[number]


def take(connection: Connection, number: str, provider: str, account_id: str | None, now: float) -> None:
    """Give a number that was drawn to an account, or with None to an organisation.

    A number that is taken after all violates the primary key.
    """
    connection.execute(delete(numbers).where(numbers.c.number == number, ~taken(now)))
    connection.execute(insert(numbers).values(number=number, provider=provider, account_id=account_id, taken_at=now))


def quarantine(connection: Connection, number: str, account_id: str | None, free_after: float) -> None:
    """Take a number from its account, or with None from its organisation, and let it rest."""
    owned = and_(numbers.c.number == number, numbers.c.account_id.is_not_distinct_from(account_id))
    connection.execute(update(numbers).where(owned).values(account_id=None, free_after=free_after))


def release_number(connection: Connection, items: Sequence[str]) -> list[bool]:
    """End the quarantine of numbers; False for a number that is not in quarantine."""
    begin_change(connection)
    return [
        bool(
            connection.execute(
                delete(numbers).where(numbers.c.number == number, numbers.c.free_after.is_not(None))
            ).rowcount
        )
        for number in items
    ]


def list_numbers(connection: Connection, state: NumberState | None, now: float) -> list[NumberListing]:
    """Numbers that cannot be drawn, ascending."""
    query = (
        select(numbers, func.coalesce(accounts.c.email, organisation_numbers.c.email).label("email"))
        .outerjoin(accounts, accounts.c.id == numbers.c.account_id)
        .outerjoin(organisation_numbers, organisation_numbers.c.number == numbers.c.number)
        .where(taken(now))
        .order_by(numbers.c.number)
    )
    if state is not None:
        in_use = numbers.c.free_after.is_(None)
        query = query.where(in_use if state is NumberState.IN_USE else ~in_use)
    return [to_listing(row) for row in connection.execute(query)]


def pool_usage(connection: Connection, pool: NumberPool, now: float) -> list[PoolUsage]:
    """How full each provider's numbers are, in the order of the configuration."""
    usages = []
    for provider in dict.fromkeys(name for name, _ in pool.ranges):
        ranges = [numbers for name, numbers in pool.ranges if name == provider]
        in_use = quarantined = 0
        for condition in _within(ranges):
            row = connection.execute(
                select(func.count(), func.count(numbers.c.free_after)).where(condition, taken(now))
            ).one()
            in_use += row[0] - row[1]
            quarantined += row[1]
        usages.append(PoolUsage(provider, sum(each.size for each in ranges), in_use, quarantined))
    return usages + _shared_usage(connection, pool)


def _shared_usage(connection: Connection, pool: NumberPool) -> list[PoolUsage]:
    """How many of each provider's shared numbers have an account."""
    every = pool.shared()
    used = set(
        connection.execute(
            select(accounts.c.number).where(accounts.c.number.in_(every), accounts.c.closed_at.is_(None)).distinct()
        ).scalars()
    )
    return [
        PoolUsage(
            provider,
            sum(name == provider for name in every.values()),
            sum(every[number] == provider for number in used),
            0,
            shared=True,
        )
        for provider in dict.fromkeys(every.values())
    ]


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


def taken(now: float) -> ColumnElement[bool]:
    """Whether a row's number cannot be drawn."""
    return or_(numbers.c.account_id.is_not(None), numbers.c.free_after.is_(None), numbers.c.free_after > now)


def to_listing(row: Any) -> NumberListing:
    """A record of a row with whose address it is."""
    state = NumberState.IN_USE if row.free_after is None else NumberState.QUARANTINED
    return NumberListing(row.number, row.provider, state, row.taken_at, row.free_after, row.account_id, row.email)
