"""The durable queue of outgoing SMS: put, lease, begin, settle, delay.

A message is put leased to the process that took it, so the hot path never selects. Before bytes leave for a provider
the attempt is committed (`begin`); afterwards its outcome is (`settle`). Whatever lies between the two when a process
dies may have been sent: it becomes *unknown* and is never sent again blindly.

A lease names a process, and is good while that process's heartbeat is. SQL is in `gateway.store.spool_sql`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection

from gateway import maillog
from gateway.maillog import Event
from gateway.model import Clock, OutgoingSms, new_id
from gateway.store import spool_sql as sql
from gateway.store.database import Database, StoreUnavailableError, alone
from gateway.store.spool_items import Acceptance, Permit, Settlement

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 10.0


class Spool:
    """One process's view of the queue. Started before anything that puts, stopped after everything that settles."""

    name = "spool"

    def __init__(self, database: Database, clock: Clock, idempotent: Collection[str] = ()) -> None:
        """`idempotent` names the providers that know a message again: to them an attempt may be repeated."""
        self._database = database
        self._clock = clock
        self._idempotent = tuple(idempotent)
        self.lease = new_id(clock.now())
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Announce this process, take over what dead ones held, keep the heart beating."""
        await self._beat()
        await self.recover()
        self._heart = asyncio.create_task(self._beat_forever(), name="spool-heartbeat")

    async def stop(self) -> None:
        """Release every lease of this process."""
        if self._heart is not None:
            self._heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._heart
        with contextlib.suppress(StoreUnavailableError):
            await self._database.write(sql.leave, self.lease)

    async def put(self, acceptance: Acceptance) -> frozenset[str]:
        """Commit what one mail leads to, messages leased to this process; the ids of the messages that were new."""
        return await self._database.write(sql.accept, (acceptance, self.lease))

    async def claim(self, limit: int) -> list[OutgoingSms]:
        """Lease up to `limit` due messages that nobody alive holds."""
        now = self._clock.now()
        return await self._database.write(alone(lambda connection: sql.claim(connection, self.lease, now, limit)), None)

    async def begin(self, message: OutgoingSms) -> Permit:
        """Commit that an attempt starts now, unless the phone has opted out, the key is paused or the lease is lost."""
        return await self._database.write(sql.begin, sql.Attempt(message, self.lease, self._clock.now()))

    async def settle(self, settlement: Settlement) -> None:
        """Commit the outcome of an attempt, and reports that came before it."""
        await self._database.write(sql.settle, settlement)

    async def delay(self, message_id: str, available_at: float, cause: str) -> None:
        """Give a message back unsent, to be claimed at `available_at`."""
        await self._database.write(sql.delay, (message_id, available_at, cause))

    async def fail(self, message_id: str, reason: str) -> None:
        """Give a message up without an attempt; `reason` is a word of FailureReason."""
        await self._database.write(sql.fail, (message_id, self._clock.now(), reason))

    async def recover(self) -> None:
        """Free what dead processes held: what was in flight becomes unknown or is repeated, the rest can be claimed."""
        now = self._clock.now()
        host = socket.gethostname()
        await self._database.write(alone(lambda connection: sql.bury(connection, host, now)), None)
        await self._database.write(alone(lambda connection: sql.recover(connection, now, self._idempotent)), None)

    async def waiting(self) -> int:
        """Messages that are queued."""
        return await self._database.read(sql.count_waiting)

    async def _beat(self) -> None:
        row = sql.Process(self.lease, socket.gethostname(), os.getpid(), self._clock.now() + LEASE_SECONDS)
        await self._database.write(sql.beat, row)

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._beat()
                await self.recover()
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, where=self.name, cause=str(error))
            except Exception as error:  # without a heartbeat others take our messages
                maillog.fault(Event.FAULT, error, where=self.name)
