"""Killed at any moment under load: whatever got 250 reaches the phone, and nothing reaches it twice.

What a provider may have had when the gateway died is shown as unknown. Some of that never left; there is only as much
of it as there were mails in the air.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from statistics import median

import pytest

from tests.faults.conftest import every_provider
from tests.faults.load import CLIENTS, Load, verdict
from tests.faults.phones import Phones, SimulatedPhones
from tests.gateway_process import Gateway, wait_for

MAILS = 50
BOOK_EVERY = 10
"""Kills after which the book is held against the phones."""
KILLS = pytest.mark.parametrize(
    "kills", [5, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)


@KILLS
@every_provider
@pytest.mark.proves("kill -9")
def test_killed_at_any_moment_nothing_is_lost_or_doubled(kills: int, phones: Phones, folder: Path):
    seed = time.time_ns()
    chance = random.Random(seed)
    starts = []
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = Load(gateway, key, "killed")
        for kill in range(1, kills + 1):
            load.write(MAILS)
            threads = load.send()
            load.until_accepted(chance.randrange(MAILS * 3 // 4))
            time.sleep(chance.random() / 50)
            assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
            load.settle(threads)
            begun = time.monotonic()
            gateway.start()
            starts.append(time.monotonic() - begun)
            if kill % BOOK_EVERY == 0 or kill == kills:
                load.finish()
                found = verdict(gateway, load, phones.received)
                print(f"{type(phones).__name__}, {kill} kills (seed {seed}): {found}; starts {median(starts):.1f} s")
                assert found.accepted == kill * MAILS
                assert len(found.never_had) <= kill * CLIENTS, "no more than was being committed"
                assert len(found.had | found.never_had) < kill * MAILS // 2, "what was being handed over, no more"
    if isinstance(phones, SimulatedPhones):  # it knows a message again: nothing stays in doubt
        assert not found.had | found.never_had


def workers(gateway: Gateway) -> list[int]:
    """The processes that the first one has started."""
    assert gateway.process is not None
    pid = gateway.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    "kills", [4, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)
@pytest.mark.parametrize("phones", ["simulator", "smpp"], indirect=True)
@pytest.mark.proves("kill -9")
def test_any_of_several_processes_may_be_killed(kills: int, phones: Phones, folder: Path):
    """A worker that dies is started anew while the others go on; where the first dies, the workers end well."""
    chance = random.Random(kills)
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.stop()
        gateway.serve_options = ["--workers", "2"]
        gateway.start()
        load = Load(gateway, key, "killed")
        with load.flow():
            for kill in range(1, kills + 1):
                wait_for(lambda: len(workers(gateway)) == 2, "both workers", 60)
                load.until_accepted(chance.randrange(MAILS))
                if kill % 4:
                    os.kill(chance.choice(workers(gateway)), signal.SIGKILL)
                else:
                    gateway.stop(signal.SIGKILL)
                    gateway.start()
                load.until_accepted_after(time.monotonic(), 30)
        load.finish()
        found = verdict(gateway, load, phones.received)
        print(f"{type(phones).__name__}, {kills} kills among several processes: {found}")
        assert len(found.never_had) <= kills * CLIENTS
