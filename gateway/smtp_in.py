"""The SMTP, submission and LMTP edge, as one service.

In: connections. Out: questions to a MailTaker, and its answers as replies. Promises: 250 only after the taker has said
that a mail is durably committed; a commit that has begun is waited for, by the session and by stop(), never cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gateway.maillog import Event, note, warn
from gateway.model import Clock, Listener, MailTaker
from gateway.settings import GatewaySettings
from gateway.smtp.doors import Door, Edge
from gateway.smtp.hooks import EdgeHooks
from gateway.smtp.limits import ConnectionLimits, MemoryPool
from gateway.smtp.lmtp import LmtpProtocol
from gateway.smtp.protocol import EdgeProtocol
from gateway.smtp.timer import TimerWheel
from gateway.tls import ServerCertificate, server_certificate

STOP_TIME = 30.0
"""Seconds that a stop waits for messages under way."""

MESSAGE_MEMORY = 512 * 1024 * 1024
"""Bytes that all messages on their way in may take together: more where one of `[smtp] max_size` would be too big for
the share of its client."""

_BACKLOG = 1024
_SOCKET_MODE = 0o660
"""Of the LMTP socket: the mail server in front shares the group."""


class MailEdge:
    """The listeners of `[smtp]`, `[submission]` and `[lmtp]`, each where its port (or socket) is set."""

    name = "smtp"

    def __init__(
        self,
        settings: GatewaySettings,
        taker: MailTaker,
        clock: Clock,
        tls: ServerCertificate | None = None,
        *,
        reuse_port: bool = False,
    ) -> None:
        """Prepare; nothing listens yet.

        Without `tls` the certificate comes from the settings. `reuse_port` lets several processes share the ports.
        """
        self._settings = settings
        self._reuse_port = reuse_port
        self._servers: list[asyncio.Server] = []
        self.ports: dict[str, int] = {}
        """Bound ports by listener: "smtp", "submission", "submissions", "lmtp"."""
        self._edge = Edge(
            settings=settings,
            hooks=EdgeHooks(taker, clock, settings.smtp.mails_per_minute),
            certificate=tls or server_certificate(settings),
            connections=ConnectionLimits(settings.smtp.max_connections, settings.smtp.max_connections_per_client),
            memory=MemoryPool(max(MESSAGE_MEMORY, 4 * settings.smtp.max_size)),
        )

    @property
    def connections(self) -> int:
        """Open connections now."""
        return self._edge.connections.open

    def certificate_expires_at(self) -> float | None:
        """When the certificate ends (seconds since the epoch); None without one."""
        return None if self._edge.certificate is None else self._edge.certificate.expires_at()

    async def start(self) -> None:
        """Listen. Raises OSError when a port or the socket cannot be had."""
        loop = asyncio.get_running_loop()
        allow_many_files()
        self._edge.stopping = False
        self._edge.wheel = TimerWheel(loop, self._settings.smtp)
        for library_log in ("mail.log", "mail.debug"):  # names recipients, in words that are not ours
            logging.getLogger(library_log).setLevel(logging.CRITICAL)
        smtp, submission, lmtp = self._settings.smtp, self._settings.submission, self._settings.lmtp
        login = partial(Door, listener=Listener.SUBMISSION, login_required=True)
        doors = [
            (Door("smtp", Listener.SMTP), smtp.host, smtp.port),
            (login("submission"), submission.host, submission.port),
            (login("submissions", implicit_tls=True), submission.host, submission.tls_port),
            (Door("lmtp", Listener.LMTP), lmtp.host, lmtp.port),
        ]
        try:
            for door, host, port in doors:
                if port is not None:
                    await self._listen(door, host, port)
            if lmtp.socket is not None:
                await self._listen_on_socket(Door("lmtp", Listener.LMTP, unix_socket=True), lmtp.socket)
        except OSError:
            self._stop_listening()
            raise
        note(Event.STARTED, name=self.name, ports=dict(self.ports))

    async def _listen(self, door: Door, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._sessions(door), host or None, port, backlog=_BACKLOG, reuse_port=self._reuse_port or None
        )
        self._servers.append(server)
        self.ports[door.name] = server.sockets[0].getsockname()[1]

    async def _listen_on_socket(self, door: Door, path: Path) -> None:
        _remove_socket(path)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(self._sessions(door), str(path), backlog=_BACKLOG)
        self._servers.append(server)
        _share_with_group(path)

    def _sessions(self, door: Door) -> Callable[[], EdgeProtocol]:
        protocol = LmtpProtocol if door.listener is Listener.LMTP else EdgeProtocol
        return protocol.behind(door, self._edge, asyncio.get_running_loop())

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._settings.lmtp.socket is not None:
            _remove_socket(self._settings.lmtp.socket)

    async def stop(self) -> None:
        """Stop listening, tell idle clients 421, let messages under way end, and wait for commits: 30 s at most."""
        self._edge.stopping = True
        self._stop_listening()
        for session in list(self._edge.sessions):
            session.stop()
        try:
            async with asyncio.timeout(STOP_TIME):
                await self._edge.empty.wait()
        except TimeoutError:
            warn(
                Event.STOPPED,
                name=self.name,
                sessions_cut=len(self._edge.sessions),
                commits_left=self._edge.hooks.commits,
            )
            for session in list(self._edge.sessions):
                session.abort()
            return
        note(Event.STOPPED, name=self.name)


def allow_many_files() -> None:
    """Raise this process's limit on open files as far as the system allows: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _share_with_group(path: Path) -> None:
    path.chmod(_SOCKET_MODE)


def _remove_socket(path: Path) -> None:
    """Remove a socket that an earlier run left, and nothing else that may have its name."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()
