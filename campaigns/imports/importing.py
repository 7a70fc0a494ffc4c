"""Works on imports that run, chunk by chunk, until they are finished; any number of processes may.

A chunk becomes contacts in one transaction, and a rest as long as that took goes before the next one, so that dialogs
find the database free. Killed at any moment, the next one goes on behind the last chunk that was committed.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from campaigns.contacts import Contacts
from campaigns.imports.merging import read_rows
from campaigns.model import Consent
from campaigns.store import import_sql as sql
from campaigns.store.import_sql import Import
from gateway.model import Clock
from gateway.rounds import Rounds
from gateway.store.database import Database

POLL: Final = 1.0
"""Seconds between looks for imports."""
_DAY: Final = 86_400.0
KEPT_DAYS: Final = 30
"""How long an import can be looked at after its end, with what was refused."""
_PRUNE_SECONDS: Final = 60.0
_PRUNED: Final = 200
_PAUSE: Final = 0.02


class Importing:
    """The service."""

    name = "importing"

    def __init__(self, *, database: Database, contacts: Contacts, clock: Clock, rest: float = 1.0) -> None:
        """`rest`: seconds of pause for each second of work."""
        self._database = database
        self._contacts = contacts
        self._clock = clock
        self._rest = rest
        self._rounds = Rounds(self.name, self.work, partial(asyncio.sleep, POLL))
        self._pruning = Rounds(f"{self.name} pruning", self.prune, partial(asyncio.sleep, _PRUNE_SECONDS))

    async def start(self) -> None:
        """Begin to look."""
        self._rounds.start()
        self._pruning.start()

    async def stop(self) -> None:
        """End; what is left is done by the next one that starts."""
        await self._rounds.stop()
        await self._pruning.stop()

    async def work(self) -> None:
        """Do all that there is to do."""
        while (found := await self._database.read(sql.running)) is not None:
            await self.run(found)

    async def run(self, found: Import) -> None:
        """Do one import to its end; no more of it where it is stopped, or another process does it."""
        for number in range(found.done_chunks, found.chunks):
            began = time.perf_counter()
            if not await self._do(found, number):
                return  # stopped, or another process does it
            await asyncio.sleep(self._rest * (time.perf_counter() - began))
        await self._database.write(sql.finish, (found.id, self._clock.now()))

    async def _do(self, found: Import, number: int) -> bool:
        plan = found.plan
        if plan is None:
            return False
        rows = await self._database.read(partial(sql.chunk, import_id=found.id, number=number))
        book = await self._contacts.book(found.org_id)
        body = rows[1:] if number == 0 and plan.has_head else rows
        read, refused = await asyncio.to_thread(read_rows, body, plan, book)
        now = self._clock.now()
        given = Consent(plan.consent, now, plan.consent_how, plan.consent_wording) if plan.consent else None
        return await self._database.write(
            sql.step, sql.Step(found.org_id, found.id, number, plan, read, refused, given, now)
        )

    async def prune(self) -> None:
        """Remove what imports that are over leave behind, some of it at a time."""
        now = self._clock.now()
        wish = sql.Prune(now - _DAY, now - KEPT_DAYS * _DAY, _PRUNED)
        gone = _PRUNED
        while gone:
            gone = await self._database.write(sql.prune, wish)
            await asyncio.sleep(_PAUSE)
