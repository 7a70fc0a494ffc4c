"""SMS come in here: dedupe, put parts together, obey STOP and START, thread, mail.

A provider's event is answered only when it is stored. For a paused key an SMS is held and goes on when the pause ends;
for a number that nobody has it is kept and shown to the operator. Nothing is lost, nothing is mailed twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway import maillog
from gateway.accounts import Accounts
from gateway.concatenation import Assembled, assemble
from gateway.groups import Groups
from gateway.inbound_form import joined, tidy
from gateway.letters import Letters
from gateway.mail_compose import Fact, OperatorCase
from gateway.maillog import Event
from gateway.model import Account, Clock, OutgoingMail, new_id
from gateway.optout import Wish, read_wish
from gateway.rates import Rate
from gateway.sms import InboundSms
from gateway.store import inbound_sql as sql
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.inbound_sql import Arrival, InboundState, Waiting, Wished
from gateway.store.mail_queue_sql import Hold
from gateway.threads import Thread, Threads
from gateway.writing.texts import texts

SWEEP_SECONDS = 1.0
PARTS_TIMEOUT = 600.0
"""Seconds without a new part after which what came is mailed, marked incomplete."""
RELEASED_AT_ONCE = 500
"""Held SMS that one sweep lets go on."""
OPERATOR_MAILS = 20
"""Mails an hour about SMS that belong to nobody, as many at once."""


class MailSender(Protocol):
    """Where the mails go that SMS become."""

    def hold(self) -> Hold | None:
        """The lease under which mails may be stored that are offered afterwards; None where they shall just wait."""
        ...

    def offer(self, mails: Sequence[OutgoingMail], hold: Hold | None) -> None:
        """Hand on mails that are durable by now."""
        ...


@dataclass(frozen=True, slots=True)
class _Coming:
    """A whole SMS on its way in: new, or held back under an id of its own until now."""

    id: str
    whole: Assembled
    waiting: Waiting | None = None


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
        mail_out: MailSender,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._threads = threads
        self._letters = letters
        self._clock = clock
        self._mail_out = mail_out
        self._shown = Rate(OPERATOR_MAILS, 3600 / OPERATOR_MAILS)
        self._coming: Groups[_Coming, bool] = Groups(self._take_group)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look after held messages and incomplete ones."""
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="sms-in-sweep")

    async def stop(self) -> None:
        """End the sweep; what it would have done waits in the database."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self._coming.drain()

    async def receive(self, messages: Sequence[InboundSms]) -> None:
        """Store SMS and what they lead to; returns when all are durable.

        One that cannot be stored keeps none of the others out; the first fault is raised when all were tried.
        """
        tidied = [tidy(sms) for sms in messages]
        taken = [self._take(_whole(sms)) for sms in tidied if sms.part is None]
        faults = []
        for part in (sms for sms in tidied if sms.part is not None):
            try:
                await self._take_part(part)
            except Exception as error:  # raised below: the provider must send it again
                faults.append(error)
        results = await asyncio.gather(*taken, return_exceptions=True)
        faults += [result for result in results if isinstance(result, Exception)]
        if faults:
            raise faults[0]

    async def _take_part(self, sms: InboundSms) -> None:
        await self._database.write(sql.keep_part, (sms, self._clock.now()))
        whole = assemble(await self._database.read(lambda connection: sql.waiting_parts(connection, sms)) or [sms])
        if not whole.incomplete:
            await self._take(whole)

    def _take(self, whole: Assembled) -> asyncio.Future[bool]:
        return self._coming.put(_Coming(new_id(self._clock.now()), whole))

    # --- a group -------------------------------------------------------------------------------------------------

    async def _take_group(self, group: Sequence[_Coming]) -> list[bool | BaseException]:
        """Decide on SMS as things stand now, and store them; whether each was new."""
        arrivals = await self._decide(group)
        return await asyncio.gather(
            *(self._store(coming, arrival) for coming, arrival in zip(group, arrivals, strict=True)),
            return_exceptions=True,
        )

    async def _store(self, coming: _Coming, arrival: Arrival | Exception) -> bool:
        if isinstance(arrival, Exception):
            raise arrival
        if coming.waiting is not None and arrival.state is InboundState.HELD:
            return False
        if not await self._database.write(sql.arrive if coming.waiting is None else sql.release, arrival):
            return False
        self._note(arrival)
        if arrival.mail is not None:
            self._mail_out.offer([arrival.mail], arrival.hold)
        return True

    async def _decide(self, group: Sequence[_Coming]) -> list[Arrival | Exception]:
        """What SMS lead to; the look-ups are shared."""
        await self._accounts.refresh()
        accounts = [await self._account(coming) for coming in group]
        threads = await self._threads.continue_with(
            {
                (account.id, coming.whole.sms.from_number)
                for coming, account in zip(group, accounts, strict=True)
                if account
            }
        )
        hold = self._mail_out.hold()
        decided: list[Arrival | Exception] = []
        for coming, account in zip(group, accounts, strict=True):
            thread = threads[account.id, coming.whole.sms.from_number] if account else None
            try:
                decided.append(await self._arrival(coming, account, thread, hold))
            except StoreUnavailableError:
                raise
            except Exception as error:  # no fault of the others
                decided.append(error)
        return decided

    async def _account(self, coming: _Coming) -> Account | None:
        if coming.waiting is not None:
            return await self._accounts.account(coming.waiting.account_id)
        return await self._accounts.account_by_number(coming.whole.sms.to_number)

    async def _arrival(
        self, coming: _Coming, account: Account | None, thread: Thread | None, hold: Hold | None
    ) -> Arrival:
        sms = coming.whole.sms
        org_id = account.org_id if account else await self._last_organisation(sms.to_number)
        state, mail, message_ids = await self._route(coming, account, thread)
        return Arrival(
            id=coming.id,
            sms=sms,
            received_at=self._clock.now(),
            state=state,
            org_id=org_id,
            account_id=account.id if account else None,
            mail=mail,
            references=tuple((message_id, sms.from_number) for message_id in message_ids),
            # A held STOP was obeyed when it came; much may have changed since.
            wished=_wished(sms, org_id) if coming.waiting is None else None,
            part_refs=coming.whole.part_refs,
            incomplete=coming.whole.incomplete,
            hold=hold,
        )

    async def _last_organisation(self, number: str) -> str | None:
        return await self._database.read(lambda connection: sql.last_organisation(connection, number))

    async def _route(
        self, coming: _Coming, account: Account | None, thread: Thread | None
    ) -> tuple[InboundState, OutgoingMail | None, tuple[str, ...]]:
        """Where it goes, the letter that takes it there, and the Message-IDs that lead back to the phone."""
        sms = coming.whole.sms
        if account is None or thread is None or account.closed_at is not None:
            return InboundState.UNROUTED, self._operator_mail(coming.id, sms), ()
        key = await self._accounts.key(account.key_id)
        if key is None or key.paused:
            return InboundState.HELD, None, ()
        letter = await self._letters.dialog(
            sms, account, thread, note=_stop_note(sms, account), incomplete=coming.whole.incomplete
        )
        return InboundState.MAILED, letter, (thread.references[0], self._letters.message_id(letter.id))

    def _operator_mail(self, inbound_id: str, sms: InboundSms) -> OutgoingMail | None:
        """Show it to the operator, unless a flood does: then the list of unrouted messages must do."""
        if self._shown.take("operator", self._clock.now()):
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
        overdue = await self._database.read(lambda connection: sql.overdue_parts(connection, before))
        released = await self._database.read(lambda connection: sql.releasable(connection, RELEASED_AT_ONCE))
        held = [_Coming(each.id, Assembled(each.sms, (), each.incomplete), each) for each in released]
        work = [*(self._take(assemble(parts)) for parts in overdue), *map(self._coming.put, held)]
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, StoreUnavailableError):
                raise result
            if isinstance(result, Exception):  # one that cannot be dealt with must not hold back those behind it
                maillog.fault(Event.FAULT, result, where=self.name)


def _whole(sms: InboundSms) -> Assembled:
    return Assembled(replace(sms, text=joined(sms.text)), (), incomplete=False)


def _wished(sms: InboundSms, org_id: str | None) -> Wished | None:
    wish = read_wish(sms.text)
    if wish is None or org_id is None:
        return None
    return Wished(org_id, sms.from_number, sms.text.strip()[:60] if wish is Wish.STOP else None)


def _stop_note(sms: InboundSms, account: Account) -> str | None:
    """What the employee is told below a STOP or START."""
    wish = read_wish(sms.text)
    return None if wish is None else texts(account.language).say(f"dialog.{wish}")
