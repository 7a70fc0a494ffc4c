"""One mail in a session with a server that answers as no library would: word for word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.delivery.client import Server, SmtpClient
from gateway.delivery.transaction import Delivery
from gateway.errors import Outcome

pytestmark = pytest.mark.proves("MX")

EHLO = "250-mx.test\r\n250 PIPELINING\r\n"
CONTENT = b"Subject: x\r\n\r\nHej\r\n.\r\n"
END = "end"
"""In place of an answer: the server hangs up."""


class Scripted:
    """A server with an answer for each command, in order; `heard` has what came."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.heard: list[str] = []
        self.sessions: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.test\r\n")
        text = False
        while line := (await reader.readline()).decode():
            if text and line != ".\r\n":
                continue
            text = False
            self.heard.append(line.split()[0])
            answer = EHLO if line.startswith("EHLO") else "221 bye\r\n" if line.startswith("QUIT") else self._next()
            if answer == END:
                break
            text = answer.startswith("354")
            writer.write(answer.encode())
        writer.close()
        await writer.wait_closed()

    def _next(self) -> str:
        return self.answers.pop(0) if self.answers else "250 ok\r\n"


@asynccontextmanager
async def delivering(*answers: str) -> AsyncIterator[tuple[Scripted, SmtpClient, Server]]:
    scripted = Scripted(answers)
    door = await asyncio.start_server(scripted.accept, "127.0.0.1", 0)
    client = SmtpClient(helo="gw.test", tls="none", timeout=10)
    try:
        yield scripted, client, Server("mx.test", "127.0.0.1", door.sockets[0].getsockname()[1])
    finally:
        await client.close()
        door.close()
        await door.wait_closed()
        await asyncio.gather(*scripted.sessions, return_exceptions=True)


async def deliver(client: SmtpClient, server: Server) -> Delivery:
    return await client.deliver(server, "a@gw.test", "b@mx.test", CONTENT)


OK, GO_ON = "250 ok\r\n", "354 go on\r\n"


async def test_a_text_that_is_asked_for_without_a_recipient_stays_here():
    async with delivering(OK, "550 5.1.1 unknown\r\n", GO_ON, "554 nobody\r\n") as (peer, client, server):
        delivery = await deliver(client, server)
        assert (delivery.outcome, delivery.cause) == (Outcome.PERMANENT, "550 5.1.1 unknown (RCPT)")
        assert peer.heard == ["EHLO", "MAIL", "RCPT", "DATA", ".", "RSET"]
        peer.answers = [OK, OK, GO_ON, OK]
        assert (await deliver(client, server)).outcome is Outcome.ACCEPTED
        assert len(peer.sessions) == 1


@pytest.mark.parametrize(
    ("answers", "outcome", "cause"),
    [
        ([OK, END], Outcome.TEMPORARY, "connection lost during RCPT"),
        ([OK, OK, END], Outcome.TEMPORARY, "connection lost during DATA"),
        ([OK, OK, GO_ON, END], Outcome.UNKNOWN, "connection lost after the text"),
        ([OK, OK, "451 later\r\n"], Outcome.TEMPORARY, "451 later (DATA)"),
        ([OK, OK, GO_ON, "552-too\r\n552 much\r\n"], Outcome.PERMANENT, "552 too much (DATA)"),
        ([OK, "no answer of SMTP\r\n"], Outcome.TEMPORARY, "connection lost during RCPT"),
        ([OK, "250-" + "x" * 40_000 + "\r\n"], Outcome.TEMPORARY, "connection lost during RCPT"),
    ],
)
async def test_where_it_broke_decides(answers, outcome, cause):
    async with delivering(*answers) as (_peer, client, server):
        delivery = await deliver(client, server)
        assert (delivery.outcome, delivery.cause) == (outcome, cause)


async def test_a_session_that_ended_before_the_mail_is_replaced():
    async with delivering(OK, OK, GO_ON, OK) as (peer, client, server):
        assert (await deliver(client, server)).outcome is Outcome.ACCEPTED
        peer.answers = ["421 too long idle\r\n", "503 x\r\n", "503 x\r\n", OK, OK, GO_ON, OK]
        assert (await deliver(client, server)).outcome is Outcome.ACCEPTED
        assert len(peer.sessions) == 2
