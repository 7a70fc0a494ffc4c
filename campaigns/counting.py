"""Who may count when: one look over all contacts at a time, each organisation in its turn.

Whoever types a filter asks for a count with every letter, and a million contacts keep a connection busy for a while.
The others stay free for mail and SMS.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from campaigns.store.time_bound import Query, within
from gateway.registry.errors import BadValue
from gateway.store.database import Database
from gateway.translation import sentence

T = TypeVar("T")
SECONDS = 5.0
"""A count may take."""
MOST_WAITING = 20
"""Counts that an organisation may have asked for at once; each of a list's groups is one."""


class Counting:
    """Lets queries wait for their turn."""

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting: Counter[str] = Counter()

    async def read(self, org_id: str, query: Query[T]) -> T:
        """Run a query. Raises TooSlow, and BadValue where the organisation has asked for too many at once."""
        if self._waiting[org_id] >= MOST_WAITING:
            raise BadValue(sentence("too many counts at once: wait a moment"))
        self._waiting[org_id] += 1
        own = self._turns.setdefault(org_id, asyncio.Lock())
        try:
            async with own, self._turn:
                return await self._database.read(partial(within, query=query, seconds=self._seconds))
        finally:
            self._waiting[org_id] -= 1
            if not self._waiting[org_id]:
                del self._waiting[org_id]
