"""What SQLite and PostgreSQL spell alike but SQLAlchemy keeps apart."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite


def insert(connection: Connection, table: Table) -> sqlite.Insert:
    """Make the dialect's INSERT, the one that knows ON CONFLICT."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> sqlite.Insert:
    """The same for a dialect by its name."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # takes long to import, and only those who use it need it

        # The two classes share no base, but every method that is used here.
        return postgresql.insert(table)  # type: ignore[return-value]
    return sqlite.insert(table)
