"""Several processes' counts as one: added up, never falling, whoever of them is asked and whoever ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.maillog import Event
from gateway.sms import MessageState
from gateway.tally import Kind, Tally
from gateway.tally_files import TallyFiles, totals_of

SUBMITTED = Kind(Event.SMS_SUBMITTED, "acme", "")
SIBLING = """
import asyncio, sys, time
from pathlib import Path
from gateway.maillog import Event
from gateway.tally import Tally
from gateway.tally_files import TallyFiles, totals_of

async def main():
    tally = Tally(time.time)
    tally.remember()
    files = TallyFiles(lambda: totals_of(tally, ["acme"], 7), Path(sys.argv[1]))
    await files.start()
    for _ in range(3):
        tally.hear(Event.SMS_SUBMITTED, {"id": "x", "provider": "acme"})
    tally.hear(Event.PROVIDER_STATE, {"provider": "acme", "state": "down"})
    await files.stop()
    print("written", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def tally() -> Tally:
    made = Tally(time.time)
    made.remember()
    made.hear(Event.SMS_SUBMITTED, {"id": "x", "provider": "acme"})
    made.hear(Event.SMS_REPORT, {"id": "x", "provider": "acme", "state": MessageState.DELIVERED})
    return made


async def test_others_are_added_while_they_run_and_keep_counting_when_they_ended(tally: Tally, tmp_path: Path):
    files = TallyFiles(lambda: totals_of(tally, ["acme"], 2), tmp_path)
    await files.start()
    sibling = subprocess.Popen(
        [sys.executable, "-c", SIBLING, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sibling.stdout is not None
    assert sibling.stdin is not None
    assert sibling.stdout.readline() == b"written\n"
    both = files.totals()
    assert both.counts[SUBMITTED] == 4
    assert both.counts[Kind(Event.SMS_REPORT, "acme", "delivered")] == 1
    assert (both.connections, sorted(both.pids)) == (9, sorted([os.getpid(), sibling.pid]))
    assert both.providers == {"acme": {"up", "down"}}
    assert both.lately["minute"][0][Event.SMS_SUBMITTED] == 4
    assert sum(both.to_report.counts) == 1
    sibling.stdin.close()
    sibling.wait(10)
    sibling.stdout.close()
    left = files.totals()
    assert left.counts[SUBMITTED] == 4, "a counter must not fall"
    assert (left.connections, left.pids) == (2, [os.getpid()])
    await files.stop()
    assert len(list(tmp_path.glob("*.json"))) == 2


async def test_what_is_no_tally_is_passed_over(tally: Tally, tmp_path: Path):
    (tmp_path / "1.json").write_text("{")
    (tmp_path / "2.json").write_text("{}")
    assert TallyFiles(lambda: totals_of(tally, ["acme"], 2), tmp_path).totals().counts[SUBMITTED] == 1


async def test_alone_nothing_is_written(tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    files = TallyFiles(lambda: totals_of(tally, ["acme"], 2))
    await files.start()
    assert files.totals().connections == 2
    await files.stop()
    assert not list(tmp_path.iterdir())
