"""Hands one mail to one SMTP server, over connections that are kept and used again.

In: a server, an envelope, a message. Out: a `Delivery`, always: nothing that a server or the network does raises.
Sources: RFC 5321, RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 1870 (SIZE).

Promises: a server that cannot be reached is left alone for a while, whatever number of mails waits for it; a password
leaves only inside TLS, unless TLS is switched off or the server is this machine; a kept connection that died is
replaced without counting as an attempt.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from gateway.delivery.transaction import Channel, Delivery, StaleError, Transaction
from gateway.errors import Outcome
from gateway.writing.mime import UnsafeHeaderError, wire_address

Tls = Literal["none", "opportunistic", "required", "implicit"]

_MAX_IDLE = 20.0
"""Seconds that a connection is kept unused: servers hang up after some minutes, busy ones want their slots back."""
_MAX_MAILS = 500
"""Mails per connection: servers behind a balancer then share the work."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
"""Seconds that an unreachable server is left alone: doubled from failure to failure."""
_TIMEOUTS_TO_PAUSE = 3
"""Mails in a row that a server lets time out before it counts as unreachable; one may be the mail's own fault."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect: `address` is a name or an IP address, `name` what its certificate should say."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Login:
    """User and password for AUTH."""

    user: str
    password: str


class _NotReached(Exception):
    """The session did not come to the point where a mail could be offered."""


@dataclass(slots=True)
class _Health:
    failures: int = 0
    timeouts: int = 0
    rests_until: float = 0.0
    cause: str = ""


@dataclass(slots=True)
class _Kept:
    channel: Channel
    mails: int = 0
    idle_since: float = 0.0


class SmtpClient:
    """A pool of connections to any number of servers, all spoken to in the same manner."""

    def __init__(
        self, *, helo: str, tls: Tls, timeout: float, login: Login | None = None, ca_file: Path | None = None
    ) -> None:
        self._helo = helo
        self._tls = tls
        self._timeout = timeout
        self._login = login
        self._context = None if tls == "none" else _tls_context(tls, ca_file)
        self._idle: defaultdict[Server, list[_Kept]] = defaultdict(list)
        self._health: dict[Server, _Health] = {}

    async def deliver(self, server: Server, sender: str, recipient: str, content: bytes) -> Delivery:
        """Try once. `sender` "" is the null return path. A lost connection after the last dot is UNKNOWN."""
        health = self._health.setdefault(server, _Health())
        if _now() < health.rests_until:
            return Delivery(Outcome.TEMPORARY, health.cause, unreachable=True)
        try:
            sender, recipient = sender and wire_address(sender), wire_address(recipient)
        except UnsafeHeaderError as error:
            return Delivery(Outcome.PERMANENT, f"5.1.3 {error}", about_mailbox=True)
        try:
            delivery, timed_out = await self._deliver(server, sender, recipient, content)
        except _NotReached as error:
            return self._pause(health, str(error))
        if timed_out:
            health.timeouts += 1
            return self._pause(health, delivery.cause) if health.timeouts >= _TIMEOUTS_TO_PAUSE else delivery
        self._health.pop(server, None)
        return delivery

    def appetite(self, server: Server) -> int | None:
        """How many mails it is worth while to offer now: none while it is left alone, then one to see, else any."""
        health = self._health.get(server)
        if health is None or not health.failures:
            return None
        return 0 if _now() < health.rests_until else 1

    async def _deliver(self, server: Server, sender: str, recipient: str, content: bytes) -> tuple[Delivery, bool]:
        kept = self._take(server)
        while kept is not None:
            try:
                return await self._finish(server, kept, Transaction(kept.channel, sender, recipient, content))
            except StaleError:
                kept = self._take(server)
        fresh = _Kept(Channel(await self._connect(server), self._timeout))
        try:
            return await self._finish(server, fresh, Transaction(fresh.channel, sender, recipient, content))
        except StaleError as error:
            raise _NotReached(f"{server.name} ended the session: {error}") from error

    async def _finish(self, server: Server, kept: _Kept, transaction: Transaction) -> tuple[Delivery, bool]:
        try:
            delivery, timed_out = await transaction.make()
        except BaseException:
            kept.channel.close()
            raise
        kept.mails += 1
        if kept.channel.is_open and kept.mails < _MAX_MAILS:
            kept.idle_since = _now()
            self._idle[server].append(kept)
        else:
            await kept.channel.hang_up()
        return delivery, timed_out

    def _pause(self, health: _Health, cause: str) -> Delivery:
        # Attempts that began together fail together: only one of them makes the pause longer.
        if _now() >= health.rests_until:
            health.rests_until = _now() + min(_FIRST_PAUSE * 2**health.failures, _LONGEST_PAUSE)
            health.failures = min(health.failures + 1, 10)
        health.cause = cause
        return Delivery(Outcome.TEMPORARY, cause, unreachable=True)

    def _take(self, server: Server) -> _Kept | None:
        kept = self._idle[server]
        while kept:
            candidate = kept.pop()
            if candidate.channel.is_open and _now() - candidate.idle_since < _MAX_IDLE:
                return candidate
            candidate.channel.close()
        return None

    async def tidy(self) -> None:
        """Hang up on what has been idle for long."""
        for server, kept in list(self._idle.items()):
            old = [each for each in kept if _now() - each.idle_since >= _MAX_IDLE]
            kept[:] = [each for each in kept if each not in old]
            if not kept:
                del self._idle[server]
            await asyncio.gather(*(each.channel.hang_up() for each in old))

    async def close(self) -> None:
        """Hang up everywhere."""
        channels = [each.channel for kept in self._idle.values() for each in kept]
        self._idle.clear()
        await asyncio.gather(*(channel.hang_up() for channel in channels))

    # --- the session, up to the point where mail can be offered ----------------------------------------------------

    async def _connect(self, server: Server) -> aiosmtplib.SMTP:
        try:
            client, secure = await self._open(server)
        except (SMTPException, OSError, ValueError) as error:
            raise _NotReached(f"{server.name} port {server.port}: {_said(error)}") from error
        try:
            await self._authenticate(client, server, secure=secure)
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise _NotReached(f"{server.name} sign-in: {_said(error)}") from error
        except BaseException:
            client.close()
            raise
        return client

    async def _open(self, server: Server) -> tuple[aiosmtplib.SMTP, bool]:
        client = await self._greet(server)
        if self._tls in {"none", "implicit"}:
            return client, self._tls == "implicit"
        try:
            if self._tls == "opportunistic" and not client.supports_extension("starttls"):
                return client, False
            await client.starttls(server_hostname=server.name)
            await _ehlo(client)
        except (SMTPException, OSError) as error:
            client.close()
            if self._tls == "required" or self._login is not None:
                raise
            # Better in the clear than not at all: that is what opportunistic means (RFC 7435).
            del error
            return await self._greet(server), False
        except BaseException:
            client.close()
            raise
        return client, True

    async def _greet(self, server: Server) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=server.address,
            port=server.port,
            local_hostname=self._helo,
            timeout=self._timeout,
            use_tls=self._tls == "implicit",
            start_tls=False,
            tls_context=self._context,
        )
        await client.connect()
        try:
            await _ehlo(client)
        except BaseException:
            client.close()
            raise
        return client

    async def _authenticate(self, client: aiosmtplib.SMTP, server: Server, *, secure: bool) -> None:
        if self._login is None:
            return
        if not secure and self._tls != "none" and not _is_this_machine(server.address):
            raise ValueError("it offers no TLS, so the password was withheld")
        await client.login(self._login.user, self._login.password)


async def _ehlo(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPResponseException:
        if not client.is_connected:
            raise
        await client.helo()


def _tls_context(tls: Tls, ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    if tls == "opportunistic":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_this_machine(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _said(error: BaseException) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {_one_line(error.message)}"
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _now() -> float:
    return asyncio.get_running_loop().time()
