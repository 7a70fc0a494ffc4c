"""SQL of the log of SMS: both tables read from the newest id down, or up, and merged.

Ids are ULIDs: their order is that of time, in both tables alike, so that one id is a place in the merged list. A query
that an index does not lead to its rows looks at no more than `LOOKED_AT` of them: that, and not how rare the wanted
ones are, is what it can cost at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, TextClause, func, or_, select, text

from gateway.listed_sms import ListedSms, LogFilter, Way
from gateway.model import first_id, time_of
from gateway.money import Money
from gateway.sms import MessageState
from gateway.store.inbound_sql import InboundState
from gateway.store.schema import ENDED_BADLY, IN_DOUBT, accounts, inbound, messages

LOOKED_AT = 5_000
"""Rows of a table that one query looks at."""
LOOKED_AT_IN_INDEX = 50_000
"""Entries, where all that it looks at stands in an index."""
LIVE = 500
"""Rows in which changes are looked for."""
_FEW = 2_000
"""Rows of a state that are sorted rather than looked for."""

_ENDED_BADLY: frozenset[str] = frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.UNKNOWN})
_STANDING: frozenset[str] = frozenset(
    {MessageState.QUEUED, MessageState.SUBMITTING, MessageState.SUBMITTED, MessageState.UNKNOWN}
)
"""States with an index of their own."""
_WAITING: frozenset[str] = frozenset({InboundState.HELD, InboundState.ASKED, InboundState.UNROUTED})


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order; the id behind which the list goes on, and until when a search looked that found too little."""

    items: tuple[ListedSms, ...]
    last: str | None
    searched_to: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """A table as the log reads it, from an id on."""

    way: Way
    wanted: LogFilter
    after: str | None
    size: int

    @property
    def table(self) -> Table:
        """Where it stands."""
        return messages if self.way is Way.OUT else inbound

    @property
    def phone(self) -> ColumnElement[str]:
        """The other side."""
        return messages.c.to_number if self.way is Way.OUT else inbound.c.from_number

    @property
    def number(self) -> ColumnElement[str]:
        """Our side."""
        return messages.c.from_number if self.way is Way.OUT else inbound.c.to_number

    @property
    def states(self) -> list[str]:
        """The wanted states that rows of this table can have."""
        known: Sequence[str] = list(MessageState) if self.way is Way.OUT else list(InboundState)
        return [state for state in known if state in self.wanted.states]


def page(connection: Connection, wanted: LogFilter, after: str | None, size: int) -> Found:
    """Up to `size` SMS behind an id."""
    if _is_foreign(connection, wanted):
        return Found((), None, None)
    sources = [Source(way, wanted, after, size) for way in Way if _can_have(way, wanted)]
    read = [_read(connection, source) for source in sources]
    rows = sorted((row for some, _ in read for row in some), key=lambda row: row.id, reverse=not wanted.oldest_first)
    stops = [stop for _, stop in read if stop is not None]
    stop = None if not stops else min(stops) if wanted.oldest_first else max(stops)
    if stop is not None:  # what lies behind it in one table was looked at, but not yet in the other
        rows = [row for row in rows if (row.id <= stop if wanted.oldest_first else row.id >= stop)]
    items = listed(connection, rows[:size])
    if wanted.changed_since is not None:
        return Found(items, None, None)
    if len(rows) > size:
        return Found(items, rows[size - 1].id, None)
    return Found(items, stop, None if stop is None else time_of(stop))


def _can_have(way: Way, wanted: LogFilter) -> bool:
    """Whether any row of a table can be wanted."""
    if wanted.way not in {None, way}:
        return False
    if way is Way.IN and (wanted.key_id or wanted.reason):
        return False
    return not wanted.states or bool(Source(way, wanted, None, 0).states)


def _read(connection: Connection, source: Source) -> tuple[list[Row[Any]], str | None]:
    """Rows, one more than fit where there are more; and the id of the last that was looked at, if there are others."""
    if _is_few(connection, source):
        return [row for state in source.states for row in connection.execute(_state_query(source, state))], None
    conditions = _conditions(source)
    stop = connection.execute(stop_query(source)).scalar() if conditions else None
    rows = list(connection.execute(log_query(source, stop)))
    return rows, stop if len(rows) <= source.size else None


def _is_few(connection: Connection, source: Source) -> bool:
    """Whether the wanted states have so few rows that they are read from their indices, whatever the order."""
    indexed = _STANDING if source.way is Way.OUT else _WAITING
    if not source.states or not indexed.issuperset(source.states):
        return False
    count = 0
    for state in source.states:
        some = select(source.table.c.id).where(_is_state(state)).limit(_FEW + 1).subquery()
        count += connection.execute(select(func.count()).select_from(some)).scalar_one()
        if count > _FEW:
            return False
    return True


def _is_state(state: str) -> TextClause:
    """Said word for word as the state's index says it."""
    return text(IN_DOUBT if state == MessageState.UNKNOWN else f"state = '{state}'")


def _state_query(source: Source, state: str) -> Select[Any]:
    """Rows of one state that has few."""
    query = select(*_columns(source)).where(_is_state(state), *_limits(source, alone=False), *_conditions(source))
    query = query.where(*(column + "" == value for column, value in _owners(source)))
    place = source.table.c.id + ""  # lest SQLite walk all ids in order instead of the few rows of the state
    return query.order_by(place.asc() if source.wanted.oldest_first else place.desc()).limit(source.size + 1)


def log_query(source: Source, stop: str | None) -> Select[Any]:
    """Rows in the order of an index, up to the last id that is looked at."""
    query = select(*_columns(source)).where(*_range(source), *_conditions(source))
    if stop is not None:
        query = query.where(_not_behind(source, stop))
    return query.order_by(_in_order(source)).limit(source.size + 1)


def stop_query(source: Source) -> Select[Any]:
    """The last id that is looked at, where more lie behind it."""
    return (
        select(source.table.c.id).where(*_range(source)).order_by(_in_order(source)).offset(_looks_at(source)).limit(1)
    )


def _looks_at(source: Source) -> int:
    if source.wanted.changed_since is not None:
        return LIVE
    owned = source.wanted.org_id or source.wanted.account_id
    by_phone = source.wanted.phone or source.wanted.phones
    return LOOKED_AT_IN_INDEX if by_phone and owned and not _ends_badly(source) else LOOKED_AT


def _ends_badly(source: Source) -> bool:
    """Whether the index of what ended badly leads to the rows."""
    return source.way is Way.OUT and bool(source.states) and _ENDED_BADLY.issuperset(source.states)


def _range(source: Source) -> list[Any]:
    """The part of an index that is read."""
    conditions: list[Any] = [*_limits(source), *(column == value for column, value in _owners(source))]
    if _ends_badly(source) and source.wanted.account_id is None:
        conditions.append(text(ENDED_BADLY))
    return conditions


def _owners(source: Source) -> Sequence[tuple[ColumnElement[str], str]]:
    """Whose rows are read: the employee's, whose organisation was asked before, else the organisation's."""
    named = (
        (source.table.c.account_id, source.wanted.account_id),
        (source.table.c.org_id, source.wanted.org_id),
    )
    return [(column, value) for column, value in named if value is not None][:1]


def _is_foreign(connection: Connection, wanted: LogFilter) -> bool:
    """Whether the account is none of the organisation's."""
    if wanted.account_id is None or wanted.org_id is None:
        return False
    query = select(accounts.c.id).where(accounts.c.id == wanted.account_id, accounts.c.org_id == wanted.org_id)
    return connection.execute(query).first() is None


def _limits(source: Source, *, alone: bool = True) -> list[ColumnElement[bool]]:
    """From where to where, by ids; not `alone` where another index than theirs shall be read."""
    message_id: ColumnElement[str] = source.table.c.id if alone else source.table.c.id + ""
    wanted = source.wanted
    limits: list[ColumnElement[bool]] = []
    if source.after is not None:
        limits.append(message_id > source.after if wanted.oldest_first else message_id < source.after)
    if wanted.since is not None:
        limits.append(message_id >= first_id(wanted.since))
    if wanted.until is not None:
        limits.append(message_id < first_id(wanted.until))
    return limits


def _not_behind(source: Source, stop: str) -> ColumnElement[bool]:
    return source.table.c.id <= stop if source.wanted.oldest_first else source.table.c.id >= stop


def _in_order(source: Source) -> ColumnElement[str]:
    return source.table.c.id.asc() if source.wanted.oldest_first else source.table.c.id.desc()


def _conditions(source: Source) -> list[ColumnElement[bool]]:
    """What no index answers."""
    table, wanted = source.table, source.wanted
    asked = [(source.phone, wanted.phone), (source.number, wanted.number), (table.c.provider, wanted.provider)]
    if source.way is Way.OUT:
        asked += [(table.c.key_id, wanted.key_id), (table.c.reason, wanted.reason)]
    conditions: list[ColumnElement[bool]] = [column == value for column, value in asked if value is not None]
    if wanted.phones:
        conditions.append(source.phone.in_(sorted(wanted.phones)))
    if source.states:
        conditions.append(table.c.state.in_(source.states))
    if wanted.text is not None:
        conditions.append(func.lower(table.c.text).contains(wanted.text.lower(), autoescape=True))
    if wanted.changed_since is not None:
        conditions.append(or_(table.c.id >= first_id(wanted.changed_since), _state_at(source) >= wanted.changed_since))
    return conditions


def _state_at(source: Source) -> ColumnElement[float]:
    return messages.c.state_at if source.way is Way.OUT else inbound.c.received_at


# --- rows ----------------------------------------------------------------------------------------------------------

_SAME = ("id", "state", "org_id", "account_id", "provider", "mail_id")
_OUT = (
    *_SAME,
    "text",
    "text_removed_at",
    "from_number",
    "to_number",
    "state_at",
    "created_at",
    "sender",
    "key_id",
    "parts",
    "price",
    "currency",
    "reason",
    "cause",
)
_IN = (*_SAME, "text", "text_removed_at", "from_number", "to_number", "received_at", "incomplete", "late")


def _columns(source: Source) -> list[ColumnElement[Any]]:
    names = _OUT if source.way is Way.OUT else _IN
    return [source.table.c[name] for name in names]


def listed(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[ListedSms, ...]:
    """Records of rows, with the addresses of their accounts."""
    ids = {row.account_id for row in rows} - {None}
    named = connection.execute(select(accounts.c.id, accounts.c.email).where(accounts.c.id.in_(ids))) if ids else ()
    emails = {row.id: row.email for row in named}
    return tuple(_listed(row, emails.get(row.account_id, "")) for row in rows)


def _listed(row: Row[Any], email: str) -> ListedSms:
    same = {name: getattr(row, name) for name in _SAME}
    same |= {"email": email, "text": row.text if row.text_removed_at is None else None}
    if not hasattr(row, "received_at"):
        return ListedSms(
            **same,
            way=Way.OUT,
            at=row.created_at,
            state_at=row.state_at,
            number=row.from_number,
            phone=row.to_number,
            sender=row.sender,
            key_id=row.key_id,
            parts=row.parts,
            price=None if row.price is None else Money(row.price, row.currency),
            reason=row.reason,
            cause=row.cause,
        )
    return ListedSms(
        **same,
        way=Way.IN,
        at=row.received_at,
        state_at=row.received_at,
        number=row.to_number,
        phone=row.from_number,
        sender="",
        incomplete=row.incomplete,
        late=row.late,
    )


def find(connection: Connection, wanted: LogFilter, message_id: str) -> ListedSms | None:
    """The SMS with this id, within what may be seen."""
    return next(iter(by_id(connection, wanted, [message_id]).values()), None)


def by_id(connection: Connection, wanted: LogFilter, ids: Sequence[str]) -> dict[str, ListedSms]:
    """SMS by their ids, within what may be seen."""
    found: list[Row[Any]] = []
    for way in Way if not _is_foreign(connection, wanted) else ():
        source = Source(way, wanted, None, 0)
        query = select(*_columns(source)).where(source.table.c.id.in_(ids))
        found += connection.execute(query.where(*(column == value for column, value in _owners(source))))
    return {sms.id: sms for sms in listed(connection, found)}
