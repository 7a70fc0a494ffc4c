"""The recipients of a campaign: who has got it and who has not; and, before it starts, who would not, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from campaigns.campaign import Campaign
from campaigns.store import recipient_list_sql
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter
from gateway.paging import MAX_PAGE_SIZE, PAGE_SIZE, Cursor, Page, cursor, page_size
from gateway.store.database import Database

_ORDER = "recipients"


class RecipientList:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: RecipientFilter, *, at: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ListedRecipient]:
        """A page, in the order of contacts. Raises BadValue for a cursor that is none."""
        place = cursor(at, _ORDER, (int,))
        after, most = int(place.place[0]) if place else 0, page_size(size)
        look = partial(recipient_list_sql.page, wanted=wanted, after=after, size=most + 1)
        found = await self._database.read(look)
        following = str(Cursor(_ORDER, (found[most - 1].contact_id,))) if len(found) > most else None
        return Page(tuple(found[:most]), following)

    async def whole(self, campaign: Campaign) -> AsyncIterator[ListedRecipient]:
        """All of them, in memory a page at a time."""
        at: str | None = None
        while True:
            found = await self.page(RecipientFilter(campaign.id), at=at, size=MAX_PAGE_SIZE)
            for each in found.items:
                yield each
            if found.next is None:
                return
            at = found.next
