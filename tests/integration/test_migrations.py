"""The schema: what the steps make is what the models say, from an installed package and from the first schema on."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from gateway.store import migrate as migrations
from gateway.store.database import Database, StoreUnavailableError, alone
from gateway.store.migrate import HEAD, alembic_config, migrate
from gateway.store.opening import open_database
from gateway.store.tables import all_tables
from tests.postgres import PostgresServer

pytestmark = pytest.mark.proves("migrations")
metadata = all_tables()
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/brevdue.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    server.run("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    server.run("CREATE DATABASE empty")
    return server.url("empty")


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def shape(connection: Connection) -> dict[str, list[str]]:
    """Everything that the database knows of our tables, as sorted texts."""
    seen = inspect(connection)
    return {
        name: sorted(
            re.sub(r"[()]", "", str(what))
            for what in (
                *({**column, "type": str(column["type"])} for column in seen.get_columns(name)),
                *(
                    {**index, "dialect_options": _texts(index.get("dialect_options"))}
                    for index in seen.get_indexes(name)
                ),
                *seen.get_foreign_keys(name),
                *seen.get_unique_constraints(name),
                seen.get_pk_constraint(name),
            )
        )
        for name in seen.get_table_names()
        if name != "alembic_version"
    }


def _texts(options: dict[str, object] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (options or {}).items()}


def migrated_and_modelled(connection: Connection) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What the steps make of nothing, which stays, and what a new database was made as."""
    modelled = shape(connection)
    drop_everything(connection)
    command.upgrade(alembic_config(connection), HEAD)
    return shape(connection), modelled


def drop_everything(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        table.drop(connection)
    connection.execute(text("DROP TABLE alembic_version"))


async def test_the_steps_make_what_the_models_say(empty_url: str) -> None:
    database = await open_database(empty_url)
    advice = 'schema.py has changed: run python -m gateway.store.migrations NUMBER "what changes"'
    migrated, modelled = await database.write(alone(migrated_and_modelled), None)
    assert await database.read(differences) == [], advice
    assert migrated == modelled, advice
    assert len(modelled) == len(metadata.tables)
    await database.close()


async def test_two_processes_that_start_together_migrate_once(empty_url: str) -> None:
    opened = await asyncio.gather(*(open_database(empty_url) for _ in range(3)))
    revisions = [
        await each.read(lambda c: c.execute(text("SELECT version_num FROM alembic_version")).all()) for each in opened
    ]
    assert revisions == [[(HEAD,)]] * 3
    for each in opened:
        await each.close()


async def test_the_first_schema_with_rows_survives(empty_url: str) -> None:
    def first_schema(connection: Connection) -> None:
        drop_everything(connection)
        command.upgrade(alembic_config(connection), "0001")
        for row in ROWS:
            connection.execute(text(row))

    database = await open_database(empty_url)
    await database.write(alone(first_schema), None)
    await database.close()
    again = await open_database(empty_url)
    assert await again.read(differences) == []
    assert await again.read(lambda c: c.execute(text("SELECT email, number FROM accounts")).all()) == [
        ("bo@firma.dk", "+45609946000001")
    ]
    await again.close()


ROWS = (
    "INSERT INTO organisations (id, name, region, language, created_at) VALUES ('o', 'Acme', 'DK', 'da', 1)",
    "INSERT INTO api_keys (id, org_id, kind, created_at) VALUES ('k', 'o', 'dialog', 1)",
    "INSERT INTO key_secrets (digest, key_id, sealed, created_at) VALUES ('d', 'k', 's', 1)",
    """INSERT INTO accounts (id, org_id, key_id, email, email_folded, number, provider, language, region, opened_at)
       VALUES ('a', 'o', 'k', 'bo@firma.dk', 'bo@firma.dk', '+45609946000001', 'simulator', 'da', 'DK', 1)""",
    "INSERT INTO numbers (number, provider, account_id, taken_at) VALUES ('+45609946000001', 'simulator', 'a', 1)",
    "INSERT INTO revisions (name, value) VALUES ('directory', 7)",
)


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    database = await open_database(database_url)
    await database.write(alone(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'"))), None)
    await database.close()
    with pytest.raises(StoreUnavailableError, match="made by a newer version"):
        await open_database(database_url)


async def test_a_failing_step_leaves_the_database_as_it_was(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        migrate(connection)
        raise RuntimeError("the power went")

    for module in ("sqlite", "postgres"):
        monkeypatch.setattr(f"gateway.store.{module}.migrate", fail)
    with pytest.raises(StoreUnavailableError, match="the power went"):
        await open_database(empty_url)
    monkeypatch.undo()
    database = await open_database(empty_url)
    assert await database.read(differences) == []
    await database.close()


@pytest.mark.stopwatch
async def test_nothing_to_do_costs_next_to_nothing(database: Database) -> None:
    def timed(connection: Connection) -> float:
        started = time.perf_counter()
        migrate(connection)
        return time.perf_counter() - started

    assert min([await database.write(alone(timed), None) for _ in range(5)]) < 0.005


def test_a_new_or_up_to_date_database_is_opened_without_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from gateway.store.opening import open_database\n"
        "async def main():\n"
        "    await (await open_database(sys.argv[1])).close()\n"
        "    print('alembic' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/brevdue.db"]
    runs = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["False", "False"]


def test_head_is_the_last_step(tmp_path: Path) -> None:
    directory = Path(str(migrations.__file__)).parent / "migrations"
    script = ScriptDirectory(str(directory))
    assert script.get_heads() == [HEAD]
    assert [step.revision for step in script.walk_revisions()][-1] == "0001"
    assert all(step.doc.strip() for step in script.walk_revisions())
