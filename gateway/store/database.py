"""One door to the database: `read` and `write`, the same functions over SQLite and PostgreSQL.

Queries are plain functions over a SQLAlchemy `Connection`. On SQLite they run in threads (one writer, a few readers),
on PostgreSQL in the loop through asyncpg. `write` returns only after a durable commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError

from gateway.store.writer import Item, Result, Work

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The database cannot be reached or cannot write. Temporary: nothing was committed that the caller knows of."""


class Database(Protocol):
    """An open database."""

    @property
    def writers(self) -> int:
        """Transactions that it commits at once; where there is one, each keeps all others waiting."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a snapshot."""
        ...

    async def write(self, work: Work[Item, Result], item: Item) -> Result:
        """Run work on one item, sharing the transaction with other callers; returns when it is durable."""
        ...

    async def close(self) -> None:
        """Finish what was handed in and close."""
        ...


def alone(query: Callable[[Connection], T]) -> Work[None, T]:
    """Make a batch of one from a function that just wants a connection: `write(alone(query), None)`."""

    def work(connection: Connection, items: Sequence[None]) -> list[T]:
        return [query(connection) for _ in items]

    return work


_AWAY = ("08", "53", "57", "58", "25006", "28", "3D", "XX")
"""PostgreSQL's SQLSTATE classes of connections, resources, operators, the system, log-in and corruption; read-only."""
_CONFLICT = {"40001", "40P01"}
_SQLITE_ERROR = 1
"""SQLite's result code for a statement that is wrong (https://sqlite.org/rescode.html); all others are conditions."""


def is_unavailable(error: BaseException) -> bool:
    """Tell a database that is away, full or read-only from a mistake in a statement."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state is not None:
        return state.startswith(_AWAY)
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlite_errorcode", None)
        mistake = code is not None and code & 0xFF == _SQLITE_ERROR
        return isinstance(error, OperationalError | InterfaceError) and not mistake
    return isinstance(error, OSError | SQLAlchemyTimeoutError)


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL gave up a transaction for another's sake: nothing happened, the same again may work."""
    return _sqlstate(error) in _CONFLICT


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return state if isinstance(state, str) else None
