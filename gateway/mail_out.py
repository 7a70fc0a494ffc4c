"""Sends what waits in the mail queue: sign, hand on, settle.

In: mails that this process has just stored under its own lease (`hold`, `offer`), rows of the queue, a relay. Out: rows
that are sent, wait for another attempt, or have failed for good; accounts whose mailbox is marked as refusing mail, or
no longer; one mail to the operator for an answer that nobody will read.

Promises: nothing is lost, for a row leaves the queue only after its settlement is durable. One process at a time holds
a mail; a mail whose fate is unknown is sent again under the same Message-ID, which mailboxes show once. While a
smarthost is away the queue rests, however long it is, and one mail at a time finds out whether it is back; a server or
DNS that is away for some mails costs one attempt per mail and growing pause. Nothing is ever a busy loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gateway import maillog
from gateway.delivery.dkim_sign import Signer, load_signer
from gateway.delivery.relays import Relay, open_relay
from gateway.delivery.transaction import Delivery
from gateway.dns import Resolver
from gateway.errors import Outcome
from gateway.groups import Groups
from gateway.mail_compose import Fact, OperatorCase, operator_mail
from gateway.maillog import Event
from gateway.model import Clock, MailKind, OutgoingMail, new_id
from gateway.settings import GatewaySettings
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.mail_queue_sql import (
    FAILED,
    QUEUED,
    SENT,
    Claim,
    ClaimedMail,
    Hold,
    NewMails,
    Release,
    Settlement,
    claim,
    may_leave,
    next_due,
    release,
    settle,
)

LEASE = 120.0
"""Seconds that a claimed mail is ours."""
_ATTEMPT = 100.0
"""Seconds that one attempt may take in all; the rest of the lease is for settling."""
_IN_HAND = 16
"""Mails in hand for each connection: enough that connections never wait, few enough for a lease to suffice."""
_SIGNED_AT_ONCE = 16
"""Mails that one turn of the signing thread signs: some milliseconds, while the connections send those before."""
_POLL = 1.0
"""Seconds between looks at the queue for what other processes put there and for what has become due."""
_STOP_GRACE = 20.0
"""Seconds that attempts under way may take when the service stops."""
_FIRST_DELAY, _LONGEST_DELAY, _LONGEST_DELAY_AWAY = 30.0, 4 * 3600.0, 900.0
"""Seconds to the next attempt: doubled each time. Asking whether a relay is back is cheap, hence its own limit."""

MarkMailbox = Callable[[str, str | None], Awaitable[None]]
"""`mark_mailbox(account_id, fault)`: why the account's mailbox refuses mail; None once it takes mail."""

Settling = Callable[[Any, Sequence[Settlement]], list[bool]]


def retry_delay(attempts: int, *, away: bool, chance: float) -> float:
    """Seconds to wait after so many attempts in vain: 30 s, doubled up to 4 h, or to 15 min for a relay that is away.

    `chance` in [0, 1) spreads mails that failed together over a quarter more.
    """
    delay = _FIRST_DELAY * 2.0 ** min(max(attempts - 1, 0), 20) * (1 + chance / 4)
    return min(delay, _LONGEST_DELAY_AWAY if away else _LONGEST_DELAY)


class MailOut:
    """The service. `mx_port` differs from 25 in tests only."""

    name = "mail-out"

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        database: Database,
        mark_mailbox: MarkMailbox,
        clock: Clock,
        resolver: Resolver,
        lease: str | None = None,
        mx_port: int = 25,
        settle: Settling = settle,
    ) -> None:
        """`lease` is this process's token in the spool; what a dead process held is then free at once.

        `settle` is the work that makes outcomes stand.
        """
        self._settle_work = settle
        self._settings = settings
        self._database = database
        self._mark_mailbox = mark_mailbox
        self._clock = clock
        self._resolver = resolver
        self._mx_port = mx_port
        self._limit = _IN_HAND * settings.mail_out.concurrency
        self._signed: Groups[OutgoingMail, bytes] = Groups(self._sign, most=_SIGNED_AT_ONCE)
        self._slots = asyncio.Semaphore(settings.mail_out.concurrency)
        # Mails of campaigns leave connections and room in hand to all others.
        self._bulk_slots = asyncio.Semaphore(max(1, settings.mail_out.concurrency // 2))
        self._bulk: set[str] = set()
        self._lease = lease or new_id(clock.now())
        self._wake = asyncio.Event()
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._wants_room = False
        self._stopping = True
        """Nothing is taken before the start and after the beginning of the stop."""

    async def start(self) -> None:
        """Load the signing keys (raises DkimKeyError) and begin."""
        self._signer: Signer = load_signer(self._settings.mail_out.dkim, self._settings.mail.domains[0])
        self._relay: Relay = open_relay(self._settings, self._resolver, mx_port=self._mx_port)
        self._stopping = False
        self._runner = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Let attempts under way end, give the rest of the mails back."""
        self._stopping = True
        self._wake.set()
        await self._runner
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand.values(), timeout=_STOP_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(StoreUnavailableError):
            await self._database.write(release, Release(self._lease, self._clock.now()))
        await self._relay.close()

    def nudge(self) -> None:
        """New mail was queued: look at once."""
        self._wake.set()

    def hold(self) -> Hold | None:
        """The lease under which mail may be stored that is offered afterwards; None where the queue must keep it."""
        if self._stopping or self._relay.appetite() is not None or len(self._in_hand) >= self._limit:
            return None
        return Hold(self._lease, self._clock.now() + LEASE)

    def offer(self, mails: Sequence[OutgoingMail], hold: Hold | None) -> None:
        """Hand on mails that are stored by now, from memory if they were stored under a `hold`."""
        if hold is None:
            self.nudge()
            return
        for mail in mails:
            self._take(ClaimedMail(mail, hold.lease, hold.until))

    # --- taking --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            room = self._room()
            if room == 0:
                self._wants_room = True
                await self._woken()
            elif await self._claim_what_there_is(room) < room:
                await self._rest()

    def _room(self) -> int:
        """How many mails to claim: as many as the relay would take, in large bites."""
        appetite = self._relay.appetite()
        if appetite is not None:
            return max(appetite - len(self._in_hand), 0)
        room = self._limit - len(self._in_hand)
        return room if 2 * room >= self._limit else 0

    def _bulk_room(self) -> int:
        """How many mails of campaigns may be claimed."""
        room = self._limit // 2 - len(self._bulk)
        self._wants_room = self._wants_room or room <= 0
        return max(room, 0)

    async def _woken(self) -> bool:
        """Wait for a reason to look, for a moment at most; whether there was one."""
        try:
            async with asyncio.timeout(_POLL):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _claim_what_there_is(self, room: int) -> int:
        try:
            return await self._claim(room)
        except Exception as error:
            # Whatever it is, mail must leave again once it is over.
            _note_fault(error, id=self.name)
            return 0

    async def _claim(self, limit: int) -> int:
        now = self._clock.now()
        claimed = await self._database.write(claim, Claim(now, self._lease, now + LEASE, limit, self._bulk_room()))
        for each in claimed:
            self._take(each)
        return len(claimed)

    def _take(self, claimed: ClaimedMail) -> None:
        mail_id = claimed.mail.id
        # A clock that jumps ends leases early: what is still in hand must not leave twice.
        if mail_id not in self._in_hand:
            task = asyncio.create_task(self._handle(claimed), name=f"mail {mail_id}")
            self._in_hand[mail_id] = task
            if claimed.mail.kind is MailKind.CAMPAIGN:
                self._bulk.add(mail_id)
            task.add_done_callback(partial(self._done, mail_id))

    def _done(self, mail_id: str, task: asyncio.Task[None]) -> None:
        del self._in_hand[mail_id]
        self._bulk.discard(mail_id)
        if self._wants_room and self._room() and 4 * len(self._bulk) <= self._limit:
            self._wants_room = False
            self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _note_fault(error, id=mail_id)

    async def _rest(self) -> None:
        """Wait for a nudge, or until something is due."""
        while not (self._stopping or await self._woken() or await self._anything_due()):
            continue

    async def _anything_due(self) -> bool:
        now = self._clock.now()
        try:
            await self._relay.tidy()
            due = await self._database.read(next_due)
        except Exception as error:
            _note_fault(error, id=self.name)
            return False
        return due is not None and due <= now

    # --- one mail --------------------------------------------------------------------------------------------------

    async def _handle(self, claimed: ClaimedMail) -> None:
        if claimed.mail.kind is not MailKind.CAMPAIGN:
            return await self._deliver(claimed)
        async with self._bulk_slots:
            return await self._deliver(claimed)

    async def _may_leave(self, mail: OutgoingMail) -> bool:
        """Whether nothing has come between: a pause, a cancel, somebody who unsubscribes."""
        return mail.kind is not MailKind.CAMPAIGN or await self._database.read(partial(may_leave, mail_id=mail.id))

    async def _deliver(self, claimed: ClaimedMail) -> None:
        signed = self._signed.put(claimed.mail)
        async with self._slots:
            # What takes a while comes first: what is left of the lease and the relay's appetite are asked at the last.
            await asyncio.wait((signed,))
            may_leave = await self._may_leave(claimed.mail)
            now = self._clock.now()
            late = self._stopping or claimed.until - now < _ATTEMPT
            if not may_leave or late or self._relay.appetite() == 0:
                await self._database.write(release, Release(self._lease, now, (claimed.mail.id,)))
                return
            delivery = await self._attempt(claimed.mail, signed)
        settlement = self._decide(claimed, delivery)
        await self._settle(settlement)
        await self._note(claimed.mail, delivery, settlement)

    async def _attempt(self, mail: OutgoingMail, signed: asyncio.Future[bytes]) -> Delivery:
        try:
            async with asyncio.timeout(_ATTEMPT):
                return await self._relay.deliver(mail, await signed)
        except TimeoutError:
            return Delivery(Outcome.UNKNOWN, f"not done within {_ATTEMPT:.0f} s")
        except Exception as error:
            # An unknown fault is temporary, and the mail must be settled.
            _note_fault(error, id=mail.id)
            return Delivery(Outcome.TEMPORARY, f"internal fault: {type(error).__name__}")

    async def _sign(self, mails: Sequence[OutgoingMail]) -> list[bytes | BaseException]:
        """Sign in a thread, for the arithmetic needs no lock of the interpreter; some at once, for a thread costs."""
        if not self._signer.signs:
            return [mail.content for mail in mails]
        now = self._clock.now()
        return await asyncio.to_thread(lambda: [self._signer.sign(mail.content, now) for mail in mails])

    def _decide(self, claimed: ClaimedMail, delivery: Delivery) -> Settlement:
        mail, now = claimed.mail, self._clock.now()
        cause = delivery.cause.replace(mail.return_path, "return path") if mail.return_path else delivery.cause
        if delivery.outcome is Outcome.ACCEPTED:
            return Settlement(mail.id, claimed.lease, SENT, now, cause)
        if delivery.outcome is not Outcome.PERMANENT:
            if now - mail.created_at < self._settings.mail_out.give_up_after:
                retry_at = now + _delay(mail.attempts + 1, delivery)
                return Settlement(mail.id, claimed.lease, QUEUED, now, cause, retry_at=retry_at)
            cause = f"given up: {cause}"
        told = self._tell_operator(mail, cause, now)
        return Settlement(mail.id, claimed.lease, FAILED, now, cause, about_mailbox=delivery.about_mailbox, tell=told)

    def _tell_operator(self, mail: OutgoingMail, cause: str, now: float) -> NewMails | None:
        """One mail for an answer that did not arrive."""
        if mail.kind is not MailKind.DIALOG:
            return None
        own_id, domain = new_id(now), self._settings.mail.domains[0]
        content = operator_mail(
            case=OperatorCase.UNDELIVERABLE,
            operator=self._settings.mail.operator,
            domain=domain,
            language=self._settings.dialog.language_for(self._settings.dialog.region),
            display_name=self._settings.dialog.tag,
            facts=[(Fact.TO, mail.recipient), (Fact.ID, mail.id), (Fact.CAUSE, cause)],
            message_id=f"{own_id}@{domain}",
            now=now,
        )
        told = OutgoingMail(own_id, MailKind.OPERATOR, "", self._settings.mail.operator, content, created_at=now)
        return NewMails((told,), about=mail.id)

    async def _settle(self, settlement: Settlement) -> None:
        """Make the outcome durable. While the database is away the mail stays in hand: it must not leave again."""
        while True:
            try:
                await self._database.write(self._settle_work, settlement)
            except StoreUnavailableError as error:
                _note_fault(error, id=settlement.id)
                if self._stopping:
                    return
                await asyncio.sleep(_POLL)
                continue
            if settlement.tell is not None:
                self.nudge()
            return

    async def _note(self, mail: OutgoingMail, delivery: Delivery, settlement: Settlement) -> None:
        """Log the outcome, mark or clear the mailbox."""
        facts = {"id": mail.id, "kind": str(mail.kind), "to": mail.recipient, "attempt": mail.attempts + 1}
        if settlement.state == SENT:
            maillog.note(Event.MAIL_SENT, **facts, cause=settlement.cause)
            await self._mark(mail, None)
        elif settlement.state == FAILED:
            maillog.warn(Event.MAIL_FAILED, **facts, cause=settlement.cause)
            if delivery.about_mailbox:
                await self._mark(mail, settlement.cause)
        else:
            maillog.note(Event.MAIL_DELAYED, **facts, cause=settlement.cause)

    async def _mark(self, mail: OutgoingMail, fault: str | None) -> None:
        if mail.account_id is not None:
            await self._mark_mailbox(mail.account_id, fault)


def _delay(attempts: int, delivery: Delivery) -> float:
    """Seconds until a mail is due again; at once, where the relay's appetite governs."""
    if delivery.relay_away:
        return 0.0
    return retry_delay(attempts, away=delivery.unreachable, chance=random.random())  # noqa: S311 - spreads load


def _note_fault(error: BaseException, *, id: str) -> None:  # noqa: A002 - the field's name in the log
    """A database that is away is a line; anything else is a fault with its traceback."""
    if isinstance(error, StoreUnavailableError):
        maillog.warn(Event.FAULT, id=id, cause=str(error), where="mail-out")
    else:
        maillog.fault(Event.FAULT, error, id=id)
