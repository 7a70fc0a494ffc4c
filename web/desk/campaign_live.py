"""Campaigns that people watch: each is read once a second while somebody looks, however many look.

In: a campaign. Out: how it stands, whenever that has changed, until nothing will change any more. Who may look is asked
by whoever hands it on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from campaigns.campaign import Campaign, State
from campaigns.campaigns import Campaigns
from campaigns.statistics import Figures
from gateway.model import Clock

LOOK_SECONDS = 1.0
"""Between two readings of a campaign."""
REPORT_SECONDS = 3600.0
"""How long after its end a campaign is watched for reports and answers."""
MOST_VIEWERS, MOST_OF_ONE = 50, 6
"""Streams of all people, and of one, at once: what is new is written anew for each, every second."""
_LEAVING = ("queued", "submitting", "submitted")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a campaign stands."""

    campaign: Campaign
    figures: Figures


@dataclass(eq=False, slots=True)
class Watched:
    """A campaign that somebody watches."""

    latest: Snapshot | None = None
    over: bool = False
    """Whether nothing comes any more."""
    viewers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once, when there is another snapshot or none will come; then there is a new one."""
    task: asyncio.Task[None] | None = None

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def show(self, snapshot: Snapshot) -> None:
        """Tell all viewers how it stands, where that is news."""
        if snapshot != self.latest:
            self.latest = snapshot
            self._tell()

    def end(self) -> None:
        """Tell them that nothing comes any more."""
        self.over = True
        self._tell()

    async def after(self, seen: Snapshot | None) -> Snapshot | None:
        """The next snapshot that is another than the one that was seen; None where none will come."""
        while self.latest is seen and not self.over:
            await self.changed.wait()
        return self.latest if self.latest is not seen else None


class LiveDesk:
    """Reads campaigns that are watched."""

    def __init__(self, campaigns: Campaigns, clock: Clock) -> None:
        self._campaigns = campaigns
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._viewers: Counter[str] = Counter()
        self.readings = 0
        """How often a campaign was read."""

    def has_room(self, viewer: str) -> bool:
        """Whether somebody may watch one more: else they look again now and then."""
        return self._viewers.total() < MOST_VIEWERS and self._viewers[viewer] < MOST_OF_ONE

    @asynccontextmanager
    async def watch(self, campaign: Campaign, viewer: str) -> AsyncIterator[Watched]:
        """Watch a campaign that one may see, for as long as the block lasts."""
        watched = self._watched.get(campaign.id)
        if watched is None or watched.over:
            watched = self._watched[campaign.id] = Watched()
            watched.task = asyncio.create_task(self._read(campaign, watched))
        watched.viewers += 1
        self._viewers[viewer] += 1
        try:
            yield watched
        finally:
            self._viewers -= Counter((viewer,))  # whoever watches nothing is not kept
            watched.viewers -= 1
            if not watched.viewers:
                if self._watched.get(campaign.id) is watched:
                    del self._watched[campaign.id]
                if watched.task is not None:
                    watched.task.cancel()

    async def _read(self, campaign: Campaign, watched: Watched) -> None:
        """Look at it every second. Where it cannot be read viewers are let go, and come again."""
        try:
            while not watched.over:
                self.readings += 1
                current = await self._campaigns.get(campaign.org_id, campaign.id)
                snapshot = Snapshot(current, await self._campaigns.figures(current))
                watched.show(snapshot)
                if self._is_over(snapshot):
                    return
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            watched.end()

    def _is_over(self, snapshot: Snapshot) -> bool:
        """Whether nothing will change: it was cancelled, and what it sent has ended; or its end is long ago."""
        campaign = snapshot.campaign
        if campaign.state not in {State.FINISHED, State.CANCELLED}:
            return False
        ended = campaign.finished_at or campaign.state_at
        if self._clock.now() - ended > REPORT_SECONDS:
            return True
        leaving = any(snapshot.figures.states.get(state) for state in _LEAVING)
        return campaign.state is State.CANCELLED and not leaving
