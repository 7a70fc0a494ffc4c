"""A started SMTP edge, a taker that does as it is told, and a client that says exactly what a test wants said."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trustme
import uvloop

from gateway.errors import Refusal, bad_number, no_such_recipient, not_our_domain
from gateway.model import AddressKind, Envelope, LocalAddress, Peer, Reply, SystemClock
from gateway.settings import GatewaySettings
from gateway.smtp_in import MailEdge
from gateway.tls import ServerCertificate
from tests.log import log_into
from tests.ports import free_port

KEY = "0123456789abcdef0123456789abcdef"
TO_KEY = f"{KEY}@sms.example.com"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """Run one test's coroutine on the named kind of loop."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(coroutine)


@dataclass
class ScriptedTaker:
    """Takes mail for sms.example.com: the local part decides what becomes of it."""

    mails: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=lambda: {"anna@example.org": "s3cret"})
    replies: Callable[[Envelope], list[Reply]] | None = None
    on_mail: Callable[[Envelope], Awaitable[None]] | None = None
    on_recipient: Callable[[str], Awaitable[None]] | None = None
    peers: list[Peer] = field(default_factory=list)

    async def recipient(self, peer: Peer, mail_from: str, address: str, so_far: Sequence[LocalAddress]) -> LocalAddress:
        self.peers.append(peer)
        if self.on_recipient is not None:
            await self.on_recipient(address)
        local, _, domain = address.rpartition("@")
        if domain.lower() != "sms.example.com":
            raise not_our_domain()
        if local.startswith("busy"):
            raise Refusal(451, "4.3.2", "no free phone number right now, try again later", cause="pool drained")
        if local.startswith("12"):
            raise bad_number(local)
        if local.startswith("nobody"):
            raise no_such_recipient()
        kind = AddressKind.KEY if local.lower() == KEY else AddressKind.NUMBER
        return LocalAddress(kind, local, address)

    async def mail(self, envelope: Envelope) -> list[Reply]:
        if self.on_mail is not None:
            await self.on_mail(envelope)
        self.mails.append(envelope)
        if self.replies is not None:
            return self.replies(envelope)
        return [_reply_by_name(recipient) for recipient in envelope.recipients]

    async def login(self, peer: Peer, user: str, password: str) -> str | None:
        self.logins.append((user, password))
        if user == "broken@example.org":
            raise RuntimeError("database password is hunter2")
        return user if self.users.get(user) == password else None


def _reply_by_name(recipient: LocalAddress) -> Reply:
    if recipient.value.startswith("refused"):
        return Reply(refusal=Refusal(550, "5.7.1", "the recipient has said STOP", cause="opted out"))
    if recipient.value.startswith("later"):
        return Reply(refusal=Refusal(451, "4.3.1", "cannot store mail right now, try again later", cause="disk full"))
    return Reply()


def settings_for(*listeners: str, smtp: dict[str, Any] | None = None, **sections: Any) -> GatewaySettings:
    """Settings with the named listeners on free ports."""
    ports = {name: free_port() for name in listeners}
    values: dict[str, Any] = {
        "mail": {"hostname": "gw.example.com", "domains": ["sms.example.com"]},
        "smtp": {"port": ports.get("smtp"), **(smtp or {})},
        "submission": {"port": ports.get("submission"), "tls_port": ports.get("submissions")},
        "lmtp": {"port": ports.get("lmtp")},
    }
    return GatewaySettings.model_validate({**values, **sections})


@contextlib.asynccontextmanager
async def started(
    taker: ScriptedTaker, settings: GatewaySettings, certificate: ServerCertificate | None = None
) -> AsyncIterator[MailEdge]:
    """A running edge, stopped at the end."""
    edge = MailEdge(settings, taker, SystemClock(), certificate)
    await edge.start()
    try:
        yield edge
    finally:
        await edge.stop()


@contextlib.asynccontextmanager
async def smtp_edge(taker: ScriptedTaker, *listeners: str, **options: Any) -> AsyncIterator[MailEdge]:
    """A running edge with the named listeners ("smtp" where none is named)."""
    async with started(taker, settings_for(*(listeners or ("smtp",)), **options)) as edge:
        yield edge


class Wire:
    """A client by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(
        cls, edge: MailEdge, listener: str = "smtp", tls: ssl.SSLContext | None = None, source: str = "127.0.0.1"
    ) -> Wire:
        return cls(
            *await asyncio.open_connection(
                "127.0.0.1",
                edge.ports[listener],
                ssl=tls,
                server_hostname="gw.example.com" if tls else None,
                local_addr=(source, 0),
            )
        )

    def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    async def reply(self) -> str:
        """The next reply, lines joined by a newline; "" when the server has closed."""
        lines: list[str] = []
        while line := await self.line():
            lines.append(line)
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    async def line(self) -> str:
        """The next line of a reply; "" when the server has closed."""
        line = (await asyncio.wait_for(self.reader.readline(), 10)).decode()
        assert not line or line.endswith("\r\n"), f"reply line without CRLF: {line!r}"
        return line[:-2]

    async def ask(self, command: bytes | str) -> str:
        self.send(command if isinstance(command, bytes) else command + "\r\n")
        return await self.reply()

    async def greet(self, verb: str = "EHLO") -> str:
        assert (await self.reply()).startswith("220 ")
        return await self.ask(f"{verb} client.example.org")

    async def begin(self, *recipients: str, mail_from: str = "anna@example.org", verb: str = "EHLO") -> None:
        """Everything up to 354."""
        await self.greet(verb)
        assert (await self.ask(f"MAIL FROM:<{mail_from}>")).startswith("250 ")
        for recipient in recipients or (TO_KEY,):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250 ")
        assert (await self.ask("DATA")).startswith("354 ")

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self.writer.start_tls(context, server_hostname="gw.example.com")

    async def rest(self) -> str:
        """Everything until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            return (await asyncio.wait_for(self.reader.read(), 10)).decode()
        return ""

    def reset(self) -> None:
        """Hang up with RST instead of FIN."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def client(
    edge: MailEdge, listener: str = "smtp", tls: ssl.SSLContext | None = None, source: str = "127.0.0.1"
) -> AsyncIterator[Wire]:
    """A connection by hand, from an address of this machine, closed at the end."""
    wire = await Wire.to(edge, listener, tls, source)
    try:
        yield wire
    finally:
        await wire.close()


def write_certificate(directory: Path, authority: trustme.CA, name: str = "gw.example.com") -> dict[str, Any]:
    """A certificate and key as files, as the `[tls]` section names them."""
    issued = authority.issue_cert(name)
    certificate, key = directory / "cert.pem", directory / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"certificate": certificate, "key": key}


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@contextlib.contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """What the log holds as JSON lines."""
    captured = _Captured()
    with log_into(captured.take) as lines:
        captured.catch_up = lines.flush
        yield captured


class _Captured(io.StringIO):
    """Lines as text, those of the turn that is under way included."""

    catch_up: Callable[[], None]

    def take(self, data: bytes) -> None:
        self.write(data.decode())

    def getvalue(self) -> str:
        self.catch_up()
        return super().getvalue()
