"""Counts each hour's SMS, again and again until nothing changes any more, so that statistics need not look at messages.

The hour that runs is counted every minute, an earlier one ever more seldom, and after four days never again: a report
that comes later still shows in the log, but not in figures. Counting costs about a hundredth of the time. Any number of
processes may; what one has counted the others leave alone.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from gateway.model import Clock
from gateway.rounds import Rounds
from gateway.store import statistics_sql as sql
from gateway.store.database import Database
from gateway.store.statistics_sql import HOUR

EVERY_SECONDS = 60.0
SETTLED_AFTER = 4 * 86_400.0
"""Seconds after its end at which an hour is counted for the last time."""
COUNTED_BACK = 90 * 24
"""Hours that are counted at most of a database that has never been counted."""
_RESTS = 100
"""After an hour was counted, rest for as many times as long as that took."""


class HourCounts:
    """Sweeps."""

    name = "hour counts"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rounds = Rounds(self.name, self.count, partial(asyncio.sleep, EVERY_SECONDS))

    async def start(self) -> None:
        """Begin."""
        self._rounds.start()

    async def stop(self) -> None:
        """End; an hour that was being counted is counted by the next process."""
        await self._rounds.stop()

    async def count(self, *, rest: bool = True) -> None:
        """Count what is due, the newest first."""
        for hour in await self._due():
            began = time.monotonic()
            counted = await self._database.read(partial(sql.count, hour=hour, now=self._clock.now()))
            took = time.monotonic() - began
            await self._database.write(sql.store, counted)
            if rest:
                await asyncio.sleep(took * _RESTS)

    async def _due(self) -> list[int]:
        oldest = await self._database.read(sql.first_hour)
        if oldest is None:
            return []
        now = self._clock.now()
        running = int(now) // HOUR
        first = max(oldest, running - COUNTED_BACK)
        counted = await self._database.read(partial(sql.counted_since, hour=first))
        return [hour for hour in range(running, first - 1, -1) if is_due(hour, counted.get(hour), now)]


def is_due(hour: int, counted_at: float | None, now: float) -> bool:
    """Whether an hour has to be counted (again): after as long as had passed since its end when it was counted."""
    if counted_at is None:
        return True
    age = counted_at - (hour + 1) * HOUR
    if age >= SETTLED_AFTER:
        return False
    return now >= counted_at + max(EVERY_SECONDS - 1, min(age, SETTLED_AFTER - age + 1))
