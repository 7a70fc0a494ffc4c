"""The first of two providers dies in the middle of a campaign: what is known not to have been sent goes by the second.

Nothing goes twice. What the first may have had is shown as unknown and stays there, and a dialog does not notice.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.model import SystemClock, new_id
from gateway.sms import Encoding, OutgoingSms, Priority, SmsText
from gateway.spool import Spool
from gateway.store.opening import open_database
from gateway.store.spool_items import Acceptance, MailRecord
from tests.faults.http_provider import Fault
from tests.faults.load import unknown
from tests.faults.phones import HttpPhones, http_phones
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

pytestmark = [
    pytest.mark.proves("first provider dies", "never sent again blindly"),
    pytest.mark.parametrize(
        "count",
        [1500, pytest.param(50_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
        ids=["short", "long"],
    ),
]
CONNECTIONS = 20
"""What the first provider may have in the air when it dies, and so what may stay in doubt."""
ROUTES = """
[[route]]
name = "by the owner, else by the second"
via = ["owner"]
fallback = [{ provider = "second", sender = "Firma" }]
"""


@contextmanager
def gateway_with_two(tmp_path: Path) -> Iterator[tuple[Gateway, HttpPhones, HttpPhones]]:
    folder, scratch = tmp_path / "gateway", tmp_path / "phones"
    folder.mkdir()
    with (
        http_phones(scratch, "first", "+45609946000001..+45609946000001") as first,
        http_phones(scratch, "second", "+45609946000002..+45609946000002") as second,
    ):
        own = first.toml.replace("connect_timeout", f"connections = {CONNECTIONS}\nconnect_timeout")
        pool_of_the_first_only = second.toml.partition("[[pool]]")[0]
        yield Gateway(folder, own + pool_of_the_first_only + ROUTES), first, second


async def fill(gateway: Gateway, number: str, count: int) -> None:
    """Put a campaign of so many messages, each with a text of its own, into the spool of a gateway that does not run."""
    database, clock = await open_database(f"sqlite:///{gateway.folder}/brevdue.db"), SystemClock()
    spool = Spool(database, clock, gateway.folder)
    for first in range(0, count, 50):
        mail_id = new_id(clock.now())
        record = MailRecord(
            mail_id, clock.now(), "sms", "smtp", "127.0.0.1", "x", False, "a@b", "a@b", f"{mail_id}@b", "trusted", "", 1
        )
        made = [
            OutgoingSms(
                f"{mail_id}.{n}", "O", "A", "K", number, f"+4530{first + n:06}",
                SmsText(f"campaign {first + n}", Encoding.GSM7, 1, 20), "first", Priority.CAMPAIGN, clock.now(),
            )
            for n in range(min(50, count - first))
        ]  # fmt: skip
        await spool.put(Acceptance(record, tuple(made), tuple(message.id for message in made)))
    await database.close()


def received(*phones: HttpPhones) -> Counter[str]:
    """How often each text of the campaign arrived, by whichever provider."""
    every = sum((each.received() for each in phones), Counter[str]())
    return Counter({text: times for text, times in every.items() if text.startswith("campaign ")})


@pytest.mark.parametrize("how", ["dies", "dies, and the gateway too", "hangs"])
def test_the_first_provider_is_lost_in_the_middle_of_a_campaign(count: int, how: str, tmp_path: Path):
    gateway_dies = how.endswith("too")
    with gateway_with_two(tmp_path) as (gateway, first, second):
        key = gateway.key()
        number = gateway.account(key)
        asyncio.run(fill(gateway, number, count))
        wanted = {f"campaign {n}" for n in range(count)}
        with gateway:
            wait_for(lambda: len(received(first)) > count // 5, "a fifth of the campaign", 600)
            first.behave(Fault.MUTE) if how == "hangs" else first.die()
            lost = time.monotonic()
            if gateway_dies:
                wait_for(lambda: len(second.received()) > count // 20, "some by the second", 60)
                assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
                gateway.start()
            gateway.send(mail(f"{key}@{DOMAIN}", "30710001", "a dialog"))
            wait_for(lambda: "a dialog" in second.received() or "a dialog" in unknown(gateway), "the dialog", 20)
            wait_for(lambda: wanted - received(first, second).keys() <= unknown(gateway), "every SMS", 60 + count // 50)
            seconds = time.monotonic() - lost
            there, in_doubt = received(first, second), unknown(gateway) & wanted
            status = json.loads(gateway.run("status", "--json"))
        assert [text for text, times in there.items() if times > 1] == [], "nothing twice"
        assert there.keys() | in_doubt == wanted
        assert len(in_doubt) <= CONNECTIONS * (8 if gateway_dies else 2), "what was in the air, no more"
        assert in_doubt.isdisjoint(second.asked()) or gateway_dies, "what is in doubt never went to the second"
        if not gateway_dies:  # one that was started anew may have had no reason to ask the first
            assert status["breakers_open"] == ["first"]
            assert any("provider first takes no messages: its breaker is open" in each for each in status["problems"])
        print(
            f"the first {how}: {count} SMS, {len(received(first))} by the first, {len(received(second))} by the "
            f"second, {len(in_doubt)} in doubt of which {len(in_doubt & there.keys())} had arrived; {seconds:.1f} s"
        )
