"""How fast a campaign goes: by its own pace, and by the room in the queue that its messages wait in.

In: a campaign that is under way. Out: how many contacts may be decided on now. Promises: no more than `AHEAD` messages
of campaigns wait in the spool for one provider, so that what leaves at a moment was decided on shortly before, and
dialogs never queue behind a million; a provider that is away keeps nobody from writing by another.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sized
from functools import partial
from typing import Final

from campaigns.under_way import Run
from gateway.model import Clock
from gateway.store import bulk_sql, mail_queue_sql
from gateway.store.database import Database

AHEAD: Final = 20_000
"""Messages of campaigns that wait in the spool for one provider at most, of all campaigns together."""
MAILS_AHEAD: Final = 2_000
"""Mails of campaigns that wait in the queue at most: each holds its whole text there."""
FULL_SECONDS: Final = 0.25
"""How long a campaign waits before it looks whether there is room again."""
POLL_SECONDS: Final = 1.0
"""How often it is looked for campaigns that are due, at least."""


class Pace:
    """Says how many messages may be made."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        ahead: int,
        runs: Sized,
        stopping: asyncio.Event,
    ) -> None:
        """`runs` are the campaigns that are under way here, which share the room; none waits once `stopping` is set."""
        self._database = database
        self._clock = clock
        self._ahead = ahead
        self._runs = runs
        self._stopping = stopping

    async def room(self, run: Run) -> int:
        """Wait until messages may be made; how many at most, 0 where this process stops."""
        while not self._stopping.is_set():
            size = _paced(run)
            if size and run.room <= 0:
                run.room = await self._free(run)
            size = min(size, run.room)
            if size > 0:
                return size
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), FULL_SECONDS)
        return 0

    async def _free(self, run: Run) -> int:
        """How many more messages may wait in the spool, for one campaign of those that are under way."""
        if run.by_mail:
            most = min(self._ahead, MAILS_AHEAD)
            count = partial(mail_queue_sql.waiting_in_bulk, now=self._clock.now(), most=most)
            return (most - await self._database.read(count)) // max(1, len(self._runs))
        until = self._clock.now() + POLL_SECONDS
        look = partial(bulk_sql.waiting, providers=sorted(run.providers), until=until, most=self._ahead)
        return (self._ahead - await self._database.read(look)) // max(1, len(self._runs))


def _paced(run: Run) -> int:
    """How many contacts the campaign's own pace allows now; a second's worth is saved up at most."""
    per_minute = run.campaign.content.limits.per_minute
    if not per_minute:
        return run.page
    now = time.monotonic()
    run.tokens = min(run.tokens + (now - run.at) * per_minute / 60, max(1.0, per_minute / 60))
    run.at = now
    return min(run.page, int(run.tokens))
