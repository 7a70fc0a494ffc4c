"""A look that ends after so many seconds, found or not: what people ask may take any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.registry.errors import BadValue
from gateway.translation import sentence

T = TypeVar("T")
Query: TypeAlias = Callable[[Connection], T]
_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
_INTERRUPTED, _CANCELLED = 9, "57014"
"""SQLite's result code SQLITE_INTERRUPT; PostgreSQL's SQLSTATE query_canceled."""


class TooSlow(BadValue):
    """It was not answered in time."""


def within(connection: Connection, query: Query[T], seconds: float) -> T:
    """Run a query that only reads. Raises TooSlow, and then the connection's transaction is over."""
    raw = None
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = '{round(seconds * 1000)}ms'"))
    else:
        raw = connection.connection.driver_connection
        deadline = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)  # type: ignore[union-attr]  # SQLite's
    try:
        return query(connection)
    except DBAPIError as error:
        if _was_ended(error):
            told = sentence("this takes longer than %(seconds)s seconds to count: ask for less", seconds=round(seconds))
            raise TooSlow(told) from error
        raise
    finally:
        if raw is not None:
            raw.set_progress_handler(None, 0)


def _was_ended(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == _INTERRUPTED or getattr(error.orig, "sqlstate", None) == _CANCELLED
