"""Removes by age what is kept: texts after `texts_days`, the rows around them after `metadata_days`.

Each organisation may have days of its own; 0 keeps for ever. What waits, is on its way, is still to be told or is held
stays until that is over (`gateway.store.retention_sql`). Nothing is in a hurry here: small transactions, with pauses
that leave the database to whom it serves.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from gateway import maillog
from gateway.maillog import Event
from gateway.model import Clock
from gateway.registry.errors import BadValue, NotFound
from gateway.rounds import Rounds
from gateway.settings import RetentionSettings
from gateway.settings_forms import metadata_days, texts_days
from gateway.store import retention_sql as sql
from gateway.store.database import Database
from gateway.store.retention_sql import Days

__all__ = ["Days", "Retention", "days_of", "set_days"]

FIRST_SECONDS: Final = 120.0
"""Before the first round: whoever starts has more urgent things to do."""
SWEEP_SECONDS: Final = 6 * 3600.0
BATCH: Final = 200
"""Rows that go in one transaction."""
PAUSE: Final = 0.02
REST: Final = 4.0
"""Seconds of pause for each second of work, so that rounds take a fifth of the database's time at most."""


class Retention:
    """Goes its rounds; any number of processes may."""

    name = "retention"

    def __init__(self, *, database: Database, settings: RetentionSettings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._wait = FIRST_SECONDS
        self._rounds = Rounds(self.name, self.sweep, self._turn)

    async def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def stop(self) -> None:
        """End; the next round finds what is left."""
        await self._rounds.stop()

    async def _turn(self) -> None:
        wait, self._wait = self._wait, SWEEP_SECONDS
        await asyncio.sleep(wait)

    async def sweep(self) -> dict[str, int]:
        """Remove all that is old enough; how many of what."""
        kept = self._settings
        terms = sql.Terms(kept.texts_days, kept.metadata_days, self._clock.now())
        texts_days, metadata_days = await self._database.read(partial(sql.shortest, terms=terms))
        removed: dict[str, int] = {}
        for subject in sql.SUBJECTS:
            days = texts_days if subject.texts else metadata_days
            count = await self._walk(subject, terms, days) if days else 0
            if count:
                removed[f"{subject.name}_texts" if subject.texts else subject.name] = count
        if removed:
            maillog.note(Event.REMOVED_BY_AGE, **removed)
        return removed

    async def _walk(self, subject: sql.Subject, terms: sql.Terms, days: int) -> int:
        removed, after = 0, None
        while True:
            look = partial(sql.find, subject=subject, terms=terms, days=days, after=after, most=BATCH)
            keys = await self._database.read(look)
            if not keys:
                return removed
            began = time.monotonic()
            removed += await self._database.write(sql.remove, sql.Removal(subject, tuple(keys), terms))
            after = keys[-1]
            if len(keys) < BATCH:
                return removed
            await asyncio.sleep(PAUSE + REST * (time.monotonic() - began))


async def days_of(database: Database, org_id: str) -> Days:
    """For how many days an organisation wants what is its own kept, as it says itself. Raises NotFound."""
    found = await database.read(partial(sql.days_of, org_id=org_id))
    if found is None:
        raise NotFound(f"there is no organisation '{org_id}'")
    return found


async def set_days(database: Database, org_id: str, days: Days) -> None:
    """Let an organisation keep what is its own for so long. Raises BadValue, NotFound."""
    for name, value, check in (("texts", days.texts, texts_days), ("metadata", days.metadata, metadata_days)):
        try:
            if value is not None:
                check(value)
        except ValueError as error:
            raise BadValue(f"{name} {error}") from error
    if not await database.write(sql.set_days, (org_id, days)):
        raise NotFound(f"there is no organisation '{org_id}'")
