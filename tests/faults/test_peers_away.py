"""The smarthost is away, or DNS is dead: mail waits, attempts keep their pauses, nothing spins, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import smtplib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import dns_server, smarthost
from tests.dns_server import DnsServer
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for
from tests.ports import free_port
from tests.smarthost import Smarthost

ANSWERS = 60
IDLE_SHARE = 0.1
"""Of one processor: more is spinning. What a gateway with nothing to do takes lies far below."""
WINDOWS = pytest.mark.parametrize(
    "seconds", [5.0, pytest.param(110.0, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=["short", "long"]
)

pytestmark = pytest.mark.stopwatch  # processor time is measured while peers are away


def most_attempts(seconds: float) -> int:
    """Attempts of one mail in so many seconds, by the pauses that `conf/brevdue.toml` promises: 30 s, then doubled."""
    made, at, pause = 1, 30.0, 30.0
    while at <= seconds:
        made, pause = made + 1, pause * 2
        at += pause
    return made


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def share_of_cpu(gateway: Gateway, seconds: float) -> float:
    assert gateway.process is not None
    before, begun = cpu_seconds(gateway.process.pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(gateway.process.pid) - before) / (time.monotonic() - begun)


def attempts(gateway: Gateway) -> Counter[str]:
    """Attempts in vain of each mail, by its id."""
    return Counter(event["id"] for event in gateway.events("mail-delayed"))


async def blocking(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return await asyncio.to_thread(call, *args, **options)


@asynccontextmanager
async def refused(_port: int) -> AsyncIterator[None]:
    """Nobody listens."""
    yield


@asynccontextmanager
async def closing(port: int) -> AsyncIterator[None]:
    """Somebody listens and hangs up."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with server:
        yield


@asynccontextmanager
async def mute(port: int) -> AsyncIterator[None]:
    """Somebody listens and never says a word."""
    async with Smarthost(mute=True, port=port):
        yield


@asynccontextmanager
async def busy(port: int) -> AsyncIterator[None]:
    """Somebody says 421 to every mail."""
    async with Smarthost(port=port) as host:
        host.behave("*", smarthost.Fault.BUSY)
        yield


Away = Callable[[int], AbstractAsyncContextManager[None]]


@WINDOWS
@pytest.mark.parametrize("away", [refused, closing, mute, busy])
@pytest.mark.proves("smarthost away")
async def test_mail_waits_for_the_smarthost_and_nothing_spins(away: Away, seconds: float, tmp_path: Path):
    port = free_port()
    toml = f'[mail_out]\nrelay = "127.0.0.1:{port}"\ntimeout = 2\n'
    with Gateway(tmp_path, toml) as gateway:
        number = gateway.account(gateway.key())
        async with away(port):
            for each in range(ANSWERS):
                await blocking(gateway.text, f"+45307000{each:02}", number, f"svar {each}")
            await blocking(
                wait_for, lambda: attempts(gateway), "an attempt; those that could not be offered have none", 30
            )
            share = await share_of_cpu(gateway, seconds)
            made = attempts(gateway)
        print(f"{away.__name__}: {share:.1%} of a processor, {max(made.values())} attempts at most, {ANSWERS} mails")
        assert max(made.values()) <= most_attempts(seconds) + 1
        assert share < IDLE_SHARE
        async with Smarthost(port=port) as host:
            await blocking(gateway.text, "+4530700099", number, "og et til")
            await blocking(wait_for, lambda: len(host.mails) > ANSWERS, "every mail", 45)
            texts = Counter(str(each.message.get_content()).strip() for each in host.mails)
    assert texts == Counter({"og et til": 1, **{f"svar {each}": 1 for each in range(ANSWERS)}})


@WINDOWS
@pytest.mark.parametrize("fault", [dns_server.Fault.TIMEOUT, dns_server.Fault.SERVFAIL])
@pytest.mark.proves("DNS dead")
async def test_without_dns_mail_waits_on_both_sides(fault: dns_server.Fault, seconds: float, tmp_path: Path):
    zone = {"firm.example": {"TXT": ["v=spf1 ip4:127.0.0.0/8 -all"], "MX": ["10 mx.firm.example."]}}
    phones = SimulatedPhones(tmp_path / "phones")
    (tmp_path / "gateway").mkdir()
    async with DnsServer(zone, ttl=1) as names:
        names.misbehave("*", fault)
        toml = (
            f'[trust]\nnetworks = []\n[dns]\nservers = ["{names.address}"]\ntimeout = 1\n'
            f'[mail_out]\nrelay = "mx"\n{phones.toml}'
        )
        with Gateway(tmp_path / "gateway", toml, trusted=False) as gateway:
            key = gateway.key()
            number = gateway.account(key)
            await is_refused_for_now(gateway, key)
            for each in range(ANSWERS):
                await blocking(gateway.text, f"+45307000{each:02}", number, f"svar {each}")
            await blocking(wait_for, lambda: len(attempts(gateway)) >= ANSWERS, "an attempt for each mail", 30)
            asked = len(names.queries)
            share = await share_of_cpu(gateway, seconds)
            made, asked = attempts(gateway), len(names.queries) - asked
            print(f"{fault}: {share:.1%} of a processor, {max(made.values())} attempts at most, {asked} questions")
            assert max(made.values()) <= most_attempts(seconds) + 1
            assert share < IDLE_SHARE
            names.misbehave("*", None)
            await blocking(gateway.send, mail(f"{key}@{DOMAIN}", "30700001", "nu går det"))
            await blocking(wait_for, lambda: phones.received()["nu går det"], "the SMS")
            assert not gateway.events("mail-failed")


async def is_refused_for_now(gateway: Gateway, key: str) -> None:
    """A sender who cannot be checked is told to come again, and not that he is nobody."""
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        await blocking(gateway.send, mail(f"{key}@{DOMAIN}", "30700001", "hej"))
    assert refusal.value.smtp_code == 451
