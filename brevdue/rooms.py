"""The composition root: every room made once, when it is first asked for, and wired to the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from importlib.metadata import version
from math import isinf
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import ASGIApp

from brevdue.places import free_bytes, places
from brevdue.providers import make_providers
from brevdue.readiness import readiness
from brevdue.roles import Role
from brevdue.workers import tallies
from campaigns.audience import ContactReaders
from campaigns.contacts import Contacts
from campaigns.emails import EmailWriter
from campaigns.groups import Groups
from campaigns.imports.importing import Importing
from campaigns.imports.imports import Imports
from campaigns.letters import CampaignLetters
from campaigns.runner import Runner
from campaigns.short_links import ShortLinks, codes_of, shortener_of
from campaigns.store import email_sql
from campaigns.store.behaviour_sql import BEHAVIOURS
from campaigns.terms import TermsMaker
from campaigns.unsubscribing import Unsubscribing
from gateway.accounts import Accounts
from gateway.dialog_in import DialogIn
from gateway.dns import DnsResolver
from gateway.enrolment import Enrolment
from gateway.failures import Failures
from gateway.figures import FigureReader
from gateway.hand_delivery import HandDelivery
from gateway.hooks.caller import Caller
from gateway.hour_counts import HourCounts
from gateway.inbound_route import InboundRoute, inbound_route
from gateway.intake import Intake
from gateway.keyring import Keyring
from gateway.letters import Letters
from gateway.mail_auth import MailAuth
from gateway.mail_out import MailOut
from gateway.model import Envelope, LocalAddress, ParsedMail, Proof, Reply, SystemClock
from gateway.outbox import Outbox
from gateway.overdue import Overdue
from gateway.pricing import Pricing
from gateway.providers.base import Capability, Webhooks
from gateway.providers.simulator import SimulatorProvider
from gateway.public_http import PublicHttp
from gateway.receipts import Receipts
from gateway.retention import Retention
from gateway.returned import Returned
from gateway.routing.configured import make_router, router_of
from gateway.sending import Sending
from gateway.settings import GatewaySettings
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, LateAnswer
from gateway.sms_in import SmsIn
from gateway.sms_out import SmsOut
from gateway.smtp_in import MailEdge
from gateway.spool import Spool
from gateway.store.database import Database
from gateway.tally import Tally
from gateway.tally_files import TallyFiles, Totals, totals_of
from gateway.threads import Threads
from gateway.webhook_endpoints import WebhookEndpoints
from gateway.webhooks_out import WebhooksOut
from web.app import make_app
from web.later import Later
from web.metrics import Sources

if TYPE_CHECKING:
    from campaigns.approvals import Approvals
    from campaigns.by_mail.desk import CampaignByMail
    from campaigns.campaign import Campaign
    from campaigns.campaigns import Campaigns


class Rooms:
    """Every room of the program, made when it is first asked for, with what it needs from the others."""

    def __init__(self, settings: GatewaySettings, database: Database, roles: frozenset[Role], *, shared: bool) -> None:
        """`shared` lets several processes listen on the same ports."""
        self.settings = settings
        self.roles = roles
        self.shared = shared
        self.database = database
        self.clock = SystemClock()
        self.keyring = Keyring.load(settings.store.secret_file)
        self.resolver = DnsResolver(settings.dns)
        self.tally = Tally(self.clock.now)
        self.tally_files = TallyFiles(self._totals, tallies())
        self.figures = FigureReader(database, self.clock.now)
        self.threads = Threads(database, settings.mail.hostname)
        self.accounts = Accounts(
            database, self.keyring, settings.pool, settings.dialog, self.clock, settings.mail.domains
        )
        self.letters = Letters(settings=settings, accounts=self.accounts, keyring=self.keyring, clock=self.clock)
        self.providers = make_providers(settings.provider, settings.http.public_url)
        self.spool = Spool(
            database,
            self.clock,
            settings.store.secret_file.absolute().parent,
            [name for name, provider in self.providers.items() if Capability.IDEMPOTENT in provider.capabilities],
        )

    def _totals(self) -> Totals:
        return totals_of(self.tally, tuple(self.providers), self.edge.connections)

    @cached_property
    def mail_out(self) -> MailOut:
        """Mail leaves."""
        return MailOut(
            settings=self.settings,
            database=self.database,
            mark_mailbox=self.accounts.mark_mailbox,
            clock=self.clock,
            resolver=self.resolver,
            lease=self.spool.lease,
            settle=email_sql.settle,
        )

    @cached_property
    def sms_out(self) -> SmsOut:
        """SMS leave."""
        return SmsOut(
            spool=self.spool,
            database=self.database,
            providers=self.providers if Role.SMS in self.roles else {},
            clock=self.clock,
            paces={
                each.name: (each.parts_per_second, each.parts_per_second_per_number) for each in self.settings.provider
            },
            router=router_of(self.settings),
        )

    @cached_property
    def failures(self) -> Failures:
        """Senders are told."""
        return Failures(
            database=self.database,
            accounts=self.accounts,
            letters=self.letters,
            clock=self.clock,
            failed=self.sms_out.failed,
            mail_queued=self.mail_out.nudge,
            writes=self.settings.dialog.receipts != "never",
        )

    @cached_property
    def receipts(self) -> Receipts:
        """Senders read what became of their mail, where they want to."""
        return Receipts(
            database=self.database,
            accounts=self.accounts,
            letters=self.letters,
            clock=self.clock,
            silent=[name for name, provider in self.providers.items() if isinf(provider.validity)],
            mail_queued=self.mail_out.nudge,
        )

    @cached_property
    def overdue(self) -> Overdue:
        """Messages of which no word comes."""
        return Overdue(
            database=self.database,
            providers=self.providers,
            clock=self.clock,
            hear=self.hear,
            failed=self.sms_out.failed,
        )

    @cached_property
    def hour_counts(self) -> HourCounts:
        """What statistics are read from."""
        return HourCounts(self.database, self.clock)

    @cached_property
    def retention(self) -> Retention:
        """What is old enough goes."""
        return Retention(database=self.database, settings=self.settings.retention, clock=self.clock)

    async def hear(self, events: Sequence[InboundEvent]) -> None:
        """Take what a provider tells to the edges, by kind of event; returns when durable."""
        await self.sms_out.late([event for event in events if isinstance(event, LateAnswer)])
        await self.sms_out.report([event for event in events if isinstance(event, DeliveryReport)])
        await self.sms_in.receive([event for event in events if isinstance(event, InboundSms)])

    @cached_property
    def sms_in(self) -> SmsIn:
        """SMS come in."""
        return SmsIn(
            database=self.database,
            accounts=self.accounts,
            threads=self.threads,
            route=self.inbound_route,
            clock=self.clock,
            mail_out=self.mail_out,
        )

    @cached_property
    def inbound_route(self) -> InboundRoute:
        """Whom an SMS is for."""
        return inbound_route(self.settings, self.database, self.accounts, self.letters, self.clock)

    @cached_property
    def hand_delivery(self) -> HandDelivery:
        """SMS are handed on by hand."""
        return HandDelivery(database=self.database, route=self.inbound_route, clock=self.clock)

    @cached_property
    def outbox(self) -> Outbox:
        """What people write is queued and leaves."""
        return Outbox(
            settings=self.settings,
            accounts=self.accounts,
            spool=self.spool,
            threads=self.threads,
            departures=self.sms_out,
            mail_queued=self.mail_out.nudge,
        )

    @cached_property
    def sending(self) -> Sending:
        """SMS without a mail: from pages and by REST."""
        return Sending(
            settings=self.settings, accounts=self.accounts, outbox=self.outbox, spool=self.spool, clock=self.clock
        )

    @cached_property
    def contacts(self) -> Contacts:
        """Contacts are read and changed."""
        return Contacts(self.database, self.clock)

    @cached_property
    def contact_groups(self) -> Groups:
        """Groups of contacts are read and changed."""
        return Groups(self.database, self.clock, BEHAVIOURS)

    @cached_property
    def imports(self) -> Imports:
        """Files of contacts are taken."""
        return Imports(self.database, self.contacts, self.clock, self.settings.store.secret_file.absolute().parent)

    @cached_property
    def importing(self) -> Importing:
        """Files that were taken become contacts."""
        return Importing(database=self.database, contacts=self.contacts, clock=self.clock)

    @cached_property
    def terms_maker(self) -> TermsMaker:
        """What campaigns go by."""
        return TermsMaker(self.settings, self.accounts, shortener_of(self.settings, self.keyring))

    @cached_property
    def short_links(self) -> ShortLinks:
        """Short links are followed."""
        return ShortLinks(self.database, codes_of(self.keyring), self.clock)

    @cached_property
    def campaign_runner(self) -> Runner:
        """Campaigns run."""
        return Runner(
            database=self.database,
            accounts=self.accounts,
            readers=ContactReaders(self.database, self.clock),
            terms=self.terms_maker,
            limits=self.settings.limits,
            clock=self.clock,
            letters=CampaignLetters(self.settings.mail, self.clock),
            lease=self.spool.lease,
            departs=self.sms_out.nudge,
            emails=self.email_writer,
            mail_queued=self.mail_out.nudge,
            under_way=self._make_ready_to_stop_it,
            above=self._approval_above,
            tell_grown=self._tell_grown,
        )

    async def _approval_above(self, org_id: str) -> int:
        return await self.approvals.above(org_id)  # what asks is imported when a campaign runs

    async def _tell_grown(self, campaign: Campaign) -> None:
        await self.approvals.tell_grown(campaign)

    def _make_ready_to_stop_it(self) -> None:
        # A pause has to hold within a second: that is no time to begin making the pages and the API.
        if Role.HTTP in self.roles:
            self.site.prepare()

    @cached_property
    def email_writer(self) -> EmailWriter:
        """Mails of campaigns are written."""
        return EmailWriter(self.settings.mail, self.settings.http.public_url, self.keyring)

    @cached_property
    def unsubscribing(self) -> Unsubscribing:
        """Contacts unsubscribe from e-mails of campaigns."""
        return Unsubscribing(self.database, self.keyring, self.clock)

    @cached_property
    def campaigns(self) -> Campaigns:
        """Campaigns are written, started and looked at."""
        from brevdue.campaigning import campaigns_of

        return campaigns_of(self)

    @cached_property
    def approvals(self) -> Approvals:
        """Large campaigns ask a second person."""
        from brevdue.campaigning import approvals_of

        return approvals_of(self)

    @cached_property
    def pricing(self) -> Pricing:
        """What an SMS would cost."""
        started = self.providers if Role.SMS in self.roles else {}
        return Pricing(make_router(self.settings), started, self.clock)

    @cached_property
    def intake(self) -> Intake:
        """Mail is decided on."""
        return Intake(
            settings=self.settings,
            accounts=self.accounts,
            keyring=self.keyring,
            mail_auth=MailAuth(self.settings.trust, self.resolver, self.settings.mail.domains, clock=self.clock),
            dialog=DialogIn(
                settings=self.settings,
                accounts=self.accounts,
                outbox=self.outbox,
                threads=self.threads,
                letters=self.letters,
            ),
            enrolment=Enrolment(
                accounts=self.accounts,
                spool=self.spool,
                letters=self.letters,
                mail_queued=self.mail_out.nudge,
            ),
            returned=Returned(
                database=self.database,
                accounts=self.accounts,
                keyring=self.keyring,
                letters=self.letters,
                clock=self.clock,
                mail_queued=self.mail_out.nudge,
                bounce=email_sql.bounce,
                complained=self.unsubscribing.complained,
            ),
            leave=self.unsubscribing.take,
            campaign=self._take_campaign if self.settings.campaigns.by_mail else None,
        )

    @cached_property
    def campaign_by_mail(self) -> CampaignByMail:
        """Campaigns are written and started by mail."""
        from brevdue.campaigning import by_mail_of

        return by_mail_of(self)

    async def _take_campaign(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        return await self.campaign_by_mail.take(envelope, mail, proof)

    @cached_property
    def public_http(self) -> PublicHttp:
        """Requests to URLs that users give."""
        return PublicHttp.configured(self.settings.webhooks, self.resolver)

    @cached_property
    def _caller(self) -> Caller:
        return Caller(self.public_http, self.keyring, self.clock)

    @cached_property
    def webhooks_out(self) -> WebhooksOut:
        """Webhooks are called."""
        keep_days = self.settings.webhooks.keep_days
        return WebhooksOut(database=self.database, caller=self._caller, clock=self.clock, keep_days=keep_days)

    @cached_property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """Webhooks are managed."""
        return WebhookEndpoints(
            database=self.database,
            keyring=self.keyring,
            clock=self.clock,
            http=self.public_http,
            caller=self._caller,
        )

    @cached_property
    def edge(self) -> MailEdge:
        """Mail comes in."""
        return MailEdge(self.settings, self.intake, self.clock, reuse_port=self.shared)

    @cached_property
    def site(self) -> Later:
        """Pages and API."""
        return Later(self._make_site)

    def _make_site(self) -> ASGIApp:
        # What it is made of takes long to import, and only who asks for a page needs it.
        from brevdue.site import site_of

        return site_of(self)

    @cached_property
    def web(self) -> Starlette:
        """All that is answered over HTTP."""
        return make_app(
            site=self.site,
            checks=readiness(self.settings, self.figures, self.spool.lease),
            simulators={
                name: provider for name, provider in self.providers.items() if isinstance(provider, SimulatorProvider)
            },
            region=self.settings.dialog.region,
            short_links=self.short_links,
            sources=Sources(
                version=version("brevdue"),
                totals=self.tally_files.totals,
                figures=self.figures,
                providers=tuple(self.providers),
                free_bytes=partial(free_bytes, places(self.settings)),
                certificate_expiry=self.edge.certificate_expires_at,
            ),
            webhooks={name: provider for name, provider in self.providers.items() if isinstance(provider, Webhooks)},
            unsubscribing=self.unsubscribing,
        )
