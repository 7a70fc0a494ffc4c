"""Killed at any moment under load: whatever got 250 reaches the phone, and nothing reaches it twice."""

from __future__ import annotations

import random
import signal
import smtplib
import socket
import struct
import time
from email import policy
from pathlib import Path

import pytest

from tests.faults.load import ANNA, Load, verdict
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import DOMAIN, Gateway, mail

MAILS = 50
KILLS = pytest.mark.parametrize(
    "kills", [5, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)


@KILLS
@pytest.mark.proves("kill -9 at any moment under load")
def test_killed_at_any_moment_nothing_is_lost_or_doubled(kills: int, tmp_path: Path):
    seed = time.time_ns()
    chance = random.Random(seed)
    phones = SimulatedPhones(tmp_path / "phones")
    (tmp_path / "gateway").mkdir()
    with Gateway(tmp_path / "gateway", phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = Load(gateway, key, "killed")
        for _ in range(kills):
            load.write(MAILS)
            threads = load.send()
            load.until_accepted(chance.randrange(MAILS * 3 // 4))
            time.sleep(chance.random() / 50)
            assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
            load.settle(threads)
            gateway.start()
        load.finish()
        found = verdict(gateway, load, phones.received)
    print(f"{kills} kills (seed {seed}): {found}")
    assert found.accepted == kills * MAILS
    assert len(found.had | found.never_had) == 0, "the simulator knows a message again: nothing is left in doubt"
