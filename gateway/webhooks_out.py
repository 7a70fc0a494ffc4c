"""Calls webhooks: claims what is due, signs it, posts it, settles what came of it.

In: rows of the queue that `store/event_sql` fills in the transactions in which things happen. Out: calls in the form of
Standard Webhooks; rows that are delivered, wait for another try, or are given up; endpoints that are disabled.

Promises: an event is told at least once, with the same id in each try, or given up after three days of trying. An
endpoint has a few calls in hand, one where it fails, so that one that hangs delays nobody else. Any number of processes
may call.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial

from gateway import maillog
from gateway.hooks.caller import Caller
from gateway.hooks.schedule import Tried, next_try
from gateway.maillog import Event
from gateway.model import Clock, new_id
from gateway.public_http import TIMEOUT
from gateway.rounds import Rounds
from gateway.store import webhook_call_sql as sql
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.webhook_call_sql import DELIVERED, FAILED, QUEUED, Call, Claim, Settlement

LEASE = 2 * TIMEOUT
"""Seconds that a claimed call is ours."""
AT_ONCE, AT_ONCE_FAILING = 4, 1
"""Calls to one endpoint that a process makes at one time."""
_IN_HAND = 500
"""Calls in hand in all."""
_POLL = 1.0
"""Seconds between looks for what is due."""
_STOP_GRACE = TIMEOUT + 5
_PRUNE_SECONDS, _PRUNED_AT_ONCE = 60.0, 1000
_DAY = 86_400.0


class WebhooksOut:
    """The service."""

    name = "webhooks-out"

    def __init__(self, *, database: Database, caller: Caller, clock: Clock, keep_days: float) -> None:
        """`keep_days` is how long calls are kept, to be looked at and made again."""
        self._database = database
        self._caller = caller
        self._clock = clock
        self._keep = keep_days * _DAY
        self._lease = new_id(clock.now())
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        """Calls in hand, by endpoint."""
        self._failing: set[str] = set()
        """Endpoints whose last call was not taken, as far as this process knows."""
        self._wake = asyncio.Event()
        self._rounds = Rounds(self.name, self._claim_due, self._woken)
        self._pruning = Rounds(f"{self.name} pruning", self._prune, partial(asyncio.sleep, _PRUNE_SECONDS))

    async def start(self) -> None:
        """Begin."""
        self._rounds.start()
        self._pruning.start()

    async def stop(self) -> None:
        """Let calls under way end, give the rest back: those may have been taken, and are made again."""
        await self._rounds.stop()
        await self._pruning.stop()
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand.values(), timeout=_STOP_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        try:
            await self._database.write(sql.release, (self._lease, self._clock.now()))
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, where=self.name, cause=str(error))

    # --- taking ------------------------------------------------------------------------------------------------------

    async def _woken(self) -> None:
        """Wait until a call has ended behind which others wait, a moment at most."""
        try:
            async with asyncio.timeout(_POLL):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _claim_due(self) -> None:
        now = self._clock.now()
        due = await self._database.read(lambda connection: sql.due(connection, now))
        left = _IN_HAND - len(self._in_hand)
        claims = []
        for webhook_id in due:
            room = min(self._room(webhook_id), left)
            if room > 0:
                left -= room
                claims.append(self._claim(Claim(webhook_id, now, self._lease, now + LEASE, room)))
        await asyncio.gather(*claims)  # at once, so that they share a commit

    async def _claim(self, wish: Claim) -> None:
        for call in await self._database.write(sql.claim, wish):
            self._take(call)

    def _room(self, webhook_id: str) -> int:
        return (AT_ONCE_FAILING if webhook_id in self._failing else AT_ONCE) - self._busy[webhook_id]

    def _take(self, call: Call) -> None:
        # A clock that jumps ends leases early: what is still in hand must not be taken twice.
        if call.id in self._in_hand:
            return
        self._busy[call.webhook.id] += 1
        task = asyncio.create_task(self._handle(call), name=f"webhook call {call.id}")
        self._in_hand[call.id] = task
        task.add_done_callback(partial(self._done, call))

    def _done(self, call: Call, task: asyncio.Task[None]) -> None:
        del self._in_hand[call.id]
        self._busy[call.webhook.id] -= 1
        if not self._busy[call.webhook.id]:
            del self._busy[call.webhook.id]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            maillog.fault(Event.FAULT, error, id=call.id, where=self.name)

    # --- one call ----------------------------------------------------------------------------------------------------

    async def _handle(self, call: Call) -> None:
        webhook = call.webhook
        tried = await self._caller.call(webhook.id, webhook.url, call.sealed, call.event_id, call.body)
        settlement = self._decide(call, tried)
        if tried.taken:
            self._failing.discard(webhook.id)
        else:
            self._failing.add(webhook.id)
        disabled = await self._settle(settlement)
        facts = {"id": call.id, "org": webhook.org_id, "webhook": webhook.id, "attempt": call.attempts + 1}
        if settlement.state == DELIVERED:
            maillog.note(Event.WEBHOOK_DELIVERED, **facts, kind=call.type, cause=tried.cause)
        elif settlement.state == FAILED:
            maillog.warn(Event.WEBHOOK_FAILED, **facts, kind=call.type, cause=tried.cause)
        else:
            maillog.note(Event.WEBHOOK_DELAYED, **facts, kind=call.type, cause=tried.cause)
        if disabled:
            self._failing.discard(webhook.id)
            maillog.warn(Event.WEBHOOK_DISABLED, org=webhook.org_id, webhook=webhook.id, cause=disabled)

    def _decide(self, call: Call, tried: Tried) -> Settlement:
        now = self._clock.now()
        if tried.taken:
            return Settlement(call, DELIVERED, now, tried.status, tried.cause)
        retry_at = next_try(call.attempts + 1, tried, now, random.random())  # noqa: S311 - spreads load
        if tried.gone or retry_at is None:
            return Settlement(call, FAILED, now, tried.status, tried.cause, gone=tried.gone)
        return Settlement(call, QUEUED, now, tried.status, tried.cause, retry_at)

    async def _settle(self, settlement: Settlement) -> str:
        """Make the outcome durable; why the endpoint is disabled by it. While the database is away it is tried again.

        Where that takes longer than the lease the call is made once more, which its receiver can tell by the id.
        """
        until = asyncio.get_running_loop().time() + LEASE
        while True:
            try:
                return await self._database.write(sql.settle, settlement)
            except StoreUnavailableError as error:
                if asyncio.get_running_loop().time() > until:
                    raise
                maillog.warn(Event.FAULT, id=settlement.call.id, cause=str(error), where=self.name)
                await asyncio.sleep(_POLL)

    async def _prune(self) -> None:
        """Forget what is old."""
        pruned = _PRUNED_AT_ONCE
        while pruned == _PRUNED_AT_ONCE:
            pruned = await self._database.write(sql.prune, (self._clock.now() - self._keep, _PRUNED_AT_ONCE))
