"""The rooms as services: started in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import signal
import sys

from brevdue import garbage
from brevdue.console import CommandError
from brevdue.roles import ALL_ROLES, Role
from brevdue.rooms import Rooms
from brevdue.welcome import welcome
from brevdue.workers import is_worker
from gateway import maillog
from gateway.mail_parse import parse
from gateway.maillog import Event
from gateway.model import Service
from gateway.providers.base import EventSink, Provider, Webhooks
from gateway.providers.simulator import SimulatorProvider
from gateway.settings import GatewaySettings
from gateway.store.database import Database
from gateway.store.opening import open_database
from web.server import WebServer

_ANY_MAIL = b"From: a@example.com\r\nSubject: 30643064\r\n\r\nHej\r\n\r\nSent from my iPhone\r\n> Hej\r\n"


class _ProviderService:
    """One provider as a service."""

    def __init__(self, provider: Provider, hear: EventSink) -> None:
        self.name = f"provider-{provider.name}"
        self._provider = provider
        self._hear = hear

    async def start(self) -> None:
        """Open its connections."""
        await self._provider.start(self._hear)

    async def stop(self) -> None:
        """Close them."""
        await self._provider.stop()


def _services(rooms: Rooms) -> list[Service]:
    """What runs for the roles, in the order in which it starts: the doors open last."""
    roles = rooms.roles
    services: list[Service] = [rooms.tally, rooms.tally_files, rooms.spool]
    if Role.MAIL in roles:
        services.append(rooms.mail_out)
    if roles & {Role.SCHEDULE, Role.HTTP}:
        services.append(rooms.public_http)
    if Role.SCHEDULE in roles:
        services += [rooms.failures, rooms.receipts, rooms.webhooks_out, rooms.retention, rooms.hour_counts]
        services.append(rooms.sms_in)
    services += [
        _ProviderService(provider, rooms.hear)
        for provider in rooms.providers.values()
        if Role.SMS in roles or (Role.HTTP in roles and isinstance(provider, Webhooks | SimulatorProvider))
    ]
    if Role.SMS in roles:
        services += [rooms.sms_out, rooms.overdue]
    if Role.SCHEDULE in roles:
        services += [rooms.importing, rooms.campaign_runner]
    if Role.SMTP in roles:
        services.append(rooms.edge)
    if Role.HTTP in roles:
        services.append(rooms.short_links)
        http = rooms.settings.http
        proxies = list(map(str, http.proxy_networks))
        services.append(WebServer(rooms.web, http.host, http.port, proxies=proxies, reuse_port=rooms.shared))
    return services


class App:
    """The rooms as services, in the order in which they start."""

    def __init__(
        self,
        settings: GatewaySettings,
        database: Database,
        roles: frozenset[Role] = ALL_ROLES,
        *,
        shared: bool = False,
    ) -> None:
        """See `Rooms`."""
        self.rooms = rooms = Rooms(settings, database, roles, shared=shared)
        self._services = _services(rooms)
        self._started: list[Service] = []

    async def start(self) -> None:
        """Start every service in order; the doors open last. What was started is stopped when one cannot start."""
        try:
            await self.rooms.accounts.verify_secret_file()
            for service in self._services:
                await self._start(service)
            if Role.HTTP in self.rooms.roles and (self.rooms.shared or Role.SCHEDULE not in self.rooms.roles):
                # Another process may start a campaign, and this one be asked to stop it before it has learned of it.
                self.rooms.site.prepare()
        except BaseException:
            await self.stop()
            raise
        maillog.note(Event.STARTED, ports=self.rooms.edge.ports, http=self.rooms.settings.http.public_url)

    async def _start(self, service: Service) -> None:
        try:
            await service.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"cannot start {service.name}: {reason}; is another gateway running on the same ports?"
            ) from error
        self._started.append(service)

    async def stop(self) -> None:
        """Stop in reverse: no new work, then finish what is in hand, then close."""
        while self._started:
            service = self._started.pop()
            try:
                await service.stop()
            except Exception as error:  # the others must still stop
                maillog.fault(Event.FAULT, error, service=service.name)
        await self.rooms.database.close()
        maillog.note(Event.STOPPED)


async def serve(settings: GatewaySettings, roles: frozenset[Role] = ALL_ROLES) -> None:
    """Run until SIGTERM or SIGINT; as a worker also until the first process is gone."""
    maillog.configure(as_json=settings.log.format == "json", level=settings.log.level)
    app = App(settings, await open_database(settings.store.url), roles, shared=is_worker())
    stopping = asyncio.Event()
    if is_worker():
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stopping.set)
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    await app.start()
    garbage.begin()
    # What reading a mail compiles and caches takes longer than the first client should wait.
    warmed = asyncio.create_task(asyncio.to_thread(parse, _ANY_MAIL))
    if Role.HTTP in roles and not is_worker():
        await welcome(app.rooms)
    await stopping.wait()
    await asyncio.gather(warmed, return_exceptions=True)
    await app.stop()
