"""Gives new hours to messages and mails of campaigns that were kept in the queue until theirs were over.

A contact is decided on within its hours, but what waits then can wait longer: a provider is away, a pause, a queue that
is long. What may not leave any more is parked by departing (`gateway.store.hours_sql`), and leaves in the next hours of
the same calendar. In: what is parked. Out: the same, due when its hours open.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from campaigns.schedule import Openings, read_place
from campaigns.store import campaign_sql
from campaigns.terms import TermsMaker
from gateway.model import Clock
from gateway.store import hours_sql
from gateway.store.database import Database
from gateway.store.hours_sql import Opened, Shut

_MOST: Final = 1000
"""Messages in one transaction."""


class Reopening:
    """Looks for what is parked."""

    def __init__(self, database: Database, terms: TermsMaker, clock: Clock) -> None:
        self._database = database
        self._terms = terms
        self._clock = clock

    async def look(self) -> None:
        """Give new hours to all that waits for some."""
        while found := await self._database.read(partial(hours_sql.shut, most=_MOST)):
            openings = {record_id: await self._openings(record_id) for record_id in {each.record_id for each in found}}
            now = self._clock.now()
            opened = tuple(_opened(each, openings, now) for each in found)
            await self._database.write(hours_sql.reopen, opened)

    async def _openings(self, campaign_id: str) -> Openings | None:
        campaign = await self._database.read(partial(campaign_sql.find, org_id=None, campaign_id=campaign_id))
        return None if campaign is None else Openings(self._terms.calendar(campaign.content))


def _opened(item: Shut, openings: Mapping[str, Openings | None], now: float) -> Opened:
    """Without hours where nothing says any: departing meets it then, and what else is against it."""
    of_campaign = openings[item.record_id]
    return Opened(item, None if of_campaign is None else of_campaign.hours(*read_place(item.place), now))
