"""The durable queue of outgoing SMS: put, depart, settle.

A message is put with its first attempt begun where the provider has room for it, so the hot path never selects; else it
waits, and departs when there is room. Either way the attempt is committed before bytes leave, and its outcome
afterwards (`settle`). Whatever lies between the two when a process dies may have been sent: it becomes *unknown* and is
never sent again blindly; save what `handover` knows not to have left.

A lease names a process, and is good while that process's heartbeat is. SQL is in `gateway.store.accept_sql`,
`spool_sql`, `settle_sql` and `process_sql`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway import handover, maillog
from gateway.handover import Handover
from gateway.maillog import Event
from gateway.model import Clock, new_id
from gateway.pace import Budget
from gateway.rounds import Rounds
from gateway.routes import GIVE_UP_AFTER
from gateway.routing.router import NOWHERE
from gateway.sms import LateAnswer, OutgoingSms, Priority
from gateway.store import accept_sql, process_sql, route_sql, settle_sql, spool_sql
from gateway.store.database import Database, StoreUnavailableError
from gateway.store.route_sql import Strays
from gateway.store.spool_items import (
    Acceptance,
    Demand,
    Departure,
    Escape,
    Move,
    Removal,
    Settlement,
    Stored,
    Verdict,
)

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 10.0
FORGOTTEN_SECONDS = 20.0
"""Age of an attempt of this process that it does not know of. A commit is over, one way or the other, by then."""
BATCH = 500
"""Messages that one transaction moves at most."""
REST_SECONDS = 20.0
"""How long a message rests that cannot go now: its key is paused, its provider not configured."""


class Spool:
    """One process's view of the queue. Started before anything that puts, stopped after everything that settles."""

    name = "spool"

    def __init__(self, database: Database, clock: Clock, folder: Path, idempotent: Collection[str] = ()) -> None:
        """`idempotent` names the providers that know a message again: to them an attempt may be repeated.

        `folder` is on a local disk, and that of every process on this host.
        """
        self._database = database
        self._clock = clock
        self._idempotent = tuple(idempotent)
        self.lease = new_id(clock.now())
        self._folder = folder
        self._handover = Handover(folder, self.lease)
        self._heart = Rounds(self.name, self._beat_and_recover, partial(asyncio.sleep, HEARTBEAT_SECONDS))

    async def start(self) -> None:
        """Announce this process, take over what dead ones held, keep the heart beating."""
        await self._beat()
        self._handover.open()
        await self.recover()
        self._heart.start()

    async def stop(self) -> None:
        """Release every lease of this process."""
        await self._heart.stop()
        with contextlib.suppress(StoreUnavailableError):
            await self._database.write(process_sql.leave, self.lease)
            self._handover.close()

    async def put(self, acceptance: Acceptance) -> Verdict:
        """Commit what one mail leads to, unless something stands against it by now."""
        return await self._database.write(accept_sql.accept, (acceptance, self.lease))

    async def stored(self, identities: Sequence[str]) -> list[Stored]:
        """The messages that were put under these keys (`Acceptance.dedupe`)."""
        return await self._database.read(lambda connection: accept_sql.stored(connection, identities))

    async def depart(
        self, provider: str, room: int, budget: Budget | None = None, campaigns: int | None = None
    ) -> Departure:
        """Commit that attempts of up to `room` due messages begin now, save those that may not go.

        Up to `campaigns` of these may be of campaigns, all where that is None.
        """
        return await self._database.write(spool_sql.depart, self._demand(provider, room, budget, campaigns))

    async def turn_away(self, known: Collection[str], word: str, escape: Escape | None = None) -> Departure:
        """Lead elsewhere, or put off, or give up in the end, messages that wait for a provider not among the known."""
        wish = Strays(tuple(known), word, NOWHERE, self._demand("", BATCH), escape)
        return await self._database.write(route_sql.strays, wish)

    async def remove(self, provider: str, escape: Escape) -> AsyncGenerator[Sequence[Move], None]:
        """Commit, batch by batch, that messages which wait for a provider and have another way go there.

        Dialog first. Yields what was moved: before, and after.
        """
        for priority in (Priority.DIALOG, Priority.CAMPAIGN):
            wish: Removal | None = Removal(provider, priority, escape, BATCH)
            while wish is not None:
                removed = await self._database.write(route_sql.remove, wish)
                wish = replace(wish, after=removed.last) if removed.last else None
                yield removed.moved

    def _demand(self, provider: str, room: int, budget: Budget | None = None, campaigns: int | None = None) -> Demand:
        now = self._clock.now()
        rest_until, made_after = now + REST_SECONDS, now - GIVE_UP_AFTER
        most = room if campaigns is None else campaigns
        return Demand(provider, room, most, self.lease, now, rest_until, made_after, budget)

    def leaves(self, messages: Sequence[OutgoingSms]) -> None:
        """The bytes of these messages may leave from now on: call it before they do."""
        self._handover.note([handover.attempt_of(message.id, message.attempts + 1) for message in messages])

    async def settle(self, settlement: Settlement) -> None:
        """Commit the outcome of an attempt, and reports that came before it."""
        await self._database.write(settle_sql.settle, settlement)
        message = settlement.message
        self._handover.ended(handover.attempt_of(message.id, message.attempts + 1))
        if settlement.result.says_stop:
            maillog.note(Event.OPTED_OUT, id=message.id, org=message.org_id, phone=message.to_number)

    async def hurry(self, provider: str) -> None:
        """Let what waits for another attempt at the provider be due now."""
        await self._database.write(spool_sql.hurry, (provider, self._clock.now()))

    async def resolve(self, answer: LateAnswer) -> bool:
        """Commit that an unknown message was taken after all; whether it was one of which that is now known."""
        return await self._database.write(settle_sql.resolve, answer)

    async def recover(self) -> None:
        """Free what dead processes held: what may have left is unknown or repeated, the rest is queued again."""
        now = self._clock.now()
        wish = process_sql.Recovery(
            own=self._process(),
            now=now,
            idempotent=self._idempotent,
            left=partial(handover.left, self._folder),
            under_way=frozenset(self._handover.under_way),
            forgotten_before=now - FORGOTTEN_SECONDS,
        )
        alive = await self._database.write(process_sql.recover, wish)
        handover.remove_all_but(self._folder, alive)

    def _process(self) -> process_sql.Process:
        return process_sql.Process(self.lease, socket.gethostname(), os.getpid(), self._clock.now() + LEASE_SECONDS)

    async def _beat(self) -> None:
        await self._database.write(process_sql.beat, self._process())

    async def _beat_and_recover(self) -> None:
        await self._beat()
        await self.recover()
