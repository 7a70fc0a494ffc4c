"""SQL of what operators watch: how much waits, and for how long.

Every query reads an index and no table: with a million messages waiting all of them together take tens of
milliseconds, with an empty queue a fraction of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, text, update

from gateway.sms import MessageState
from gateway.store.inbound_sql import InboundState
from gateway.store.route_sql import waiting_for
from gateway.store.schema import accounts, inbound, mail_queue, messages, processes

_UNTOLD = text("state IN ('failed', 'expired', 'unknown') AND told_at IS NULL")
"""As the index says it: SQLite uses a partial index only where its condition stands in the query word for word."""
_REFUSING = text("mailbox_fault IS NOT NULL AND closed_at IS NULL")
_OPERATOR_FAILED = text("state = 'failed' AND kind = 'operator'")
_WEEK = 7 * 86_400.0
_PRIORITIES = (0, 1)
"""Dialog and campaign. One query for each, and for each provider: an index finds a range of its last column only below
fixed first ones."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queues stand. Ages are seconds, 0 where nothing waits."""

    queued: int
    """Messages that wait for an attempt."""
    due: int
    """Of them, those whose time has come."""
    overdue_seconds: float
    """How long the one that has been due for longest has been due."""
    in_flight: int
    """Messages whose attempt has begun and has no outcome."""
    unknown: int
    """Messages that may or may not have been sent, while their senders have not been told."""
    mails: int
    """Mails that wait to leave."""
    mails_overdue_seconds: float
    held: int
    """Incoming SMS that wait for the end of a pause."""
    asked: int
    """Incoming SMS to shared numbers that nobody has said to be for."""
    unrouted: int
    """Incoming SMS to numbers that nobody has."""
    refusing: int
    """Open accounts whose mailboxes refuse mail."""
    operator_failed: int
    """Mails to the operator that failed for good within the last week."""
    processes: tuple[Process, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """A process that holds, or may hold, messages."""

    token: str
    host: str
    pid: int
    alive: bool
    """Whether its heartbeat is fresh."""


def figures(connection: Connection, now: float) -> Figures:
    """Query: how everything stands at `now`."""

    def count(query: Select[Any]) -> int:
        return int(connection.execute(query).scalar_one())

    def age(query: Select[Any]) -> float:
        oldest = connection.execute(query).scalar_one()
        return 0.0 if oldest is None else max(0.0, now - oldest)

    queued = messages.c.state == text("'queued'")
    mail_waits = mail_queue.c.state == text("'queued'")
    lines = [
        and_(queued, messages.c.provider == provider, messages.c.priority == priority)
        for provider in waiting_for(connection)
        for priority in _PRIORITIES
    ]
    waiting = count(select(func.count()).select_from(messages).where(queued))
    later = sum(
        count(select(func.count()).select_from(messages).where(line, messages.c.available_at > now)) for line in lines
    )
    return Figures(
        queued=waiting,
        due=max(0, waiting - later),
        overdue_seconds=max(
            (age(select(func.min(messages.c.available_at)).where(line)) for line in lines), default=0.0
        ),
        in_flight=count(select(func.count()).select_from(messages).where(messages.c.state == text("'submitting'"))),
        unknown=count(
            select(func.count()).select_from(messages).where(_UNTOLD, messages.c.state == MessageState.UNKNOWN)
        ),
        mails=count(select(func.count()).select_from(mail_queue).where(mail_waits)),
        mails_overdue_seconds=age(
            select(func.min(mail_queue.c.available_at)).where(mail_waits, mail_queue.c.priority == 0)
        ),
        held=count(select(func.count()).select_from(inbound).where(inbound.c.state == InboundState.HELD)),
        asked=count(select(func.count()).select_from(inbound).where(inbound.c.state == InboundState.ASKED)),
        unrouted=count(select(func.count()).select_from(inbound).where(inbound.c.state == InboundState.UNROUTED)),
        refusing=count(select(func.count()).select_from(accounts).where(_REFUSING)),
        operator_failed=count(
            select(func.count()).select_from(mail_queue).where(_OPERATOR_FAILED, mail_queue.c.settled_at > now - _WEEK)
        ),
        processes=tuple(
            Process(row.token, row.host, row.pid, row.alive_until > now)
            for row in connection.execute(select(processes).order_by(processes.c.token))
        ),
    )


def prove_write(connection: Connection, lease: str) -> None:
    """Write a row of this process's own, so that a commit has something to make durable."""
    connection.execute(update(processes).where(processes.c.token == lease).values(alive_until=processes.c.alive_until))
