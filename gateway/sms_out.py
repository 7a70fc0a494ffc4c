"""SMS leave here: room, route, provider, settle; and delivery reports come back.

A message leaves with the commit of its mail where its provider has room, else it is drawn from the spool when there is.
Each attempt is committed before its bytes leave, and its outcome afterwards. Where rules say so, what is known not to
have been sent goes on by another provider, and what waits for one that takes nothing moves to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from gateway import maillog
from gateway.errors import Outcome
from gateway.inbound_form import tidy_report
from gateway.lane import POLL_SECONDS, Lane, Reservation, shares_of, take_room
from gateway.maillog import BREAKER, Event
from gateway.model import Clock
from gateway.providers.base import Batching, Provider
from gateway.routes import After, after_attempt, may_go_on
from gateway.routing.choice import Rests
from gateway.routing.router import Router
from gateway.sms import DeliveryReport, LateAnswer, MessageState, OutgoingSms, Priority, SubmitResult, as_sent
from gateway.spool import REST_SECONDS, Spool
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.report_sql import Moved, Received, store_reports
from gateway.store.spool_items import Departure, Escape, Settlement

STOP_SECONDS = 20.0
"""How long a stop waits for outcomes; an attempt without one is unknown at the next start."""
MOST_UNSETTLED = 2000
"""Attempts under way or with an outcome that is not committed yet; more are not begun while the database lags."""
NO_ROUTE = "no-route"
"""The word of FailureReason for a message whose provider is not configured."""
MOVE_SECONDS = 2.0
"""Pauses between looks at what waits for a provider whose breaker is open."""
_MOVE_SHARE = 20
"""How much longer a pause is than the look before it took: a million messages without another way are read seldom."""
_AWAY = "its breaker is open"


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
        paces: Mapping[str, tuple[float, float]] | None = None,
        router: Router | None = None,
    ) -> None:
        """`paces` are in parts a second, for each provider and for each number; without a router owners carry all."""
        self._spool = spool
        self._database = database
        self._providers = providers
        self._batching = {name: provider for name, provider in providers.items() if isinstance(provider, Batching)}
        self._clock = clock
        self._router = router
        paces = paces or {}
        self._lanes = {
            name: Lane(name, provider.window, *paces.get(name, (0.0, 0.0))) for name, provider in providers.items()
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._attempts: set[asyncio.Task[None]] = set()
        self._fled: set[str] = set()
        """Providers that messages are kept away from."""
        self._moving: set[str] = set()
        """Of these, those whose messages are being moved at the moment."""
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

    def reserve(self, messages: Sequence[OutgoingSms]) -> Reservation:
        """Choose the way of messages that are about to be committed, and ask for room for all of them."""
        now = time.monotonic()
        if self._router is not None:
            rests = self._rests(now, probing=len(messages) == 1)
            messages = [self._router.assign(message, rests) for message in messages]
        shares = shares_of(messages, self._lanes)
        free = not self._stop.is_set() and len(self._attempts) < MOST_UNSETTLED
        return Reservation(messages, shares, self._begin, granted=free and take_room(shares, now))

    def nudge(self) -> None:
        """Look for messages of campaigns now: some were put into the spool."""
        for lane in self._lanes.values():
            lane.wait(Priority.CAMPAIGN)

    def _rests(self, now: float, *, probing: bool = False) -> Rests:
        """Which providers take nothing at the moment; a message alone may find out whether one takes something."""

        def rests(provider: str) -> bool:
            lane = self._lanes.get(provider)
            return lane is not None and (lane.rests(now) if probing else lane.sick)

        return rests

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
                await asyncio.wait_for(lane.wake.wait(), lane.pause(time.monotonic()))
            lane.wake.clear()
            if not self._stop.is_set() and len(self._attempts) < MOST_UNSETTLED:
                await self._draw(lane)

    async def _draw(self, lane: Lane) -> None:
        if lane.provider in self._moving and not lane.closed:
            return
        now = time.monotonic()
        room = lane.draw(now)
        if not room:
            return
        begun = 0
        try:
            departure = await self._spool.depart(lane.provider, room, lane.budget(now), lane.for_campaigns(room))
            begun = len(departure.go)
            lane.drawn(departure, now)
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
                self._note_turned_away(await self._spool.turn_away(tuple(self._lanes), NO_ROUTE, self._escape()))
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
        for message, onward in departure.moved:
            self._note_moved(message, onward, reason=NO_ROUTE)

    # --- messages that wait for a provider which takes none --------------------------------------------------------

    def _escape(self) -> Escape | None:
        """Where messages go that wait for a provider in vain; None without rules."""
        router = self._router
        if router is None:
            return None
        rests = self._rests(time.monotonic())
        return lambda message: router.escape(message, rests)

    async def _move_while_sick(self, lane: Lane) -> None:
        """Move what waits for a provider whose breaker is open and has another way, until it is closed."""
        while lane.sick and not self._stop.is_set():
            began = time.monotonic()
            try:
                await self._move(lane)
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, cause=str(error), where=self.name)
            except Exception as error:  # the next look must come whatever this one met
                maillog.fault(Event.FAULT, error, where=self.name)
            pause = max(MOVE_SECONDS, _MOVE_SHARE * (time.monotonic() - began))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
        self._fled.discard(lane.provider)
        self._moving.discard(lane.provider)

    async def _move(self, lane: Lane) -> None:
        escape = self._escape()
        if escape is None:
            return
        self._moving.add(lane.provider)
        try:
            async with contextlib.aclosing(self._spool.remove(lane.provider, escape)) as batches:
                async for moved in batches:
                    for message, onward in moved:
                        self._note_moved(message, onward, reason=_AWAY)
                    if not lane.sick or self._stop.is_set():
                        return
        finally:
            self._moving.discard(lane.provider)

    def _note_moved(self, message: OutgoingSms, onward: OutgoingSms, reason: str) -> None:
        maillog.note(Event.SMS_MOVED, id=message.id, provider=message.provider, onward=onward.provider, cause=reason)
        if (lane := self._lanes.get(onward.provider)) is not None:
            lane.wait(onward.priority)

    # --- one attempt -----------------------------------------------------------------------------------------------

    async def _attempt(self, message: OutgoingSms, provider: Provider, lane: Lane) -> None:
        try:
            result = await provider.submit(as_sent(message))
        except Exception as error:  # an adapter's bug: the bytes may have left
            result = _fault(error, message, provider)
        await self._end(message, result, lane)

    async def _attempt_many(self, messages: Sequence[OutgoingSms], provider: Batching, lane: Lane) -> None:
        """One call for several messages."""
        try:
            results = await provider.submit_many([as_sent(message) for message in messages])
            ends = list(zip(messages, results, strict=True))
        except Exception as error:  # an adapter's bug: the bytes may have left
            ends = [(message, _fault(error, message, self._providers[lane.provider])) for message in messages]
        await asyncio.gather(*(self._end(message, result, lane) for message, result in ends))

    async def _end(self, message: OutgoingSms, result: SubmitResult, lane: Lane) -> None:
        self._heed(lane, result)
        now = self._clock.now()
        choice = None
        if self._router is not None and not message.bound and may_go_on(result):
            choice = self._router.choose(message, self._rests(time.monotonic()))
        after = after_attempt(message, result, now, choice)
        await self._settle(Settlement(message, result, after.state, now, after.due, after.onward))
        self._note_outcome(message, result, after)

    def _heed(self, lane: Lane, result: SubmitResult) -> None:
        """Learn from an outcome whether the provider takes messages."""
        was_sick = lane.sick
        if lane.ended(result.outcome, time.monotonic()):
            self._hurry(lane)
        if lane.sick == was_sick:
            return
        if was_sick:
            maillog.note(Event.PROVIDER_STATE, provider=lane.provider, bind=BREAKER, state="closed")
            return
        maillog.warn(Event.PROVIDER_STATE, provider=lane.provider, bind=BREAKER, state="open", cause=result.cause)
        if self._router is not None and lane.provider not in self._fled:
            self._fled.add(lane.provider)
            self._moving.add(lane.provider)  # from this moment on nothing is drawn that may move
            self._under_way(self._move_while_sick(lane))

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

    def _note_outcome(self, message: OutgoingSms, result: SubmitResult, after: After) -> None:
        fields = {"id": message.id, "provider": message.provider, "attempt": message.attempts + 1}
        match after.state:
            case MessageState.SUBMITTED:
                maillog.note(Event.SMS_SUBMITTED, **fields, parts=message.text.parts)
            case MessageState.QUEUED:
                if after.onward is not None:
                    self._note_moved(message, after.onward, reason=result.cause)
                else:
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
            if report.says_stop:
                maillog.note(Event.OPTED_OUT, id=move.message_id, phone=report.to_number)
            if move.state is not MessageState.DELIVERED:
                self.failed.set()
        if faults := [move for move in moves if isinstance(move, BaseException)]:
            raise faults[0]


def _fault(error: Exception, message: OutgoingSms, provider: Provider) -> SubmitResult:
    maillog.fault(Event.FAULT, error, id=message.id, provider=provider.name)
    return SubmitResult(Outcome.UNKNOWN, cause=f"adapter fault: {type(error).__name__}")
