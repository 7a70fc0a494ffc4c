"""LMTP: over TCP and over a Unix socket, one reply per recipient."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.model import Listener, Reply
from tests.smtp_edge import LOOPS, TO_KEY, ScriptedTaker, Wire, client, run, settings_for, smtp_edge, started

MESSAGE = b"From: anna@example.org\r\nSubject: 30643064\r\n\r\nHej\r\n"


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


@pytest.mark.proves("X1")
async def test_offers_no_auth_and_takes_no_smtp(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, "lmtp") as edge, client(edge, "lmtp") as wire:
        assert await wire.reply() == "220 gw.example.com LMTP ready"
        assert (await wire.ask("EHLO x.example")).startswith("500 5.5.1 ")
        offers = await wire.ask("LHLO x.example")
        assert "AUTH" not in offers
        assert "250-PIPELINING" in offers
        assert "250-ENHANCEDSTATUSCODES" in offers


@pytest.mark.proves("LMTP: a reply for each")
@pytest.mark.parametrize("loop", LOOPS)
def test_one_reply_per_recipient_in_order(taker: ScriptedTaker, loop: str) -> None:
    names = ["30643064", "refused1", "later", "4522976011", "refused2"]

    async def scenario() -> list[str]:
        async with smtp_edge(taker, "lmtp") as edge, client(edge, "lmtp") as wire:
            await wire.begin(*(f"{name}@sms.example.com" for name in names), verb="LHLO")
            wire.send(MESSAGE + b".\r\nNOOP\r\n")
            return [await wire.reply() for _ in range(6)]

    replies = run(scenario(), loop)
    assert [reply[:9] for reply in replies] == [
        "250 2.0.0", "550 5.7.1", "451 4.3.1", "250 2.0.0", "550 5.7.1", "250 2.0.0",
    ]  # fmt: skip
    assert taker.mails[0].peer.listener is Listener.LMTP


@pytest.mark.proves("LMTP: a reply for each")
async def test_too_big_and_faulty_are_said_to_each(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, "lmtp", smtp={"max_size": 10_000}) as edge, client(edge, "lmtp") as wire:
        await wire.begin("30643064@sms.example.com", TO_KEY, verb="LHLO")
        wire.send(b"x" * 20_000 + b"\r\n.\r\n")
        assert [(await wire.reply())[:9] for _ in range(2)] == ["552 5.3.4", "552 5.3.4"]
        taker.replies = lambda _mail: [Reply()]
        await wire.ask("MAIL FROM:<>")
        await wire.ask("RCPT TO:<30643064@sms.example.com>")
        await wire.ask(f"RCPT TO:<{TO_KEY}>")
        await wire.ask("DATA")
        wire.send(MESSAGE + b".\r\n")
        assert [(await wire.reply())[:9] for _ in range(2)] == ["451 4.3.0", "451 4.3.0"]
        assert (await wire.ask("NOOP"))[:9] == "250 2.0.0"


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_unix_socket(taker: ScriptedTaker, tmp_path: Path, loop: str) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    settings = settings_for(lmtp={"socket": path}, smtp={"proxy_networks": ["127.0.0.0/8"]})

    def deliver() -> None:
        with smtplib.LMTP(str(path)) as lmtp:
            lmtp.sendmail("anna@example.org", [TO_KEY], MESSAGE)

    async def scenario() -> None:
        async with started(taker, settings):
            assert path.stat().st_mode & 0o777 == 0o660
            await asyncio.to_thread(deliver)
        assert not path.exists()

    run(scenario(), loop)
    (mail,) = taker.mails
    assert (mail.peer.ip, mail.peer.port, mail.peer.listener) == ("127.0.0.1", 0, Listener.LMTP)


@pytest.mark.proves("X1")
async def test_a_file_with_the_name_of_the_socket_is_left_alone(taker: ScriptedTaker, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    path.write_text("something dear")
    with pytest.raises(OSError):
        async with started(taker, settings_for("smtp", lmtp={"socket": path})):
            pass
    assert path.read_text() == "something dear"


@pytest.mark.proves("X1")
async def test_a_start_that_fails_leaves_no_port_open(taker: ScriptedTaker) -> None:
    settings = settings_for("smtp", "lmtp")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.lmtp.port or 0))
        taken.listen()
        with pytest.raises(OSError):
            async with started(taker, settings):
                pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", settings.smtp.port)


@pytest.mark.proves("X1")
async def test_swaks_delivers_by_lmtp(taker: ScriptedTaker, require: Callable[[str], str]) -> None:
    def swaks(port: int) -> str:
        command = [require("swaks"), "--protocol", "LMTP", "--server", "127.0.0.1", "--port", str(port)]
        command += ["--from", "anna@example.org", "--to", f"{TO_KEY},refused@sms.example.com", "--body", "Hej"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout

    async with smtp_edge(taker, "lmtp") as edge:
        transcript = await asyncio.to_thread(swaks, edge.ports["lmtp"])
    assert "250 2.0.0 taken as" in transcript
    assert len(taker.mails[0].recipients) == 2


@pytest.mark.proves("X1")
async def test_several_clients_at_once_keep_their_mails_apart(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, "lmtp") as edge:

        async def deliver(number: int) -> str:
            wire = await Wire.to(edge, "lmtp")
            await wire.begin(f"306430{number:02}@sms.example.com", verb="LHLO")
            reply = await wire.ask(f"Subject: {number}\r\n\r\nHej\r\n.\r\n")
            await wire.close()
            return reply.split()[-1]

        ids = await asyncio.gather(*(deliver(number) for number in range(40)))
    assert len(set(ids)) == 40
    for mail in taker.mails:
        assert mail.recipients[0].value.endswith(f"{int(mail.content.split()[1]):02}")
