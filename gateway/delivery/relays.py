"""The ways on which mail leaves: a smarthost, the recipient's MX, or a maildir on this machine.

In: `[mail_out]` and a mail. Out: a `Delivery`; what happens then is decided in `gateway.mail_out`.
Sources: RFC 5321 §5 (MX, implicit MX, loops), RFC 7505 (null MX).
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from gateway.delivery.client import Login, Server, SmtpClient
from gateway.delivery.transaction import Delivery
from gateway.dns import MailExchanger, NoAnswerError, NoSuchRecordError, Resolver
from gateway.errors import Outcome
from gateway.model import OutgoingMail
from gateway.settings import GatewaySettings, MailOutSettings
from gateway.writing.mime import UnsafeHeaderError, wire_address

_MAX_EXCHANGERS, _MAX_SERVERS = 5, 6
"""Mail exchangers looked up, and addresses tried, in one attempt (RFC 5321 §5.1 asks for at least two)."""


class Relay(Protocol):
    """A way out."""

    async def deliver(self, mail: OutgoingMail, content: bytes) -> Delivery:
        """Try once to hand the mail on. `content` is what leaves: the mail, signed."""
        ...

    def appetite(self) -> int | None:
        """How many mails it is worth while to try now, whoever they are for; None for any number."""
        ...

    async def tidy(self) -> None:
        """Give back what is not used; called now and then."""
        ...

    async def close(self) -> None:
        """End."""
        ...


def open_relay(settings: GatewaySettings, resolver: Resolver, *, mx_port: int = 25) -> Relay:
    """The relay that `[mail_out] relay` names: "host:port", "mx" or "maildir:PATH"."""
    out = settings.mail_out
    kind, _, rest = out.relay.partition(":")
    if kind == "maildir":
        return MaildirRelay(Path(rest), settings.mail.hostname)
    if out.relay == "mx":
        return MxRelay(_client(settings.mail.hostname, out), resolver, settings.mail.hostname, mx_port)
    host, _, port = out.relay.rpartition(":")
    name = host.strip("[]")
    return SmarthostRelay(_client(settings.mail.hostname, out), Server(name, name, int(port)))


def _client(helo: str, out: MailOutSettings) -> SmtpClient:
    # An MX listens on port 25 only, where TLS begins with STARTTLS.
    tls = "required" if out.relay == "mx" and out.tls == "implicit" else out.tls
    login = None if out.user is None or out.relay == "mx" else Login(out.user, out.password or "")
    return SmtpClient(helo=helo, tls=tls, timeout=out.timeout, login=login, ca_file=out.ca_file)


class SmarthostRelay:
    """Everything to one server."""

    def __init__(self, client: SmtpClient, server: Server) -> None:
        self._client = client
        self._server = server

    async def deliver(self, mail: OutgoingMail, content: bytes) -> Delivery:
        """See `Relay`."""
        delivery = await self._client.deliver(self._server, mail.return_path, mail.recipient, content)
        if delivery.unreachable:
            return Delivery(delivery.outcome, f"relay away: {delivery.cause}", unreachable=True, relay_away=True)
        return delivery

    def appetite(self) -> int | None:
        """See `Relay`."""
        return self._client.appetite(self._server)

    async def tidy(self) -> None:
        """See `Relay`."""
        await self._client.tidy()

    async def close(self) -> None:
        """See `Relay`."""
        await self._client.close()


class MxRelay:
    """Each mail to a mail exchanger of its recipient's domain, the preferred ones first."""

    def __init__(self, client: SmtpClient, resolver: Resolver, own_name: str, port: int) -> None:
        self._client = client
        self._resolver = resolver
        self._own_name = own_name.lower()
        self._port = port

    async def deliver(self, mail: OutgoingMail, content: bytes) -> Delivery:
        """See `Relay`."""
        try:
            domain = wire_address(mail.recipient).rpartition("@")[2]
            servers = await self._servers(domain)
        except UnsafeHeaderError as error:
            return Delivery(Outcome.PERMANENT, f"5.1.3 {error}", about_mailbox=True)
        except _Undeliverable as error:
            return Delivery(Outcome.PERMANENT, str(error), about_mailbox=True)
        except NoAnswerError as error:
            return Delivery(Outcome.TEMPORARY, f"4.4.3 DNS: {error}")
        delivery = Delivery(Outcome.TEMPORARY, f"4.4.4 no mail exchanger of {domain} has an address")
        for server in servers:
            delivery = await self._client.deliver(server, mail.return_path, mail.recipient, content)
            if not delivery.unreachable:
                break
        return delivery

    def appetite(self) -> int | None:
        """Any: what is away for one mail is not for another."""
        return None

    async def tidy(self) -> None:
        """See `Relay`."""
        await self._client.tidy()

    async def close(self) -> None:
        """See `Relay`."""
        await self._client.close()

    async def _servers(self, domain: str) -> list[Server]:
        if domain.startswith("["):
            return [_literal(domain, self._port)]
        servers: list[Server] = []
        unknown: NoAnswerError | None = None
        for host in await self._hosts(domain):
            try:
                servers += [Server(host, address, self._port) for address in await self._addresses(host)]
            except NoAnswerError as error:
                unknown = error
        if not servers and unknown is not None:
            raise unknown
        return servers[:_MAX_SERVERS]

    async def _hosts(self, domain: str) -> list[str]:
        """Names of the mail exchangers in the order to try them; the domain itself where it has none (§5.1)."""
        try:
            exchangers = await self._resolver.mx(domain)
        except NoSuchRecordError:
            if not await self._addresses(domain):
                raise _Undeliverable(f"5.1.2 {domain} has neither MX nor address") from None
            return [domain]
        if any(each.host in {"", "."} for each in exchangers):
            raise _Undeliverable(f"5.1.10 {domain} takes no mail (null MX)")
        ordered = _without_ourselves(exchangers, self._own_name)
        if not ordered:
            raise _Undeliverable(f"5.4.6 we are the mail exchanger of {domain} ourselves")
        return ordered[:_MAX_EXCHANGERS]

    async def _addresses(self, host: str) -> list[str]:
        """IPv4 first: a machine without IPv6 is common, one without IPv4 is not."""
        addresses: list[str] = []
        unknown: NoAnswerError | None = None
        for look_up in (self._resolver.a, self._resolver.aaaa):
            try:
                addresses += await look_up(host)
            except NoSuchRecordError:
                continue
            except NoAnswerError as error:
                unknown = error
        if not addresses and unknown is not None:
            raise unknown
        return addresses


class _Undeliverable(Exception):
    """DNS says for certain that the domain takes no mail."""


def _literal(domain: str, port: int) -> Server:
    text = domain.strip("[]")
    address = text[5:] if text.lower().startswith("ipv6:") else text
    try:
        ip_address(address)
    except ValueError:
        raise _Undeliverable(f"5.1.2 {domain} is no address literal") from None
    return Server(address, address, port)


def _without_ourselves(exchangers: Sequence[MailExchanger], own_name: str) -> list[str]:
    """Ordered by preference, equals shuffled; from our own name on, nobody: mail would come back (RFC 5321 §5.1)."""
    own = [each.preference for each in exchangers if each.host.lower().removesuffix(".") == own_name]
    usable = [each for each in exchangers if not own or each.preference < min(own)]
    random.shuffle(usable)
    return [each.host for each in sorted(usable, key=lambda each: each.preference)]


class MaildirRelay:
    """All mail into one maildir at PATH, whoever it is for: Delivered-To names the recipient.

    A file's name holds the mail's id, so that delivering again after a crash replaces the file that nobody has opened.
    Line ends are LF, as mail programs expect in a maildir.
    """

    def __init__(self, path: Path, hostname: str) -> None:
        self._path = path
        self._suffix = re.sub(r"[^A-Za-z0-9.-]", "_", hostname)
        self._folders = threading.Lock()
        self._folders_durable = False
        with suppress(OSError):  # readers find it from the start; a path that cannot be written delays each mail
            self._make_folders()

    async def deliver(self, mail: OutgoingMail, content: bytes) -> Delivery:
        """See `Relay`. Durable when it returns ACCEPTED."""
        try:
            await asyncio.to_thread(self._write, mail, content)
        except OSError as error:
            return Delivery(Outcome.TEMPORARY, f"4.3.0 cannot write into {self._path}: {error.strerror or error}")
        return Delivery(Outcome.ACCEPTED, "written into the maildir")

    def appetite(self) -> int | None:
        """Any."""
        return None

    async def tidy(self) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, mail: OutgoingMail, content: bytes) -> None:
        self._make_folders()
        name = f"{int(mail.created_at)}.{re.sub(r'[^A-Za-z0-9-]', '_', mail.id)}.{self._suffix}"
        envelope = f"Return-Path: <{_plain(mail.return_path)}>\nDelivered-To: {_plain(mail.recipient)}\n".encode()
        temporary = self._path / "tmp" / name
        with open(temporary, "wb", opener=_private) as file:
            file.write(envelope + content.replace(b"\r\n", b"\n"))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._path / "new" / name)
        _sync_directory(self._path / "new")

    def _make_folders(self) -> None:
        """Make what is missing of the maildir, with names as durable as the mails that go into it."""
        parts = [self._path / part for part in ("tmp", "new", "cur")]
        with self._folders:
            if self._folders_durable and all(part.is_dir() for part in parts):
                return
            # A process that died may have made them and not synced: the first look of each process counts them as new.
            changed = {self._path, self._path.parent}
            changed |= {above.parent for above in self._path.parents if not above.exists()}
            for part in parts:
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            for directory in changed:
                _sync_directory(directory)
            self._folders_durable = True


def _plain(address: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "", address)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
