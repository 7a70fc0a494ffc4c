"""The life of one SMTP or LMTP connection: admission, PROXY header, TLS, greeting, and what the transport tells.

What is said between greeting and end is the conversation's (`conversation`), commands are the protocol's (`protocol`).
Promise: every session ends, a silent one, a slow one, a long one.
"""

from __future__ import annotations

import asyncio
from typing import cast

from aiosmtpd.proxy_protocol import AF, PROTO, get_proxy
from aiosmtpd.smtp import Session

from gateway.errors import Refusal, shutting_down, too_busy
from gateway.model import Listener
from gateway.smtp.conversation import CLOSING_TIME, Conversation
from gateway.smtp.doors import LastWord
from gateway.smtp.hooks import Transaction
from gateway.smtp.limits import client_key, plain_ip, within
from gateway.smtp.timer import Phase, SessionTimer
from gateway.smtp.wire import READ_AHEAD
from gateway.tls import TlsLayer

HANDSHAKE_TIME = 30
"""Seconds for a TLS handshake, and for a PROXY header."""

_TURNS = 3
"""Turns of the loop before the greeting: enough to read what came with the connection."""


class EdgeSession(Conversation):
    """A connection."""

    # --- what the transport calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit a new connection or turn it away; also called when the TLS layer stands."""
        self.transport = cast("asyncio.Transport", transport)
        self.envelope = Transaction()
        self.session = Session(self.loop)
        if self._original_transport is not None:
            self._begin_anew_under_tls(transport)
            return
        self._ip, self._port = self._address(transport)
        behind_proxy = self._comes_by_proxy()
        try:
            self._admit(behind_proxy=behind_proxy)
        except Refusal as refusal:
            self._turn_away(self.transport, refusal)
            return
        self._timer = SessionTimer(self.edge.wheel, self._limits, self._input, self)
        self.edge.enter(self)
        if behind_proxy or self.door.implicit_tls:
            self._begin(self._open(behind_proxy=behind_proxy))
        else:
            self.loop.call_soon(self._greet_after, _TURNS - 1)

    def data_received(self, data: bytes) -> None:
        """Obey what the client says, or keep it until what it said before is done."""
        if self._proxy_header is not None:
            self._proxy_header.feed_data(data)
            return
        reader = self._input
        reader.feed(data)
        if not self._busy:
            self._go_on()
        elif self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        if len(reader.buffer) > 2 * READ_AHEAD and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Let what the client sent before it stopped sending be obeyed, and answered where it still reads."""
        if self._ended or self._tls_protocol is not None:
            return False
        self._input.ended = True
        if self._proxy_header is not None:
            self._proxy_header.feed_eof()
        elif not self._busy:
            self._go_on()
        elif self._awaited is not None:
            self._awaited.cancel()
        return True

    def pause_writing(self) -> None:
        """The client does not read its replies: obey it no further."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It reads them again."""
        self._writing_paused = False
        if not self._busy and not self._ended:
            self._timer.enter(Phase.CLIENT)
            self._go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the client. What was begun for it goes on without it."""
        if self._gone:
            return
        self._gone = self._ended = True
        self.transport = None
        self._input.deaf = True
        if self._original_transport is not None:
            self._original_transport.close()
        if not self._admitted:
            return
        self.edge.connections.leave(self._client)
        self._timer.cancel()
        self._drop_message()
        self._wait_no_more()
        if self._task is None:
            self.edge.leave(self)

    # --- beginning -------------------------------------------------------------------------------------------------

    def _address(self, transport: asyncio.BaseTransport) -> tuple[str, int]:
        """Give the client's address and port: this machine's on a Unix socket, nobody's where it is gone already."""
        if self.door.unix_socket:
            return "127.0.0.1", 0
        name = transport.get_extra_info("peername")
        return (plain_ip(str(name[0])), int(name[1])) if name else ("0.0.0.0", 0)  # noqa: S104 - nobody's address

    def _comes_by_proxy(self) -> bool:
        """Whether a load balancer connects: then its header is wanted. LMTP is the last step and has none before it."""
        networks = self._limits.proxy_networks
        return bool(networks) and self.door.listener is not Listener.LMTP and within(self._ip, networks)

    def _admit(self, *, behind_proxy: bool) -> None:
        if self.edge.stopping:
            raise shutting_down()
        self.edge.connections.enter()
        self._admitted = True
        if not behind_proxy:
            try:
                self._count_client()
            except Refusal:
                self._admitted = False
                self.edge.connections.leave(None)
                raise

    def _count_client(self) -> None:
        if self.door.unix_socket:
            return
        client = client_key(self._ip)
        self.edge.connections.enter_as(client)
        self._client = client

    def _turn_away(self, transport: asyncio.Transport, refusal: Refusal) -> None:
        self.edge.note_turned_away(self._ip, refusal, self.loop.time())
        self._ended = True
        self._input.deaf = True
        if not self.door.implicit_tls:
            transport.write(refusal.smtp_reply.encode() + b"\r\n")
        transport.close()

    def _greet_after(self, turns: int) -> None:
        if turns:
            self.loop.call_soon(self._greet_after, turns - 1)
        else:
            self._greet()

    def _greet(self) -> None:
        if self._ended:
            return
        try:
            self._prepare_greeting()
        except LastWord as word:
            self.end(word.refusal)
        else:
            self._go_on()

    def _prepare_greeting(self) -> None:
        """Greet a client that has waited for it (RFC 5321 §4.3.1)."""
        if self._input.buffer:
            raise LastWord(Refusal(554, "5.5.1", "you spoke before the greeting", cause="early talk"))
        self._replies = self._greeting

    async def _open(self, *, behind_proxy: bool) -> None:
        if behind_proxy:
            await self._read_proxy_header()
        if self.door.implicit_tls:
            await self.start_tls(early=self._input.take_all())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._prepare_greeting()

    async def _read_proxy_header(self) -> None:
        """Learn the real client from the load balancer (PROXY protocol, versions 1 and 2)."""
        stream = self._proxy_header = asyncio.StreamReader(loop=self.loop)
        if early := self._input.take_all():
            stream.feed_data(early)
        if self._input.ended or self._gone:
            stream.feed_eof()
        self._timer.enter(Phase.CLIENT)
        try:
            async with asyncio.timeout(HANDSHAKE_TIME):
                header = await get_proxy(stream)
        except TimeoutError:
            raise LastWord(too_busy("no PROXY header")) from None
        finally:
            self._proxy_header = None
        if not stream.at_eof():
            stream.feed_eof()
            self._input.feed(await stream.read())
        if not header.valid or header.protocol == PROTO.DGRAM:
            raise LastWord(Refusal(554, "5.5.1", "a PROXY header is needed here", cause="bad PROXY header"))
        if header.family in {AF.INET, AF.INET6} and (header.version == 1 or header.command == 1):
            self._ip, self._port = plain_ip(str(header.src_addr)), header.src_port or 0
        if self._gone:
            raise EOFError
        try:
            self._count_client()
        except Refusal as refusal:
            self.edge.note_turned_away(self._ip, refusal, self.loop.time())
            raise LastWord(refusal) from None

    async def start_tls(self, early: bytes = b"") -> None:
        """Put TLS under the session and wait for the handshake; `early` is what of it has been read already."""
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
            ssl_shutdown_timeout=CLOSING_TIME,
        )
        self._original_transport, self._tls_protocol = plain, layer
        self.transport = layer.application_side
        plain.set_protocol(layer)
        layer.connection_made(plain)
        layer.feed(early)
        self._timer.enter(Phase.CLIENT)
        try:
            await self._until(waiter)
        finally:
            self._timer.enter(Phase.SERVER)
            if self.session.ssl is None:  # the layer tells us of a lost connection only once it stands
                plain.abort()
                self.connection_lost(None)
        if self.session.ssl is None:
            raise EOFError

    def _begin_anew_under_tls(self, transport: asyncio.BaseTransport) -> None:
        """Forget what was said in plain, for it belongs to nobody (RFC 3207 §4.2, §5)."""
        self._input.take_all()
        self._peer = None
        self.session.ssl = transport.get_extra_info("ssl_object")
