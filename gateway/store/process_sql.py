"""SQL of processes: a lease names one, and is good while its heartbeat is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, case, delete, exists, or_, select, text, update

from gateway.handover import attempt_of
from gateway.model import time_of
from gateway.sms import MessageState
from gateway.store import event_sql
from gateway.store.dialect import insert
from gateway.store.schema import attempts, mail_queue, messages, processes
from gateway.store.spool_items import AT_ONCE

_STARTED = time.time()


@dataclass(frozen=True, slots=True)
class Process:
    """A row of `processes`."""

    token: str
    host: str
    pid: int
    alive_until: float


def beat(connection: Connection, items: Sequence[Process]) -> list[None]:
    """Announce processes, or move their heartbeat on."""
    for item in items:
        row = asdict(item)
        statement = insert(connection, processes).values(**row)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["token"], set_={"alive_until": item.alive_until})
        )
    return [None] * len(items)


def leave(connection: Connection, items: Sequence[str]) -> list[None]:
    """Forget processes that stop: whatever they still hold is free."""
    connection.execute(delete(processes).where(processes.c.token.in_(items)))
    return [None] * len(items)


@dataclass(frozen=True, slots=True)
class Recovery:
    """A wish to free what dead processes held."""

    own: Process
    now: float
    idempotent: tuple[str, ...]
    """Providers that know a message again: to them an attempt may simply be repeated."""
    left: Callable[[str], frozenset[str] | None]
    """The attempts that may have left a process that died on this host, by its token; None where nobody knows."""
    under_way: frozenset[str]
    """Attempts that the asking process has in hand (`handover.attempt_of`)."""
    forgotten_before: float
    """An attempt of the asking process that began earlier and is not in hand never left: its commit looked failed."""


def recover(connection: Connection, items: Sequence[Recovery]) -> list[frozenset[str]]:
    """Bury dead processes and free what they held; the tokens of those that live."""
    return [_recover(connection, item) for item in items]


def _recover(connection: Connection, wish: Recovery) -> frozenset[str]:
    dead = _dead(connection, wish.own)
    gone = or_(processes.c.alive_until <= wish.now, processes.c.token.in_(dead))
    connection.execute(delete(processes).where(gone, processes.c.token != wish.own.token))
    unsent = [*_never_left(connection, dead, wish), *_forgotten(connection, wish)]
    _as_if_never_begun(connection, unsent)
    _free_messages(connection, wish.now, wish.idempotent)
    _free_mails(connection, wish.now)
    return frozenset(connection.execute(select(processes.c.token)).scalars())


def _dead(connection: Connection, own: Process) -> list[str]:
    """Processes of this host that do not run any more. In a container each life of the program has the same pid."""
    rows = connection.execute(select(processes.c.token, processes.c.pid).where(processes.c.host == own.host)).all()
    return [row.token for row in rows if not _runs(row.pid) or (row.pid == own.pid and time_of(row.token) < _STARTED)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return True


def _never_left(connection: Connection, dead: Sequence[str], wish: Recovery) -> list[str]:
    """Messages that a process had begun when it died, and not yet handed to their provider."""
    known = {token: ids for token in dead if (ids := wish.left(token)) is not None}
    held = select(messages.c.id, messages.c.attempts, messages.c.lease).where(
        messages.c.state == text("'submitting'"), messages.c.lease.in_(known)
    )
    rows = connection.execute(held)
    return [row.id for row in rows if attempt_of(row.id, row.attempts) not in known[row.lease]]


def _forgotten(connection: Connection, wish: Recovery) -> list[str]:
    """Messages of the living process itself that it does not know of: it was told that their commit had failed."""
    held = select(messages.c.id, messages.c.attempts).where(
        messages.c.state == text("'submitting'"),
        messages.c.lease == wish.own.token,
        messages.c.state_at < wish.forgotten_before,
    )
    rows = connection.execute(held)
    return [row.id for row in rows if attempt_of(row.id, row.attempts) not in wish.under_way]


def _as_if_never_begun(connection: Connection, ids: Sequence[str]) -> None:
    """Take back attempts of which no byte has left."""
    if not ids:
        return
    this_attempt = select(messages.c.attempts).where(messages.c.id == attempts.c.message_id).scalar_subquery()
    connection.execute(delete(attempts).where(attempts.c.message_id.in_(ids), attempts.c.n == this_attempt))
    connection.execute(
        update(messages)
        .where(messages.c.id.in_(ids))
        .values(state=MessageState.QUEUED, available_at=AT_ONCE, lease=None, attempts=messages.c.attempts - 1)
    )


def _free_messages(connection: Connection, now: float, idempotent: Sequence[str]) -> None:
    """Mark as unknown what was in flight in a process that is gone, save where the attempt may be repeated.

    What is repeated is bound to its provider: another one would not know it again.
    """
    orphaned = messages.c.lease.is_(None) | ~exists().where(processes.c.token == messages.c.lease)
    connection.execute(
        update(messages)
        .where(messages.c.state == text("'submitting'"), orphaned, messages.c.provider.in_(idempotent))
        .values(state=MessageState.QUEUED, state_at=now, available_at=AT_ONCE, lease=None, bound=True)
    )
    in_doubt = connection.execute(
        update(messages)
        .where(messages.c.state == text("'submitting'"), orphaned)
        .values(
            state=MessageState.UNKNOWN,
            state_at=now,
            lease=None,
            cause=case((messages.c.cause != "", messages.c.cause), else_="the process stopped while it was being sent"),
        )
        .returning(messages.c.org_id, messages.c.id)
    )
    event_sql.messages_moved(connection, [(row.org_id, row.id) for row in in_doubt])


def _free_mails(connection: Connection, now: float) -> None:
    connection.execute(
        update(mail_queue)
        .where(mail_queue.c.lease.is_not(None), ~exists().where(processes.c.token == mail_queue.c.lease))
        .values(
            lease=None,
            lease_until=None,
            available_at=case((mail_queue.c.state == "queued", now), else_=mail_queue.c.available_at),
        )
    )
