"""Databases for tests: a fresh one per test, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from gateway.store.database import Database
from gateway.store.opening import open_database
from tests.postgres import PostgresServer, postgres_server

_TEMPLATE = "template_brevdue"
_numbers = itertools.count(1)


async def _make(url: str) -> None:
    await (await open_database(url)).close()


@pytest.fixture(scope="session")
def postgres(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    """One cluster for the session, with a template that has our schema."""
    with postgres_server(Path(require("initdb")).resolve().parent) as server:
        server.run(f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(_make(server.url(_TEMPLATE)))
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database of this test's own, schema up to date."""
    name = f"test_{next(_numbers)}"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield postgres.url(name)
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has our schema."""
    path = tmp_path_factory.mktemp("template") / "brevdue.db"
    asyncio.run(_make(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database of this test's own, schema up to date."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'brevdue.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of this test's own, once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, open."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()
