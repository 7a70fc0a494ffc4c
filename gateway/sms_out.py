"""SMS leave here: room, route, provider, settle; and delivery reports come back.

A message leaves with the commit of its mail where its provider has room, else it is drawn from the spool when there is.
Each attempt is committed before its bytes leave, and its outcome afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from gateway import maillog
from gateway.errors import Outcome
from gateway.inbound_form import tidy_report
from gateway.lane import Lane, Reservation
from gateway.maillog import Event
from gateway.model import Clock
from gateway.providers.base import Batching, Provider
from gateway.routes import after_attempt
from gateway.sms import DeliveryReport, LateAnswer, MessageState, OutgoingSms, Priority, SubmitResult
from gateway.spool import REST_SECONDS, Spool
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.report_sql import Moved, Received, store_reports
from gateway.store.spool_items import Departure, Settlement

POLL_SECONDS = 1.0
STOP_SECONDS = 20.0
"""How long a stop waits for outcomes; an attempt without one is unknown at the next start."""
MOST_UNSETTLED = 2000
"""Attempts under way or with an outcome that is not committed yet; more are not begun while the database lags."""
NO_ROUTE = "no-route"
"""The word of FailureReason for a message whose provider is not configured."""


class SmsOut:
    """The dispatcher of one process."""

    name = "sms-out"

    def __init__(self, *, spool: Spool, database: Database, providers: Mapping[str, Provider], clock: Clock) -> None:
        self._spool = spool
        self._database = database
        self._providers = providers
        self._batching = {name: provider for name, provider in providers.items() if isinstance(provider, Batching)}
        self._clock = clock
        self._lanes = {name: Lane(name, provider.window) for name, provider in providers.items()}
        self._tasks: list[asyncio.Task[None]] = []
        self._attempts: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self.failed = asyncio.Event()
        """Set whenever a message fails: somebody has to be told."""

    async def start(self) -> None:
        """Begin to send what is due."""
        self._tasks = [
            asyncio.create_task(self._draw_forever(lane), name=f"sms-out-{lane.provider}")
            for lane in self._lanes.values()
        ]
        self._tasks.append(asyncio.create_task(self._turn_away_forever(), name="sms-out-strays"))

    async def stop(self) -> None:
        """Begin nothing more, and settle what is under way."""
        self._stop.set()
        for lane in self._lanes.values():
            lane.wake.set()
        # A draw is not cancelled: what it commits as being submitted has to be.
        await asyncio.gather(*self._tasks)
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=STOP_SECONDS)

    # --- messages that leave with the commit of their mail ---------------------------------------------------------

    def reserve(self, provider: str, count: int) -> Reservation:
        """Ask for room for `count` messages that are about to be committed."""
        lane = self._lanes.get(provider)
        if lane is None:
            return Reservation(None, 0, self._begin)
        free = not self._stop.is_set() and len(self._attempts) < MOST_UNSETTLED
        return Reservation(lane, count if free and lane.reserve(count) else 0, self._begin)

    def _begin(self, lane: Lane, messages: Sequence[OutgoingSms]) -> None:
        """Submit messages whose attempt is committed and whose room is taken."""
        self._spool.leaves(messages)
        batching = self._batching.get(lane.provider) if len(messages) > 1 else None
        if batching is not None:
            for first in range(0, len(messages), batching.batch):
                self._under_way(self._attempt_many(messages[first : first + batching.batch], batching, lane))
            return
        provider = self._providers[lane.provider]
        for message in messages:
            self._under_way(self._attempt(message, provider, lane))

    def _under_way(self, attempt: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(attempt)
        self._attempts.add(task)
        task.add_done_callback(self._attempts.discard)

    # --- messages that wait in the spool ---------------------------------------------------------------------------

    async def _draw_forever(self, lane: Lane) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lane.wake.wait(), POLL_SECONDS)
            lane.wake.clear()
            if not self._stop.is_set() and len(self._attempts) < MOST_UNSETTLED:
                await self._draw(lane)

    async def _draw(self, lane: Lane) -> None:
        room = lane.draw(self._clock.now())
        if not room:
            return
        begun = 0
        try:
            departure = await self._spool.depart(lane.provider, room)
            begun = len(departure.go)
            lane.more = departure.more
            lane.behind = departure.more and (not begun or departure.go[-1].priority is Priority.DIALOG)
            self._begin(lane, departure.go)
            self._note_turned_away(departure)
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, cause=str(error), where=self.name)
        except Exception as error:  # the next look must come whatever this one met
            maillog.fault(Event.FAULT, error, where=self.name)
        lane.give_back(room - begun)

    async def _turn_away_forever(self) -> None:
        """Look after messages that no lane draws: their provider is not configured."""
        while not self._stop.is_set():
            try:
                self._note_turned_away(await self._spool.turn_away(tuple(self._lanes), NO_ROUTE))
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, cause=str(error), where=self.name)
            except Exception as error:  # the next look must come whatever this one met
                maillog.fault(Event.FAULT, error, where=self.name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), REST_SECONDS)

    def _note_turned_away(self, departure: Departure) -> None:
        for message, reason in departure.rested:
            maillog.note(Event.SMS_DELAYED, id=message.id, cause=reason)
        for message, reason in departure.failed:
            self._note_failure(message, reason)

    # --- one attempt -----------------------------------------------------------------------------------------------

    async def _attempt(self, message: OutgoingSms, provider: Provider, lane: Lane) -> None:
        try:
            result = await provider.submit(message)
        except Exception as error:  # an adapter's bug: the bytes may have left
            result = _fault(error, message, provider)
        await self._end(message, result, lane)

    async def _attempt_many(self, messages: Sequence[OutgoingSms], provider: Batching, lane: Lane) -> None:
        """One call for several messages."""
        try:
            results = await provider.submit_many(messages)
            ends = list(zip(messages, results, strict=True))
        except Exception as error:  # an adapter's bug: the bytes may have left
            ends = [(message, _fault(error, message, self._providers[lane.provider])) for message in messages]
        await asyncio.gather(*(self._end(message, result, lane) for message, result in ends))

    async def _end(self, message: OutgoingSms, result: SubmitResult, lane: Lane) -> None:
        now = self._clock.now()
        if lane.ended(result.outcome, now):
            self._hurry(lane)
        state, due = after_attempt(message, result, now)
        await self._settle(Settlement(message, result, state, now, due))
        self._note_outcome(message, result, state)

    def _hurry(self, lane: Lane) -> None:
        """The provider takes messages again: those that it refused need not wait any longer."""

        async def hurry() -> None:
            try:
                await self._spool.hurry(lane.provider)
            except StoreUnavailableError as error:  # they are due by themselves later on
                maillog.warn(Event.FAULT, cause=str(error), where=self.name)
            lane.wake.set()

        self._under_way(hurry())

    async def _settle(self, settlement: Settlement) -> None:
        """Write the outcome until the database takes it: meanwhile the lease keeps everybody else away."""
        while True:
            try:
                return await self._spool.settle(settlement)
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, id=settlement.message.id, cause=str(error), where=self.name)
                await asyncio.sleep(POLL_SECONDS)

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

    async def late(self, answers: Sequence[LateAnswer]) -> None:
        """Learn what became of unknown messages; returns when durable."""
        for answer in answers:
            if await self._spool.resolve(answer):
                maillog.note(Event.SMS_SUBMITTED, id=answer.message_id, provider=answer.provider, cause="late answer")

    # --- delivery reports ------------------------------------------------------------------------------------------

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


def _fault(error: Exception, message: OutgoingSms, provider: Provider) -> SubmitResult:
    maillog.fault(Event.FAULT, error, id=message.id, provider=provider.name)
    return SubmitResult(Outcome.UNKNOWN, cause=f"adapter fault: {type(error).__name__}")
