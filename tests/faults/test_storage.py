"""The disk is full, will not sync, or the database is away, under load: 4xx meanwhile, nothing lost, and back at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.disk import Disk
from tests.faults.load import Load, Verdict, verdict
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import Gateway
from tests.postgres import PostgresServer, postgres_server

RECOVERY_SECONDS = 10.0
SMALL_DISK = 300_000_000
"""Bytes: little more than `brevdue.readiness` wants to see free."""
LONG = [pytest.mark.slow, pytest.mark.timeout(600)]
Fault = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.stopwatch  # the time to recover is measured after each fault


def seconds(short: float) -> pytest.MarkDecorator:
    """How long the fault lasts."""
    values = [short, pytest.param(60.0, marks=LONG)]
    return pytest.mark.parametrize("lasts", values, ids=["short", "a minute"])


@pytest.fixture
def phones(tmp_path: Path) -> SimulatedPhones:
    return SimulatedPhones(tmp_path / "phones")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "gateway"
    path.mkdir()
    return path


def endure(gateway: Gateway, key: str, fault: Fault, lasts: float) -> Load:
    """Send mail before, during and after a fault; what must hold of the answers and of the time to recover holds."""
    load = Load(gateway, key, "faulty")
    process = gateway.process
    assert process is not None
    with load.flow():
        load.until_accepted(20)
        assert load.refusals == {}
        with fault():
            during = len(load.accepted)
            time.sleep(lasts)
            during = len(load.accepted) - during
        cured = time.monotonic()
        load.until_accepted(20)
        recovery = next(at for at in sorted(load.accepted.values()) if at > cured) - cured
    print(f"{lasts:.0f} s: refused {dict(load.refusals)}, accepted meanwhile {during}, again after {recovery:.2f} s")
    assert set(load.refusals) <= set(range(400, 500)), "temporary answers, on connections that stay"
    assert recovery < RECOVERY_SECONDS
    assert process.poll() is None
    load.finish()
    return load


def settle(gateway: Gateway, load: Load, phones: SimulatedPhones) -> Verdict:
    found = verdict(gateway, load, phones.received)
    print(found)
    assert not found.had | found.never_had
    return found


# --- SQLite on a bad disk ----------------------------------------------------------------------------------------------


@contextmanager
def on_a_disk(folder: Path, phones: SimulatedPhones, scratch: Path) -> Iterator[tuple[Gateway, str, Disk]]:
    """A gateway with a key, on a disk that obeys."""
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.stop()
        disk = Disk(folder, scratch)
        gateway.environment |= disk.environment
        yield gateway.start(), key, disk


@contextmanager
def ordered(disk: Disk, order: Callable[[bool], None]) -> Iterator[None]:
    failures = disk.failures
    order(True)
    yield
    order(False)
    assert disk.failures > failures


@seconds(4)
@pytest.mark.proves("disk full")
def test_a_disk_on_which_nothing_can_grow(lasts: float, folder: Path, phones: SimulatedPhones, tmp_path: Path, require):
    require("cc")
    with on_a_disk(folder, phones, tmp_path / "scratch") as (gateway, key, disk):
        load = endure(gateway, key, lambda: ordered(disk, disk.be_full), lasts)
        assert load.refusals[451] > 0
        settle(gateway, load, phones)


@seconds(4)
@pytest.mark.proves("fsync error", "power cut")
def test_a_disk_that_will_not_sync_and_then_loses_its_power(
    lasts: float, folder: Path, phones: SimulatedPhones, tmp_path: Path, require
):
    require("cc")
    with on_a_disk(folder, phones, tmp_path / "scratch") as (gateway, key, disk):
        load = endure(gateway, key, lambda: ordered(disk, disk.fail_syncs), lasts)
        assert load.refusals[451] > 0
        gateway.stop(signal.SIGKILL)
        disk.power_cut()
        with contextlib.closing(sqlite3.connect(folder / "brevdue.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        gateway.start()
        settle(gateway, load, phones)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own under the folder, where the kernel lets us."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"may not mount here ({made.stderr.decode().strip()}); the test on a made-up disk proves the row")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for piece in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(bytes(piece)):
                    pass
    yield
    filler.unlink()


@seconds(4)
@pytest.mark.proves("disk full")
def test_a_file_system_without_a_free_byte(lasts: float, folder: Path, phones: SimulatedPhones):
    with small_disk(folder), Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = endure(gateway, key, lambda: filled(folder), lasts)
        assert load.refusals[451] > 0
        settle(gateway, load, phones)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another program hold SQLite's write lock."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@seconds(4)
@pytest.mark.proves("database away")
def test_another_program_holds_the_sqlite_file(lasts: float, folder: Path, phones: SimulatedPhones):
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = endure(gateway, key, lambda: locked(folder / "brevdue.db"), lasts)
        settle(gateway, load, phones)


# --- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    with postgres_server(Path(require("initdb")).resolve().parent) as running:
        yield running


@pytest.fixture
def on_postgres(server: PostgresServer, folder: Path, phones: SimulatedPhones) -> Iterator[tuple[Gateway, str]]:
    server.run("DROP DATABASE IF EXISTS brevdue")
    server.run("CREATE DATABASE brevdue")
    with Gateway(folder, f'{phones.toml}[store]\nurl = "{server.url("brevdue")}"\n') as gateway:
        key = gateway.key()
        gateway.account(key)
        yield gateway, key


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    server.stop()
    yield
    server.start()


@seconds(4)
@pytest.mark.proves("database away")
def test_postgresql_is_stopped_and_started(
    lasts: float, server: PostgresServer, on_postgres: tuple[Gateway, str], phones: SimulatedPhones
):
    gateway, key = on_postgres
    load = endure(gateway, key, lambda: stopped(server), lasts)
    assert load.refusals[451] > 0
    settle(gateway, load, phones)


@pytest.mark.proves("database away", "kill -9")
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=LONG)], ids=["short", "long"])
def test_postgresql_loses_a_process_of_its_own(
    kills: int, server: PostgresServer, on_postgres: tuple[Gateway, str], phones: SimulatedPhones
):
    gateway, key = on_postgres
    load = Load(gateway, key, "crashed")
    with load.flow():
        for _ in range(kills):
            load.until_accepted(20)
            session = server.run("SELECT pid FROM pg_stat_activity WHERE datname = 'brevdue' ORDER BY random() LIMIT 1")
            os.kill(int(session), signal.SIGKILL)  # the others end as well, and the server recovers from its WAL
            killed = time.monotonic()
            load.until_accepted_after(killed + 0.1, RECOVERY_SECONDS)
    assert set(load.refusals) <= set(range(400, 500))
    load.finish()
    print(f"{kills} kills, refused {dict(load.refusals)}")
    settle(gateway, load, phones)
