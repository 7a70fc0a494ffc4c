"""A provider hangs, throttles, hangs up, comes late or lies: the state machine holds, and the other provider is not slowed.

    accepted   taken, once
    temporary  known not to have been taken: tried again until it is
    unknown    may have been taken: shown, and never sent again
    permanent  failed, and the sender is told
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.http_provider import Fault
from tests.faults.load import Load, unknown, verdict
from tests.faults.phones import HttpPhones, http_phones
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

BO = "bo@firm.example"
MAILS = 10
UNKNOWN = {Fault.HANG, Fault.MUTE, Fault.CLOSE, Fault.DROP, Fault.CUT, Fault.LATE, Fault.GARBAGE, Fault.BROKEN}


@dataclass
class Pair:
    """A gateway with two providers: Anna's SMS leave by the first, Bo's by the second."""

    gateway: Gateway
    key: str
    first: HttpPhones
    second: HttpPhones

    def states(self) -> dict[str, str]:
        rows = json.loads(self.gateway.run("message", "list", "--way", "out", "--limit", "100000", "--json"))
        return {row["text"]: row["state"] for row in rows}


@contextmanager
def pair(folder: Path, scratch: Path) -> Iterator[Pair]:
    with (
        http_phones(scratch, "first", "+45609946000001..+45609946000001") as first,
        http_phones(scratch, "second", "+45609946000002..+45609946000002") as second,
        Gateway(folder, first.toml + second.toml) as gateway,
    ):
        key = gateway.key()
        addresses = ["anna@firm.example", BO]
        numbers = [gateway.account(key, address) for address in addresses]
        ways = (first, second) if numbers[0].endswith("1") else (second, first)
        yield Pair(gateway, key, *ways)


@pytest.mark.proves("provider hangs, throttles, closes, is late, lies")
@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
def test_what_a_provider_does_wrong_ends_in_the_right_state(fault: Fault, folder: Path, tmp_path: Path):
    with pair(folder, tmp_path / "phones") as ways:
        ways.first.behave(fault)
        load = Load(ways.gateway, ways.key, "wrong")
        load.write(MAILS)
        load.settle(load.send())
        assert len(load.accepted) == MAILS
        if fault in UNKNOWN:
            wait_for(lambda: len(unknown(ways.gateway)) == MAILS, "every message in doubt", 30)
            ways.first.behave(Fault.NONE)
            time.sleep(3)
            assert unknown(ways.gateway) == set(load.accepted)
            assert set(ways.first.asked().values()) == {1}, "asked once and never again"
        elif fault is Fault.REFUSE:
            wait_for(lambda: set(ways.states().values()) == {"failed"}, "every message failed", 20)
            assert set(ways.first.asked().values()) == {1}
            ways.gateway.mails(1, to="anna@firm.example")
        else:
            wait_for(lambda: sum(ways.first.asked().values()) > MAILS // 2, "attempts", 20)
            ways.first.behave(Fault.NONE)
            cured = time.monotonic()
            found = verdict(ways.gateway, load, ways.first.received)
            print(f"{fault}: all sent {time.monotonic() - cured:.1f} s after it ended; {found}")
            assert not found.had | found.never_had


@pytest.mark.proves("provider hangs: other routes unaffected")
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.MUTE, Fault.THROTTLE, Fault.LATE])
def test_the_other_provider_goes_on_at_its_pace(fault: Fault, folder: Path, tmp_path: Path):
    """Far more messages wait for the first provider than it may have under way; those of the second do not notice."""
    with pair(folder, tmp_path / "phones") as ways:
        usual = seconds_to_the_phone(ways, "før")
        ways.first.behave(fault)
        load = Load(ways.gateway, ways.key, "stuck")
        load.write(300)
        load.settle(load.send())
        assert len(load.accepted) == 300
        during = seconds_to_the_phone(ways, "under")
        print(f"{fault}: {usual * 1000:.0f} ms from 250 to the other provider before, {during * 1000:.0f} ms during")
        assert during < max(5 * usual, 0.5)


def seconds_to_the_phone(ways: Pair, name: str, count: int = 20) -> float:
    """The median time from 250 to the second provider, one mail after the other."""
    times = []
    for number in range(count):
        text = f"{name} {number}"
        ways.gateway.send(mail(f"{ways.key}@{DOMAIN}", "30710001", text, BO), sender=BO)
        begun = time.monotonic()
        wait_for(lambda: ways.second.received()[text], "the SMS", 10)  # noqa: B023 - asked within the turn
        times.append(time.monotonic() - begun)
    return sorted(times)[count // 2]
