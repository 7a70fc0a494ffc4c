"""The figures of the database, read when somebody asks and kept for as long as they are worth.

Promises: reading them costs about a hundredth of the time, however much waits and however often one asks; those who
ask at once share one reading; they are never older than a minute and the time that reading takes. One slow reading by
itself (a cold start, a busy moment) makes them no older: it is the quicker one of the last two that counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from gateway.store import figures_sql as sql
from gateway.store.database import Database, alone

KEPT_SECONDS = 2.0
"""For how long figures are kept at least."""
KEPT_TIMES = 100
"""They are kept for as many times what reading them took."""
KEPT_AT_MOST = 60.0


class FigureReader:
    """Reads and keeps."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._reading: asyncio.Future[sql.Figures] | None = None
        self._kept_until = 0.0
        self._took = 0.0
        """Seconds that the last reading took."""

    async def read(self) -> sql.Figures:
        """The figures as they stand, or stood a moment ago. Raises what the database raises."""
        if self._reading is None or (self._reading.done() and self._is_stale(self._reading)):
            self._reading = asyncio.ensure_future(self._read())
        return await asyncio.shield(self._reading)

    def _is_stale(self, reading: asyncio.Future[sql.Figures]) -> bool:
        return time.monotonic() >= self._kept_until or reading.cancelled() or reading.exception() is not None

    async def _read(self) -> sql.Figures:
        began = time.monotonic()
        figures = await self._database.read(partial(sql.figures, now=self._now()))
        took = time.monotonic() - began
        cost, self._took = min(took, self._took), took
        self._kept_until = time.monotonic() + min(max(KEPT_SECONDS, KEPT_TIMES * cost), KEPT_AT_MOST)
        return figures

    async def prove_write(self, lease: str) -> None:
        """Make one small durable commit. Raises what the database raises."""
        await self._database.write(alone(partial(sql.prove_write, lease=lease)), None)
