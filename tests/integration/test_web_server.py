"""The HTTP server as a service: readiness, headers, problems, and an end that no client can hold up."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.providers.simulator import SimulatorProvider
from gateway.sms import InboundEvent
from gateway.store.database import StoreUnavailableError
from tests.smtp_edge import captured_log
from web.app import make_app
from web.health import Check
from web.server import STOP_SECONDS, WebServer

CANARY = "0123456789abcdef0123456789abcdef"
SMS = {"from": "+4530643064", "to": "+45609946000001", "text": "Hej"}


class Sink:
    """Takes what phones send; fails, or waits, as a test wishes."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.taken: list[InboundEvent] = []

    async def __call__(self, events: Sequence[InboundEvent]) -> None:
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.taken += events


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
async def simulator(tmp_path: Path, sink: Sink) -> AsyncIterator[SimulatorProvider]:
    provider = SimulatorProvider("simulator", {"path": str(tmp_path / "journal.jsonl"), "report_delay": 0})
    await provider.start(sink)
    yield provider
    await provider.stop()


def web_server(simulator: SimulatorProvider | None = None, *checks: Check) -> WebServer:
    simulators = {} if simulator is None else {simulator.name: simulator}
    return WebServer(make_app(checks=checks, simulators=simulators, region="DK"), "127.0.0.1", 0)


@asynccontextmanager
async def serving(server: WebServer) -> AsyncIterator[aiohttp.ClientSession]:
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            yield session
    finally:
        await server.stop()


async def status_of(http: aiohttp.ClientSession, path: str) -> int:
    async with http.get(path) as answer:
        return answer.status


async def seconds_to_stop(server: WebServer) -> float:
    began = time.monotonic()
    await server.stop()
    return time.monotonic() - began


# --- readiness -----------------------------------------------------------------------------------------------------


async def fine() -> str:
    return ""


async def short_of_room() -> str:
    return "/var has 12 MB left"


async def broken() -> str:
    raise ConnectionError(f"postgresql://user:{CANARY}@db is away")


async def endless() -> str:
    await asyncio.Event().wait()
    return ""


FINE = {"state": "fine", "problem": ""}


@pytest.mark.parametrize(
    ("checks", "status", "found"),
    [
        ([], 200, []),
        ([Check("database", fine)], 200, [FINE]),
        ([Check("disk", short_of_room)], 503, [{"state": "failing", "problem": "/var has 12 MB left"}]),
        (
            [Check("database", fine), Check("waiting", short_of_room, warns_only=True)],
            200,
            [FINE, {"state": "warning", "problem": "/var has 12 MB left"}],
        ),
        ([Check("database", broken)], 503, [{"state": "failing", "problem": "ConnectionError, see the log"}]),
        ([Check("database", endless)], 503, [{"state": "failing", "problem": "no answer within 0.1 seconds"}]),
    ],
)
@pytest.mark.proves("outside contract")
async def test_readiness(checks, status, found, monkeypatch):
    monkeypatch.setattr("web.health.CHECK_SECONDS", 0.1)
    async with serving(web_server(None, *checks)) as http:
        async with http.get("/readyz") as answer:
            body = await answer.json()
        assert (answer.status, body["ready"]) == (status, status == 200)
        assert [{"state": each["state"], "problem": each["problem"]} for each in body["checks"]] == found
        assert [each["name"] for each in body["checks"]] == [check.name for check in checks]
        assert all(0 <= each["seconds"] < 3 for each in body["checks"])
        assert CANARY not in str(body)
        async with http.head("/readyz") as answer:
            assert answer.status == status
        async with http.get("/livez") as answer:
            assert (answer.status, await answer.text()) == (200, "alive\n")


async def test_without_a_simulator_there_are_no_phones():
    async with serving(web_server()) as http:
        for path in ("/", "/sim", "/sim/messages"):
            assert await status_of(http, path) == 404


# --- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        ("/sim", 200, "no-store"),
        ("/sim/messages", 200, "no-store"),
        ("/sim/messages?limit=0", 422, "no-store"),
        ("/readyz", 200, "no-store"),
        ("/static/simulator.js", 200, "no-cache"),
        ("/static/../app.py", 404, "no-store"),
        ("/nowhere", 404, "no-store"),
    ],
)
@pytest.mark.proves("inert texts")
async def test_every_answer_carries_the_headers(simulator, path, status, kept):
    async with serving(web_server(simulator)) as http, http.get(path) as answer:
        assert answer.status == status
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == kept
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202)]
)
@pytest.mark.proves("CSRF")
async def test_another_sites_page_cannot_send_from_a_phone(simulator, sink, site, status):
    async with (
        serving(web_server(simulator)) as http,
        http.post("/sim/inbound", data=SMS, headers={"Sec-Fetch-Site": site}) as answer,
    ):
        assert answer.status == status
    assert len(sink.taken) == (status == 202)


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the program logs."""
    with captured_log() as lines:
        yield lines


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (StoreUnavailableError(CANARY), 503, "cannot store anything right now, try again later"),
        (RuntimeError(CANARY), 500, "something went wrong here, try again later"),
    ],
)
@pytest.mark.proves("canary key")
async def test_a_fault_is_answered_without_its_words(simulator, sink, log, capfd, error, status, detail):
    sink.error = error
    async with serving(web_server(simulator)) as http, http.post("/sim/inbound", data=SMS) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        problem = await answer.json()
        assert (problem["status"], problem["detail"]) == (status, detail)
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["event"], line["where"]) == ("fault", "/sim/inbound")
    assert "[key]" in line.get("exception", line.get("cause"))
    assert CANARY not in log.getvalue() + "".join(capfd.readouterr())


async def test_what_is_no_request_is_refused_and_the_rest_goes_on(simulator, capfd):
    server = web_server(simulator)
    async with serving(server) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"EHLO {CANARY}\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()
        assert await status_of(http, "/livez") == 200
    assert CANARY not in "".join(capfd.readouterr())


# --- start and stop ------------------------------------------------------------------------------------------------


async def test_an_address_in_use_is_said_at_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = WebServer(make_app(checks=(), simulators={}, region="DK"), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.start()
        await server.stop()


async def test_ipv6():
    server = WebServer(make_app(checks=(), simulators={}, region="DK"), "::1", 0)
    await server.start()
    async with aiohttp.ClientSession() as http, http.get(f"http://[::1]:{server.port}/livez") as answer:
        assert answer.status == 200
    await server.stop()


async def test_a_stop_without_a_start():
    await asyncio.wait_for(web_server().stop(), 1)


async def test_signals_stay_the_programs():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = web_server()
    await server.start()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await server.stop()


async def test_after_a_stop_nothing_is_left():
    server = web_server()
    before = asyncio.all_tasks()
    async with serving(server) as http:
        assert await status_of(http, "/livez") == 200
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


@pytest.mark.stopwatch
@pytest.mark.proves("SIGTERM under load")
async def test_a_stop_ends_open_event_streams_at_once(simulator):
    server = web_server(simulator)
    async with serving(server) as http:
        streams = [await http.get("/sim/events") for _ in range(3)]
        for stream in streams:
            assert stream.content_type == "text/event-stream"
            assert await stream.content.readline() == b"retry: 1000\n"
        assert await seconds_to_stop(server) < 1.5
        for stream in streams:
            assert b"data:" not in await asyncio.wait_for(stream.content.read(), 1)
    assert not simulator._listeners


@pytest.mark.proves("SIGTERM under load")
async def test_a_stop_lets_a_request_finish(simulator, sink):
    sink.gate.clear()
    server = web_server(simulator)
    async with serving(server) as http:
        sending = asyncio.create_task(http.post("/sim/inbound", data=SMS))
        await asyncio.wait_for(sink.entered.wait(), 2)
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.3)
        sink.gate.set()
        assert (await asyncio.wait_for(sending, 2)).status == 202
        await asyncio.wait_for(stopping, 2)
    assert len(sink.taken) == 1


@pytest.mark.stopwatch
@pytest.mark.proves("SIGTERM under load")
async def test_a_stop_does_not_wait_for_clients_that_hang(simulator, sink, monkeypatch):
    assert STOP_SECONDS < 5
    monkeypatch.setattr("web.server.STOP_SECONDS", 1)
    sink.gate.clear()
    server = web_server(simulator)
    await server.start()
    silent = await asyncio.open_connection("127.0.0.1", server.port)
    half = await asyncio.open_connection("127.0.0.1", server.port)
    half[1].write(b"POST /sim/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfrom=")
    deaf = await asyncio.open_connection("127.0.0.1", server.port)
    deaf[1].write(b"GET /sim/events HTTP/1.1\r\nHost: x\r\n\r\n")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
        stuck = asyncio.create_task(http.post("/sim/inbound", data=SMS))
        await asyncio.wait_for(sink.entered.wait(), 2)
        before = asyncio.all_tasks()
        assert await seconds_to_stop(server) < 2.5
        with pytest.raises((aiohttp.ClientError, AssertionError)):
            assert (await asyncio.wait_for(stuck, 2)).status < 500
    assert len(asyncio.all_tasks()) < len(before)
    for _reader, writer in (silent, half, deaf):
        writer.close()


# --- clients that cost ----------------------------------------------------------------------------------------------


async def until_closed(server: WebServer, said: bytes, more: bytes = b"", pause: float = 0.0) -> tuple[int, bytes]:
    """Say something, then `more` again and again; how many bytes it took until the server closed, and what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = len(said)
    writer.write(said)
    answer = asyncio.create_task(reader.read())
    try:
        async with asyncio.timeout(10):
            while more and not answer.done() and sent < 50_000_000:
                writer.write(more)
                await writer.drain()
                sent += len(more)
                await asyncio.sleep(pause)
            heard = await answer
    except ConnectionError:
        heard = b"" if answer.cancel() or answer.exception() else answer.result()
    writer.close()
    return sent, heard


@pytest.mark.stopwatch
@pytest.mark.proves("slow clients")
@pytest.mark.parametrize(
    ("said", "more"),
    [
        (b"", b""),
        (b"GET /liv", b""),
        (b"GET /livez HTTP/1.1\r\n", b"X: y\r\n"),
        (b"POST /sim/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\n", b"X: y\r\n"),
    ],
)
async def test_a_request_that_does_not_come_is_not_waited_for(simulator, monkeypatch, said: bytes, more: bytes):
    monkeypatch.setattr("web.connections.REQUEST_SECONDS", 1.0)
    server = web_server(simulator)
    async with serving(server) as http:
        began = time.monotonic()
        await until_closed(server, said, more, 0.05)
        assert 0.9 < time.monotonic() - began < 3
        assert await status_of(http, "/livez") == 200


@pytest.mark.proves("endless input")
@pytest.mark.parametrize(
    ("said", "more"),
    [
        (b"GET /", b"x" * 10_000),
        (b"GET / HTTP/1.1\r\nX: ", b"x" * 10_000),
        (b"GET / HTTP/1.1\r\n", b"X: yyyyyyyyyyyyyyyyyyyyy\r\n" * 400),
        (b"POST /sim/inbound HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
        (
            b"POST /sim/inbound HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 900000000\r\n\r\n",
            b"x" * 10_000,
        ),
    ],
)
async def test_a_request_without_end_is_cut(simulator, said: bytes, more: bytes):
    server = web_server(simulator)
    async with serving(server) as http:
        sent, _ = await until_closed(server, said, more)
        assert sent < 16_000_000, "the system's own buffers hold some of it"
        assert await status_of(http, "/livez") == 200


@pytest.mark.proves("connection caps")
async def test_more_connections_than_may_be_are_closed(simulator, monkeypatch):
    monkeypatch.setattr("web.connections.MAX_CONNECTIONS", 5)
    server = web_server(simulator)
    async with serving(server) as http:
        assert await status_of(http, "/livez") == 200
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        _, heard = await until_closed(server, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert heard == b""
        assert await status_of(http, "/livez") == 200, "who is in stays in"
        for _reader, writer in idle:
            writer.close()
            await writer.wait_closed()
        _, heard = await until_closed(server, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert heard.startswith(b"HTTP/1.1 200")


@pytest.mark.proves("outside contract")
async def test_what_takes_long_to_answer_is_not_cut(simulator, sink, monkeypatch):
    monkeypatch.setattr("web.connections.REQUEST_SECONDS", 1.0)
    server = web_server(simulator)
    sink.gate.clear()
    async with serving(server) as http:
        stream = await http.get("/sim/events")
        sending = asyncio.create_task(http.post("/sim/inbound", data=SMS))
        await asyncio.sleep(2)
        sink.gate.set()
        assert (await asyncio.wait_for(sending, 10)).status == 202
        assert not stream.content.at_eof()
        stream.close()


@pytest.mark.proves("connection caps")
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
async def test_a_file_that_is_too_big_is_told_so(simulator, expect: bytes):
    """A browser that is hung up on in the middle shows its own page, which says nothing."""
    server = web_server(simulator)
    async with serving(server) as http:
        head = b"POST /accounts/bulk HTTP/1.1\r\nHost: x\r\n%sContent-Length: 10000000\r\n\r\n" % expect
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head)
        for _ in range(100):
            writer.write(b"x" * 100_000)
            await writer.drain()
        heard = await reader.read()
        writer.close()
        assert heard.startswith(b"HTTP/1.1 413 ")
        assert b"4 MB at most" in heard
        assert heard.count(b"HTTP/1.1") == 1
        assert await status_of(http, "/livez") == 200
        sent, heard = await until_closed(server, head.replace(b"10000000", b"9" * 15), b"x" * 10_000)
        assert sent < 16_000_000
