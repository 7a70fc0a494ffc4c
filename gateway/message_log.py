"""The log of SMS: what went out and what came in, one list, newest first, page by page.

A page looks at no more rows than it has time for: where what is asked for is rare and no index leads to it, it may come
with few rows or none, says until when it has looked (`Page.searched_to`), and its `next` goes on from there. `rows`
goes on by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from gateway import paging
from gateway.listed_sms import ListedSms, LogFilter
from gateway.paging import MAX_PAGE_SIZE, PAGE_SIZE, Cursor, Page
from gateway.registry.errors import BadValue
from gateway.store import message_log_sql as sql
from gateway.store.database import Database


class MessageLog:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: LogFilter, *, cursor: str | None = None, size: int = PAGE_SIZE) -> Page[ListedSms]:
        """A page of what is wanted. Raises BadValue for a cursor that is none, and for what no text can hold."""
        wanted = _checked(wanted)
        order = _order(wanted)
        at = paging.cursor(cursor, order, (str,))
        look = partial(sql.page, wanted=wanted, after=str(at.place[0]) if at else None, size=paging.page_size(size))
        found = await self._database.read(look)
        return Page(
            found.items, next=str(Cursor(order, (found.last,))) if found.last else None, searched_to=found.searched_to
        )

    async def rows(self, wanted: LogFilter) -> AsyncIterator[ListedSms]:
        """All that is wanted, in memory a page at a time."""
        found = await self.page(wanted, size=MAX_PAGE_SIZE)
        while True:
            for item in found.items:
                yield item
            if found.next is None:
                return
            found = await self.page(wanted, cursor=found.next, size=MAX_PAGE_SIZE)

    async def find(
        self, message_id: str, *, org_id: str | None = None, account_id: str | None = None
    ) -> ListedSms | None:
        """One SMS by its id; None for no such, and for another organisation's."""
        wanted = LogFilter(org_id=org_id, account_id=account_id)
        named = paging.search_text(message_id)
        return await self._database.read(partial(sql.find, wanted=wanted, message_id=named)) if named else None


def _order(wanted: LogFilter) -> str:
    return "log" if wanted.oldest_first else "log -"


def _checked(wanted: LogFilter) -> LogFilter:
    """The filter with its texts as they can be looked for."""
    for moment in (wanted.since, wanted.until, wanted.changed_since):
        if moment is not None and not 0 <= moment < _LAST_MOMENT:
            raise BadValue("a moment is a number of seconds since 1970")
    return replace(
        wanted,
        account_id=paging.search_text(wanted.account_id),
        key_id=paging.search_text(wanted.key_id),
        phone=paging.search_text(wanted.phone),
        number=paging.search_text(wanted.number),
        provider=paging.search_text(wanted.provider),
        reason=paging.search_text(wanted.reason),
        text=paging.search_text(wanted.text),
    )


_LAST_MOMENT = 2**48 / 1000
