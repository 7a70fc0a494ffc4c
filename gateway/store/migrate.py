"""Brings a database to the schema of this version, forwards only, inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.store.schema import metadata


def migrate(connection: Connection) -> None:
    """Apply every migration that the database has not seen."""
    metadata.create_all(connection)
