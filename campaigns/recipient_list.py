"""Who a campaign has looked at, and what became of each: one list, page by page, however long (C12).

A page looks at no more rows than it has time for: where what is asked for is rare it may come with few rows or none,
and its `next` goes on from there. `rows` goes on by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from campaigns.campaign import Campaign
from campaigns.store import recipient_list_sql as sql
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter
from gateway import paging
from gateway.paging import MAX_PAGE_SIZE, PAGE_SIZE, Cursor, Page
from gateway.store.database import Database

LOOKS = 10
"""Windows that one page looks at."""
_ORDER = "recipients"


class RecipientList:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, campaign: Campaign, wanted: RecipientFilter, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ListedRecipient]:
        """A page of what is wanted. Raises BadValue for a cursor that is none, and for what no text can hold."""
        size = paging.page_size(size)
        paging.search_text(wanted.search)
        at = paging.cursor(cursor, _ORDER, (int,))
        after: int | None = int(at.place[0]) if at is not None else 0
        found: list[ListedRecipient] = []
        of = campaign.id, campaign.org_id, campaign.content.channel
        for _ in range(LOOKS):
            look = partial(sql.look, campaign=of, wanted=wanted, after=after or 0, size=size - len(found))
            window = await self._database.read(look)
            found += window.rows
            after = window.last
            if after is None or len(found) >= size:
                break
        return Page(tuple(found), next=str(Cursor(_ORDER, (after,))) if after is not None else None)

    async def rows(self, campaign: Campaign, wanted: RecipientFilter) -> AsyncIterator[ListedRecipient]:
        """All that is wanted, in memory a page at a time."""
        cursor: str | None = None
        while True:
            found = await self.page(campaign, wanted, cursor=cursor, size=MAX_PAGE_SIZE)
            for each in found.items:
                yield each
            cursor = found.next
            if cursor is None:
                return
