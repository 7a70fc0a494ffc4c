"""SQL of processes: a lease names one, and is good while its heartbeat is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, case, delete, exists, or_, select, update

from gateway.model import MessageState
from gateway.store.dialect import insert
from gateway.store.schema import mail_queue, messages, processes


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


def bury(connection: Connection, host: str, now: float) -> None:
    """Forget processes that are dead: their heartbeat ended, or their pid on this host is gone."""
    rows = connection.execute(select(processes.c.token, processes.c.pid).where(processes.c.host == host)).all()
    gone = [row.token for row in rows if not _runs(row.pid)]
    connection.execute(delete(processes).where(or_(processes.c.alive_until <= now, processes.c.token.in_(gone))))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def recover(connection: Connection, now: float, idempotent: Sequence[str] = ()) -> None:
    """Mark as unknown what was in flight in a process that is gone, and free the mails that it held.

    To providers that know a message again (`idempotent`) the attempt may simply be repeated.
    """
    orphaned = messages.c.lease.is_(None) | ~exists().where(processes.c.token == messages.c.lease)
    connection.execute(
        update(messages)
        .where(messages.c.state == "submitting", orphaned, messages.c.provider.in_(idempotent))
        .values(state=MessageState.QUEUED, state_at=now, available_at=now, lease=None)
    )
    connection.execute(
        update(messages)
        .where(messages.c.state == "submitting", orphaned)
        .values(
            state=MessageState.UNKNOWN,
            state_at=now,
            lease=None,
            cause=case((messages.c.cause != "", messages.c.cause), else_="the process stopped while it was being sent"),
        )
    )
    connection.execute(
        update(mail_queue)
        .where(mail_queue.c.lease.is_not(None), ~exists().where(processes.c.token == mail_queue.c.lease))
        .values(
            lease=None,
            lease_until=None,
            available_at=case((mail_queue.c.state == "queued", now), else_=mail_queue.c.available_at),
        )
    )
