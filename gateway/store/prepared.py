"""Statements of the hot path: composed once in SQLAlchemy Core, compiled once per dialect, run for many rows at once.

`Connection.execute` finds out anew, for each call and each row, what a statement and its parameters are, and what its
results are. Where thousands of rows a second pass through few statements that is most of the time; here the compiled
text goes straight to the driver. Faults are those that SQLAlchemy would raise.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Table,
    Text,
    any_,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.store.dialect import insert_for

Values = Mapping[str, Any]
"""Parameters by name. Enums and numbers go as they are; nothing is converted."""
Build = Callable[[str], Executable]
"""Composes a statement for a dialect, by its name."""


class Prepared:
    """One statement with named parameters. Parameters that are composed with a value keep it."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, Callable[[Values], tuple[Any, ...]]]] = {}
        self._row: Callable[[Sequence[Any]], Any] | None = None

    def many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Run once per row, in order; the number of rows changed in all, or -1 where the driver does not count."""
        if not rows:
            return 0
        text, ordered = self._for(connection)
        with _cursor(connection) as cursor:
            cursor.executemany(text, [ordered(row) for row in rows])
            return int(cursor.rowcount)

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """Run a query; its rows, with columns as attributes."""
        text, ordered = self._for(connection)
        with _cursor(connection) as cursor:
            cursor.execute(text, ordered(values))
            if self._row is None:
                self._row = _named([column[0] for column in cursor.description])
            return list(map(self._row, cursor.fetchall()))

    def scalars(self, connection: Connection, values: Values) -> list[Any]:
        """Run a query; the first column of its rows."""
        return [row[0] for row in self.rows(connection, values)]

    def _for(self, connection: Connection) -> tuple[str, Callable[[Values], tuple[Any, ...]]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._build(name).compile(dialect=connection.dialect)  # type: ignore[attr-defined]  # every statement that is built can
            self._compiled[name] = str(compiled), _in_order(compiled)
        return self._compiled[name]


def _named(columns: list[str]) -> Callable[[Sequence[Any]], Any]:
    row: Any = namedtuple("Row", columns)  # type: ignore[misc]  # noqa: PYI024 - known when the first row comes
    return cast("Callable[[Sequence[Any]], Any]", row._make)


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """The driver's cursor; its errors as SQLAlchemy's, without parameters in their words."""
    driver = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except driver.Error as error:
        gone = connection.dialect.is_disconnect(error, connection.connection, cursor)
        if gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement=None,
            params=None,
            orig=error,
            dbapi_base_err=driver.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=connection.dialect,
        ) from error
    finally:
        cursor.close()


def _in_order(compiled: SQLCompiler) -> Callable[[Values], tuple[Any, ...]]:
    """How named values become the driver's tuple."""
    names = compiled.positiontup or []
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if not names:
        return lambda _values: ()
    if len(names) == 1:
        (only,) = names
        return lambda values: (values[only],)
    pick = itemgetter(*names)
    if fixed:
        return lambda values: pick({**fixed, **values})
    return pick


def insert_new(table: Table, columns: Sequence[str], unless: Sequence[str] = ()) -> Prepared:
    """INSERT of these columns; rows that are there already stay as they are.

    `unless` names the columns that make a row the same; empty for any uniqueness that the table has.
    """

    def build(dialect: str) -> Executable:
        statement = insert_for(dialect, table).values({name: bindparam(name) for name in columns})
        return statement.on_conflict_do_nothing(index_elements=list(unless) or None)

    return Prepared(build)


class Gathered:
    """INSERT of many rows; those that are there already stay as they are.

    Where the database takes columns as lists (PostgreSQL), a thousand rows are one statement and one round; else the
    statement is run once per row.
    """

    def __init__(self, table: Table, columns: Sequence[str], unless: Sequence[str] = ()) -> None:
        """See `insert_new`."""
        self._columns = tuple(columns)
        self._one_by_one = insert_new(table, columns, unless)
        self._at_once = Prepared(lambda dialect: _from_lists(dialect, table, columns, unless))

    def many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert the rows."""
        if not rows:
            return
        if connection.dialect.name != "postgresql":
            self._one_by_one.many(connection, rows)
            return
        lists = {f"all_{name}": [row[name] for row in rows] for name in self._columns}
        self._at_once.many(connection, [lists])


def _from_lists(dialect: str, table: Table, columns: Sequence[str], unless: Sequence[str]) -> Executable:
    lists = [bindparam(f"all_{name}", type_=postgresql.ARRAY(table.c[name].type)) for name in columns]
    rows = func.unnest(*lists).table_valued(*(column(name) for name in columns), name="given").render_derived()
    statement = insert_for(dialect, table).from_select(list(columns), select(*(rows.c[name] for name in columns)))
    return statement.on_conflict_do_nothing(index_elements=list(unless) or None)


def among(dialect: str, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether a text column is one of many values, which travel as one parameter; see `values_of`."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=postgresql.ARRAY(Text())))
    values = func.json_each(bindparam(name, type_=Text())).table_valued("value")
    return column.in_(select(values.c.value))


def among_numbers(dialect: str, column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """The same of a column of whole numbers."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=postgresql.ARRAY(BigInteger())))
    values = func.json_each(bindparam(name, type_=Text())).table_valued("value")
    return column.in_(select(values.c.value))


def values_of(connection: Connection, values: Sequence[str] | Sequence[int]) -> Any:
    """Many values as the one parameter that `among` and `among_numbers` ask for."""
    return list(values) if connection.dialect.name == "postgresql" else json.dumps(list(values))
