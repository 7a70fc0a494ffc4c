"""An account's conversations: the phones that it writes with, and what was said with one of them."""

from __future__ import annotations

from functools import partial

from gateway import paging
from gateway.listed_sms import Conversation, ListedSms, LogFilter
from gateway.message_log import MessageLog
from gateway.paging import PAGE_SIZE, Page
from gateway.store import conversation_sql as sql
from gateway.store.database import Database

_ORDER = "conversations -"


class Conversations:
    """Reads. An account of another organisation has none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = MessageLog(database)

    async def page(
        self, account_id: str, *, org_id: str | None = None, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[Conversation]:
        """Phones with their last SMS, the newest first. Raises BadValue for a cursor that is none."""
        at = paging.cursor(cursor, _ORDER, (str,))
        look = partial(
            sql.conversations,
            org_id=org_id,
            account_id=account_id,
            before=str(at.place[0]) if at else None,
            size=paging.page_size(size),
        )
        found = await self._database.read(look)
        return paging.page(found, size, at, _ORDER, lambda each: (each.last.id,))

    async def one(
        self,
        account_id: str,
        phone: str,
        *,
        org_id: str | None = None,
        cursor: str | None = None,
        size: int = PAGE_SIZE,
        oldest_first: bool = False,
    ) -> Page[ListedSms]:
        """What was said with a phone, both ways, the newest first. Raises BadValue."""
        wanted = LogFilter(org_id=org_id, account_id=account_id, phone=phone, oldest_first=oldest_first)
        found = await self._log.page(wanted, cursor=cursor, size=size)
        while found.next and len(found.items) < size:  # a page of the log may stop looking before it is full
            more = await self._log.page(wanted, cursor=found.next, size=size - len(found.items))
            found = Page(found.items + more.items, more.next)
        return found
