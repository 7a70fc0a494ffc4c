"""The store itself: group commit, its faults, and what a commit is worth."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, func, insert, select, text

from gateway.store import directory_sql
from gateway.store.database import Database, StoreUnavailableError, alone
from gateway.store.opening import open_database
from gateway.store.schema import organisations, revisions
from tests.postgres import PostgresServer, postgres_server
from tests.waiting import until

pytestmark = pytest.mark.proves("durable commit")
ROOT = Path(__file__).parents[2]


def add(connection: Connection, names: Sequence[str]) -> list[str]:
    """Insert organisations; "bad" breaks a rule of the table."""
    for name in names:
        row = {"id": name, "name": name, "region": "DK", "language": "da", "created_at": 1.0}
        connection.execute(insert(organisations).values(row | ({"region": None} if name == "bad" else {})))
    return [f"{name}!" for name in names]


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(organisations)).scalar_one()


async def test_each_caller_gets_its_own_result(database: Database) -> None:
    names = [f"org-{n}" for n in range(1200)]
    assert await asyncio.gather(*(database.write(add, name) for name in names)) == [f"{name}!" for name in names]
    assert await database.read(count) == 1200


async def test_callers_share_transactions(database: Database) -> None:
    sizes: list[int] = []

    def note_size(connection: Connection, items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        return items

    await asyncio.gather(*(database.write(note_size, n) for n in range(300)))
    assert sum(sizes) == 300
    assert len(sizes) < 30


async def test_different_work_shares_a_commit_and_keeps_its_order(database: Database) -> None:
    results = await asyncio.gather(
        database.write(add, "first"), database.write(alone(count), None), database.write(add, "second")
    )
    assert results == ["first!", 2, "second!"]


async def test_one_failing_item_fails_alone(database: Database) -> None:
    names = [*(f"org-{n}" for n in range(40)), "bad", *(f"more-{n}" for n in range(40))]
    results = await asyncio.gather(*(database.write(add, name) for name in names), return_exceptions=True)
    failed = [name for name, result in zip(names, results, strict=True) if isinstance(result, BaseException)]
    assert failed == ["bad"]
    assert type(results[40]).__name__ == "IntegrityError"
    assert await database.read(count) == 80


async def test_a_wrong_statement_fails_alone(database: Database) -> None:
    def wrong(connection: Connection, items: Sequence[None]) -> list[None]:
        connection.execute(text("SELECT nothing FROM nowhere"))
        return [None for _ in items]

    good, bad = await asyncio.gather(database.write(add, "good"), database.write(wrong, None), return_exceptions=True)
    assert good == "good!"
    assert isinstance(bad, Exception)
    assert not isinstance(bad, StoreUnavailableError)


async def test_a_failing_item_leaves_nothing_behind(database: Database) -> None:
    def half(connection: Connection, items: Sequence[str]) -> list[str]:
        add(connection, items)
        raise RuntimeError("after the insert")

    with pytest.raises(RuntimeError, match="after the insert"):
        await database.write(half, "gone")
    assert await database.read(count) == 0


async def test_a_caller_that_goes_away_loses_no_commit(database: Database) -> None:
    callers = [asyncio.create_task(database.write(add, f"org-{n}")) for n in range(20)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 10
    await database.write(add, "last")
    assert await database.read(count) == 21


async def test_readers_that_go_away_at_any_moment_leave_no_transaction_open(database: Database) -> None:
    """A connection that came back within one would fail whoever writes next, and show the past to whoever reads."""
    for number in range(300):
        reader = asyncio.create_task(database.read(directory_sql.revision))
        for _ in range(number % 60):
            await asyncio.sleep(0)
        reader.cancel()
        await database.write(add, f"org-{number}")
        assert await database.read(count) == number + 1


async def test_close_commits_what_was_handed_in(database_url: str) -> None:
    database = await open_database(database_url)
    callers = [asyncio.create_task(database.write(add, f"org-{n}")) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*callers)) == 50
    again = await open_database(database_url)
    assert await again.read(count) == 50
    await again.close()


async def test_a_closed_database_says_so(database: Database) -> None:
    await database.close()
    await database.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        await database.write(add, "late")
    with pytest.raises(StoreUnavailableError, match="closed"):
        await database.read(count)


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from gateway.store.opening import open_database
    from tests.integration.test_store import add

    async def main(url, name, count):
        database = await open_database(url)
        for n in range(int(count)):
            print(await database.write(add, f"{name}-{n}"), flush=True)
        await asyncio.sleep(60 if name == "killed" else 0)
        await database.close()

    asyncio.run(main(*sys.argv[1:]))
    """
)


async def writer(url: str, name: str, rows: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", WRITER, url, name, str(rows)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_what_was_written_survives_kill_9(database_url: str) -> None:
    process = await writer(database_url, "killed", 5)
    assert process.stdout is not None
    for n in range(5):
        assert await process.stdout.readline() == f"killed-{n}!\n".encode()
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    database = await open_database(database_url)
    assert await database.read(count) == 5
    await database.close()


@pytest.mark.proves("one writer")
async def test_two_processes_write_at_once(database_url: str) -> None:
    processes = [await writer(database_url, name, 150) for name in ("one", "two")]
    database = await open_database(database_url)
    await asyncio.gather(*(database.write(add, f"three-{n}") for n in range(150)))
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert await database.read(count) == 450
    await database.close()


@pytest.mark.proves("one writer")
async def test_nobody_writes_to_sqlite_while_another_holds_the_pen(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
    await database.write(add, "before")
    sizes = [file.stat().st_size for file in (tmp_path / "brevdue.db", tmp_path / "brevdue.db-wal")]
    with (tmp_path / "brevdue.db.pen").open("rb") as pen:
        fcntl.flock(pen, fcntl.LOCK_EX)
        waiting = [asyncio.create_task(database.write(add, f"during-{n}")) for n in range(3)]
        closing = asyncio.create_task(database.close())
        for _ in range(5):
            assert await count_elsewhere(tmp_path / "brevdue.db") == 1
        assert not any(task.done() for task in (*waiting, closing))
        assert [file.stat().st_size for file in (tmp_path / "brevdue.db", tmp_path / "brevdue.db-wal")] == sizes
    await asyncio.gather(*waiting, closing)
    assert await count_elsewhere(tmp_path / "brevdue.db") == 4


async def count_elsewhere(path: Path) -> int:
    """The organisations, counted by another program."""
    program = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], uri=True).execute('SELECT count(*) FROM organisations').fetchone()[0])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", program, f"file:{path}?mode=ro", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return int(output)


async def test_a_deadlock_between_writers_is_tried_again(postgres_url: str) -> None:
    database, other = await open_database(postgres_url), await open_database(postgres_url)
    await database.write(add, "a")
    await database.write(add, "b")

    def touch(connection: Connection, name: str) -> None:
        connection.execute(organisations.update().where(organisations.c.id == name).values(language="en"))

    def both(first: str, second: str) -> object:
        def work(connection: Connection, items: Sequence[None]) -> list[str]:
            touch(connection, first)
            connection.execute(text("SELECT pg_sleep(0.2)"))
            touch(connection, second)
            return [first for _ in items]

        return work

    results = await asyncio.gather(database.write(both("a", "b"), None), other.write(both("b", "a"), None))
    assert results == ["a", "b"]
    await database.close()
    await other.close()


@pytest.mark.proves("database away")
async def test_postgresql_away_is_temporary_and_comes_back(require, tmp_path: Path) -> None:
    programs = Path(require("initdb")).resolve().parent
    with postgres_server(programs) as server:
        database = await open_database(server.url("postgres"))
        await database.write(add, "before")
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname='postgres'"
        server.run(kill)
        assert await database.write(add, "after") == "after!"
        assert await database.read(count) == 2
    with pytest.raises(StoreUnavailableError):
        await database.write(add, "lost")
    with pytest.raises(StoreUnavailableError):
        await database.read(count)
    with pytest.raises(StoreUnavailableError, match="PostgreSQL"):
        await open_database(server.url("postgres"))
    await database.close()


@pytest.mark.proves("PostgreSQL that does not sync")
@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
async def test_postgresql_that_does_not_sync_is_refused(
    postgres: PostgresServer, postgres_url: str, setting: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    scope = "SYSTEM" if setting == "fsync" else f"DATABASE {name}"

    async def alter(change: str, value: str) -> None:
        """Change it, and wait until new sessions have it: the server reads its configuration when it comes to it."""
        postgres.run(f"ALTER {scope} {change}")
        postgres.run("SELECT pg_reload_conf()")
        await until(lambda: postgres.run(f"SHOW {setting}", name) == value, f"{setting}={value}")

    try:
        await alter(f"SET {setting} = off", "off")
        with pytest.raises(StoreUnavailableError, match=f"{setting}=off"):
            await open_database(postgres_url)
    finally:
        await alter(f"RESET {setting}", "on")


@pytest.mark.proves("SQLite commits in full")
async def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "brevdue.db"
    database = await open_database(f"sqlite:///{path}")
    await database.write(add, "acme")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("brevdue.db", "brevdue.db-shm", "brevdue.db-wal", "brevdue.db.pen"), 0o600)

    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await database.read(pragmas) == ["wal", 2, 1]
    assert await database.write(alone(pragmas), None) == ["wal", 2, 1]
    await database.close()


async def test_sqlite_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="No such file or directory"):
        await open_database(f"sqlite:///{tmp_path}/missing/brevdue.db")
    (tmp_path / "text.db").write_text("this is not a database, it is a letter " * 100)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        await open_database(f"sqlite:///{tmp_path}/text.db")


async def test_postgresql_readers_see_a_snapshot_and_cannot_write(postgres_url: str) -> None:
    database = await open_database(postgres_url)
    await database.write(alone(lambda c: c.execute(insert(revisions).values(name="x", value=1))), None)
    started, door = asyncio.Event(), await asyncpg.connect(postgres_url)
    await door.execute("SELECT pg_advisory_lock(1)")

    def value_twice(connection: Connection) -> list[int]:
        first = connection.execute(select(revisions.c.value)).scalar_one()
        started.set()
        connection.execute(text("SELECT pg_advisory_xact_lock(1)"))  # waits for as long as the door is shut
        return [first, connection.execute(select(revisions.c.value)).scalar_one()]

    reading = asyncio.create_task(database.read(value_twice))
    await started.wait()
    await database.write(alone(lambda c: c.execute(revisions.update().values(value=2))), None)
    assert not reading.done()
    await door.close()
    assert await reading == [1, 1]
    assert await database.read(value_twice) == [2, 2]
    with pytest.raises(Exception, match="read-only transaction"):
        await database.read(lambda c: c.execute(revisions.update().values(value=3)))
    assert await database.write(alone(lambda c: c.execute(revisions.update().values(value=4)).rowcount), None) == 1
    await database.close()


async def test_sqlite_readers_see_a_snapshot(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
    await database.write(alone(lambda c: c.execute(insert(revisions).values(name="x", value=1))), None)
    started, proceed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def value_twice(connection: Connection) -> list[int]:
        first = connection.execute(select(revisions.c.value)).scalar_one()
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(proceed.wait(), loop).result()
        return [first, connection.execute(select(revisions.c.value)).scalar_one()]

    reading = asyncio.create_task(database.read(value_twice))
    await started.wait()
    await database.write(alone(lambda c: c.execute(revisions.update().values(value=2))), None)
    proceed.set()
    assert await reading == [1, 1]
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await database.read(lambda c: c.execute(revisions.update().values(value=3)))
    await database.close()


@pytest.mark.proves("disk full")
async def test_a_full_disk_is_temporary_and_hurts_nothing_that_is_stored(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
    await database.write(add, "before")

    def limit(pages: str) -> object:
        return alone(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {pages}")).scalar())

    await database.write(limit("1"), None)
    with pytest.raises(StoreUnavailableError, match="full"):
        await asyncio.gather(*(database.write(add, f"{n}" * 4000) for n in range(10)))
    assert await database.read(count) == 1
    await database.write(limit("1000000"), None)
    assert await database.write(add, "after") == "after!"
    await database.close()
