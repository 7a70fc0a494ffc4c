"""Looks after messages of which no word has come: reports that never came, and attempts that are in doubt.

A report that does not come in the provider's time makes a message expired; one that comes all the same still counts.
Of a message in doubt a provider that can be asked is asked, ever more seldom, until the sender is told that nobody
knows (`gateway.failures`), and once of a message that is about to expire; what it answers is taken as if it had come by
itself. Nothing is ever sent again here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from math import isinf
from typing import Final

from gateway import maillog
from gateway.maillog import Event
from gateway.model import Clock
from gateway.providers.base import Capability, EventSink, LooksUp, Provider, Unreachable
from gateway.providers.options import HOUR
from gateway.rounds import Rounds
from gateway.sms import MessageState, as_sent
from gateway.store import overdue_sql as sql
from gateway.store.database import Database

SWEEP_SECONDS: Final = 30.0
BATCH: Final = 500
"""Messages that expire in one transaction; the next follows at once."""
ASK_AFTER: Final = (10.0, 60.0, 240.0, 600.0)
"""Seconds of doubt after which a provider is asked."""
ASK_BEFORE_EXPIRY: Final = 0.9
"""Share of a provider's time after which it is asked once about a message that it has not reported on."""
ASKED_AT_ONCE: Final = 50
"""Messages that are asked about in one round, of each kind."""
_FORGOTTEN_PROVIDER: Final = 48 * HOUR


class Overdue:
    """Sweeps; any number of processes may."""

    name = "overdue"

    def __init__(
        self,
        *,
        database: Database,
        providers: Mapping[str, Provider],
        clock: Clock,
        hear: EventSink,
        failed: asyncio.Event,
    ) -> None:
        """`hear` takes what providers answer; `failed` is set when senders have to be told something."""
        self._database = database
        self._validity = {name: provider.validity for name, provider in providers.items()}
        self._able = {
            name: provider
            for name, provider in providers.items()
            if Capability.LOOKUP in provider.capabilities and isinstance(provider, LooksUp)
        }
        self._asked: dict[str, int] = {}
        """How often each message in doubt was asked about; forgotten with the doubt."""
        self._asked_up_to: dict[str, tuple[float, str]] = {}
        """By provider, since when the last message waits that was asked about before it would expire, and its id."""
        self._clock = clock
        self._hear = hear
        self._failed = failed
        self._rounds = Rounds(self.name, self._round, partial(asyncio.sleep, SWEEP_SECONDS))

    async def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def stop(self) -> None:
        """End; the next process finds what is left."""
        await self._rounds.stop()

    async def _round(self) -> None:
        await self.expire()
        await self.ask()
        await self.ask_before_expiry()

    async def expire(self) -> None:
        """Expire what has waited too long for a report."""
        while True:
            wish = sql.Silence(self._validity, _FORGOTTEN_PROVIDER, self._clock.now(), BATCH)
            expired = await self._database.write(sql.expire, wish)
            for each in expired:
                maillog.note(
                    Event.SMS_REPORT,
                    id=each.message_id,
                    provider=each.provider,
                    state=MessageState.EXPIRED,
                    cause="no report came",
                )
            if expired:
                self._failed.set()
            if len(expired) < BATCH:
                return

    async def ask(self) -> None:
        """Ask about messages in doubt whose turn has come."""
        if not self._able:
            return
        doubts = await self._database.read(lambda connection: sql.in_doubt(connection, sorted(self._able), BATCH))
        self._asked = {doubt.message.id: self._asked.get(doubt.message.id, 0) for doubt in doubts}
        now = self._clock.now()
        due = [doubt for doubt in doubts if self._is_due(doubt, now)][:ASKED_AT_ONCE]
        for doubt in due:  # one after the other: an honest message goes first
            self._asked[doubt.message.id] += 1
            await self._look_up(doubt)

    async def ask_before_expiry(self) -> None:
        """Ask once about each message whose report may have been lost, before it expires without one."""
        for provider in self._able:
            validity = self._validity[provider]
            if isinf(validity):
                continue
            after = self._asked_up_to.get(provider, (0.0, ""))
            until = self._clock.now() - ASK_BEFORE_EXPIRY * validity
            look = partial(sql.nearly_expired, provider=provider, after=after, until=until, most=ASKED_AT_ONCE)
            for doubt in await self._database.read(look):
                self._asked_up_to[provider] = (doubt.since, doubt.message.id)
                await self._look_up(doubt)

    def _is_due(self, doubt: sql.Doubt, now: float) -> bool:
        times = self._asked[doubt.message.id]
        return times < len(ASK_AFTER) and now - doubt.since >= ASK_AFTER[times]

    async def _look_up(self, doubt: sql.Doubt) -> None:
        message = doubt.message
        try:
            events = await self._able[message.provider].look_up(as_sent(message), doubt.refs)
        except Unreachable as error:
            maillog.note(Event.SMS_LOOKED_UP, id=message.id, provider=message.provider, cause=str(error))
        except Exception as error:  # an adapter's bug must not keep the others from being asked about
            maillog.fault(Event.FAULT, error, id=message.id, provider=message.provider)
        else:
            maillog.note(Event.SMS_LOOKED_UP, id=message.id, provider=message.provider, events=len(events))
            if events:
                await self._hear(events)
