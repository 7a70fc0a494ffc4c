"""SMS come in here: dedupe, put parts together, obey STOP and START, thread, mail.

A provider's event is answered only when it is stored. For a paused key an SMS is held and goes on when the pause ends;
for a number that nobody has it is kept and shown to the operator. Nothing is lost, nothing is mailed twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway import maillog
from gateway.accounts import Accounts
from gateway.budget import Budget
from gateway.concatenation import Assembled, assemble
from gateway.inbound_form import joined, tidy
from gateway.letters import Letters
from gateway.mail_compose import Fact, OperatorCase
from gateway.maillog import Event
from gateway.model import Account, Clock, InboundSms, OutgoingMail, new_id
from gateway.optout import Wish, read_wish
from gateway.store import inbound_sql as sql
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.inbound_sql import Arrival, InboundState, Waiting, Wished
from gateway.threads import Threads
from gateway.writing.texts import texts

SWEEP_SECONDS = 1.0
PARTS_TIMEOUT = 600.0
"""Seconds without a new part after which what came is mailed, marked incomplete."""


OPERATOR_MAILS = 20
"""Mails an hour about SMS that belong to nobody."""


class SmsIn:
    """Takes what phones send."""

    name = "sms-in"

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        threads: Threads,
        letters: Letters,
        clock: Clock,
        mail_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._threads = threads
        self._letters = letters
        self._clock = clock
        self._mail_queued = mail_queued
        self._budget = Budget(OPERATOR_MAILS, 3600, clock)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look after held messages and incomplete ones."""
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="sms-in-sweep")

    async def stop(self) -> None:
        """End the sweep; what it would have done waits in the database."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def receive(self, messages: Sequence[InboundSms]) -> None:
        """Store SMS and what they lead to; returns when all are durable.

        One that cannot be stored keeps none of the others out; the first fault is raised when all were tried.
        """
        faults = []
        for sms in messages:
            try:
                await self._take_one(tidy(sms))
            except Exception as error:  # raised below: the provider must send it again
                faults.append(error)
        if faults:
            raise faults[0]

    async def _take_one(self, sms: InboundSms) -> None:
        if sms.part is None:
            await self._take(Assembled(replace(sms, text=joined(sms.text)), (), incomplete=False))
        else:
            await self._take_part(sms)

    async def _take_part(self, sms: InboundSms) -> None:
        await self._database.write(sql.keep_part, (sms, self._clock.now()))
        whole = assemble(await self._database.read(lambda connection: sql.waiting_parts(connection, sms)) or [sms])
        if not whole.incomplete:
            await self._take(whole)

    async def _take(self, whole: Assembled) -> None:
        now = self._clock.now()
        await self._accounts.refresh()
        account = await self._accounts.account_by_number(whole.sms.to_number)
        arrival = await self._decide(new_id(now), whole, account)
        if await self._database.write(sql.arrive, arrival):
            self._note(arrival)
            self._mail_queued()

    async def _decide(self, inbound_id: str, whole: Assembled, account: Account | None) -> Arrival:
        """What an SMS leads to, as things stand now."""
        sms = whole.sms
        org_id = account.org_id if account else await self._last_organisation(sms.to_number)
        state, mail, message_ids = await self._route(inbound_id, whole, account)
        return Arrival(
            id=inbound_id,
            sms=sms,
            received_at=self._clock.now(),
            state=state,
            org_id=org_id,
            account_id=account.id if account else None,
            mail=mail,
            references=tuple((message_id, sms.from_number) for message_id in message_ids),
            wished=_wished(sms, org_id),
            part_refs=whole.part_refs,
            incomplete=whole.incomplete,
        )

    async def _last_organisation(self, number: str) -> str | None:
        return await self._database.read(lambda connection: sql.last_organisation(connection, number))

    async def _route(
        self, inbound_id: str, whole: Assembled, account: Account | None
    ) -> tuple[InboundState, OutgoingMail | None, tuple[str, ...]]:
        """Where it goes, the letter that takes it there, and the Message-IDs that lead back to the phone."""
        if account is None or account.closed_at is not None:
            return InboundState.UNROUTED, self._operator_mail(inbound_id, whole.sms), ()
        key = await self._accounts.key(account.key_id)
        if key is None or key.paused:
            return InboundState.HELD, None, ()
        thread = await self._threads.continue_with(account.id, whole.sms.from_number)
        letter = await self._letters.dialog(
            whole.sms, account, thread, note=_stop_note(whole.sms, account), incomplete=whole.incomplete
        )
        return InboundState.MAILED, letter, (thread.references[0], self._letters.message_id(letter.id))

    def _operator_mail(self, inbound_id: str, sms: InboundSms) -> OutgoingMail | None:
        """Show it to the operator, unless a flood does: then the list of unrouted messages must do."""
        if not self._budget.spend():
            return None
        facts = [(Fact.FROM, sms.from_number), (Fact.TO, sms.to_number), (Fact.ID, inbound_id), (Fact.TEXT, sms.text)]
        return self._letters.operator(OperatorCase.UNROUTED, facts)

    def _note(self, arrival: Arrival) -> None:
        event = {
            InboundState.MAILED: Event.SMS_RECEIVED,
            InboundState.HELD: Event.SMS_HELD,
            InboundState.UNROUTED: Event.SMS_UNROUTED,
        }[arrival.state]
        sms = arrival.sms
        maillog.note(event, id=arrival.id, provider=sms.provider, account=arrival.account_id, phone=sms.from_number)
        if arrival.wished is not None:
            wish = Event.OPTED_OUT if arrival.wished.word is not None else Event.OPTED_IN
            maillog.note(wish, id=arrival.id, org=arrival.wished.org_id, phone=sms.from_number)

    # --- what waits ------------------------------------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, where=self.name, cause=str(error))
            except Exception as error:  # the next sweep must come whatever this one met
                maillog.fault(Event.FAULT, error, where=self.name)

    async def sweep(self) -> None:
        """Mail what a pause held back, and what came of long messages that stay incomplete."""
        before = self._clock.now() - PARTS_TIMEOUT
        for parts in await self._database.read(lambda connection: sql.overdue_parts(connection, before)):
            await self._alone(self._take(assemble(parts)))
        for waiting in await self._database.read(lambda connection: sql.releasable(connection, 100)):
            await self._alone(self._release(waiting))

    async def _alone(self, work: Awaitable[None]) -> None:
        """One row that cannot be dealt with must not hold back those behind it."""
        try:
            await work
        except StoreUnavailableError:
            raise
        except Exception as error:
            maillog.fault(Event.FAULT, error, where=self.name)

    async def _release(self, waiting: Waiting) -> None:
        await self._accounts.refresh()
        account = await self._accounts.account(waiting.account_id)
        decided = await self._decide(waiting.id, Assembled(waiting.sms, (), waiting.incomplete), account)
        arrival = replace(decided, wished=None)  # a STOP was obeyed when it came; much may have changed since
        if arrival.state is not InboundState.HELD and await self._database.write(sql.release, arrival):
            self._note(arrival)
            self._mail_queued()


def _wished(sms: InboundSms, org_id: str | None) -> Wished | None:
    wish = read_wish(sms.text)
    if wish is None or org_id is None:
        return None
    return Wished(org_id, sms.from_number, sms.text.strip()[:60] if wish is Wish.STOP else None)


def _stop_note(sms: InboundSms, account: Account) -> str | None:
    """What the employee is told below a STOP or START."""
    wish = read_wish(sms.text)
    return None if wish is None else texts(account.language).say(f"dialog.{wish}")
