"""A small SMPP message centre on a real socket that misbehaves on demand.

It binds everybody, answers every submit_sm with an id of its own and keeps what it was given. A test changes `on_submit`,
`on_bind` or one of the switches, or lets a session send whatever it likes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Self, cast

from gateway.smpp.pdu import (
    RESPONSE,
    Address,
    Bind,
    Command,
    Frames,
    Pdu,
    ShortMessage,
    Status,
    frame,
    read_bind,
    read_message,
    write_message,
)

PHONE, OURS = Address(1, 1, "4530643064"), Address(1, 1, "456099462196")
BINDS = {Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER}


@dataclass
class Submit:
    """One submit_sm as it came."""

    session: Session
    pdu: Pdu
    message: ShortMessage
    id: str

    def accept(self) -> None:
        self.answer(body=self.id.encode() + b"\0")

    def answer(self, status: int = 0, body: bytes = b"") -> None:
        self.session.send(frame(self.pdu.command | RESPONSE, self.pdu.sequence, body, status))


class Session(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, smsc: Smsc) -> None:
        self.smsc = smsc
        self.frames = Frames()
        self.bind: Bind | None = None
        self.command: int = 0
        self.transport: asyncio.Transport
        self.sequence = count(1)
        self.answers: dict[int, asyncio.Future[Pdu]] = {}
        self.enquiries = 0
        self.answer_enquiries = True
        self.unbound = asyncio.Event()
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.smsc.connections += 1

    def data_received(self, data: bytes) -> None:
        for pdu in self.frames.feed(data):
            self.take(pdu)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        for answer in self.answers.values():
            answer.cancel()
        if self in self.smsc.sessions:
            self.smsc.sessions.remove(self)

    def take(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            self.smsc.answered.append(pdu)
            if answer := self.answers.pop(pdu.sequence, None):
                answer.set_result(pdu)
        elif pdu.command in BINDS:
            self.bind, self.command = read_bind(pdu.body), pdu.command
            status = self.smsc.on_bind(self)
            if status is not None:
                self.send(frame(pdu.command | RESPONSE, pdu.sequence, b"" if status else b"smsc\0", status))
                if not status:
                    self.smsc.sessions.append(self)
                    self.smsc.bound.set()
        elif pdu.command == Command.SUBMIT_SM:
            submit = Submit(self, pdu, read_message(pdu.body), self.smsc.next_id())
            self.smsc.submits.append(submit)
            self.smsc.on_submit(submit)
        elif pdu.command == Command.ENQUIRE_LINK:
            self.enquiries += 1
            if self.answer_enquiries:
                self.send(frame(pdu.command | RESPONSE, pdu.sequence))
        elif pdu.command == Command.QUERY_SM:
            self.smsc.on_query(self, pdu)
        elif pdu.command == Command.UNBIND:
            self.unbound.set()
            self.send(frame(pdu.command | RESPONSE, pdu.sequence))

    def send(self, octets: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(octets)

    async def ask(self, command: int, body: bytes = b"") -> Pdu:
        """Send a request and wait for its answer."""
        sequence = next(self.sequence)
        self.answers[sequence] = asyncio.get_running_loop().create_future()
        self.send(frame(command, sequence, body))
        return await asyncio.wait_for(self.answers[sequence], 10)

    async def deliver(self, message: ShortMessage) -> int:
        """Send one deliver_sm; the status that it is answered with."""
        return (await self.ask(Command.DELIVER_SM, write_message(message))).status

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()


class Smsc:
    """The message centre. `async with Smsc() as smsc:` listens on `smsc.port`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        self.sessions: list[Session] = []
        """Those that are bound."""
        self.bound = asyncio.Event()
        self.submits: list[Submit] = []
        self.answered: list[Pdu] = []
        self.on_submit: Callable[[Submit], Awaitable[None] | None] = Submit.accept
        self.on_bind: Callable[[Session], int | None] = lambda _session: Status.ESME_ROK
        """The status of the answer to a bind, or None for no answer."""
        self.on_query: Callable[[Session, Pdu], None] = lambda session, pdu: session.send(
            frame(Command.GENERIC_NACK, pdu.sequence, status=Status.ESME_RINVCMDID)
        )
        """Most message centres know no query_sm."""
        ids = count(1)
        self.next_id: Callable[[], str] = lambda: f"id-{next(ids)}"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.shut()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self), "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Throw everybody out and listen no more."""
        assert self._server is not None
        self._server.close()
        for session in list(self.sessions):
            session.abort()
            await session.closed.wait()
        await self._server.wait_closed()

    @property
    def session(self) -> Session:
        return self.sessions[0]

    async def submitted(self, number: int) -> list[Submit]:
        """What was submitted, once there are so many."""
        async with asyncio.timeout(10):
            while len(self.submits) < number:
                await asyncio.sleep(0.005)
        return self.submits


def receipt(ref: str, stat: str = "DELIVRD", **fields: object) -> ShortMessage:
    """A delivery receipt as most message centres write it (SMPP v3.4, Appendix B)."""
    text = f"id:{ref} sub:001 dlvrd:001 submit date:2611231000 done date:2611231001 stat:{stat} err:000 text:Hej"
    return ShortMessage(PHONE, OURS, text.encode(), esm_class=4, **fields)  # type: ignore[arg-type]  # any field


def incoming(text: bytes, **fields: object) -> ShortMessage:
    """A message from a phone."""
    return ShortMessage(PHONE, OURS, text, **fields)  # type: ignore[arg-type]  # any field
