"""Opens the database that a URL names; only the one that is asked for is imported."""

from __future__ import annotations

from importlib.util import find_spec

from gateway.store.database import Database, StoreUnavailableError


async def open_database(url: str) -> Database:
    """Open "sqlite:///PATH" or "postgresql://…", bring its schema up to date, and check that commits are durable."""
    if url.startswith("sqlite"):
        from gateway.store.sqlite import SqliteDatabase

        return await SqliteDatabase.open(url)
    if find_spec("asyncpg") is None:
        raise StoreUnavailableError("PostgreSQL needs one package more: pip install 'brevdue[postgres]'")
    from gateway.store.postgres import PostgresDatabase

    return await PostgresDatabase.open(url)
