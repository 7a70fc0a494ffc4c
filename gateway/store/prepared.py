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

import orjson
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
    literal_column,
    select,
    true,
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
    """INSERT of many rows in one statement and one round; those that are there already stay as they are.

    Columns travel as lists (PostgreSQL), or rows as one JSON array (SQLite): while the database works through them
    Python does other things.
    """

    def __init__(
        self, table: Table, columns: Sequence[str], unless: Sequence[str] = (), same: Sequence[str] = ()
    ) -> None:
        """`columns` in the order of the values of a row; `same` have one value in all of them. See `insert_new`."""
        self._columns = tuple(columns)
        self._insert = Prepared(lambda dialect: _gathered(dialect, table, columns, unless, same))

    def many(self, connection: Connection, rows: Sequence[Sequence[Any]], same: Values | None = None) -> None:
        """Insert the rows: texts, whole numbers, None; on SQLite a float that differs loses its last digits."""
        if not rows:
            return
        given: dict[str, Any] = dict(same or {})
        if connection.dialect.name == "postgresql":
            given |= zip((f"all_{name}" for name in self._columns), map(list, zip(*rows, strict=True)), strict=True)
        else:
            given["rows"] = orjson.dumps(rows).decode()
        self._insert.many(connection, [given])


def _gathered(
    dialect: str, table: Table, columns: Sequence[str], unless: Sequence[str], same: Sequence[str]
) -> Executable:
    values: list[ColumnElement[Any]]
    if dialect == "postgresql":
        lists = [bindparam(f"all_{name}", type_=postgresql.ARRAY(table.c[name].type)) for name in columns]
        given = func.unnest(*lists).table_valued(*(column(name) for name in columns), name="given").render_derived()
        values = [given.c[name] for name in columns]
    else:
        given = func.json_each(bindparam("rows", type_=Text())).table_valued("value")
        values = [func.json_extract(given.c.value, literal_column(f"'$[{place}]'")) for place in range(len(columns))]
    values += [bindparam(name, type_=table.c[name].type) for name in same]
    rows = select(*values).select_from(given).where(true())  # a condition, lest ON CONFLICT be taken for a join's
    statement = insert_for(dialect, table).from_select([*columns, *same], rows)
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
