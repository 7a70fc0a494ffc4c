"""Who has got a campaign and who has not, as a list and as files; and who would not, before it starts (C10, C12)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

from campaigns.campaign import Campaign
from campaigns.campaigns import Campaigns
from campaigns.recipients import Skip
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter, RecipientState
from gateway import csv_cells
from gateway.paging import PAGE_SIZE, Page
from gateway.scopes import Scope
from web.identity.actor import Actor
from web.identity.audit import Audit
from web.language import say

_HEAD = ("contact", "name", "address", "state", "reason", "variant", "message", "message state", "time")
_SKIPPED_HEAD = ("contact", "name", "phone", "email", "reason", "why")


class RecipientDesk:
    """Shows them to who may see contacts."""

    def __init__(self, campaigns: Campaigns, audit: Audit) -> None:
        self._campaigns = campaigns
        self._audit = audit

    async def page(
        self,
        actor: Actor,
        campaign_id: str,
        *,
        state: RecipientState | None = None,
        reason: str = "",
        cursor: str | None = None,
        size: int = PAGE_SIZE,
    ) -> Page[ListedRecipient]:
        """Recipients in the order of contacts. Raises NotFound, BadValue."""
        campaign = await self._campaign(actor, campaign_id)
        wanted = RecipientFilter(campaign.id, state, reason)
        return await self._campaigns.recipients.page(wanted, at=cursor, size=size)

    async def csv(self, actor: Actor, campaign_id: str) -> AsyncIterator[bytes]:
        """All of them as CSV, in memory a page at a time. Raises NotFound."""
        campaign = await self._campaign(actor, campaign_id)
        await self._audit.note(
            actor, "campaign.export", campaign.id, org_id=campaign.org_id, name=campaign.content.name
        )

        async def rows() -> AsyncIterator[Iterable[object]]:
            async for each in self._campaigns.recipients.whole(campaign):
                yield _row(each)

        return csv_cells.lines(_HEAD, rows())

    async def skipped(self, actor: Actor, campaign_id: str) -> AsyncIterator[bytes]:
        """Who would get nothing if it started now, and why, as CSV, in memory a page at a time. Raises NotFound."""
        campaign = await self._campaign(actor, campaign_id)
        await self._audit.note(
            actor, "campaign.export", campaign.id, org_id=campaign.org_id, name=campaign.content.name
        )

        async def rows() -> AsyncIterator[Iterable[object]]:
            async for member, reason in self._campaigns.skipped(campaign.org_id, campaign.id):
                yield member.contact_id, member.name, member.phone, member.email, reason, say(Skip(reason).words)

        return csv_cells.lines(_SKIPPED_HEAD, rows())

    async def _note(self, actor: Actor, campaign: Campaign) -> None:
        name = campaign.content.name
        await self._audit.note(actor, "campaign.export", campaign.id, org_id=campaign.org_id, name=name)

    async def _campaign(self, actor: Actor, campaign_id: str) -> Campaign:
        actor.require(Scope.CAMPAIGNS_READ)
        actor.require(Scope.CONTACTS_READ)
        return await self._campaigns.get(actor.org_id, campaign_id)


def _row(each: ListedRecipient) -> tuple[object, ...]:
    at = datetime.fromtimestamp(each.at, UTC).isoformat(timespec="seconds")
    ids = each.contact_id, each.name, each.address
    return *ids, each.state, each.reason, each.variant, each.message_id, each.message_state, at
