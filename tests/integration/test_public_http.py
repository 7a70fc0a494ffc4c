"""Requests to URLs that users give: what they reach, and what they take from servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import trustme

from gateway.dns import DnsResolver
from gateway.public_http import NoAnswer, PublicHttp, Unsafe
from gateway.public_session import MAX_ANSWER
from gateway.settings import DnsSettings
from tests.dns_server import DnsServer, Fault
from tests.receiver import Close, Drip, Endless, Flood, Hang, Receiver, Says

pytestmark = pytest.mark.proves("URLs that users give")

NEAR, OTHER = "127.0.0.1", "127.0.0.2"
ONLY_OTHER = IPv4Network("127.0.0.2/32")
"""What is opened in most tests: one address of this machine, so that the others stand for what must not be reached."""
NAME = "hooks.firm.example"


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    async with DnsServer(ttl=0) as server:
        yield server


Make = Callable[..., Awaitable[PublicHttp]]


@pytest.fixture
async def make(dns: DnsServer) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(opened: IPv4Network | None = ONLY_OTHER, **more) -> PublicHttp:
            resolver = DnsResolver(DnsSettings(servers=(dns.address,)))
            http = PublicHttp(resolver, [opened] if opened else [], **{"plain": True, "timeout": 10.0} | more)
            await http.start()
            stack.push_async_callback(http.stop)
            return http

        yield make


@pytest.fixture
async def near() -> AsyncIterator[Receiver]:
    """A server that must not be reached, unless all of this machine is opened."""
    async with Receiver(NEAR) as receiver:
        yield receiver


@asynccontextmanager
async def at_one_port() -> AsyncIterator[tuple[Receiver, Receiver]]:
    """One that must not be reached and one that may be. What is free at one address may be taken at the other."""
    for _ in range(50):
        async with Receiver(NEAR) as near, AsyncExitStack() as stack:
            try:
                other = await stack.enter_async_context(Receiver(OTHER, near.port))
            except OSError:
                continue
            yield near, other
            return
    raise OSError("no port that is free at both addresses")


async def test_a_post_arrives_as_it_is(make: Make, dns: DnsServer):
    async with Receiver(OTHER) as other:
        dns.put(NAME, {"A": [OTHER]})
        other.answer("/x%2Fy?a=1", Says(201, {"Retry-After": "7"}, b"thanks"))
        answer = await (await make()).post(f"http://{NAME}:{other.port}/x%2Fy?a=1", b"{}", {"X-One": "1"})
        assert (answer.status, answer.text, answer.retry_after) == (201, "thanks", "7")
        [call] = other.calls
        assert call.body == b"{}"
        assert dict(call.headers) == {
            "host": f"{NAME}:{other.port}",
            "user-agent": "Brevdue",
            "accept": "*/*",
            "accept-encoding": "identity",
            "x-one": "1",
            "content-length": "2",
        }


async def test_a_name_that_is_an_address_of_this_machine_is_not_asked(make: Make, dns: DnsServer, near: Receiver):
    dns.put(NAME, {"A": [NEAR], "AAAA": ["::1"]})
    with pytest.raises(Unsafe, match="not an address of the public Internet"):
        await (await make()).post(f"http://{NAME}:{near.port}/", b"", {})
    assert near.connections == 0


@pytest.mark.parametrize("wrapped", ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::1", "fe80::1"])
async def test_nor_where_ipv6_hides_it(wrapped: str, make: Make, dns: DnsServer, near: Receiver):
    dns.put(NAME, {"AAAA": [wrapped]})
    with pytest.raises(Unsafe):
        await (await make()).post(f"http://{NAME}:{near.port}/", b"", {})
    assert near.connections == 0


async def test_of_several_addresses_only_those_that_may_be_reached_are(make: Make, dns: DnsServer):
    async with at_one_port() as (near, other):
        dns.put(NAME, {"A": [NEAR, OTHER], "AAAA": ["::1"]})
        http = await make()
        for _ in range(5):
            assert (await http.post(f"http://{NAME}:{other.port}/", b"", {})).status == 204
        assert (len(other.calls), near.connections) == (5, 0)


class Rebinding(DnsServer):
    """Says the allowed address and the forbidden one in turn."""

    async def answer(self, wire: bytes, transport: str) -> list[bytes]:
        self.put(NAME, {"A": [OTHER if len(self.queries) // 2 % 2 == 0 else NEAR]})
        return await super().answer(wire, transport)


async def test_a_name_that_means_something_else_a_moment_later_gains_nothing():
    """The address that was judged is the one that is connected to, in each request."""
    async with at_one_port() as (near, other), Rebinding(ttl=0) as dns:
        resolver = DnsResolver(DnsSettings(servers=(dns.address,)))
        http = PublicHttp(resolver, [ONLY_OTHER], plain=True, timeout=10.0)
        await http.start()
        try:
            came: list[str] = []
            for _ in range(20):
                # A connection that is kept asks no name: each request shall make its own.
                other.answer("/", Says(200, {"Connection": "close"}))
                try:
                    came.append(str((await http.post(f"http://{NAME}:{near.port}/", b"", {})).status))
                except Unsafe:
                    came.append("refused")
        finally:
            await http.stop()
        assert {"200", "refused"} == set(came)
        assert near.connections == 0
        assert len(other.calls) == came.count("200")


async def test_the_socket_itself_refuses_what_got_past_everything_else(make: Make, near: Receiver):
    """What asks the session directly skips the check of the URL, and an address needs no look-up."""
    session = await (await make())._opened_session()
    with pytest.raises(Unsafe, match="not an address of the public Internet"):
        await session.post(near.url, b"", {})
    assert near.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirection_is_an_answer_and_not_followed(status: int, make: Make, near: Receiver):
    async with Receiver(OTHER) as other:
        other.answer("/", Says(status, {"Location": f"{near.url}/secret"}))
        answer = await (await make()).post(other.url, b"x", {})
        assert (answer.status, near.connections, len(other.calls)) == (status, 0, 1)


async def test_no_proxy_of_the_environment_is_asked(make: Make, near: Receiver, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, near.url)
    async with Receiver(OTHER) as other:
        assert (await (await make()).post(other.url, b"", {})).status == 204
    assert near.connections == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://[::1]:{}/", "http://2130706433:{}/", "http://0:{}/"])
async def test_an_address_of_this_machine_is_refused_before_anything_is_asked(url: str, make: Make, near: Receiver):
    with pytest.raises(Unsafe):
        await (await make(None)).post(url.format(near.port), b"", {})
    assert near.connections == 0


async def test_a_name_that_is_not_there_or_nobody_knows(make: Make, dns: DnsServer):
    http = await make()
    with pytest.raises(NoAnswer, match=r"cannot find nowhere\.example"):
        await http.post("http://nowhere.example/", b"", {})
    dns.misbehave("*", Fault.SERVFAIL)
    with pytest.raises(NoAnswer, match=r"cannot find firm\.example"):
        await http.post("http://firm.example/", b"", {})
    with pytest.raises(NoAnswer, match="cannot find localhost"):
        await http.post("http://localhost/", b"", {})


# --- servers that misbehave ----------------------------------------------------------------------------------------


async def test_one_that_hangs_is_left_in_time(make: Make):
    async with Receiver(OTHER) as other:
        other.answer("/", Hang())
        with pytest.raises(NoAnswer, match=r"no answer within 0\.3 s"):
            await (await make(timeout=0.3)).post(other.url, b"", {})


async def test_one_that_hangs_up(make: Make):
    async with Receiver(OTHER) as other:
        other.answer("/", Close())
        with pytest.raises(NoAnswer, match="ServerDisconnectedError"):
            await (await make()).post(other.url, b"", {})
        assert len(other.calls) == 1, "a request leaves once"


async def test_nobody_there(make: Make):
    async with Receiver(OTHER) as other:
        port = other.port
    with pytest.raises(NoAnswer, match="Connect call failed"):
        await (await make()).post(f"http://{OTHER}:{port}/", b"", {})


async def test_a_body_without_end_is_cut(make: Make):
    async with Receiver(OTHER) as other:
        other.answer("/", Flood())
        answer = await (await make()).post(other.url, b"", {})
        assert (answer.status, len(answer.text)) == (200, MAX_ANSWER)


async def test_a_body_that_drips_is_not_waited_for(make: Make):
    async with Receiver(OTHER) as other, asyncio.timeout(5):
        other.answer("/", Drip())
        answer = await (await make()).post(other.url, b"", {})
        assert answer.status == 200
        assert len(answer.text) < 100


async def test_headers_without_end_are_no_answer(make: Make):
    async with Receiver(OTHER) as other:
        other.answer("/", Endless())
        with pytest.raises(NoAnswer):
            await (await make()).post(other.url, b"", {})


async def test_a_packed_bomb_stays_packed(make: Make):
    async with Receiver(OTHER) as other:
        bomb = gzip.compress(b"\0" * 3_000_000)
        other.answer("/", Says(200, {"Content-Encoding": "gzip"}, bomb))
        answer = await (await make()).post(other.url, b"", {})
        assert len(answer.text) <= MAX_ANSWER


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_certificates_are_checked_against_name_and_authority(
    make: Make, dns: DnsServer, authority: trustme.CA, tmp_path: Path
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    dns.put(NAME, {"A": [OTHER]})
    dns.put("else.firm.example", {"A": [OTHER]})
    async with Receiver(OTHER, context=context) as other:
        http = await make(plain=False, ca_file=trusted)
        assert (await http.post(f"https://{NAME}:{other.port}/", b"", {})).status == 204
        with pytest.raises(NoAnswer, match="its certificate is not valid"):
            await http.post(f"https://else.firm.example:{other.port}/", b"", {})
        with pytest.raises(NoAnswer, match="its certificate is not valid"):
            await (await make(plain=False)).post(f"https://{NAME}:{other.port}/", b"", {})
        with pytest.raises(Unsafe, match="https://"):
            await http.post(f"http://{NAME}:{other.port}/", b"", {})
        assert len(other.calls) == 1
