"""Every odd way to end a message, whole and cut at every byte: one message, or a refusal, and never two."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.smtp import syntax as smtp_syntax
from gateway.smtp.limits import MemoryPool, MessageMemory
from gateway.smtp.syntax import message_content, message_pieces
from gateway.smtp.wire import MessageReader, SmtpReader
from tests.smtp_edge import LOOPS, ScriptedTaker, Wire, client, run, smtp_edge

ENDS = ["\r\n", "\n", "\r", "\r\r\n", "\n\r", "\0\r\n", "\r\n\0", "\v\r\n", "\x1a"]
ODD_ENDS = [
    f"{before}{dot}{after}"
    for before, dot, after in itertools.product(ENDS, [".", "..", ". ", " .", ".\0"], ENDS)
    if (before, dot, after) != ("\r\n", ".", "\r\n")
]
SECOND = "MAIL FROM:<boss@good.example>\r\nRCPT TO:<30643064@sms.example.com>\r\nDATA\r\nSubject: two\r\n\r\nTwo"


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


def _really_ends(odd: str) -> bool:
    """Whether the odd end holds CRLF.CRLF once the text around it is there."""
    return "\r\n.\r\n" in odd


@pytest.mark.proves("smuggling")
@pytest.mark.parametrize("loop", LOOPS)
def test_an_odd_end_of_data_ends_nothing(taker: ScriptedTaker, loop: str) -> None:
    odd_ends = [odd for odd in ODD_ENDS if not _really_ends(odd)]
    assert len(odd_ends) > 350

    async def scenario() -> None:
        async with smtp_edge(taker) as edge:
            for odd in odd_ends:
                async with client(edge) as wire:
                    await wire.begin()
                    wire.send(f"Subject: one\r\n\r\nOne{odd}{SECOND}\r\n.\r\nQUIT\r\n")
                    assert (await wire.reply()).startswith("250 2.0.0 taken as"), repr(odd)
                    assert (await wire.reply()).startswith("221 "), repr(odd)

    run(scenario(), loop)
    assert len(taker.mails) == len(odd_ends)
    for mail in taker.mails:
        assert b"MAIL FROM:<boss@good.example>" in mail.content
        assert mail.mail_from == "anna@example.org"


async def _in_two_packets(wire: Wire, data: bytes, cut: int) -> None:
    wire.send(data[:cut])
    for _ in range(3):  # both ends live on this loop: let them turn, so that the packets arrive one by one
        await asyncio.sleep(0)
    wire.send(data[cut:])


@pytest.mark.proves("smuggling")
@pytest.mark.parametrize(
    "odd", ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r\n.\0\r\n", "\n\r\n.\n\r\n", "\r\n..\r\n"]
)
async def test_an_odd_end_cut_at_every_byte_ends_nothing(taker: ScriptedTaker, odd: str) -> None:
    data = f"Subject: one\r\n\r\nOne{odd}MAIL FROM:<boss@good.example>\r\n.\r\n".encode()
    start = data.index(b"One")
    async with smtp_edge(taker, smtp={"max_connections_per_client": 1000}) as edge:
        for cut in range(start, len(data)):
            async with client(edge) as wire:
                await wire.begin()
                await _in_two_packets(wire, data, cut)
                assert (await wire.reply()).startswith("250 2.0.0 taken as"), cut
                assert (await wire.ask("QUIT")).startswith("221 ")
    assert len({mail.content for mail in taker.mails}) == 1
    assert len(taker.mails) == len(data) - start


def _read(packets: Iterable[bytes]) -> tuple[bytes | Refusal | None, bytes]:
    """Without a socket between, the reader sees exactly these packets: give the message and what stands behind it."""
    reader = SmtpReader()
    message = MessageReader(10_000, MessageMemory(MemoryPool(0), "192.0.2.1"))
    read: bytes | Refusal | None = None
    for packet in packets:
        reader.feed(packet)
        if read is None:
            read = message.read(reader)
    return read, reader.take_all()


@pytest.mark.proves("smuggling")
def test_the_end_is_found_however_the_message_is_cut() -> None:
    body = b"x\r\n..\r\n\r.\r\n\n.\r\n.a\r\n"
    data = body + b".\r\nNOOP\r\n"
    for first, second in itertools.combinations(range(1, len(data)), 2):
        assert _read([data[:first], data[first:second], data[second:]]) == (body, b"NOOP\r\n")


@pytest.mark.proves("smuggling")
@given(
    lines=st.lists(st.text(alphabet="ab.\r\n\0 ", max_size=12), max_size=8),
    cuts=st.lists(st.integers(1, 7), min_size=1, max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_what_is_read_is_what_stood_before_the_first_crlf_dot_crlf(lines: list[str], cuts: list[int]) -> None:
    data = "\r\n".join(lines).encode() + b"\r\n.\r\nRSET\r\n"
    whole = b"\r\n" + data
    end = whole.index(b"\r\n.\r\n")
    sizes = itertools.cycle(cuts)
    packets, rest = [], data
    while rest:
        size = next(sizes)
        packets.append(rest[:size])
        rest = rest[size:]
    assert _read(packets) == (whole[2 : end + 2], whole[end + 5 :])


@pytest.mark.proves("smuggling")
@given(st.binary(max_size=60) | st.text(alphabet="ab.\r\n", max_size=40).map(str.encode))
def test_content_has_only_crlf_line_ends(wire: bytes) -> None:
    content = message_content(wire)
    assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")


@pytest.mark.proves("smuggling")
@given(
    st.lists(st.sampled_from([b"\r\n", b"\r\n.", b"\n", b"\n.", b"\r", b".", b"abc", b"d" * 10]), max_size=60).map(
        b"".join
    )
)
def test_a_message_in_pieces_is_the_same_message(wire: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smtp_syntax, "PIECE", 7)
        assert b"".join(message_pieces(wire)) == message_content(wire)


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input stalls nobody")
@pytest.mark.parametrize("hostile", [b"\n", b"\r", b"\r\n", b"\r\n.", b"\n.", b"a\n", b"\r\r\n", b".", b"x"])
async def test_ten_megabytes_of_anything_stall_nobody(taker: ScriptedTaker, hostile: bytes) -> None:
    data = b"Subject: x\r\n\r\n" + hostile * (9_900_000 // len(hostile)) + b"y\r\n.\r\n"
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - before)

    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.begin()
        wire.writer.transport.set_write_buffer_limits(100_000)
        watching = asyncio.create_task(watch())
        for start in range(0, len(data), 50_000):
            wire.send(data[start : start + 50_000])
            await wire.writer.drain()
        reply = await wire.reply()
        watching.cancel()
    assert reply.startswith(("250 2.0.0", "554 5.6.0"))
    assert longest < 0.05, reply


@pytest.mark.proves("smuggling")
@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b"a\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\r\nb\r\n", b"a\r\nb\r\n"),
        (b"Subject: a\rFrom: boss@good.example\r\n", b"Subject: a From: boss@good.example\r\n"),
        (b"..a\r\n...\r\n", b".a\r\n..\r\n"),
        (b"a\n..b\r\n", b"a\r\n..b\r\n"),
        (b"a\r", b"a "),
    ],
)
def test_line_ends_are_made_one_kind(wire: bytes, content: bytes) -> None:
    assert message_content(wire) == content


@pytest.mark.proves("early talk and bare LF")
async def test_bare_line_feeds_never_make_a_mail(taker: ScriptedTaker) -> None:
    talk = (
        "EHLO x.example\nMAIL FROM:<a@b.example>\nRCPT TO:<30643064@sms.example.com>\nDATA\nSubject: x\n\nHi\n.\nQUIT\n"
    )
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.reply()
        wire.send(talk)
        for _ in talk.strip().split("\n"):
            assert (await wire.reply()).startswith("500 5.5.2 ")
    assert taker.mails == []
