"""Databases for tests: a fresh one per test, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from gateway.store.database import Database, open_database
from tests.postgres import PostgresServer, postgres_server

_TEMPLATE = "template_brevdue"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    """One cluster for the session, with a template that has our schema."""

    async def make_template(url: str) -> None:
        await (await open_database(url)).close()

    with postgres_server(Path(require("initdb")).resolve().parent) as server:
        server.run(f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(make_template(server.url(_TEMPLATE)))
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database of this test's own, schema up to date."""
    name = f"test_{next(_numbers)}"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield postgres.url(name)
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of this test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/brevdue.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, open."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()
