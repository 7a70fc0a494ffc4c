"""The life of one SMTP or LMTP connection, without its commands: admission, PROXY header, TLS, greeting, timers, end.

A subclass of aiosmtpd's protocol that keeps its state, its streams, its hooks and its switch to TLS, and replaces what
a hostile client could wear out: reading, the command loop, time limits and the end. Promises: every session ends (a
silent one, a slow one, a long one), a session that is told to end is told why, and a reply is written as soon as
nothing more of the client's is waiting to be obeyed.
"""

from __future__ import annotations

import asyncio
import socket
from typing import ClassVar, cast

from aiosmtpd.proxy_protocol import AF, PROTO, get_proxy
from aiosmtpd.smtp import SMTP, Session

from gateway.errors import Refusal, internal_fault, shutting_down, too_busy
from gateway.maillog import Event, fault
from gateway.model import Listener, Peer
from gateway.smtp.doors import Door, Edge, LastWord
from gateway.smtp.hooks import Transaction
from gateway.smtp.limits import MessageMemory, client_key, plain_ip, within
from gateway.smtp.timer import Phase, SessionTimer, session_too_long
from gateway.smtp.wire import SmtpReader
from gateway.tls import TlsLayer

MAX_LINE = 2048
"""Bytes of a command line: RFC 5321 §4.5.3.1.4 promises 512, extensions add 600."""

MAX_ERRORS = 20
"""Lines that are no commands, or make no sense, before a session ends."""

MAX_REPLIES_HELD = 4096
"""Bytes of replies that may wait while a pipelining client's commands are obeyed."""

HANDSHAKE_TIME = 30
"""Seconds for a TLS handshake, and for a PROXY header."""

LINGER = 1.0
"""Seconds in which a client that is still talking can read why it was cut off."""

_CLOSING_TIME = 5.0


class EdgeSession(SMTP):
    """A connection."""

    COMMANDS: ClassVar[frozenset[str]] = frozenset()
    envelope: Transaction
    transport: asyncio.Transport | None

    def __init__(self, edge: Edge, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        vars(self).update(edge.library_state(loop))
        reader = SmtpReader(loop)
        asyncio.StreamReaderProtocol.__init__(self, reader, client_connected_cb=self._connected, loop=loop)
        self.edge = edge
        self.door = door
        self.login: str | None = None
        self._reader: SmtpReader = reader
        self._limits = edge.settings.smtp
        self._replies = bytearray()
        self._ip, self._port = "", 0
        self._on_unix_socket = False
        self._behind_proxy = False
        self._admitted = False
        self._client: str | None = None
        self._timer = SessionTimer(loop, self._limits, reader, self._overdue)
        self._ended = False
        self._abort_handle: asyncio.TimerHandle | None = None
        self._errors = 0
        self.unknown_recipients = 0
        """Recipients that do not exist, in all transactions."""

    # --- what the library calls ------------------------------------------------------------------------------------

    def _connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def _create_envelope(self) -> Transaction:
        return Transaction()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit a new connection or turn it away; also called when the TLS layer stands."""
        if self._original_transport is not None:
            super().connection_made(transport)
            return
        self._on_unix_socket = transport.get_extra_info("socket").family == socket.AF_UNIX
        self._ip, self._port = self._address(transport)
        self._behind_proxy = self._comes_by_proxy()
        try:
            self._admit()
        except Refusal as refusal:
            self._turn_away(cast("asyncio.Transport", transport), refusal)
            return
        self.edge.enter(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the session. A message that is being committed goes on without it."""
        self._timer.cancel()
        self.edge.leave(self)
        if self._abort_handle is not None:
            self._abort_handle.cancel()
        if self._admitted:
            self._admitted = False
            self.edge.connections.leave(self._client)
        if self._handler_coroutine is not None and self._reader is not None:
            super().connection_lost(error)

    def eof_received(self) -> bool:
        """Let what the client sent before it stopped sending be obeyed, and answered where it still reads."""
        if self._ended or self._tls_protocol is not None:
            return False
        self._reader.feed_eof()
        return True

    def _reset_timeout(self, _duration: float | None = None) -> None:
        """Leave the library's timer unset: SessionTimer has its place."""
        self._timeout_handle = self._timer.handle

    async def push(self, status: str | bytes) -> None:
        """Put one reply line in the queue."""
        self._replies += (status.encode() if isinstance(status, str) else status) + b"\r\n"

    async def _handle_client(self) -> None:
        try:
            await self._open()
            await self._converse()
            self._close()
        except LastWord as word:
            self.end(word.refusal)
        except (OSError, EOFError):  # the peer went away, or its TLS failed
            self._close()
        except Exception as error:
            fault(Event.SESSION_FAULT, error, ip=self._ip)
            self.end(internal_fault())

    # --- beginning -------------------------------------------------------------------------------------------------

    def _address(self, transport: asyncio.BaseTransport) -> tuple[str, int]:
        """Give the client's address and port: this machine's on a Unix socket, nobody's where it is gone already."""
        if self._on_unix_socket:
            return "127.0.0.1", 0
        name = transport.get_extra_info("peername")
        return (plain_ip(str(name[0])), int(name[1])) if name else ("0.0.0.0", 0)  # noqa: S104 - nobody's address

    def _comes_by_proxy(self) -> bool:
        """Whether a load balancer connects: then its header is wanted. LMTP is the last step and has none before it."""
        if self.door.listener is Listener.LMTP:
            return False
        return within(self._ip, self._limits.proxy_networks)

    def _admit(self) -> None:
        if self.edge.stopping:
            raise shutting_down()
        self.edge.connections.enter()
        self._admitted = True
        if not self._behind_proxy:
            self._count_client()

    def _count_client(self) -> None:
        if self._on_unix_socket:
            return
        client = client_key(self._ip)
        self.edge.connections.enter_as(client)
        self._client = client

    def _turn_away(self, transport: asyncio.Transport, refusal: Refusal) -> None:
        self.edge.note_turned_away(self._ip, refusal, self.loop.time())
        self._ended = True
        if not self.door.implicit_tls:
            transport.write(refusal.smtp_reply.encode() + b"\r\n")
        transport.close()

    async def _open(self) -> None:
        if self._behind_proxy:
            await self._read_proxy_header()
        if self.door.implicit_tls:
            await self.start_tls(early=self._reader.take_all())
        for _ in range(2):  # one turn of the loop to read what came with the connection
            await asyncio.sleep(0)
        if self._reader.waiting:
            raise LastWord(Refusal(554, "5.5.1", "you spoke before the greeting", cause="early talk"))
        protocol = "LMTP" if self.door.listener is Listener.LMTP else "ESMTP"
        await self.push(f"220 {self.hostname} {protocol} ready")

    async def _read_proxy_header(self) -> None:
        """Learn the real client from the load balancer (PROXY protocol, versions 1 and 2)."""
        try:
            self._timer.enter(Phase.CLIENT)
            async with asyncio.timeout(HANDSHAKE_TIME):
                header = await get_proxy(self._reader)
        except TimeoutError:
            raise LastWord(too_busy("no PROXY header")) from None
        if not header.valid or header.protocol == PROTO.DGRAM:
            raise LastWord(Refusal(554, "5.5.1", "a PROXY header is needed here", cause="bad PROXY header"))
        if header.family in {AF.INET, AF.INET6} and (header.version == 1 or header.command == 1):
            self._ip, self._port = plain_ip(str(header.src_addr)), header.src_port or 0
        try:
            self._count_client()
        except Refusal as refusal:
            self.edge.note_turned_away(self._ip, refusal, self.loop.time())
            raise LastWord(refusal) from None

    @property
    def facts(self) -> Session:
        """What the library keeps of the client; it is there from the first byte to the last."""
        if self.session is None:
            raise EOFError
        return self.session

    async def start_tls(self, early: bytes = b"") -> None:
        """Put TLS under the session and wait for the handshake; `early` is what of it has been read already.

        What was read in plain before belongs to nobody (RFC 3207 §5): the library drops it when the layer stands.
        """
        plain, certificate = self.transport, self.edge.certificate
        if plain is None or certificate is None:
            raise EOFError
        waiter: asyncio.Future[None] = self.loop.create_future()
        layer = TlsLayer(
            self.loop,
            self,
            certificate.context(),
            waiter,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_TIME,
            ssl_shutdown_timeout=_CLOSING_TIME,
        )
        self._original_transport, self._tls_protocol = plain, layer
        self.transport = layer.application_side
        plain.set_protocol(layer)
        layer.connection_made(plain)
        layer.feed(early)
        self._timer.enter(Phase.CLIENT)
        try:
            await waiter
        finally:
            if self.facts.ssl is None:  # the layer tells us of a lost connection only once it stands
                plain.abort()
                self.connection_lost(None)
        if self.facts.ssl is None:
            raise EOFError

    # --- the conversation ------------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        while True:
            if self.edge.stopping:
                raise LastWord(shutting_down())
            if self._timer.session_over:
                raise LastWord(session_too_long())
            try:
                line = await self._next_line()
                if line is None:
                    return
                await self.obey(line)
            except Refusal as refusal:
                await self._refuse(refusal)
            if self._ended:
                return

    async def obey(self, line: bytes) -> None:
        """Do what one command line says."""
        raise NotImplementedError

    async def _next_line(self, limit: int = MAX_LINE) -> bytes | None:
        if self._replies and (len(self._replies) > MAX_REPLIES_HELD or not self._reader.has_line()):
            await self.flush()
        self._timer.enter(Phase.CLIENT)
        line = await self._reader.command_line(limit)
        self._timer.enter(Phase.SERVER)
        return line

    async def flush(self) -> None:
        """Write the replies that wait; returns when the client keeps up with reading them."""
        self._timer.enter(Phase.CLIENT)
        self._writer.write(bytes(self._replies))
        self._replies.clear()
        await self._writer.drain()
        self._timer.enter(Phase.SERVER)

    async def _refuse(self, refusal: Refusal) -> None:
        if refusal.code == 421:
            raise LastWord(refusal)
        await self.push(refusal.smtp_reply)
        if refusal.code in {500, 501, 502, 504, 553, 555}:
            self._errors += 1
            if self._errors >= MAX_ERRORS and not self.ours:
                raise LastWord(too_busy("too many errors"))

    @property
    def _own_relay(self) -> bool:
        """Whether the organisation's own mail server is there: nobody else speaks LMTP or is in `[trust] networks`."""
        return self.door.listener is Listener.LMTP or within(self._ip, self.edge.settings.trust.networks)

    @property
    def ours(self) -> bool:
        """Whether errors are forgiven: a relay of ours, whose errors are other people's, or somebody signed in."""
        return self.login is not None or self._own_relay

    def message_memory(self) -> MessageMemory:
        """Memory for one message, in the name of who signed in, or else of the client's address."""
        client = self.login or client_key(self._ip)
        return MessageMemory(self.edge.memory, client, own_relay=self._own_relay)

    def peer(self) -> Peer:
        """Describe the client as it stands now."""
        return Peer(
            ip=self._ip,
            port=self._port,
            helo=self.facts.host_name or "",
            listener=self.door.listener,
            tls=self.facts.ssl is not None,
            login=self.login,
        )

    # --- the end ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End now if the client has nothing under way; else after the reply to what it has."""
        if self._timer.phase is Phase.CLIENT and not self._ended:
            self._end_now(shutting_down())

    def _overdue(self, refusal: Refusal) -> None:
        if not self._ended:
            self._end_now(refusal)

    def _end_now(self, refusal: Refusal) -> None:
        self.end(refusal)
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()

    def end(self, refusal: Refusal) -> None:
        """Say why, and close."""
        self._replies += refusal.smtp_reply.encode() + b"\r\n"
        self._close()

    def _close(self) -> None:
        """Write what is left and close, letting a client that is still talking read it first.

        Closing a socket with unread input resets it, and the reset can overtake the reply.
        """
        transport = self.transport
        if transport is None or self._ended:
            return
        self._ended = True
        unread = bool(self._reader.take_all()) or self._timer.phase is Phase.MESSAGE
        talking = unread and not self._reader.ended
        self._reader.deaf = True
        if self._replies:
            transport.write(bytes(self._replies))
        if talking and self._tls_protocol is None and transport.can_write_eof():
            transport.write_eof()
            self._abort_handle = self.loop.call_later(LINGER, transport.abort)
        else:
            transport.close()
            self._abort_handle = self.loop.call_later(_CLOSING_TIME, transport.abort)

    def abort(self) -> None:
        """Close without a word: the time to stop is over."""
        if self.transport is not None:
            self.transport.abort()
