"""The composition root: every room made once, wired, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points

from fastapi import FastAPI

from gateway import maillog
from gateway.accounts import Accounts
from gateway.dialog_in import DialogIn
from gateway.dns import DnsResolver
from gateway.enrolment import Enrolment
from gateway.failures import Failures
from gateway.intake import Intake
from gateway.keyring import Keyring
from gateway.letters import Letters
from gateway.mail_auth import MailAuth
from gateway.mail_out import MailOut
from gateway.maillog import Event
from gateway.model import DeliveryReport, InboundEvent, InboundSms, Service, SystemClock
from gateway.optout import OptOuts
from gateway.providers.base import Provider
from gateway.providers.simulator import SimulatorProvider
from gateway.returned import Returned
from gateway.settings import GatewaySettings, ProviderSettings
from gateway.sms_in import SmsIn
from gateway.sms_out import SmsOut
from gateway.smtp_in import MailEdge
from gateway.spool import Spool
from gateway.store.database import Database, open_database
from gateway.threads import Threads
from web.app import make_app
from web.server import WebServer


def make_providers(tables: Sequence[ProviderSettings]) -> dict[str, Provider]:
    """Make each `[[provider]]` by the entry point of its kind."""
    kinds = entry_points(group="brevdue.providers")
    return {table.name: kinds[table.kind].load()(table.name, table.options) for table in tables}


class _ProviderService:
    """One provider as a service: what it hears goes to the edges, by kind of event."""

    def __init__(self, provider: Provider, sms_in: SmsIn, sms_out: SmsOut) -> None:
        self.name = f"provider-{provider.name}"
        self._provider = provider
        self._sms_in = sms_in
        self._sms_out = sms_out

    async def start(self) -> None:
        """Open its connections."""
        await self._provider.start(self._hear)

    async def stop(self) -> None:
        """Close them."""
        await self._provider.stop()

    async def _hear(self, events: Sequence[InboundEvent]) -> None:
        await self._sms_out.report([event for event in events if isinstance(event, DeliveryReport)])
        await self._sms_in.receive([event for event in events if isinstance(event, InboundSms)])


class App:
    """The whole program over an open database."""

    def __init__(self, settings: GatewaySettings, database: Database) -> None:
        clock = SystemClock()
        keyring = Keyring.load(settings.store.secret_file)
        resolver = DnsResolver(settings.dns)
        optouts = OptOuts(database)
        threads = Threads(database, settings.mail.hostname)
        spool = Spool(database, clock)
        self.settings = settings
        self.database = database
        self.providers = make_providers(settings.provider)
        self.accounts = Accounts(database, keyring, settings.pool, settings.dialog, clock)
        letters = Letters(settings=settings, accounts=self.accounts, keyring=keyring, clock=clock)
        mail_out = MailOut(
            settings=settings,
            database=database,
            mark_mailbox=self.accounts.mark_mailbox,
            clock=clock,
            resolver=resolver,
        )
        sms_out = SmsOut(
            spool=spool,
            database=database,
            providers=self.providers,
            optouts=optouts,
            key_paused=self._key_paused,
            clock=clock,
        )
        failures = Failures(
            database=database,
            accounts=self.accounts,
            letters=letters,
            clock=clock,
            failed=sms_out.failed,
            mail_queued=mail_out.nudge,
        )
        sms_in = SmsIn(
            database=database,
            accounts=self.accounts,
            threads=threads,
            letters=letters,
            clock=clock,
            mail_queued=mail_out.nudge,
        )
        dialog = DialogIn(
            settings=settings,
            accounts=self.accounts,
            spool=spool,
            optouts=optouts,
            threads=threads,
            letters=letters,
            offer=sms_out.offer,
        )
        intake = Intake(
            settings=settings,
            accounts=self.accounts,
            keyring=keyring,
            mail_auth=MailAuth(settings.trust, resolver, settings.mail.domains, clock=clock),
            dialog=dialog,
            enrolment=Enrolment(accounts=self.accounts, spool=spool, letters=letters),
            returned=Returned(database=database, accounts=self.accounts, keyring=keyring, letters=letters, clock=clock),
            mail_queued=mail_out.nudge,
        )
        self.edge = MailEdge(settings, intake, clock)
        self._services: list[Service] = [
            spool,
            mail_out,
            failures,
            sms_in,
            *(_ProviderService(provider, sms_in, sms_out) for provider in self.providers.values()),
            sms_out,
            self.edge,
            WebServer(self._web(), settings.http.host, settings.http.port),
        ]
        self._started: list[Service] = []

    def _web(self) -> FastAPI:
        simulators: Mapping[str, SimulatorProvider] = {
            name: provider for name, provider in self.providers.items() if isinstance(provider, SimulatorProvider)
        }
        return make_app(checks={"database": self._check_database}, simulators=simulators)

    async def _key_paused(self, key_id: str) -> bool:
        await self.accounts.refresh()
        key = await self.accounts.key(key_id)
        return key is None or key.paused

    async def _check_database(self) -> None:
        await self.database.write(_nothing, None)

    async def start(self) -> None:
        """Start every service in order; the doors open last. What was started is stopped when one cannot start."""
        for service in self._services:
            try:
                await service.start()
            except BaseException:
                await self.stop()
                raise
            self._started.append(service)
        maillog.note(Event.STARTED, ports=self.edge.ports, http=self.settings.http.public_url)

    async def stop(self) -> None:
        """Stop in reverse: no new work, then finish what is in hand, then close."""
        while self._started:
            service = self._started.pop()
            try:
                await service.stop()
            except Exception as error:  # the others must still stop
                maillog.fault(Event.FAULT, error, service=service.name)
        await self.database.close()
        maillog.note(Event.STOPPED)


def _nothing(connection: object, items: Sequence[None]) -> Sequence[None]:  # noqa: ARG001 - the shape of work
    """Work that only proves that a transaction can be committed."""
    return items


async def serve(settings: GatewaySettings) -> None:
    """Run until SIGTERM or SIGINT."""
    maillog.configure(as_json=settings.log.format == "json", level=settings.log.level)
    app = App(settings, await open_database(settings.store.url))
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    await app.start()
    try:
        await stopping.wait()
    finally:
        await app.stop()
