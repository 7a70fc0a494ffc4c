# ruff: noqa: N802 - aiosmtpd finds commands and hooks by name
"""A smarthost (or MX) that misbehaves on demand, on aiosmtpd: the peer of tests about mail that leaves.

    async with Smarthost() as host:
        host.behave("peter@firma.dk", Fault.UNKNOWN_USER)
        ...                                  # point `[mail_out] relay` at host.address
        assert host.mails[0].recipient == "anna@firma.dk"

`behave("*", …)` concerns everybody. A fault with `times` ends by itself. `attempts` counts RCPT commands and
`connections` what was opened, so that a test can tell a busy loop from patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Fault(StrEnum):
    """What a server can do instead of taking a mail."""

    GREYLIST = "450 4.7.1 come back later"
    UNKNOWN_USER = "550 5.1.1 no such user"
    BUSY = "421 4.3.2 too busy"
    NO_SENDER = "550 5.7.1 sender not welcome"
    LOGIN_FIRST = "530 5.7.0 authentication required"
    DATA_LATER = "451 4.3.0 queue file write error"
    DATA_NEVER = "554 5.6.0 content rejected"
    HANG_AT_RCPT = "hang at RCPT"
    HANG_AFTER_DOT = "hang after the dot, having taken the mail"
    CLOSE_AT_MAIL = "close at MAIL"
    CLOSE_AT_RCPT = "close at RCPT"
    CLOSE_AFTER_DOT = "close after the dot, having taken the mail"


_AT_MAIL = {Fault.BUSY, Fault.NO_SENDER, Fault.LOGIN_FIRST, Fault.CLOSE_AT_MAIL}
_AT_RCPT = {Fault.GREYLIST, Fault.UNKNOWN_USER, Fault.HANG_AT_RCPT, Fault.CLOSE_AT_RCPT}


@dataclass(frozen=True)
class Received:
    """One mail that the smarthost took, with what the session was like."""

    mail_from: str
    recipient: str
    content: bytes = field(repr=False)
    options: tuple[str, ...]
    tls: bool
    login: str | None

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


class Smarthost:
    """The server. `tls` offers STARTTLS, or speaks TLS from the first byte with `implicit`."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        starttls_fails: bool = False,
        users: dict[str, str] | None = None,
        greeting: str | None = None,
        mute: bool = False,
        utf8: bool = True,
        pipelining: bool = True,
        port: int = 0,
    ) -> None:
        self.mails: list[Received] = []
        self.attempts: list[str] = []
        self.connections = 0
        self.port = port
        self.users = users
        self.greeting = greeting
        self.mute = mute
        self.starttls_fails = starttls_fails
        self._tls = tls
        self._implicit = implicit
        self._utf8 = utf8
        self._pipelining = pipelining
        self._faults: dict[str, list[Any]] = {}
        self._protocols: set[_Protocol] = set()
        self._never = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Listen; again on the same port after `close`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Protocol(self, utf8=self._utf8, tls=None if self._implicit else self._tls),
            "127.0.0.1",
            self.port,
            ssl=self._tls if self._implicit else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Go away: no listener, no connection."""
        self._server.close()
        for protocol in list(self._protocols):
            protocol.drop()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        """End every session, as servers do with idle clients; keep listening."""
        for protocol in list(self._protocols):
            protocol.drop()

    @property
    def address(self) -> str:
        """As `[mail_out] relay` wants it."""
        return f"127.0.0.1:{self.port}"

    def behave(self, recipient: str, fault: Fault | None, *, times: int = 1_000_000) -> None:
        """Let a fault happen for a recipient, or for everybody with "*"; None ends it."""
        if fault is None:
            self._faults.pop(recipient, None)
        else:
            self._faults[recipient] = [fault, times]

    def due_fault(self, recipient: str, among: set[Fault] | None = None) -> Fault | None:
        for name in (recipient, "*"):
            entry = self._faults.get(name)
            if entry and entry[1] > 0 and (among is None or entry[0] in among):
                entry[1] -= 1
                fault: Fault = entry[0]
                return fault
        return None

    def opened(self, protocol: _Protocol) -> None:
        self.connections += 1
        self._protocols.add(protocol)

    def closed(self, protocol: _Protocol) -> None:
        self._protocols.discard(protocol)

    def authenticate(self, _s: object, _session: Session, _e: Envelope, _m: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword) or self.users is None:
            return AuthResult(success=False, handled=False)
        known = self.users.get(data.login.decode())
        right = known == data.password.decode()
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    # --- aiosmtpd's hooks ------------------------------------------------------------------------------------------

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _e: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *(["250-PIPELINING"] if self._pipelining else []), *responses[1:]]

    async def handle_MAIL(self, server: SMTP, _s: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        fault = self.due_fault("*", _AT_MAIL)
        if fault is Fault.CLOSE_AT_MAIL:
            server.transport.abort()
        elif fault is not None:
            return str(fault)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(
        self, server: SMTP, _s: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.attempts.append(address)
        fault = self.due_fault(address, _AT_RCPT)
        if fault is Fault.HANG_AT_RCPT:
            await self._never.wait()
        if fault is Fault.CLOSE_AT_RCPT:
            server.transport.abort()
        elif fault is not None:
            return str(fault)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        fault = self.due_fault(recipient)
        if fault in {Fault.DATA_LATER, Fault.DATA_NEVER}:
            return str(fault)
        content = envelope.original_content or b""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            login = session.auth_data if isinstance(session.auth_data, str) else None
        tls = session.ssl is not None or self._implicit
        options = tuple(option.upper() for option in envelope.mail_options)
        self.mails.append(
            Received((envelope.mail_from or "").removeprefix("<>"), recipient, content, options, tls, login)
        )
        if fault is Fault.HANG_AFTER_DOT:
            await self._never.wait()
        if fault is Fault.CLOSE_AFTER_DOT:
            server.transport.abort()
        return "250 2.0.0 queued"


class _Protocol(SMTP):
    def __init__(self, host: Smarthost, *, utf8: bool, tls: ssl.SSLContext | None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(
                host,
                hostname="smarthost.test",
                ident="test",
                enable_SMTPUTF8=utf8,
                tls_context=tls,
                authenticator=host.authenticate,
                auth_require_tls=False,
                auth_required=host.users is not None,
            )
        self._host = host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport
        self._host.opened(self)
        if self._host.mute:
            return
        if self._host.greeting is not None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(self._host.greeting.encode() + b"\r\n")
            transport.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not (self._host.mute or self._host.greeting):
            super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._host.closed(self)
        if not (self._host.mute or self._host.greeting):
            super().connection_lost(error)

    async def smtp_STARTTLS(self, arg: str) -> None:
        if self._host.starttls_fails:
            self.transport.write(b"220 go ahead\r\n")
            await asyncio.sleep(0.01)
            self.transport.write(b"this is no handshake\r\n")
            return
        await super().smtp_STARTTLS(arg)

    def drop(self) -> None:
        with contextlib.suppress(RuntimeError):
            (self.transport or self._socket).abort()
