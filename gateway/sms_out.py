"""SMS leave here: lease, route, opt-out, provider, settle; and delivery reports come back.

Messages are handed over by `offer` when their mail was just committed, or claimed from the spool when they fall due.
Each is submitted at most once per attempt, and an attempt is committed before its bytes leave.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway import maillog
from gateway.errors import Outcome
from gateway.inbound_form import tidy_report
from gateway.maillog import Event
from gateway.model import Clock, DeliveryReport, MessageState, OutgoingSms, SubmitResult
from gateway.providers.base import Provider
from gateway.routes import GIVE_UP_AFTER, after_attempt, choose
from gateway.spool import Spool
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.report_sql import Moved, Received, store_reports
from gateway.store.spool_items import Permit, Settlement

WINDOW = 64
"""Messages in flight at once, over all providers."""
BACKLOG = 2000
"""Messages kept in memory beyond the window; more stay in the spool."""
POLL_SECONDS = 1.0
STOP_SECONDS = 20.0
"""How long a stop waits for outcomes; an attempt without one is unknown at the next start."""
REST_SECONDS = 20.0
"""How long a message rests that cannot go now: its key is paused, its provider not configured."""


class SmsOut:
    """The dispatcher of one process."""

    name = "sms-out"

    def __init__(
        self,
        *,
        spool: Spool,
        database: Database,
        providers: Mapping[str, Provider],
        clock: Clock,
    ) -> None:
        self._spool = spool
        self._database = database
        self._providers = providers
        self._clock = clock
        self._ready: asyncio.Queue[OutgoingSms] = asyncio.Queue(BACKLOG)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.failed = asyncio.Event()
        """Set whenever a message fails: somebody has to be told."""

    async def start(self) -> None:
        """Begin to send what is due."""
        self._tasks = [asyncio.create_task(self._work(), name=f"sms-out-{n}") for n in range(WINDOW)]
        self._tasks.append(asyncio.create_task(self._poll(), name="sms-out-poll"))

    async def stop(self) -> None:
        """Settle what is in flight; what has not been begun goes back to the spool with the lease."""
        self._stopping = True
        while not self._ready.empty():
            self._ready.get_nowait()
        *workers, poller = self._tasks
        poller.cancel()
        for worker in workers:
            worker.cancel()
        await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    def offer(self, messages: Sequence[OutgoingSms]) -> None:
        """Take messages that are leased to this process; those that find no room wait in the spool."""
        for message in messages:
            if self._stopping or self._ready.full():
                self._give_back(message)
            else:
                self._ready.put_nowait(message)

    def _give_back(self, message: OutgoingSms, pause: float = 0.0) -> None:
        """Return a message to the spool, due after `pause` seconds, in the background."""
        due = self._clock.now() + pause
        task = asyncio.ensure_future(self._insist(message, lambda: self._spool.delay(message.id, due, "")))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        self._wake.set()

    async def _insist(self, message: OutgoingSms, write: Callable[[], Awaitable[None]]) -> None:
        """Write until the database takes it: meanwhile the lease keeps everybody else from the message."""
        while True:
            try:
                return await write()
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, id=message.id, cause=str(error), where="sms-out")
                await asyncio.sleep(POLL_SECONDS)

    def nudge(self) -> None:
        """Look for due messages now."""
        self._wake.set()

    async def _poll(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()
            room = self._ready.maxsize // 2 - self._ready.qsize()
            if room <= 0:
                continue
            try:
                claimed = await self._spool.claim(room)
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, cause=str(error), where=self.name)
                continue
            except Exception as error:  # the next look must come whatever this one met
                maillog.fault(Event.FAULT, error, where=self.name)
                continue
            self.offer(claimed)
            if len(claimed) == room:
                self._wake.set()

    async def _work(self) -> None:
        while True:
            message = await self._ready.get()
            # What has begun is finished even while stopping: cancelled in the middle it would be unknown.
            sending = asyncio.ensure_future(self._send(message))
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                await sending
                raise

    async def _send(self, message: OutgoingSms) -> None:
        while not self._stopping:
            try:
                return await self._try(message)
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, id=message.id, cause=str(error), where="sms-out")
                await asyncio.sleep(POLL_SECONDS)
            except Exception as error:  # one message's fault must not stop the others
                maillog.fault(Event.FAULT, error, id=message.id)
                return self._give_back(message, REST_SECONDS)
        return None

    async def _try(self, message: OutgoingSms) -> None:
        provider = choose(message, self._providers)
        if provider is None:
            await self._later(message, "no-route")
            return
        match await self._spool.begin(message):
            case Permit.GO:
                await self._attempt(message, provider)
            case Permit.PAUSED:
                await self._later(message, Permit.PAUSED)
            case Permit.OPTED_OUT:
                await self._spool.fail(message.id, Permit.OPTED_OUT)
                self._note_failure(message, Permit.OPTED_OUT)

    async def _later(self, message: OutgoingSms, reason: str) -> None:
        """Let a message rest, or give it up when it has outlived its use; `reason` is a word of FailureReason."""
        now = self._clock.now()
        if now > message.created_at + GIVE_UP_AFTER:
            await self._spool.fail(message.id, reason)
            self._note_failure(message, reason)
        else:
            await self._spool.delay(message.id, now + REST_SECONDS, reason)
            maillog.note(Event.SMS_DELAYED, id=message.id, cause=reason)

    async def _attempt(self, message: OutgoingSms, provider: Provider) -> None:
        try:
            result = await provider.submit(message)
        except Exception as error:  # an adapter's bug: the bytes may have left
            maillog.fault(Event.FAULT, error, id=message.id, provider=provider.name)
            result = SubmitResult(Outcome.UNKNOWN, cause=f"adapter fault: {type(error).__name__}")
        now = self._clock.now()
        state, due = after_attempt(message, result, now)
        settlement = Settlement(message, result, state, now, due)
        await self._insist(message, lambda: self._spool.settle(settlement))
        self._note_outcome(message, result, state)

    def _note_outcome(self, message: OutgoingSms, result: SubmitResult, state: MessageState) -> None:
        fields = {"id": message.id, "provider": message.provider, "attempt": message.attempts + 1}
        match state:
            case MessageState.SUBMITTED:
                maillog.note(Event.SMS_SUBMITTED, **fields, parts=message.text.parts)
            case MessageState.QUEUED:
                maillog.note(Event.SMS_DELAYED, **fields, cause=result.cause)
            case MessageState.UNKNOWN:
                maillog.warn(Event.SMS_UNKNOWN, **fields, cause=result.cause)
            case _:
                self._note_failure(message, result.cause)

    def _note_failure(self, message: OutgoingSms, cause: str) -> None:
        maillog.note(Event.SMS_FAILED, id=message.id, provider=message.provider, cause=cause)
        self.failed.set()

    async def report(self, reports: Sequence[DeliveryReport]) -> None:
        """Keep delivery reports and move the messages that they are about; returns when durable."""
        now = self._clock.now()
        moves = await asyncio.gather(
            *(self._database.write(store_reports, Received(tidy_report(report), now)) for report in reports),
            return_exceptions=True,
        )
        for report, move in zip(reports, moves, strict=True):
            if not isinstance(move, Moved):
                continue
            maillog.note(
                Event.SMS_REPORT,
                id=move.message_id,
                provider=report.provider,
                state=move.state,
                cause=report.cause,
            )
            if move.state is not MessageState.DELIVERED:
                self.failed.set()
        if faults := [move for move in moves if isinstance(move, BaseException)]:
            raise faults[0]
