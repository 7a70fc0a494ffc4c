"""The store, opened for one command: organisations, keys, accounts and messages, while a server runs or not.

In: the options of the command. Out: a desk with everything that administers the store. What cannot be done there
leaves as a `CommandError` with the store's own sentence.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brevdue.console import CommandError, Options, person
from brevdue.settings import find_file, load
from gateway.accounts import Accounts
from gateway.delivery.dkim_sign import DkimKeyError
from gateway.errors import Refusal
from gateway.keyring import Keyring, KeyringError
from gateway.model import SystemClock
from gateway.registry.errors import AccountError
from gateway.registry.organisation_numbers import compact
from gateway.settings import GatewaySettings
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.opening import open_database

if TYPE_CHECKING:
    from campaigns.approvals import Approvals
    from campaigns.campaigns import Campaigns
    from campaigns.contacts import Contacts
    from campaigns.imports.importing import Importing
    from campaigns.imports.imports import Imports
    from gateway.hand_delivery import HandDelivery
    from gateway.sending import Sending


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    settings: GatewaySettings
    database: Database
    accounts: Accounts
    keyring: Keyring

    async def note(self, action: str, subject: str, org_id: str | None, /, **detail: object) -> None:
        """Leave in the audit log what a command has changed, and who gave it; durable when this returns."""
        from web.identity.actor import Actor, ActorKind
        from web.identity.audit import Audit

        terminal = Actor(ActorKind.TERMINAL, "terminal", person(), frozenset(), None)
        await Audit(self.database, SystemClock()).note(terminal, action, subject, org_id=org_id, **detail)

    async def owner_of(self, number: str) -> str | None:
        """The organisation that has one of our numbers, by its id; None where nobody has it."""
        use = await self.accounts.number_use(compact(number))
        return use.org_id if use is not None and use.org_id else None

    @property
    def hand_delivery(self) -> HandDelivery:
        """Hands incoming SMS to people."""
        from gateway.hand_delivery import HandDelivery
        from gateway.inbound_route import inbound_route
        from gateway.letters import Letters

        clock = SystemClock()
        letters = Letters(settings=self.settings, accounts=self.accounts, keyring=self.keyring, clock=clock)
        route = inbound_route(self.settings, self.database, self.accounts, letters, clock)
        return HandDelivery(database=self.database, route=route, clock=clock)

    @property
    def campaigns(self) -> Campaigns:
        """Writes and starts campaigns. Whichever process runs campaigns sees within a second what was started."""
        from campaigns.audience import ContactReaders
        from campaigns.campaigns import Campaigns
        from campaigns.short_links import shortener_of
        from campaigns.terms import TermsMaker

        clock = SystemClock()
        return Campaigns(
            database=self.database,
            accounts=self.accounts,
            readers=ContactReaders(self.database, clock),
            terms=TermsMaker(self.settings, self.accounts, shortener_of(self.settings, self.keyring)),
            dialog=self.settings.dialog,
            approvals=self.approvals,
            clock=clock,
        )

    @property
    def contacts(self) -> Contacts:
        """Reads and changes contacts."""
        from campaigns.contacts import Contacts

        return Contacts(self.database, SystemClock())

    @property
    def imports(self) -> Imports:
        """Takes files of contacts. They lie beside the database while they are read."""
        from campaigns.imports.imports import Imports

        directory = self.settings.store.secret_file.absolute().parent
        return Imports(self.database, self.contacts, SystemClock(), directory)

    @property
    def importing(self) -> Importing:
        """Makes contacts of what was taken."""
        from campaigns.imports.importing import Importing

        return Importing(database=self.database, contacts=self.contacts, clock=SystemClock())

    @property
    def approvals(self) -> Approvals:
        """Asks a second person about large campaigns. What it queues is sent by whichever process sends mail."""
        from campaigns.approval_letters import ApprovalLetters
        from campaigns.approvals import Approvals
        from web.identity.approvers import PeopleWhoApprove

        clock, settings = SystemClock(), self.settings
        return Approvals(
            database=self.database,
            approvers=PeopleWhoApprove(self.database),
            letters=ApprovalLetters(settings.mail, settings.http.public_url, clock),
            above=settings.campaigns.approval_above,
            clock=clock,
        )

    @property
    def sending(self) -> Sending:
        """Queues SMS by their routes. What is queued belongs to no process: whichever runs sends it."""
        from gateway.outbox import Outbox
        from gateway.routing.configured import router_of
        from gateway.sending import Sending
        from gateway.sms_out import SmsOut
        from gateway.spool import Spool
        from gateway.threads import Threads

        clock = SystemClock()
        spool = Spool(self.database, clock, self.settings.store.secret_file.absolute().parent)
        # Without providers there is never room: nothing begins here.
        nowhere = SmsOut(
            spool=spool, database=self.database, providers={}, clock=clock, router=router_of(self.settings)
        )
        outbox = Outbox(
            settings=self.settings,
            accounts=self.accounts,
            spool=spool,
            threads=Threads(self.database, self.settings.mail.hostname),
            departures=nowhere,
            mail_queued=lambda: None,
        )
        return Sending(settings=self.settings, accounts=self.accounts, outbox=outbox, spool=spool, clock=clock)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn what an operator can put right into a `CommandError`."""
    try:
        yield
    except (AccountError, DkimKeyError, KeyringError) as error:
        raise CommandError(str(error)) from error
    except Refusal as refusal:
        raise CommandError(refusal.public_text) from refusal
    except StoreUnavailableError as error:
        first_line = str(error).partition("\n")[0]
        raise CommandError(f"the database cannot be used: {first_line}") from error


@asynccontextmanager
async def desk(options: Options) -> AsyncIterator[Desk]:
    """Open the store that the configuration names; close it when the command is done."""
    settings = load(find_file(options.config, os.environ), os.environ)
    with in_a_sentence():
        keyring = Keyring.load(settings.store.secret_file)
        database = await open_database(settings.store.url)
        try:
            accounts = Accounts(database, keyring, settings.pool, settings.dialog, SystemClock(), settings.mail.domains)
            await accounts.verify_secret_file()
            yield Desk(settings, database, accounts, keyring)
        finally:
            await database.close()
