"""What one client, and all of them together, can make the edge spend: connections, time, memory, attempts."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import tracemalloc

import pytest

from gateway import smtp_in
from gateway.errors import Refusal
from gateway.model import Envelope
from gateway.settings import SmtpSettings
from gateway.smtp import conversation
from gateway.smtp import timer as smtp_timer
from gateway.smtp.limits import ConnectionLimits, MemoryPool, MessageMemory, client_key, plain_ip
from gateway.smtp.wire import SmtpReader
from tests.smtp_edge import (
    LOOPS,
    TO_KEY,
    ScriptedTaker,
    Wire,
    captured_log,
    client,
    run,
    smtp_edge,
)
from tests.waiting import until

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
async def test_the_process_may_have_as_many_files_as_the_system_lets_it(taker: ScriptedTaker) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, hard), hard))
    try:
        async with smtp_edge(taker):
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
        async with smtp_edge(taker, smtp={"command_timeout": 1.0}) as edge, client(edge) as wire:
            await wire.reply()
            wire.send(talk)
            return await wire.rest()

    assert run(scenario(), loop).endswith("421 4.4.2 you were silent for too long\r\n")


@pytest.mark.stopwatch
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
    async with smtp_edge(taker, smtp={"session_timeout": 1.0}) as edge, client(edge) as wire:
        await wire.greet()
        while (reply := await wire.ask("RSET")).startswith("250 "):
            await asyncio.sleep(0.02)
        assert reply == "421 4.7.0 this session took too long, try again later"


@pytest.mark.proves("idle timer")
async def test_our_own_time_is_not_the_clients_fault(taker: ScriptedTaker) -> None:
    async def slow(_mail: Envelope) -> None:
        await asyncio.sleep(2.5)

    taker.on_mail = slow
    async with smtp_edge(taker, smtp={"command_timeout": 1.0, "session_timeout": 2.0}) as edge, client(edge) as wire:
        await wire.begin()
        assert (await wire.ask(MESSAGE + b".\r\n")).startswith("250 2.0.0")
        assert (await wire.reply()).startswith("421 4.7.0 this session took too long")


async def _send_slowly(wire: Wire, piece: bytes) -> None:
    """For two seconds and more: some spells of `DATA_SPELL` as these tests have it."""
    for _ in range(200):
        wire.send(piece)
        await asyncio.sleep(0.01)


@pytest.mark.proves("minimum data rate")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("listener", ["smtp", "lmtp"])
def test_a_message_that_trickles_is_cut(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch, loop: str, listener: str
) -> None:
    monkeypatch.setattr(smtp_timer, "DATA_SPELL", 0.5)
    monkeypatch.setattr(smtp_timer, "_LOOK_AGAIN", 0.02)
    rate = {"min_data_rate": 300}
    verb = "LHLO" if listener == "lmtp" else "EHLO"

    async def scenario() -> None:
        async with (
            smtp_edge(taker, listener, smtp=rate) as edge,
            client(edge, listener) as slow,
            client(edge, listener) as fast,
        ):
            await asyncio.sleep(0.1)  # now the timer waits for a silence
            await slow.begin(verb=verb)
            await fast.begin(verb=verb)
            trickle = asyncio.create_task(_send_slowly(slow, b"x"))
            flow = asyncio.create_task(_send_slowly(fast, b"x" * 100))
            assert (await slow.reply()).startswith("421 4.4.2 your mail comes too slowly")
            assert await slow.reply() == ""
            await flow
            assert (await fast.ask("\r\n.\r\n")).startswith("250 2.0.0")
            trickle.cancel()

    run(scenario(), loop)
    assert len(taker.mails) == 1


@pytest.mark.proves("minimum data rate")
async def test_what_holds_much_must_come_fast_to_its_end(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_timer, "DATA_SPELL", 0.5)
    monkeypatch.setattr(smtp_timer, "RATE_UNIT", 1000)
    async with smtp_edge(taker) as edge, client(edge) as big, client(edge) as small:
        await big.begin()
        await small.begin()
        big.send(b"x" * 400_000)  # from now on 40 kB/s are asked of it
        paces = [asyncio.create_task(_send_slowly(wire, b"x" * 100)) for wire in (big, small)]
        assert (await big.reply()).startswith("421 4.4.2 your mail comes too slowly")
        assert not paces[0].done(), "10 kB/s, and still sending"
        await until(lambda: edge._edge.memory.free == smtp_in.MESSAGE_MEMORY)
        await paces[1]
        assert (await small.ask("\r\n.\r\n")).startswith("250 2.0.0")
        paces[0].cancel()


@pytest.mark.proves("minimum data rate")
async def test_any_pace_may_be_allowed(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_timer, "DATA_SPELL", 0.05)
    async with smtp_edge(taker, smtp={"min_data_rate": 0}) as edge, client(edge) as wire:
        await wire.begin()
        wire.send(b"x" * 200_000)
        await asyncio.sleep(0.3)
        assert (await wire.ask("\r\n.\r\n")).startswith("250 2.0.0")


@pytest.mark.proves("idle timer")
def test_a_client_that_does_not_read_is_cut(taker: ScriptedTaker) -> None:
    """It fills its window with replies and goes away without a word."""

    async def scenario() -> None:
        async with smtp_edge(taker, smtp={"command_timeout": 1.0, "max_recipients": 1_000_000}) as edge:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                deaf.connect(("127.0.0.1", edge.ports["smtp"]))
                deaf.setblocking(False)
                await asyncio.sleep(0.05)
                with contextlib.suppress(BlockingIOError):
                    while deaf.send(b"HELP\r\n" * 1000):
                        await asyncio.sleep(0)
                await until(lambda: edge.connections == 0, seconds=10)

    run(scenario())


@pytest.mark.proves("idle timer")
def test_one_timer_serves_all_sessions_and_looks_at_each_in_time() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        wheel = smtp_timer.TimerWheel(loop, SmtpSettings(command_timeout=1.0))
        sessions = [_Recorder(loop, wheel, 1.0) for _ in range(200)]
        await asyncio.sleep(0.2)
        for session in sessions[:100]:
            session.timer.enter(smtp_timer.Phase.CLIENT)
        for session in sessions[150:]:
            session.timer.cancel()
        await until(lambda: all(session.overdue_after for session in sessions[:150]))
        for number, session in enumerate(sessions):
            spoke_after = 0.2 if number < 100 else 0.0
            for after in session.overdue_after:
                assert after >= spoke_after + 1.0
            assert len(session.overdue_after) == (number < 150)
        assert wheel._handle is None, "nobody is left, and nothing runs"

    run(scenario(), "uvloop")


class _Recorder:
    """A session that ends when it is overdue."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: smtp_timer.TimerWheel, timeout: float) -> None:
        self.overdue_after: list[float] = []
        self._now, self._began = loop.time, loop.time()
        self.timer = smtp_timer.SessionTimer(wheel, SmtpSettings(command_timeout=timeout), SmtpReader(), self)
        self.timer.enter(smtp_timer.Phase.CLIENT)

    def overdue(self, refusal: Refusal) -> None:
        self.overdue_after.append(self._now() - self._began)
        self.timer.cancel()

    def abort(self) -> None:
        raise AssertionError("it was not closing")


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


@pytest.mark.proves("endless input")
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_said_while_we_are_busy_waits_with_the_client(taker: ScriptedTaker, loop: str) -> None:
    """A megabyte of commands behind a message whose commit takes its time: read when it is done, and all answered."""
    committed = asyncio.Event()
    many = 150_000

    async def slow(_mail: Envelope) -> None:
        await committed.wait()

    async def scenario() -> None:
        taker.on_mail = slow
        async with smtp_edge(taker, trust={"networks": ["127.0.0.0/8"]}) as edge, client(edge) as wire:
            await wire.begin()
            (session,) = edge._edge.sessions
            wire.send(MESSAGE + b".\r\n" + b"RSET\r\n" * many)
            await until(lambda: session._reading_paused)
            await asyncio.sleep(0.1)
            assert len(session._input.buffer) < 512 * 1024
            committed.set()
            assert (await wire.reply()).startswith("250 2.0.0 taken as")
            for _ in range(many):
                assert await wire.line() == "250 2.0.0 forgotten"

    run(scenario(), loop)


BEGIN = f"EHLO x.example\nMAIL FROM:<a@b.example>\nRCPT TO:<{TO_KEY}>\nDATA"


@pytest.mark.proves("line without end")
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


BIG = b"x" * 900_000 + b"\r\n"
ROOM = {"max_size": 950_000}


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(smtp_in, "MESSAGE_MEMORY", 4_000_000)
    return 4_000_000


async def _hold(edge: smtp_in.MailEdge, wires: list[Wire], verb: str = "EHLO") -> None:
    """Send big messages but for their ends, and wait until they have been read."""
    readers = [session._input for session in edge._edge.sessions]
    for wire in wires:
        await wire.begin(verb=verb)
        wire.send(BIG)
    await until(lambda: sum(reader.received > len(BIG) for reader in readers) >= len(wires))


async def _again(wire: Wire) -> str:
    for command in ("MAIL FROM:<>", f"RCPT TO:<{TO_KEY}>", "DATA"):
        await wire.ask(command)
    return await wire.ask(BIG + b".\r\n")


@pytest.mark.proves("message memory")
async def test_the_messages_of_a_client_share_a_memory_and_give_it_back(taker: ScriptedTaker, small_pool: int) -> None:
    async with smtp_edge(taker, smtp=ROOM) as edge, client(edge) as one, client(edge) as two:
        await _hold(edge, [one])
        await two.begin()
        assert await two.ask(BIG + b".\r\n") == "452 4.3.1 too much mail at once, try again later"
        one.reset()
        await until(lambda: edge._edge.memory.free == small_pool)
        assert (await _again(two)).startswith("250 2.0.0")
        assert edge._edge.memory.free == small_pool
    assert len(taker.mails) == 1


@pytest.mark.proves("message memory")
async def test_one_client_leaves_the_others_their_room(taker: ScriptedTaker, small_pool: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        edge = await stack.enter_async_context(smtp_edge(taker, smtp=ROOM))
        held = [await stack.enter_async_context(client(edge, source="127.0.0.9")) for _ in range(12)]
        await _hold(edge, held)
        assert edge._edge.memory.free >= small_pool * 3 // 4
        honest = await stack.enter_async_context(client(edge))
        await honest.begin()
        assert (await honest.ask(b"x" * 200_000 + b"\r\n.\r\n")).startswith("250 2.0.0")


@pytest.mark.proves("message memory")
async def test_our_relay_has_room_however_many_hold_the_rest(taker: ScriptedTaker, small_pool: int) -> None:
    trust = {"networks": ["127.0.0.1/32"]}
    async with (
        smtp_edge(taker, smtp=ROOM, trust=trust) as edge,
        client(edge) as relay,
        client(edge, source="127.0.0.2") as stranger,
    ):
        for number in range(20):
            _fill(edge._edge.memory, str(number), 1000)
        assert edge._edge.memory.free < small_pool * 0.26
        await stranger.begin()
        assert (await stranger.ask(b"x" * 400_000 + b"\r\n.\r\n")).startswith("452 4.3.1")
        await relay.begin()
        assert (await relay.ask(b"x" * 400_000 + b"\r\n.\r\n")).startswith("250 2.0.0")


@pytest.mark.proves("message memory")
async def test_lmtp_tells_each_recipient_that_there_is_no_room(taker: ScriptedTaker, small_pool: int) -> None:
    async with (
        smtp_edge(taker, "lmtp", smtp=ROOM) as edge,
        client(edge, "lmtp") as one,
        client(edge, "lmtp") as two,
        client(edge, "lmtp") as three,
    ):
        await _hold(edge, [one, two], verb="LHLO")
        await three.begin(TO_KEY, "30643064@sms.example.com", verb="LHLO")
        three.send(BIG + b".\r\n")
        replies = [await three.reply() for _ in range(2)]
        assert replies == ["452 4.3.1 too much mail at once, try again later"] * 2
        one.reset()
        await until(lambda: edge.connections == 2)
        assert (await _again(three)).startswith("250 2.0.0")


@pytest.mark.proves("message memory")
@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_what_is_thrown_away_holds_nothing(taker: ScriptedTaker, small_pool: int, size: int) -> None:
    async with smtp_edge(taker, smtp={"max_size": 500_000}) as edge, client(edge) as wire:
        await wire.begin()
        wire.send(b"x" * size)
        await until(lambda: next(iter(edge._edge.sessions))._input.received > size)
        assert edge._edge.memory.free == small_pool
        assert (await wire.ask("\r\n.\r\n")).startswith("552 5.3.4")


@pytest.mark.proves("message memory")
async def test_the_biggest_message_has_room_whatever_its_size(taker: ScriptedTaker, small_pool: int) -> None:
    size = 3_000_000
    async with smtp_edge(taker, smtp={"max_size": size}) as edge, client(edge) as wire:
        await wire.begin()
        assert (await wire.ask(b"x" * (size - 2) + b"\r\n.\r\n")).startswith("250 2.0.0")


@pytest.mark.proves("message memory")
async def test_memory_is_held_by_login_or_by_ipv6_network(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, trust={"networks": ["192.0.2.0/24"]}) as edge, client(edge) as wire:
        await wire.greet()
        (session,) = edge._edge.sessions

        def holder(ip: str, login: str | None = None) -> tuple[str, bool]:
            session._ip, session.login, session._is_own_relay = ip, login, None
            memory = session.message_memory()
            return memory._client, memory._own_relay

        assert holder("2001:db8::1") == holder("2001:db8::2") != holder("2001:db8:0:1::1")
        assert holder("198.51.100.1", "anna@example.org") == holder("2001:db8::1", "anna@example.org")
        assert holder("198.51.100.1") == ("198.51.100.1", False)
        assert holder("192.0.2.1") == ("192.0.2.1", True)


def _fill(pool: MemoryPool, holder: str, step: int = 1, *, own_relay: bool = False) -> int:
    """Take all that somebody gets, and give how much that was."""
    taken = 0
    while pool.take(holder, step, own_relay=own_relay):
        taken += step
    return taken


@pytest.mark.proves("message memory")
def test_shares() -> None:
    pool = MemoryPool(100_000)
    strangers = [_fill(pool, str(number)) for number in range(12)]
    assert strangers[:2] == [25_000, 16_666]
    assert strangers == sorted(strangers, reverse=True)
    assert strangers[-1] > 100
    assert pool.free > 25_000
    left = pool.free
    assert _fill(pool, "relay", own_relay=True) == left // 2
    assert _fill(MemoryPool(100_000), "relay", own_relay=True) == 50_000


@pytest.mark.proves("message memory")
def test_memory_is_counted_exactly() -> None:
    pool = MemoryPool(400)
    one, two = MessageMemory(pool, "a"), MessageMemory(pool, "a")
    assert one.take(60)
    assert not two.take(41)
    assert two.take(40)
    assert (one.held, two.held, pool.free) == (60, 40, 300)
    one.give_back()
    one.give_back()
    assert (one.held, pool.free) == (0, 360)
    two.give_back()
    assert pool.free == 400
    assert not pool._held, "a client that holds nothing is forgotten"


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("too many errors")
async def test_commands_that_bring_no_mail_nearer_end_the_session(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, smtp={"max_recipients": 1}) as edge, client(edge) as wire:
        await wire.greet()
        wire.send("NOOP\r\n" * 200)
        replies = (await wire.rest()).split("\r\n")
    assert len(replies) < 110
    assert replies[-2].startswith("421 4.7.0 too many commands")


@pytest.mark.proves("too many errors")
async def test_our_relay_may_bring_much_that_is_refused(taker: ScriptedTaker) -> None:
    trust = {"networks": ["127.0.0.0/8"]}
    async with smtp_edge(taker, smtp={"max_recipients": 1}, trust=trust) as edge, client(edge) as wire:
        await wire.greet()
        for _ in range(70):
            await wire.ask("MAIL FROM:<spam@evil.example>")
            assert (await wire.ask("RCPT TO:<nobody@sms.example.com>")).startswith("550 5.1.1")
            assert (await wire.ask("RSET")).startswith("250 ")
        await wire.ask("MAIL FROM:<anna@example.org>")
        assert (await wire.ask(f"RCPT TO:<{TO_KEY}>")).startswith("250 ")


@pytest.mark.proves("too many errors")
@pytest.mark.parametrize("loop", LOOPS)
def test_the_last_word_reaches_a_client_that_is_still_talking(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr(conversation, "LINGER", 10.0)  # a client that does not come to read in time loses it

    async def scenario() -> str:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.reply()
            for _ in range(200):
                wire.send("BLAH\r\n" * 1000)
            await asyncio.wait_for(wire.writer.drain(), conversation.LINGER + 5)
            return await wire.rest()

    assert run(scenario(), loop).endswith("421 4.7.0 too many errors, try again later\r\n")
