"""One door to the database: `read` and `write`, the same functions over SQLite and PostgreSQL.

Queries are plain functions over a SQLAlchemy `Connection`. On SQLite they run in threads (one writer, a few readers),
on PostgreSQL in the loop through asyncpg. `write` returns only after a durable commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gateway.store.writer import Item, Result, Work

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The database cannot be reached or cannot write. Temporary: nothing was committed that the caller knows of."""


class Database(Protocol):
    """An open database."""

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


def is_unavailable(error: BaseException) -> bool:
    """Tell a database that is away, full or read-only from a mistake in a statement."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}
    return isinstance(error, OSError) and not isinstance(error, SQLAlchemyError)


async def open_database(url: str) -> Database:
    """Open "sqlite:///PATH" or "postgresql://…", bring its schema up to date, and check that commits are durable."""
    if url.startswith("sqlite"):
        from gateway.store.sqlite import SqliteDatabase

        return await SqliteDatabase.open(url)
    from gateway.store.postgres import PostgresDatabase

    return await PostgresDatabase.open(url)
