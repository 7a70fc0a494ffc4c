"""Transactions on PostgreSQL that must learn of each other, while neither sees what the other has not committed.

One kind writes and looks for what the other kind wrote, holding on (`hold`) from before it looks until it ends. The
other kind writes and commits, waits until all who held on have ended (`wait_for_holders`), and looks then: whoever held
on before is seen now, and whoever holds on later sees what was committed. Nobody who waits holds anything, so nobody
waits in a ring. SQLite has one writer at a time and needs none of this.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from gateway.store.prepared import Prepared

_NAME = 0x6D656574
"""Of the advisory lock: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS"""

_HOLD = Prepared(lambda _dialect: select(func.pg_advisory_xact_lock_shared(bindparam("name")).is_(None)))
_WAIT = Prepared(lambda _dialect: select(func.pg_advisory_xact_lock(bindparam("name")).is_(None)))


def needed(connection: Connection) -> bool:
    """Whether transactions run beside each other."""
    return connection.dialect.name == "postgresql"


def hold(connection: Connection) -> None:
    """Be waited for until the transaction ends; others hold on at the same time."""
    if needed(connection):
        _HOLD.rows(connection, {"name": _NAME})


def wait_for_holders(connection: Connection) -> None:
    """Return when all who hold on now have ended. To be ended at once: meanwhile nobody new can hold on."""
    _WAIT.rows(connection, {"name": _NAME})
