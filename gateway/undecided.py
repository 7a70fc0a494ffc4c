"""What waits for a person: messages of which nobody knows whether they were sent, and SMS that have reached nobody."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway import paging
from gateway.listed_sms import ListedSms, LogFilter, Need, Undecided, Way
from gateway.message_log import MessageLog
from gateway.paging import PAGE_SIZE, Count, Page
from gateway.store import undecided_sql as sql
from gateway.store.database import Database


class UndecidedSms:
    """Reads. With an organisation only what is its own; what reached nobody's number is often no organisation's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = MessageLog(database)

    async def count(self, org_id: str | None) -> dict[Need, Count]:
        """How many wait, by what they need."""
        found = await self._database.read(partial(sql.count, org_id=org_id))
        return {need: paging.counted(number) for need, number in found.items()}

    async def page(
        self, need: Need | None, org_id: str | None, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[Undecided]:
        """What needs one thing, or anything, the newest first. Raises BadValue for a cursor that is none."""
        needs = frozenset(Need) if need is None else frozenset({need})
        wanted = LogFilter(org_id=org_id, states=frozenset(map(str, needs)))
        if need is not None:
            wanted = LogFilter(org_id=org_id, states=wanted.states, way=Way.OUT if need is Need.UNKNOWN else Way.IN)
        found = await self._log.page(wanted, cursor=cursor, size=size)
        undecided = await self._candidates(found.items, org_id)
        return Page(tuple(undecided), found.next, found.previous, found.searched_to)

    async def about(self, sms: ListedSms, org_id: str | None) -> Undecided:
        """The same of one SMS, which waits."""
        return (await self._candidates([sms], org_id))[0]

    async def _candidates(self, some: Sequence[ListedSms], org_id: str | None) -> list[Undecided]:
        lost = sorted({sms.number for sms in some if sms.state in {Need.ASKED, Need.UNROUTED}})
        candidates = await self._database.read(partial(sql.candidates, numbers=lost, org_id=org_id)) if lost else {}
        return [
            Undecided(Need(sms.state), sms, candidates.get(sms.number, ()) if sms.account_id is None else ())
            for sms in some
        ]
