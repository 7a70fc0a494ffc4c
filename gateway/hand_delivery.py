"""Somebody hands on an incoming SMS by hand: one that belonged to nobody, was held, or was asked about in vain."""

from __future__ import annotations

from gateway.concatenation import Assembled
from gateway.inbound_route import Coming, InboundRoute, Way
from gateway.model import Clock
from gateway.sms_in import arrival_of
from gateway.store import inbound_sql as sql
from gateway.store.database import Database


class HandDelivery:
    """Mails stored SMS to whom an operator names. The mail waits in the queue for a process that sends."""

    def __init__(self, *, database: Database, route: InboundRoute, clock: Clock) -> None:
        self._database = database
        self._route = route
        self._clock = clock

    async def deliver(self, inbound_id: str, email: str, org_id: str | None = None) -> Way | None:
        """Queue the mail; None where there is no such SMS, or it has reached somebody meanwhile.

        `org_id` is the organisation that does it: others' accounts are not there for it. Raises PausedKey.
        """
        waiting = await self._database.read(lambda connection: sql.stranded(connection, inbound_id))
        if waiting is None:
            return None
        coming = Coming(waiting.id, Assembled(waiting.sms, (), waiting.incomplete, waiting.late), waiting)
        way = await self._route.to_address(coming, email, org_id)
        arrival = arrival_of(coming, way, self._clock.now(), None, None)
        return way if await self._database.write(sql.release, arrival) else None
