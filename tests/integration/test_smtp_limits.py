"""What one client, and all of them together, can make the edge spend: connections, time, memory, attempts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import tracemalloc
from pathlib import Path

import pytest
import trustme

from gateway import smtp_in
from gateway.errors import Refusal
from gateway.model import Envelope
from gateway.smtp import hooks as smtp_hooks
from gateway.smtp import timer as smtp_timer
from gateway.smtp.limits import AttemptLimit, ConnectionLimits, MemoryPool, MessageMemory, client_key, plain_ip
from gateway.smtp.session import LINGER
from tests.smtp_edge import (
    KEY,
    LOOPS,
    TO_KEY,
    ScriptedTaker,
    Wire,
    captured_log,
    client,
    run,
    smtp_edge,
    trusting,
    until,
    write_certificate,
)

MESSAGE = b"Subject: 30643064\r\n\r\nHej\r\n"


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


# --- connections ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("connection caps")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_client"])
def test_connections_over_the_cap_get_421(taker: ScriptedTaker, cap: str, loop: str) -> None:
    async def scenario() -> None:
        async with smtp_edge(taker, smtp={cap: 2}) as edge, client(edge) as one, client(edge) as two:
            await one.greet()
            await two.greet()
            for _ in range(3):
                async with client(edge) as third:
                    assert (await third.reply()).startswith("421 4.7.0 too many connections")
                    assert await third.reply() == ""
            assert (await one.ask("QUIT")).startswith("221 ")
            assert await one.reply() == ""
            await until(lambda: edge.connections == 1)
            async with client(edge) as third:
                assert (await third.greet()).startswith("250")

    with captured_log() as log:
        run(scenario(), loop)
    assert log.getvalue().count("connection-refused") == 1, "one line a second is enough"


@pytest.mark.proves("connection caps")
async def test_behind_a_proxy_each_client_has_its_own_cap(taker: ScriptedTaker) -> None:
    limits = {"max_connections_per_client": 1, "proxy_networks": ["127.0.0.0/8"]}
    async with smtp_edge(taker, smtp=limits) as edge, client(edge) as one, client(edge) as two, client(edge) as again:
        for wire, ip in ((one, "192.0.2.1"), (two, "192.0.2.2")):
            wire.send(f"PROXY TCP4 {ip} 192.0.2.9 4000 25\r\n")
            assert (await wire.reply()).startswith("220 ")
        again.send("PROXY TCP4 192.0.2.1 192.0.2.9 4001 25\r\n")
        assert (await again.reply()).startswith("421 4.7.0 ")


@pytest.mark.proves("connection caps")
def test_a_client_is_its_address_or_its_ipv6_network() -> None:
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1")
    assert client_key("2001:db8::1") != client_key("2001:db8:0:1::1")
    assert client_key("192.0.2.1") != client_key("192.0.2.2")
    assert plain_ip("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain_ip("fe80::1%eth0") == "fe80::1"


@pytest.mark.proves("connection caps")
def test_counts_go_back_to_nothing() -> None:
    limits = ConnectionLimits(total=2, per_client=1)
    limits.enter()
    limits.enter_as("a")
    limits.enter()
    with pytest.raises(Refusal, match="too many connections from your address"):
        limits.enter_as("a")
    limits.leave(None)
    limits.leave("a")
    limits.enter()
    limits.enter_as("a")
    assert limits.open == 1


# --- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("idle timer")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("talk", [b"", b"EHLO x.example\r\n", b"NOO", b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\n"])
def test_silence_is_cut(taker: ScriptedTaker, loop: str, talk: bytes) -> None:
    async def scenario() -> str:
        async with smtp_edge(taker, smtp={"command_timeout": 0.15}) as edge, client(edge) as wire:
            await wire.reply()
            wire.send(talk)
            return await wire.rest()

    assert run(scenario(), loop).endswith("421 4.4.2 you were silent for too long\r\n")


@pytest.mark.proves("idle timer")
async def test_half_a_command_a_time_does_not_put_it_off(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, smtp={"command_timeout": 0.2}) as edge, client(edge) as wire:
        await wire.reply()
        began = asyncio.get_running_loop().time()

        async def drip() -> None:
            while True:
                wire.send("x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert (await wire.reply()).startswith("421 4.4.2 ")
        dripping.cancel()
        assert asyncio.get_running_loop().time() - began < 3


@pytest.mark.proves("session deadline")
async def test_a_session_ends_however_busy(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, smtp={"session_timeout": 0.2}) as edge, client(edge) as wire:
        await wire.greet()
        while (reply := await wire.ask("RSET")).startswith("250 "):
            await asyncio.sleep(0.02)
        assert reply == "421 4.7.0 this session took too long, try again later"


@pytest.mark.proves("idle timer")
async def test_our_own_time_is_not_the_clients_fault(taker: ScriptedTaker) -> None:
    async def slow(_mail: Envelope) -> None:
        await asyncio.sleep(0.4)

    taker.on_mail = slow
    async with smtp_edge(taker, smtp={"command_timeout": 0.15, "session_timeout": 0.3}) as edge, client(edge) as wire:
        await wire.begin()
        assert (await wire.ask(MESSAGE + b".\r\n")).startswith("250 2.0.0")
        assert (await wire.reply()).startswith("421 4.7.0 this session took too long")


@pytest.mark.proves("minimum data rate")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_message_that_trickles_is_cut(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    monkeypatch.setattr(smtp_timer, "DATA_GRACE", 0.1)
    monkeypatch.setattr(smtp_timer, "_LOOK_AGAIN", 0.05)

    async def send(wire: Wire, piece: bytes) -> None:
        for _ in range(100):
            wire.send(piece)
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        async with smtp_edge(taker, smtp={"min_data_rate": 300}) as edge, client(edge) as slow, client(edge) as fast:
            await slow.begin()
            await fast.begin()
            trickle = asyncio.create_task(send(slow, b"x"))
            flow = asyncio.create_task(send(fast, b"x" * 100))
            assert (await slow.reply()).startswith("421 4.4.2 your mail comes too slowly")
            assert await slow.reply() == ""
            await flow
            assert (await fast.ask("\r\n.\r\n")).startswith("250 2.0.0")
            trickle.cancel()

    run(scenario(), loop)
    assert len(taker.mails) == 1


@pytest.mark.proves("idle timer")
def test_a_client_that_does_not_read_is_cut(taker: ScriptedTaker) -> None:
    """It fills its window with replies and goes away without a word."""

    async def scenario() -> None:
        async with smtp_edge(taker, smtp={"command_timeout": 0.3, "max_recipients": 1_000_000}) as edge:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                deaf.connect(("127.0.0.1", edge.ports["smtp"]))
                deaf.setblocking(False)
                await asyncio.sleep(0.05)
                with contextlib.suppress(BlockingIOError):
                    while deaf.send(b"HELP\r\n" * 1000):
                        await asyncio.sleep(0)
                await until(lambda: edge.connections == 0, 10)

    run(scenario())


# --- memory --------------------------------------------------------------------------------------------------------


async def _peak_of_sending(
    edge: smtp_in.MailEdge, prelude: str, chunk: bytes, times: int, end: bytes
) -> tuple[int, str]:
    """Send from a thread, and give the most memory that Python held meanwhile and the last replies."""

    def send() -> bytes:
        with socket.create_connection(("127.0.0.1", edge.ports["smtp"]), timeout=10) as connection:
            connection.recv(1000)
            for line in prelude.splitlines():
                connection.sendall(line.encode() + b"\r\n")
                connection.recv(1000)
            for _ in range(times):
                connection.sendall(chunk)
            connection.sendall(end)
            return connection.recv(1000)

    tracemalloc.start()
    try:
        reply = await asyncio.to_thread(send)
        return tracemalloc.get_traced_memory()[1], reply.decode()
    finally:
        tracemalloc.stop()


BEGIN = f"EHLO x.example\nMAIL FROM:<a@b.example>\nRCPT TO:<{TO_KEY}>\nDATA"


@pytest.mark.proves("a DATA line without CRLF gets round the limit")
@pytest.mark.parametrize("chunk", [b"x" * 65536, b"x\r\n" * 20000, b".\r\n.x" * 13000, b"\r" * 65536])
async def test_a_message_over_the_limit_costs_no_more_than_the_limit(taker: ScriptedTaker, chunk: bytes) -> None:
    async with smtp_edge(taker, smtp={"max_size": 1_000_000}) as edge:
        peak, reply = await _peak_of_sending(edge, BEGIN, b"a" + chunk, 500, b"\r\n.\r\n")
    assert reply == "552 5.3.4 mail too big: at most 1000000 bytes\r\n"
    assert peak < 3_000_000
    assert taker.mails == []


@pytest.mark.proves("command line length")
async def test_an_endless_command_line_costs_next_to_nothing(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker) as edge:
        peak, reply = await _peak_of_sending(edge, "EHLO x.example", b"x" * 65536, 300, b"\r\n")
    assert reply == "500 5.5.2 line too long\r\n"
    assert peak < 2_000_000


@pytest.mark.proves("SIZE")
@pytest.mark.parametrize(("size", "code"), [(10_000, "250"), (10_001, "552")])
async def test_the_limit_is_exact(taker: ScriptedTaker, size: int, code: str) -> None:
    async with smtp_edge(taker, smtp={"max_size": 10_000}) as edge, client(edge) as wire:
        await wire.begin()
        assert (await wire.ask(b"x" * (size - 2) + b"\r\n.\r\n")).startswith(code)
        assert (await wire.ask("NOOP")).startswith("250 2.0.0")
    assert [len(mail.content) for mail in taker.mails] == [size] * (code == "250")


@pytest.mark.proves("message memory")
async def test_messages_share_a_memory_and_give_it_back(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_in, "MESSAGE_MEMORY", 1_000_000)
    big = b"x" * 900_000 + b"\r\n"
    limits = {"max_size": 950_000}
    async with smtp_edge(taker, smtp=limits) as edge, client(edge) as one, client(edge) as two, client(edge) as three:
        for wire in (one, two):
            await wire.begin()
            wire.send(big)
            await wire.writer.drain()
        await until(lambda: edge._edge.memory.free < 300_000)
        await three.begin()
        assert await three.ask(big + b".\r\n") == "452 4.3.1 too much mail at once, try again later"
        one.reset()
        assert (await two.ask(b".\r\n")).startswith("250 2.0.0")
        await until(lambda: edge.connections == 2)
        for command in ("MAIL FROM:<>", f"RCPT TO:<{TO_KEY}>", "DATA"):
            await three.ask(command)
        assert (await three.ask(big + b".\r\n")).startswith("250 2.0.0")
    assert len(taker.mails) == 2


@pytest.mark.proves("message memory")
def test_memory_is_counted_exactly() -> None:
    pool = MemoryPool(100)
    one, two = MessageMemory(pool), MessageMemory(pool)
    assert one.take(60)
    assert not two.take(41)
    assert two.take(40)
    one.give_back()
    one.give_back()
    assert pool.free == 60


# --- attempts ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("guessing passwords")
async def test_failed_sign_ins_pause_the_address(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(smtp_hooks, "LOGIN_BURST", 4)
    authority = trustme.CA()
    wrong, right = (base64.b64encode(f"\0anna@example.org\0{word}".encode()).decode() for word in ("wrong", "s3cret"))
    tls = write_certificate(tmp_path, authority)
    with captured_log() as log:
        async with (
            smtp_edge(taker, "submissions", tls=tls) as edge,
            client(edge, "submissions", trusting(authority)) as guesser,
            client(edge, "submissions", trusting(authority)) as colleague,
        ):
            await guesser.greet()
            await colleague.greet()
            replies = [await guesser.ask(f"AUTH PLAIN {wrong}") for _ in range(5)]
            assert [reply[:3] for reply in replies] == ["535"] * 4 + ["454"]
            assert len(taker.logins) == 4
            assert (await guesser.ask(f"AUTH PLAIN {right}")).startswith("454 4.7.0 ")
            assert (await colleague.ask(f"AUTH PLAIN {right}")).startswith("454 4.7.0 ")
    assert log.getvalue().count("login-failed") == 4
    assert "wrong" not in log.getvalue()


@pytest.mark.proves("guessing passwords")
async def test_failed_sign_ins_end_the_session(taker: ScriptedTaker, tmp_path: Path) -> None:
    authority = trustme.CA()
    wrong = base64.b64encode(b"\0anna@example.org\0wrong").decode()
    tls = write_certificate(tmp_path, authority)
    async with (
        smtp_edge(taker, "submissions", tls=tls) as edge,
        client(edge, "submissions", trusting(authority)) as wire,
    ):
        await wire.greet()
        assert [(await wire.ask(f"AUTH PLAIN {wrong}"))[:3] for _ in range(5)] == ["535"] * 4 + ["421"]
        assert await wire.reply() == ""


@pytest.mark.proves("guessing passwords")
def test_failures_are_forgotten_one_by_one() -> None:
    limit = AttemptLimit(burst=3, forget_every=30)
    for _ in range(5):
        limit.failed("a", 1000)
    assert limit.spent("a", 1000)
    assert not limit.spent("b", 1000)
    assert limit.spent("a", 1020)
    assert not limit.spent("a", 1031)
    limit.failed("a", 1031)
    assert limit.spent("a", 1031)
    assert not limit.spent("a", 1000 + 30 * 10)
    assert limit.spent("a", 900), "a clock that steps back forgets nothing"


@pytest.mark.proves("guessing passwords")
def test_a_flood_of_addresses_is_forgotten_in_bounds() -> None:
    limit = AttemptLimit(burst=3, forget_every=30)
    for number in range(120_000):
        limit.failed(str(number), number / 1000)
    assert len(limit._failures) <= 50_000


@pytest.mark.proves("guessing keys")
async def test_unknown_recipients_end_the_session_and_pause_the_address(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_hooks, "STRANGER_BURST", 3)

    async def try_recipient(wire: Wire, recipient: str) -> str:
        await wire.greet()
        await wire.ask("MAIL FROM:<a@b.example>")
        return await wire.ask(f"RCPT TO:<{recipient}>")

    with captured_log() as log:
        async with smtp_edge(taker) as edge:
            for answer in ("550 5.1.1", "550 5.1.1", "550 5.1.1", "421 4.7.0 too many unknown recipients"):
                async with client(edge) as wire:
                    reply = await try_recipient(wire, "nobody+4530643064@sms.example.com")
                    assert reply.startswith(answer)
            async with client(edge) as wire:
                assert (await try_recipient(wire, TO_KEY)).startswith("421 4.7.0 too many unknown recipients")
                assert await wire.reply() == ""
    assert "30643064" not in log.getvalue()
    assert '"cause": "no such recipient"' in log.getvalue()
    assert KEY not in log.getvalue()


@pytest.mark.proves("guessing keys")
async def test_other_refusals_are_not_held_against_the_address(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_hooks, "STRANGER_BURST", 3)
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.greet()
        await wire.ask("MAIL FROM:<a@b.example>")
        for _ in range(10):
            assert (await wire.ask("RCPT TO:<12@sms.example.com>")).startswith("550 5.1.3")
        assert (await wire.ask(f"RCPT TO:<{TO_KEY}>")).startswith("250 ")


@pytest.mark.proves("too many errors")
async def test_commands_that_bring_no_mail_nearer_end_the_session(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, smtp={"max_recipients": 1}) as edge, client(edge) as wire:
        await wire.greet()
        wire.send("NOOP\r\n" * 200)
        replies = (await wire.rest()).split("\r\n")
    assert len(replies) < 110
    assert replies[-2].startswith("421 4.7.0 too many commands")


@pytest.mark.proves("too many errors")
@pytest.mark.parametrize("loop", LOOPS)
def test_the_last_word_reaches_a_client_that_is_still_talking(taker: ScriptedTaker, loop: str) -> None:
    async def scenario() -> str:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.reply()
            for _ in range(200):
                wire.send("BLAH\r\n" * 1000)
            await asyncio.wait_for(wire.writer.drain(), LINGER + 5)
            return await wire.rest()

    assert run(scenario(), loop).endswith("421 4.7.0 too many errors, try again later\r\n")
