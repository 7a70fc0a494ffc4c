"""SQL of statistics: counting one hour's SMS, and reading what was counted.

An hour is a range of ids, so that counting it reads that hour's rows and no others. It is counted as a whole and put in
the place of what was counted before: to count again is never wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, literal_column, select

from gateway import delays
from gateway.listed_sms import Way
from gateway.model import first_id, time_of
from gateway.sms import MessageState
from gateway.store import dialect
from gateway.store.schema import inbound, messages, organisations, spend
from gateway.store.statistics_schema import counted_hours, message_hours

HOUR = 3600
ALL = ""
"""In the place of an organisation: all of them together."""
Key = tuple[str, str, str, str, str]
"""Organisation, way, provider, state, currency."""


@dataclass(slots=True)
class _Sums:
    messages: int = 0
    parts: int = 0
    price: int = 0
    delays: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class HourRow:
    """What one hour came to, of one kind."""

    org_id: str
    hour: int
    """Hours since the epoch, UTC."""
    way: Way
    provider: str
    state: str
    currency: str
    messages: int
    parts: int
    price: int
    delays: delays.Counts


@dataclass(frozen=True, slots=True)
class CountedHour:
    """An hour with all its rows, as counted at a moment."""

    hour: int
    counted_at: float
    rows: tuple[HourRow, ...]


# --- counting ------------------------------------------------------------------------------------------------------


def first_hour(connection: Connection) -> int | None:
    """The hour of the oldest SMS; None where there is none."""
    ids = [connection.execute(select(func.min(table.c.id))).scalar() for table in (messages, inbound)]
    return min((int(time_of(each)) // HOUR for each in ids if each is not None), default=None)


def counted_since(connection: Connection, hour: int) -> dict[int, float]:
    """When hours from this one on were counted last."""
    rows = connection.execute(select(counted_hours).where(counted_hours.c.hour >= hour))
    return {row.hour: row.counted_at for row in rows}


def count(connection: Connection, hour: int, now: float) -> CountedHour:
    """Query: what an hour's SMS have come to by now."""
    sums: defaultdict[Key, _Sums] = defaultdict(_Sums)
    _count_outgoing(connection, hour, sums)
    _count_incoming(connection, hour, sums)
    rows = (
        HourRow(
            key[0], hour, Way(key[1]), key[2], key[3], key[4], each.messages, each.parts, each.price, dict(each.delays)
        )
        for key, each in sorted(sums.items())
    )
    return CountedHour(hour, now, tuple(rows))


def _count_outgoing(connection: Connection, hour: int, sums: defaultdict[Key, _Sums]) -> None:
    took = messages.c.state_at - messages.c.created_at
    number = case(
        (messages.c.state != MessageState.DELIVERED, -1),
        *((took <= limit, place) for place, limit in enumerate(delays.LIMITS)),
        else_=len(delays.LIMITS),
    ).label("class")
    kind = (messages.c.org_id, messages.c.provider, messages.c.state, messages.c.currency)
    rows = connection.execute(
        select(*kind, number, func.count(), func.sum(messages.c.parts), func.sum(messages.c.price))
        .where(messages.c.id >= first_id(hour * HOUR), messages.c.id < first_id((hour + 1) * HOUR))
        .group_by(*kind, literal_column("5"))
    )
    for org_id, provider, state, currency, place, count_, parts, price in rows:
        for whose in (org_id, ALL):
            each = sums[whose, Way.OUT, provider, state, currency or ""]
            each.messages += count_
            each.parts += int(parts)
            each.price += int(price or 0)
            if place >= 0:
                each.delays[place] += count_


def _count_incoming(connection: Connection, hour: int, sums: defaultdict[Key, _Sums]) -> None:
    kind = (inbound.c.org_id, inbound.c.provider, inbound.c.state)
    rows = connection.execute(
        select(*kind, func.count())
        .where(inbound.c.id >= first_id(hour * HOUR), inbound.c.id < first_id((hour + 1) * HOUR))
        .group_by(*kind)
    )
    for org_id, provider, state, count_ in rows:
        for whose in {org_id, ALL} - {None}:
            sums[whose, Way.IN, provider, state, ""].messages += count_


def store(connection: Connection, items: Sequence[CountedHour]) -> list[None]:
    """Put hours in the place of what was counted of them before."""
    for item in sorted(items, key=lambda each: each.hour):
        # First, because its row lock makes processes that count the same hour wait in line.
        row = dialect.insert(connection, counted_hours).values(hour=item.hour, counted_at=item.counted_at)
        connection.execute(
            row.on_conflict_do_update(index_elements=["hour"], set_={"counted_at": row.excluded.counted_at})
        )
        connection.execute(
            delete(message_hours).where(
                message_hours.c.hour == item.hour,
                message_hours.c.org_id.in_(select(organisations.c.id).union_all(select(literal_column("''")))),
            )
        )
        if item.rows:
            connection.execute(insert(message_hours), [_values(each) for each in item.rows])
    return [None] * len(items)


def _values(row: HourRow) -> dict[str, object]:
    kept = orjson.dumps({str(number): count for number, count in row.delays.items()}).decode() if row.delays else ""
    names = ("org_id", "hour", "way", "provider", "state", "currency", "messages", "parts", "price")
    return {name: getattr(row, name) for name in names} | {"delays": kept}


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """Hours from one up to before another, of an organisation or of all."""

    org_id: str | None
    first: int
    last: int

    def among(self) -> list[ColumnElement[bool]]:
        """What holds of its rows."""
        table = message_hours.c
        owner = ALL if self.org_id is None else self.org_id
        return [table.org_id == owner, table.hour >= self.first, table.hour < self.last]


def by_hour(connection: Connection, wanted: Range) -> list[tuple[int, str, str, int]]:
    """Hour, way, state and number of messages."""
    kind = (message_hours.c.hour, message_hours.c.way, message_hours.c.state)
    query = select(*kind, func.sum(message_hours.c.messages)).where(*wanted.among()).group_by(*kind)
    return [(hour, way, state, int(number)) for hour, way, state, number in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class KindRow:
    """What a range of hours came to, of one kind."""

    provider: str
    way: Way
    state: str
    currency: str
    messages: int
    parts: int
    price: int


def by_provider(connection: Connection, wanted: Range) -> list[KindRow]:
    """The range as a whole, by provider, way, state and currency."""
    table = message_hours.c
    kind = (table.provider, table.way, table.state, table.currency)
    query = select(*kind, func.sum(table.messages), func.sum(table.parts), func.sum(table.price))
    rows = connection.execute(query.where(*wanted.among()).group_by(*kind).order_by(*kind))
    return [
        KindRow(provider, Way(way), state, currency, int(number), int(parts), int(price))
        for provider, way, state, currency, number, parts, price in rows
    ]


def delays_by_provider(connection: Connection, wanted: Range) -> dict[str, delays.Counts]:
    """How long delivered messages took, by provider."""
    query = select(message_hours.c.provider, message_hours.c.delays).where(
        *wanted.among(), message_hours.c.delays != ""
    )
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for provider, text in connection.execute(query):
        kept[provider].append(text)
    return {provider: _together(texts) for provider, texts in kept.items()}


def _together(texts: list[str]) -> delays.Counts:
    """Read as one list, and classes as numbers at the end, for there are many texts: a year has 8,760 hours."""
    sums = delays.added(orjson.loads(f"[{','.join(texts)}]"))
    return {int(number): count_ for number, count_ in sums.items()}


def last_counted(connection: Connection) -> float | None:
    """When any hour was counted last."""
    newest = select(counted_hours.c.counted_at).order_by(counted_hours.c.hour.desc()).limit(1)
    return connection.execute(newest).scalar()


def spent(connection: Connection, org_id: str | None, first: int, last: int) -> list[tuple[int, int, int]]:
    """Days from one up to before another (since the epoch, UTC), with parts and minor units spent on them."""
    query = (
        select(spend.c.day, func.sum(spend.c.parts), func.sum(spend.c.cost))
        .select_from(organisations)
        .join(spend, spend.c.purse == "organisation:" + organisations.c.id)
        .where(spend.c.day >= first, spend.c.day < last)
        .group_by(spend.c.day)
        .order_by(spend.c.day)
    )
    if org_id is not None:
        query = query.where(organisations.c.id == org_id)
    return [(day, int(parts), int(cost)) for day, parts, cost in connection.execute(query)]
