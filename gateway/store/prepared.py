"""Statements of the hot path: composed once in SQLAlchemy Core, compiled once per dialect, run for many rows at once.

`Connection.execute` finds out anew, for each call and each row, what a statement and its parameters are. Where
thousands of rows a second pass through few statements that is most of the time; here the compiled text goes straight
to the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.store.dialect import insert_for

Row = Mapping[str, Any]
Build = Callable[[str], Executable]
"""Composes a statement for a dialect, by its name."""


class Prepared:
    """One statement with named parameters. Parameters that are composed with a value keep it."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, Callable[[Row], tuple[Any, ...]]]] = {}

    def many(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run once per row, in order; the number of rows changed in all, or -1 where the driver does not count."""
        if not rows:
            return 0
        text, ordered = self._for(connection)
        return connection.exec_driver_sql(text, [ordered(row) for row in rows]).rowcount

    def one(self, connection: Connection, row: Row) -> CursorResult[Any]:
        """Run once."""
        text, ordered = self._for(connection)
        return connection.exec_driver_sql(text, ordered(row))

    def _for(self, connection: Connection) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._build(name).compile(dialect=connection.dialect)  # type: ignore[attr-defined]
            self._compiled[name] = str(compiled), _in_order(compiled)
        return self._compiled[name]


def _in_order(compiled: SQLCompiler) -> Callable[[Row], tuple[Any, ...]]:
    """How a row of named values becomes the driver's tuple."""
    names = compiled.positiontup or []
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if len(names) == 1:
        (only,) = names
        return lambda row: (row[only],)
    pick = itemgetter(*names)
    if fixed:
        return lambda row: pick({**fixed, **row})
    return pick


def insert_new(table: Table, columns: Sequence[str], unless: Sequence[str] = ()) -> Prepared:
    """INSERT of these columns; rows that are there already stay as they are.

    `unless` names the columns that make a row the same; empty for any uniqueness that the table has.
    """

    def build(dialect: str) -> Executable:
        statement = insert_for(dialect, table).values({name: bindparam(name) for name in columns})
        return statement.on_conflict_do_nothing(index_elements=list(unless) or None)

    return Prepared(build)


def among(dialect: str, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether a text column is one of many values, which travel as one parameter; see `values_of`."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=postgresql.ARRAY(Text())))
    values = func.json_each(bindparam(name, type_=Text())).table_valued("value")
    return column.in_(select(values.c.value))


def values_of(connection: Connection, values: Sequence[str]) -> Any:
    """Many values as the one parameter that `among` asks for."""
    return list(values) if connection.dialect.name == "postgresql" else json.dumps(list(values))
