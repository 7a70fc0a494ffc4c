"""SMS come in here: dedupe, put parts together, obey STOP and START, thread, mail.

A provider's event is answered only when it is stored. For a paused key an SMS is held and goes on when the pause ends;
for a number that nobody has it is kept and shown to the operator; whom it is for, `inbound_route` says. Nothing is
lost, nothing is mailed twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from gateway import maillog
from gateway.accounts import Accounts
from gateway.concatenation import Assembled, assemble, known_again
from gateway.groups import Groups
from gateway.inbound_form import joined, tidy
from gateway.inbound_route import Coming, InboundRoute, Readers, Way
from gateway.maillog import Event
from gateway.model import Clock, OutgoingMail, new_id
from gateway.optout import Wish, read_wish
from gateway.rounds import Rounds
from gateway.sms import InboundSms
from gateway.store import inbound_sql as sql
from gateway.store import part_sql
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.inbound_sql import Arrival, InboundState, Wished
from gateway.store.mail_queue_sql import Hold
from gateway.store.part_sql import Heap
from gateway.threads import Thread, Threads

SWEEP_SECONDS = 1.0
PARTS_TIMEOUT = 600.0
"""Seconds without a new part after which what came is mailed, marked incomplete."""
RELEASED_AT_ONCE = 500
"""Held SMS that one sweep lets go on."""

_EVENTS = {
    InboundState.MAILED: Event.SMS_RECEIVED,
    InboundState.HELD: Event.SMS_HELD,
    InboundState.ASKED: Event.SMS_ASKED,
    InboundState.UNROUTED: Event.SMS_UNROUTED,
}


class MailSender(Protocol):
    """Where the mails go that SMS become."""

    def hold(self) -> Hold | None:
        """The lease under which mails may be stored that are offered afterwards; None where they shall just wait."""
        ...

    def offer(self, mails: Sequence[OutgoingMail], hold: Hold | None) -> None:
        """Hand on mails that are durable by now."""
        ...


class SmsIn:
    """Takes what phones send."""

    name = "sms-in"

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        threads: Threads,
        route: InboundRoute,
        clock: Clock,
        mail_out: MailSender,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._threads = threads
        self._route = route
        self._clock = clock
        self._mail_out = mail_out
        self._coming: Groups[Coming, bool] = Groups(self._take_group)
        self._rounds = Rounds(self.name, self.sweep, partial(asyncio.sleep, SWEEP_SECONDS))

    async def start(self) -> None:
        """Begin to look after held messages and incomplete ones."""
        self._rounds.start()

    async def stop(self) -> None:
        """End the sweep; what it would have done waits in the database."""
        await self._rounds.stop()
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
        now = self._clock.now()
        await self._database.write(part_sql.keep, (sms, now))
        heap = await self._database.read(lambda connection: part_sql.heap_of(connection, sms, now))
        whole = await self._put_together(heap)
        if whole is not None and not whole.incomplete:
            await self._take(whole)

    async def _put_together(self, heap: Heap) -> Assembled | None:
        """What the waiting parts make; None where they have all been part of a message before."""
        again = known_again(heap.waiting, heap.gone)
        waiting = [sms for sms in heap.waiting if sms.ref not in again]
        for sms in heap.waiting:
            if sms.ref in again:
                await self._database.write(part_sql.know_again, (sms.provider, sms.ref, again[sms.ref]))
        return assemble(waiting, heap.gone) if waiting else None

    def _take(self, whole: Assembled) -> asyncio.Future[bool]:
        return self._coming.put(Coming(new_id(self._clock.now()), whole))

    # --- a group -------------------------------------------------------------------------------------------------

    async def _take_group(self, group: Sequence[Coming]) -> list[bool | BaseException]:
        """Decide on SMS as things stand now, and store them; whether each was new."""
        arrivals = await self._decide(group)
        return await asyncio.gather(
            *(self._store(coming, arrival) for coming, arrival in zip(group, arrivals, strict=True)),
            return_exceptions=True,
        )

    async def _store(self, coming: Coming, arrival: Arrival | Exception) -> bool:
        if isinstance(arrival, Exception):
            raise arrival
        if coming.waiting is not None and arrival.state is InboundState.HELD:
            return False
        if not await self._database.write(sql.arrive if coming.waiting is None else sql.release, arrival):
            return False
        self._note(arrival)
        if arrival.mails:
            self._mail_out.offer(arrival.mails, arrival.hold)
        return True

    async def _decide(self, group: Sequence[Coming]) -> list[Arrival | Exception]:
        """What SMS lead to; the look-ups are shared."""
        await self._accounts.refresh()
        readers = [await self._route.readers(coming) for coming in group]
        threads = await self._threads.continue_with(
            {
                conversation
                for coming, each in zip(group, readers, strict=True)
                for conversation in each.conversations(coming.sms.from_number)
            }
        )
        hold = self._mail_out.hold()
        decided: list[Arrival | Exception] = []
        for coming, each in zip(group, readers, strict=True):
            try:
                decided.append(await self._arrival(coming, each, threads, hold))
            except StoreUnavailableError:
                raise
            except Exception as error:  # no fault of the others
                decided.append(error)
        return decided

    async def _arrival(
        self, coming: Coming, readers: Readers, threads: Mapping[tuple[str, str], Thread], hold: Hold | None
    ) -> Arrival:
        way = await self._route.way(coming, readers, threads)
        # A held STOP was obeyed when it came; much may have changed since.
        wished = _wished(coming.sms, way.org_id) if coming.waiting is None else None
        return arrival_of(coming, way, self._clock.now(), wished, hold)

    def _note(self, arrival: Arrival) -> None:
        sms = arrival.sms
        maillog.note(
            _EVENTS[arrival.state],
            id=arrival.id,
            provider=sms.provider,
            account=arrival.account_id,
            phone=sms.from_number,
        )
        if arrival.wished is not None:
            wish = Event.OPTED_OUT if arrival.wished.word is not None else Event.OPTED_IN
            maillog.note(wish, id=arrival.id, org=arrival.wished.org_id, phone=sms.from_number)

    # --- what waits ------------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Mail what a pause held back, and what came of long messages that stay incomplete."""
        now = self._clock.now()
        heaps = await self._database.read(lambda connection: part_sql.overdue(connection, now - PARTS_TIMEOUT, now))
        wholes = [whole for heap in heaps if (whole := await self._put_together(heap)) is not None]
        released = await self._database.read(lambda connection: sql.releasable(connection, RELEASED_AT_ONCE))
        held = [Coming(each.id, Assembled(each.sms, (), each.incomplete, each.late), each) for each in released]
        work = [*map(self._take, wholes), *map(self._coming.put, held)]
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


def arrival_of(coming: Coming, way: Way, now: float, wished: Wished | None, hold: Hold | None) -> Arrival:
    """What is stored of an SMS that goes its way."""
    return Arrival(
        id=coming.id,
        sms=coming.sms,
        received_at=now,
        state=way.state,
        org_id=way.org_id,
        account_id=way.account_id,
        mails=way.mails,
        references=way.references,
        wished=wished,
        part_refs=coming.whole.part_refs,
        incomplete=coming.whole.incomplete,
        late=coming.whole.late,
        hold=hold,
        reply=way.reply,
        was=coming.waiting.state if coming.waiting else None,
    )
