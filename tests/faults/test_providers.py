"""A provider hangs, throttles, hangs up, comes late or lies: the state machine holds, and others are not slowed.

What was known not to be taken is tried again until it is; what may have been taken is shown as unknown and never sent
again; what is refused for good fails, and its sender is told.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.faults.http_provider import Fault
from tests.faults.load import ANNA, Load, verdict
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

    def load(self, name: str, count: int) -> Load:
        """So many mails to phones of the first provider, all with 250."""
        load = Load(self.gateway, self.key, name)
        load.write(count)
        load.settle(load.send())
        assert len(load.accepted) == count
        return load

    def states(self, load: Load) -> Counter[str]:
        """How many messages of a load stand how."""
        rows = json.loads(self.gateway.run("message", "list", "--way", "out", "--limit", "100000", "--json"))
        return Counter(row["state"] for row in rows if row["text"] in load.accepted)

    def asked(self, load: Load) -> Counter[str]:
        """How often the first provider was asked to send each text of a load."""
        return Counter({text: times for text, times in self.first.asked().items() if text in load.accepted})


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder, scratch = tmp_path_factory.mktemp("gateway"), tmp_path_factory.mktemp("phones")
    with (
        http_phones(scratch, "first", "+45609946000001..+45609946000001") as first,
        http_phones(scratch, "second", "+45609946000002..+45609946000002") as second,
        Gateway(folder, first.toml + second.toml) as gateway,
    ):
        key = gateway.key()
        numbers = [gateway.account(key, address) for address in (ANNA, BO)]
        yield Pair(gateway, key, *((first, second) if numbers[0].endswith("1") else (second, first)))


@contextmanager
def misbehaving(provider: HttpPhones, fault: Fault) -> Iterator[None]:
    provider.behave(fault)
    try:
        yield
    finally:
        provider.behave(Fault.NONE)


@pytest.mark.proves("provider hangs", "provider closes", "provider answers late", "never sent again blindly")
@pytest.mark.parametrize("fault", sorted(UNKNOWN))
def test_what_may_have_been_taken_is_shown_and_not_sent_again(fault: Fault, ways: Pair):
    with misbehaving(ways.first, fault):
        load = ways.load(fault, MAILS)
        wait_for(lambda: ways.states(load)["unknown"] == MAILS, "every message in doubt", 30)
    time.sleep(2)
    assert ways.states(load)["unknown"] == MAILS
    assert ways.asked(load) == Counter(load.accepted.keys()), "asked once and never again"


@pytest.mark.proves("provider throttles", "provider lies")
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.LIE])
def test_what_was_not_taken_is_tried_until_it_is(fault: Fault, ways: Pair):
    with misbehaving(ways.first, fault):
        load = ways.load(fault, MAILS)
        wait_for(lambda: ways.asked(load), "attempts", 20)
        assert ways.states(load)["unknown"] == 0
    cured = time.monotonic()
    found = verdict(ways.gateway, load, ways.first.received)
    print(f"{fault}: all sent {time.monotonic() - cured:.1f} s after it ended; {found}")
    assert not found.had | found.never_had


@pytest.mark.proves("provider lies")
def test_what_is_refused_inside_a_200_fails_and_the_sender_is_told(ways: Pair):
    with misbehaving(ways.first, Fault.REFUSE):
        load = ways.load(Fault.REFUSE, MAILS)
        wait_for(lambda: ways.states(load)["failed"] == MAILS, "every message failed", 20)
    assert ways.asked(load) == Counter(load.accepted.keys())
    ways.gateway.mails(MAILS, to=ANNA)


@pytest.mark.stopwatch
@pytest.mark.proves("other routes unaffected")
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.MUTE, Fault.THROTTLE, Fault.LATE])
def test_the_other_provider_goes_on_at_its_pace(fault: Fault, ways: Pair):
    """Far more messages wait for the first provider than it may have under way; those of the second do not notice."""
    usual = seconds_to_the_phone(ways, f"before {fault}")
    with misbehaving(ways.first, fault):
        ways.load(f"stuck {fault}", 200)
        during = seconds_to_the_phone(ways, f"during {fault}")
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
