"""Short links that people follow: where a code leads, and how often it was followed.

In: a code. Out: the target; and a click in the database. Promises: a target is what a campaign's text says, its macros
filled in from the contact, or nothing; a click waits for nobody and nobody waits for a click: those that come while
others are being written are written together, however many come for one link and contact as one row. Killed, the clicks
of the last moment are lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from campaigns.links import is_personal, is_target
from campaigns.short_codes import ShortCodes
from campaigns.short_texts import Shortener
from campaigns.store import audience_sql, link_sql
from campaigns.store.link_schema import NOBODY
from campaigns.store.link_sql import Clicks, Link
from campaigns.text_errors import TextError, TooMuch
from gateway import maillog
from gateway.keyring import Keyring
from gateway.maillog import Event
from gateway.model import Clock
from gateway.settings import GatewaySettings
from gateway.store.database import Database, StoreUnavailableError

DOOR: Final = "/l/"
"""Where this gateway answers for them."""
MOST_WAITING: Final = 100_000
"""Links and contacts whose clicks wait to be written; more at a time are not counted."""
_AT_ONCE: Final = 500
_IN_URLS: Final = ":/?#[]@!$&'()*+,;=%-._~"


def codes_of(keyring: Keyring) -> ShortCodes:
    """Codes that go with the secret file."""
    return ShortCodes(keyring.key("short links"))


def shortener_of(settings: GatewaySettings, keyring: Keyring) -> Shortener:
    """What makes short links that lead here."""
    return Shortener(settings.campaigns.short_url or settings.http.public_url + DOOR, codes_of(keyring))


@dataclass(frozen=True, slots=True)
class Followed:
    """A link that somebody follows."""

    target: str
    link_id: int
    contact_id: int


class ShortLinks:
    """All of them."""

    name = "short-links"

    def __init__(self, database: Database, codes: ShortCodes, clock: Clock) -> None:
        self._database = database
        self._codes = codes
        self._clock = clock
        self._clicks: Counter[tuple[int, int]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Nothing runs while nobody clicks."""

    async def stop(self) -> None:
        """Write what waits."""
        if self._writing is not None:
            await self._writing

    async def follow(self, code: str) -> Followed | None:
        """Where a code leads; None for one that leads nowhere."""
        numbers = self._codes.read(code)
        if numbers is None or not numbers[0]:
            return None
        link = await self._database.read(partial(link_sql.find, link_id=numbers[0], number=numbers[1]))
        if link is None:
            return None
        target = await self._target(link)
        return Followed(target, link.id, link.contact_id) if target is not None else None

    async def _target(self, link: Link) -> str | None:
        written = link.written
        if is_personal(written):
            from campaigns import macros  # the library behind it is paid for by who has such links

            look = partial(audience_sql.some, org_id=link.org_id, contact_ids=[link.contact_id])
            found = await self._database.read(look) if link.contact_id != NOBODY else []
            try:
                written = macros.read(written).render(found[0].fields if found else {})
            except (TextError, TooMuch):
                return None
        target = quote(written, safe=_IN_URLS)
        return target if is_target(target) else None

    def clicked(self, followed: Followed) -> None:
        """Count a click."""
        place = followed.link_id, followed.contact_id
        if place in self._clicks or len(self._clicks) < MOST_WAITING:
            self._clicks[place] += 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name=self.name)

    async def _write(self) -> None:
        """Write what waits, and what comes meanwhile."""
        try:
            while self._clicks:
                places = list(self._clicks)[:_AT_ONCE]
                now = self._clock.now()
                items = [Clicks(*place, self._clicks.pop(place), now) for place in places]
                await self._database.write(link_sql.count, tuple(items))
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, cause=str(error), where=self.name)
        except Exception as error:  # a click that cannot be counted must not keep others from it
            maillog.fault(Event.FAULT, error, where=self.name)
        finally:
            self._writing = None
