"""Clients that hold on and say little: what they cost, and what an honest client feels of them.

Real sockets to a real gateway process, from as many addresses as strangers would have; the honest client is alone on
its own. The short forms are the long ones with fewer clients and less time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import resource
import socket
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import uvloop

from tests.gateway_process import DOMAIN, Gateway, mail
from tests.ports import free_port

T = TypeVar("T")
MANY_AT_ONCE = 100
HONEST = "127.0.0.1"
addresses = (f"127.{third}.{fourth}.1" for third, fourth in itertools.cycle(itertools.product(range(1, 200), repeat=2)))


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """Each client is a file of this process as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    """A gateway that trusts the honest client's address alone, with the limits that it has by default; and a key."""
    toml = f'[trust]\nnetworks = ["{HONEST}/32"]\n[submission]\ntls_port = {free_port()}\n'
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as started:
        key = started.key()
        started.account(key)
        yield started, key


@pytest.fixture
def gateway(served: tuple[Gateway, str]) -> Gateway:
    return served[0]


@pytest.fixture
def key(served: tuple[Gateway, str]) -> str:
    return served[1]


def run(scenario: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario)


def memory(gateway: Gateway, field: str = "VmRSS") -> int:
    """Kilobytes: resident now, or at most ("VmHWM")."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0])


def forget_peak(gateway: Gateway) -> None:
    """Let VmHWM begin again from what is resident now (proc_pid_clear_refs(5))."""
    assert gateway.process is not None
    Path(f"/proc/{gateway.process.pid}/clear_refs").write_text("5")


def submissions_port(gateway: Gateway) -> int:
    return int(gateway.config.read_text().split("tls_port = ")[1].split()[0])


# --- clients -------------------------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """Greets when it is greeted; then it is ready, and silent."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = b""
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if self.heard.startswith(b"220 ") and b"250 " not in self.heard:
            self.transport.write(b"EHLO slow.example\r\n")
        elif not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"cut off before it was greeted: {self.heard!r}"))


async def connected(port: int, tls: ssl.SSLContext | None = None) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        Client, "127.0.0.1", port, ssl=tls, server_hostname="" if tls else None, local_addr=(next(addresses), 0)
    )
    await asyncio.wait_for(client.ready, 30)
    return client


@contextlib.asynccontextmanager
async def clients(port: int, count: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[list[Client]]:
    """So many greeted clients that say nothing more."""
    there: list[Client] = []
    try:
        while len(there) < count:
            more = min(MANY_AT_ONCE, count - len(there))
            there += await asyncio.gather(*(connected(port, tls) for _ in range(more)))
        yield there
    finally:
        for client in there:
            client.transport.abort()
        await asyncio.sleep(0.1)


# --- what idle ones cost -------------------------------------------------------------------------------------------


@pytest.mark.proves("idle clients")
@pytest.mark.parametrize(
    ("count", "tls"),
    [
        (500, False),
        (200, True),
        pytest.param(5000, False, marks=pytest.mark.slow),
        pytest.param(2000, True, marks=pytest.mark.slow),
    ],
)
def test_an_idle_client_costs_little(gateway: Gateway, count: int, tls: bool) -> None:
    context = ssl.create_default_context() if tls else None
    if context is not None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = submissions_port(gateway) if tls else gateway.smtp_port

    async def growth() -> int:
        async with clients(port, 50, context):
            before = memory(gateway)
            async with clients(port, count, context) as idle:
                cost = memory(gateway) - before
                assert not any(client.gone for client in idle)
                return cost

    each = run(growth()) / count
    assert each <= (60 if tls else 16), f"{each:.1f} KB each"


# --- what the endless cost -----------------------------------------------------------------------------------------


ENDLESS = {
    "a command line": (b"", b"x" * 65536),
    "a line of the message": (b"DATA", b"x" * 65536),
    "a header line": (b"DATA", b"Subject: " + b"x" * 65536),
    "a folded header": (b"DATA", b" x" * 32000 + b"\r\n"),
    "headers": (b"DATA", b"X-More: and more\r\n" * 4000),
    "empty lines": (b"DATA", b"\r\n" * 32000),
    "dots": (b"DATA", b".." * 32000),
    "commands that nobody reads the replies of": (b"", b"NOOP\r\n" * 10000),
}


@pytest.mark.proves("endless input")
@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_costs_little(gateway: Gateway, key: str, what: str) -> None:
    last_command, chunk = ENDLESS[what]
    gateway.send(mail(f"{key}@{DOMAIN}", "30643064", "before"))
    forget_peak(gateway)
    before = memory(gateway)
    with socket.create_connection((HONEST, gateway.smtp_port), timeout=5) as wire:
        wire.recv(1000)
        if last_command:
            for command in (
                b"EHLO x.example",
                b"MAIL FROM:<a@b.example>",
                f"RCPT TO:<{key}@{DOMAIN}>".encode(),
                b"DATA",
            ):
                wire.sendall(command + b"\r\n")
                wire.recv(1000)
        wire.settimeout(2)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(60_000_000 // len(chunk)):
                wire.sendall(chunk)
        grown = memory(gateway, "VmHWM") - before
    assert grown <= 20_000, f"{grown} KB more"
    assert gateway.send(mail(f"{key}@{DOMAIN}", "30643064", "after")) == {}


# --- what an honest one feels --------------------------------------------------------------------------------------


async def drip(port: int, said_at_once: bytes, dripped: Iterable[int], stop: asyncio.Event) -> int:
    """Say one byte a second, and begin again when cut off; gives how often that was."""
    cut_off = 0
    while not stop.is_set():
        client = await connected(port)
        client.transport.write(said_at_once)
        for byte in dripped:
            client.transport.write(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
            if client.gone or stop.is_set():
                break
        cut_off += client.gone
        client.transport.abort()
    return cut_off


def slow_clients(port: int, key: str, count: int, stop: asyncio.Event) -> list[asyncio.Task[int]]:
    """Half of them never get to the end of a command, half have begun a mail."""
    envelope = f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{key}@{DOMAIN}>\r\nDATA\r\nSubject: 30643064\r\n".encode()
    ways = [(b"", b"NOOP " + b"x" * 1000), (envelope, b"x" * 1000)]
    return [asyncio.create_task(drip(port, *ways[number % 2], stop)) for number in range(count)]


def send_honestly(gateway: Gateway, key: str, seconds: float) -> list[float]:
    """Send one mail after the other, and give how long each took from the first packet to 250."""
    took = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        gateway.send(mail(f"{key}@{DOMAIN}", "30643064", "Hej"))
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    return took


@pytest.mark.stopwatch
@pytest.mark.proves("slow clients")
@pytest.mark.parametrize(
    ("slow", "idle", "seconds"), [(200, 500, 4), pytest.param(2000, 5000, 75, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(300)
def test_an_honest_client_does_not_feel_them(gateway: Gateway, key: str, slow: int, idle: int, seconds: float) -> None:

    async def scenario() -> tuple[list[float], int]:
        stop = asyncio.Event()
        async with clients(gateway.smtp_port, idle) as silent:
            dripping = slow_clients(gateway.smtp_port, key, slow, stop)
            took = await asyncio.to_thread(send_honestly, gateway, key, seconds)
            assert not any(client.gone for client in silent)
            stop.set()
            return took, sum(await asyncio.gather(*dripping))

    took, cut_off = run(scenario())
    assert len(took) >= 20
    assert statistics.quantiles(took, n=100)[98] < 1.0
    if seconds > 70:  # a minute of DATA at that pace is enough
        assert cut_off >= slow // 2
