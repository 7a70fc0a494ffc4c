"""Figures that people look at: traffic by hour and day, what each provider made of it, delivery times, spend.

They are read from what `gateway.hour_counts` has counted, up to a minute ago (`Traffic.as_of`); hours are those in
which SMS were stored. Days are the reader's: one has the hours that begin in it by the clock of the reader's zone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Literal

from gateway import delays
from gateway.listed_sms import Way
from gateway.money import Money
from gateway.registry.errors import BadValue
from gateway.settings import LimitSettings
from gateway.store import statistics_sql as sql
from gateway.store.database import Database
from gateway.store.statistics_sql import HOUR, KindRow

LONGEST_DAYS = 400
Step = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour or a day, with its SMS by way and state."""

    start: datetime
    """In the reader's zone."""
    counts: dict[tuple[Way, str], int]


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """What went by one provider. Seconds are from being stored to being delivered; None where nothing was."""

    provider: str
    counts: dict[tuple[Way, str], int]
    parts: int
    prices: tuple[Money, ...]
    """One for each currency."""
    median_seconds: float | None
    p95_seconds: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """A range of time."""

    slots: tuple[Slot, ...]
    """Each hour or day, also those without SMS, in order."""
    providers: tuple[ProviderFigures, ...]
    total: ProviderFigures
    """The same of all providers together; its name is empty."""
    as_of: float | None
    """When it was counted; None: never yet."""


@dataclass(frozen=True, slots=True)
class SpentDay:
    """A day (UTC), with SMS parts and minor units of money that were spent on it."""

    day: date
    parts: int
    cost: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Days, each there, in order; and what one organisation may spend a day, 0 for no limit or all organisations."""

    days: tuple[SpentDay, ...]
    parts_cap: int
    cost_cap: int


class Statistics:
    """Reads."""

    def __init__(self, database: Database, limits: LimitSettings) -> None:
        self._database = database
        self._limits = limits

    async def traffic(self, org_id: str | None, since: float, until: float, zone: tzinfo, step: Step) -> Traffic:
        """What went between two moments, in whole hours. Raises BadValue for a range that is none or too long."""
        first, last = int(since) // HOUR, -(-int(until) // HOUR)
        if not 0 <= first < last <= first + LONGEST_DAYS * 24:
            raise BadValue(f"a range begins before it ends and has at most {LONGEST_DAYS} days")
        wanted = sql.Range(org_id, first, last)
        hours = await self._database.read(partial(sql.by_hour, wanted=wanted))
        kinds = await self._database.read(partial(sql.by_provider, wanted=wanted))
        times = await self._database.read(partial(sql.delays_by_provider, wanted=wanted))
        by_provider: defaultdict[str, list[KindRow]] = defaultdict(list)
        for row in kinds:
            by_provider[row.provider].append(row)
        return Traffic(
            slots=_slots(hours, range(first, last), zone, step),
            providers=tuple(_figures(name, some, times.get(name, {})) for name, some in by_provider.items()),
            total=_figures("", kinds, delays.added(times.values())),
            as_of=await self._database.read(sql.last_counted),
        )

    async def spent(self, org_id: str | None, first: date, last: date) -> Spent:
        """What was spent from one day to another, both with their ends at midnight UTC. Raises BadValue."""
        if not first <= last <= first + timedelta(LONGEST_DAYS):
            raise BadValue(f"a range begins before it ends and has at most {LONGEST_DAYS} days")
        from_day, to_day = _number(first), _number(last) + 1
        rows = await self._database.read(partial(sql.spent, org_id=org_id, first=from_day, last=to_day))
        known = {day: (parts, cost) for day, parts, cost in rows}
        days = (SpentDay(_EPOCH + timedelta(day), *known.get(day, (0, 0))) for day in range(from_day, to_day))
        one = org_id is not None
        caps = (self._limits.organisation_parts, self._limits.organisation_cost) if one else (0, 0)
        return Spent(tuple(days), *caps)


_EPOCH = date(1970, 1, 1)


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _slots(
    rows: Iterable[tuple[int, str, str, int]], hours: Iterable[int], zone: tzinfo, step: Step
) -> tuple[Slot, ...]:
    starts = {hour: _start(hour, zone, step) for hour in hours}
    counts: dict[datetime, dict[tuple[Way, str], int]] = {start: {} for start in starts.values()}
    of_hours = {hour: counts[start] for hour, start in starts.items()}
    ways = {str(way): way for way in Way}
    for hour, way, state, number in rows:
        kind = ways[way], state
        each = of_hours[hour]
        each[kind] = each.get(kind, 0) + number
    return tuple(Slot(start, each) for start, each in counts.items())


def _start(hour: int, zone: tzinfo, step: Step) -> datetime:
    start = datetime.fromtimestamp(hour * HOUR, UTC).astimezone(zone)
    return start if step == "hour" else start.replace(hour=0, minute=0, fold=0)


def _figures(provider: str, rows: Iterable[KindRow], times: delays.Counts) -> ProviderFigures:
    counts: Counter[tuple[Way, str]] = Counter()
    prices: Counter[str] = Counter()
    parts = 0
    for row in rows:
        counts[row.way, row.state] += row.messages
        parts += row.parts
        if row.currency:
            prices[row.currency] += row.price
    return ProviderFigures(
        provider=provider,
        counts=dict(counts),
        parts=parts,
        prices=tuple(Money(amount, currency) for currency, amount in sorted(prices.items())),
        median_seconds=delays.quantile(times, 0.5),
        p95_seconds=delays.quantile(times, 0.95),
    )
