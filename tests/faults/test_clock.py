"""The clock jumps under load: mail goes on, nothing is sent twice, and what waits for its time is not forgotten.

Waiting is by wall clock, as in every mail queue: a clock that goes back makes what waits wait longer, and no more.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.load import Load, verdict
from tests.faults.phones import Phones
from tests.gateway_process import Gateway, wait_for

ANSWERS = 30
RECOVERY_SECONDS = 10.0
HOURS = 3600.0


class Clock:
    """The wall clock of one process, by libfaketime; its monotonic clock goes on as it should."""

    def __init__(self, library: Path, orders: Path) -> None:
        self._orders = orders
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(orders),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else waits on the monotonic clock, by which Python's threads take turns, are computed again as if on the
            # wall clock: a busy process is then slower by fifty times.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self.step(0)

    def step(self, seconds: float) -> None:
        """Let it go wrong by so much from now on."""
        draft = self._orders.with_suffix(".draft")
        draft.write_text(f"{seconds:+.0f}\n")
        draft.replace(self._orders)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("needs the library libfaketime, which is not installed (see .ci/run)")
    return Clock(found[0], tmp_path / "clock")


@pytest.fixture
def running(folder: Path, phones: Phones, clock: Clock) -> Iterator[Gateway]:
    with Gateway(folder, phones.toml, **clock.environment) as gateway:
        yield gateway


def seen_by(gateway: Gateway) -> Callable[[], float]:
    """What the gateway takes the time to be, less what it is, by its last log line."""
    return lambda: _seconds(gateway.events()[-1]["timestamp"]) - time.time()


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


@pytest.mark.proves("clock stepping")
@pytest.mark.parametrize("hours", [2, -2])
def test_mail_goes_on_while_the_clock_jumps(hours: int, running: Gateway, phones: Phones, clock: Clock):
    key = running.key()
    number = running.account(key)
    load = Load(running, key, "jumping")
    with load.flow():
        for step in (0, hours, 0, -hours, 0):
            clock.step(step * HOURS)
            stepped = time.monotonic()
            load.until_accepted_after(stepped + 0.2, RECOVERY_SECONDS)
            wait_for(lambda: abs(seen_by(running)() - step * HOURS) < 60, "the clock that it sees")  # noqa: B023
            for each in range(ANSWERS // 5):
                running.text(f"+45307000{each:02}", number, f"svar {step} {stepped} {each}")
    assert load.refusals == {}
    load.finish()
    clock.step(abs(hours) * HOURS)  # what found no room while the clock was ahead waits for that time
    found = verdict(running, load, phones.received)
    print(found)
    assert not found.had | found.never_had
    answers = Counter(mail.get_content().strip() for mail in running.mails(ANSWERS, subject="3070"))
    assert len(answers) == ANSWERS
    assert set(answers.values()) == {1}


@pytest.mark.proves("clock stepping")
def test_what_waits_is_sent_once_the_time_is_right_again(running: Gateway, phones: Phones, clock: Clock):
    key = running.key()
    running.account(key)
    load = Load(running, key, "waiting", phone="20999903")  # throttled twice, then accepted
    load.write(2)
    load.settle(load.send())
    clock.step(-2 * HOURS)
    time.sleep(1)
    clock.step(0)
    found = verdict(running, load, phones.received)
    assert not found.had | found.never_had
