"""The resolver against a real server that is slow, silent, wrong or forged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from gateway.dns import DnsResolver, MailExchanger, NoAnswerError, NoSuchRecordError, name_server_address
from gateway.settings import DnsSettings
from tests.dns_server import DnsServer, Fault

pytestmark = pytest.mark.proves("DNS dead")

ZONE = {
    "firma.example": {
        "TXT": ["short", "x" * 600],
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
        "MX": ["20 mx2.firma.example.", "10 MX1.firma.example."],
    },
    "alias.example": {"CNAME": ["firma.example."]},
    "null.example": {"MX": ["0 ."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["mail.firma.example."]},
    "xn--bcher-kva.example": {"A": ["192.0.2.9"]},
}


class Time:
    """A clock that stands still until it is told to move."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE, ttl=60) as running:
        yield running


def resolver(server: DnsServer, timeout: float = 2, clock: Time | None = None) -> DnsResolver:
    return DnsResolver(DnsSettings(servers=(server.address,), timeout=timeout), now=clock or Time())


async def test_each_kind_of_record(server: DnsServer) -> None:
    dns = resolver(server)
    assert sorted(await dns.txt("Firma.Example.")) == [b"short", b"x" * 600]
    assert set(await dns.a("alias.example")) == {"192.0.2.1", "192.0.2.2"}
    assert await dns.aaaa("firma.example") == ("2001:db8::1",)
    assert await dns.mx("firma.example") == (
        MailExchanger(10, "MX1.firma.example"),
        MailExchanger(20, "mx2.firma.example"),
    )
    assert await dns.mx("null.example") == (MailExchanger(0, "."),)
    assert await dns.ptr("1.2.0.192.in-addr.arpa") == ("mail.firma.example",)
    assert await dns.a("bücher.example") == ("192.0.2.9",)


@pytest.mark.parametrize(
    "name", ["nobody.example", "example", "", "a..b", ".", "x" * 64 + ".example", "a." * 200, "ü" * 99]
)
async def test_no_such_record_is_definite(server: DnsServer, name: str) -> None:
    with pytest.raises(NoSuchRecordError):
        await resolver(server).mx(name)


@pytest.mark.stopwatch
@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.SERVFAIL, Fault.REFUSED, Fault.GARBAGE])
async def test_no_answer_is_temporary_and_bounded(server: DnsServer, fault: Fault) -> None:
    server.misbehave("firma.example", fault)
    started = time.monotonic()
    with pytest.raises(NoAnswerError):
        await resolver(server, timeout=0.4).a("firma.example")
    assert time.monotonic() - started < 1.5


async def test_a_failure_is_not_remembered(server: DnsServer) -> None:
    dns = resolver(server)
    server.misbehave("firma.example", Fault.SERVFAIL)
    with pytest.raises(NoAnswerError):
        await dns.a("firma.example")
    server.misbehave("firma.example", None)
    assert await dns.a("firma.example")


async def test_a_lost_datagram_is_sent_again(server: DnsServer) -> None:
    server.misbehave("firma.example", Fault.TIMEOUT)
    asked = asyncio.create_task(resolver(server, timeout=3).a("firma.example"))
    while not server.queries:
        await asyncio.sleep(0.01)
    server.misbehave("firma.example", None)
    assert await asked


async def test_a_second_server_answers_for_a_dead_one(server: DnsServer) -> None:
    async with DnsServer() as gone:
        pass
    dns = DnsResolver(DnsSettings(servers=(gone.address, server.address), timeout=2))
    assert await dns.a("firma.example")


async def test_truncated_and_forged_answers(server: DnsServer) -> None:
    server.misbehave("firma.example", Fault.TRUNCATE)
    assert len(await resolver(server).txt("firma.example")) == 2
    assert server.queries[-1] == ("firma.example", "TXT", "tcp")
    server.misbehave("firma.example", Fault.WRONG_ID)
    assert await resolver(server).a("firma.example")


@pytest.mark.parametrize("name", ["firma.example", "nobody.example"])
async def test_answers_and_denials_live_as_long_as_their_ttl(server: DnsServer, name: str) -> None:
    clock = Time()
    dns = resolver(server, clock=clock)

    async def ask() -> int:
        with contextlib.suppress(NoSuchRecordError):
            await dns.a(name)
        return len(server.queries)

    assert [await ask(), await ask()] == [1, 1]
    clock.now += 59
    assert await ask() == 1
    clock.now += 2
    assert await ask() == 2


async def test_a_ttl_of_zero_is_not_kept() -> None:
    async with DnsServer(ZONE, ttl=0) as server:
        dns = resolver(server)
        await dns.a("firma.example")
        await dns.a("firma.example")
        assert len(server.queries) == 2


async def test_a_day_is_kept_an_hour() -> None:
    async with DnsServer(ZONE, ttl=86400) as server:
        clock = Time()
        dns = resolver(server, clock=clock)
        await dns.a("firma.example")
        clock.now += 3601
        await dns.a("firma.example")
        assert len(server.queries) == 2


async def test_the_cache_is_bounded(server: DnsServer) -> None:
    dns = resolver(server)
    for number in range(2_100):
        with pytest.raises(NoSuchRecordError):
            await dns.a(f"n{number}.example")
    assert len(dns._kept) == 2_000


async def test_askers_share_a_query_and_one_that_gives_up_spoils_nothing(server: DnsServer) -> None:
    server.delay = 0.1
    dns = resolver(server)
    askers = [asyncio.create_task(dns.a("firma.example")) for _ in range(20)]
    await asyncio.sleep(0.02)
    askers[0].cancel()
    answers = await asyncio.gather(*askers, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(len(answer) == 2 for answer in answers[1:])
    assert len(server.queries) == 1


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_server_addresses(text: str, address: tuple[str, int]) -> None:
    assert name_server_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "dns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:99999", "[::1]5353", "[::1"]
)
def test_what_is_not_a_server_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\[dns\] servers"):
        name_server_address(text)
