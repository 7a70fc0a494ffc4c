"""Who gets a campaign: contacts, page by page, as those who run, estimate and check campaigns ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from campaigns.model import Audience, Recipient
from campaigns.store import audience_sql, behaviour_sql
from campaigns.store.audience_sql import Meant
from gateway.model import Clock
from gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose contacts are asked for, and what macros will read of them."""

    org_id: str
    audience: Audience
    kinds: frozenset[str] = frozenset()
    """Kinds of linked objects."""


class Readers(Protocol):
    """Reads contacts. What cannot be asked for (any more) raises AccountError: a filter, a group that is gone."""

    async def page(self, wanted: Wanted, after: int, size: int) -> Sequence[Recipient]:
        """Up to `size` of those who are meant, in the order of their ids, after one; fewer where these are the last."""
        ...

    async def some(self, wanted: Wanted, contact_ids: Sequence[int]) -> Sequence[Recipient]:
        """These contacts of the organisation, in the audience or not, as far as they are there."""
        ...

    async def includes(self, wanted: Wanted, contact_id: int) -> bool:
        """Whether a contact is meant."""
        ...

    async def count(self, wanted: Wanted) -> int:
        """How many are meant now."""
        ...


class ContactReaders:
    """Reads contacts of the database. Days are those of UTC."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, wanted: Wanted, after: int, size: int) -> Sequence[Recipient]:
        """See `Readers`."""
        look = partial(audience_sql.page, meant=self._meant(wanted), after=after, size=size)
        return await self._database.read(look)

    async def some(self, wanted: Wanted, contact_ids: Sequence[int]) -> Sequence[Recipient]:
        """See `Readers`."""
        look = partial(audience_sql.some, org_id=wanted.org_id, contact_ids=contact_ids, kinds=wanted.kinds)
        return await self._database.read(look)

    async def includes(self, wanted: Wanted, contact_id: int) -> bool:
        """See `Readers`."""
        look = partial(audience_sql.includes, meant=self._meant(wanted), contact_id=contact_id)
        return await self._database.read(look)

    async def count(self, wanted: Wanted) -> int:
        """See `Readers`."""
        return await self._database.read(partial(audience_sql.count, meant=self._meant(wanted)))

    def _meant(self, wanted: Wanted) -> Meant:
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        return Meant(wanted.org_id, wanted.audience, today, behaviour_sql.BEHAVIOURS, wanted.kinds)
