"""The power goes under load: what had not been synced is gone, and no mail that got 250 is among it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.disk import Disk
from tests.faults.load import Load, verdict
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

MAILS = 50
CUTS = pytest.mark.parametrize(
    "cuts", [5, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)
COUNTING = """
import sqlite3, sys
rows = sqlite3.connect("rows.db", isolation_level=None)
rows.execute("PRAGMA journal_mode=WAL")
rows.execute(f"PRAGMA synchronous={sys.argv[1]}")
rows.execute("PRAGMA wal_autocheckpoint=0")  # a checkpoint syncs, in every mode
rows.execute("CREATE TABLE IF NOT EXISTS rows (n)")
for number in range(10**9):
    rows.execute("INSERT INTO rows VALUES (?)", (number,))
    print(number, flush=True)
"""

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture(scope="module")
def compiler(require):
    require("cc")


def rows_after_a_cut(folder: Path, scratch: Path, synchronous: str, chance: random.Random | None) -> tuple[int, int]:
    """Commit rows until the power goes: how many commits returned, how many rows are there."""
    folder.mkdir()
    disk = Disk(folder, scratch)
    command = [sys.executable, "-c", COUNTING, synchronous]
    writer = subprocess.Popen(command, cwd=folder, env=os.environ | disk.environment, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    last = 0
    while last < 500:
        last = int(writer.stdout.readline())
    writer.kill()
    last = int((writer.stdout.read().splitlines() or [last])[-1])
    writer.wait()
    writer.stdout.close()
    disk.power_cut(chance)
    with contextlib.closing(sqlite3.connect(folder / "rows.db")) as rows:
        made = rows.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return last + 1, rows.execute("SELECT count(*) FROM rows").fetchone()[0] if made else 0


@pytest.mark.proves("power cut")
@pytest.mark.parametrize("chance", [None, random.Random(3)], ids=["nothing unsynced survives", "some of it survives"])
def test_this_disk_loses_what_is_not_synced_and_sqlite_syncs_each_commit_in_full_mode(tmp_path, chance):
    committed, left = rows_after_a_cut(tmp_path / "full", tmp_path / "scratch-full", "FULL", chance)
    assert committed <= left <= committed + 1, "the commit that was under way may be there"
    committed, left = rows_after_a_cut(tmp_path / "normal", tmp_path / "scratch-normal", "NORMAL", chance)
    assert left < committed, "a disk that loses nothing proves nothing"


@CUTS
@pytest.mark.proves("power cut")
def test_no_mail_that_got_250_is_lost_with_the_power(cuts: int, tmp_path: Path):
    seed = time.time_ns()
    chance = random.Random(seed)
    phones = SimulatedPhones(tmp_path / "phones")
    folder = tmp_path / "gateway"
    folder.mkdir()
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.stop()
        disk = Disk(folder, tmp_path / "scratch")
        gateway.environment |= disk.environment
        gateway.start()
        load = Load(gateway, key, "cut")
        lost_pages = 0
        for _ in range(cuts):
            load.write(MAILS)
            threads = load.send()
            load.until_accepted(chance.randrange(MAILS * 3 // 4))
            time.sleep(chance.random() / 50)
            gateway.stop(signal.SIGKILL)
            load.settle(threads)
            lost_pages += disk.power_cut(chance if chance.random() < 0.5 else None).pages
            gateway.start()
        load.finish()
        found = verdict(gateway, load, phones.received)
    print(f"{cuts} power cuts (seed {seed}), {lost_pages} pages lost: {found}")
    assert found.accepted == cuts * MAILS


@pytest.mark.proves("power cut")
def test_a_key_made_at_the_first_start_and_mail_on_its_way_to_the_inbox_survive(tmp_path: Path):
    phones = SimulatedPhones(tmp_path / "phones")
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Gateway(folder, phones.toml)
    disk = Disk(folder, tmp_path / "scratch")
    gateway.environment |= disk.environment
    with gateway:
        key = gateway.key()
        number = gateway.account(key)
        gateway.text("+4530700001", number, "første svar", id="first")
        gateway.mails(subject="30700001")
        gateway.text("+4530700002", number, "andet svar", id="second")
        gateway.stop(signal.SIGKILL)
        disk.power_cut()
        gateway.start()
        gateway.send(mail(f"{key}@{DOMAIN}", "30700003", "efter strømmen"))
        wait_for(lambda: phones.received()["efter strømmen"], "the SMS")
        texts = [each.get_content().strip() for phone in ("30700001", "30700002") for each in gateway.mails(1, phone)]
        assert sorted(set(texts)) == ["andet svar", "første svar"]
        assert gateway.run("key", "list")
