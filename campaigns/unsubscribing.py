"""Contacts unsubscribe from e-mails of campaigns: with one click (RFC 8058), on a page, by mail, by calling one junk.

In: a token that stood in a mail, or a mail of ours that somebody complained about. Out: who has left whom, durable;
from that commit on nothing of the organisation's campaigns leaves for the address.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from campaigns.emails import read_token
from campaigns.store import email_sql
from campaigns.store.email_sql import Leaving, Left
from gateway import maillog
from gateway.keyring import Keyring
from gateway.maillog import Event
from gateway.model import Clock, Envelope, LocalAddress, Reply
from gateway.store.database import Database


class Way(StrEnum):
    """How somebody has unsubscribed."""

    ONE_CLICK = "one-click"
    """Their mail program did."""
    PAGE = "page"
    MAIL = "mail"
    COMPLAINT = "complaint"
    """They called a mail junk (RFC 5965)."""
    HAND = "hand"
    """They have said so to somebody, who has noted it."""


class Unsubscribing:
    """The way out."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def whom(self, token: str) -> Left | None:
        """Whose mail a token stood in; None for one that is not ours."""
        known = read_token(self._keyring, token)
        if known is None:
            return None
        campaign_id, contact_id = known
        look = partial(email_sql.whom, campaign_id=campaign_id, contact_id=contact_id)
        return await self._database.read(look)

    async def leave(self, token: str, way: Way) -> Left | None:
        """Unsubscribe; None for a token that is not ours."""
        known = read_token(self._keyring, token)
        if known is None:
            return None
        return await self._write(Leaving(way, self._clock.now(), *known))

    async def complained(self, mail_id: str) -> bool:
        """Unsubscribe who has called a mail junk; False where it was no campaign's."""
        return await self._write(Leaving(Way.COMPLAINT, self._clock.now(), mail_id=mail_id)) is not None

    async def take(self, envelope: Envelope) -> dict[LocalAddress, Reply]:
        """Unsubscribe by a mail to the address that stood in another; whatever it says, and whoever sends it."""
        for address in envelope.recipients:
            await self.leave(address.value, Way.MAIL)
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))

    async def _write(self, leaving: Leaving) -> Left | None:
        left = await self._database.write(email_sql.leave, leaving)
        if left is not None:
            maillog.note(Event.CAMPAIGN, org=left.org_id, deed="unsubscribe", cause=leaving.how)
        return left
