"""What was said to a contact (C4), what campaigns decided about it, and why it got one of them or did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from campaigns.campaign import Campaign
from campaigns.campaigns import Campaigns, Checked
from campaigns.contacts import Contacts
from campaigns.groups import Groups
from campaigns.model import Contact
from campaigns.recipients import Skip
from campaigns.store import received_sql
from campaigns.store.audience_sql import Reason
from campaigns.store.received_sql import Received
from campaigns.values import fold
from gateway.listed_sms import ListedSms, LogFilter
from gateway.message_log import MessageLog
from gateway.paging import Page
from gateway.registry.errors import AccountError, NotFound
from gateway.scopes import Scope
from gateway.sms import Priority
from gateway.store.database import Database
from gateway.store.optout_sql import OptOut
from gateway.translation import Sentence
from web.desk.contacts import ContactDesk, Place
from web.desk.routes import Explanation, RouteDesk
from web.identity.actor import Actor

SHOWN = 20
"""SMS of a page."""
_CAMPAIGNS = 50
"""Campaigns that are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Said:
    """SMS to and from a contact's phones."""

    page: Page[ListedSms]
    campaigns: Mapping[str, str]
    """What the campaigns are called that they belong to, by id; a single SMS belongs to none (C4)."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a contact got a campaign's message, or did not: what is known of each step, in order."""

    campaign: Campaign
    contact: Contact
    audience: Reason | None
    """None where a group or field that the audience is chosen by is gone."""
    optout: OptOut | None
    """Of the main phone."""
    decided: Received | None
    """What the campaign made of the contact; None while it has not looked."""
    would: Checked | AccountError | None
    """What the contact would get now, where nothing is decided."""
    route: Explanation | None
    """Who would carry it, where nothing has left."""
    sms: ListedSms | None
    """What was sent, as it stands."""

    @property
    def agrees(self) -> bool | None:
        """Whether the contact agrees now to what the campaign asks for; None where it asks for nothing."""
        asked = fold(self.campaign.content.consent)
        holding = (fold(each.purpose) for each in self.contact.consents if each.ended_at is None)
        return asked in holding if asked else None

    @property
    def skip(self) -> Sentence | None:
        """Why the campaign left the contact out."""
        words = {each.value: each.words for each in Skip}
        return words.get(self.decided.reason) if self.decided is not None else None


class ContactHistory:
    """Reads."""

    def __init__(
        self,
        *,
        desk: ContactDesk,
        database: Database,
        contacts: Contacts,
        groups: Groups,
        campaigns: Campaigns,
        routes: RouteDesk,
    ) -> None:
        self._desk = desk
        self._database = database
        self._contacts = contacts
        self._groups = groups
        self._campaigns = campaigns
        self._routes = routes
        self._log = MessageLog(database)

    async def said(self, actor: Actor, contact_id: str, *, cursor: str | None = None, size: int = SHOWN) -> Said:
        """SMS to and from the contact's phones, the newest first. Raises NotFound, BadValue.

        Where the log is so long that a page of it has not come to the contact's last campaigns, their SMS follow it.
        """
        actor.require(Scope.MESSAGES_READ)
        place = await self._desk.place(actor, contact_id)
        contact = await self._contacts.find(place.org_id, place.number)
        phones = frozenset(point.value for point in contact.phones)
        if not phones:
            return Said(Page(()), {})
        page = await self._log.page(LogFilter(org_id=place.org_id, phones=phones), cursor=cursor, size=size)
        if cursor is None and page.searched_to is not None:
            page = Page((*page.items, *await self._further(place, page)), page.next, None, page.searched_to)
        ids = sorted({each.mail_id for each in page.items if each.mail_id is not None})
        return Said(page, await self._campaigns.names(ids))

    async def _further(self, place: Place, page: Page[ListedSms]) -> list[ListedSms]:
        """SMS of campaigns that are older than those of a page."""
        there = {each.id for each in page.items}
        ids = [each.message_id for each in await self._received(place) if each.message_id]
        further = [each for each in ids if each not in there][: SHOWN - len(there)]
        found = [await self._log.find(each, org_id=place.org_id) for each in further]
        return sorted(filter(None, found), key=lambda sms: sms.id, reverse=True)

    async def received(self, actor: Actor, contact_id: str) -> list[Received]:
        """The campaigns that have looked at a contact, the newest first. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        return await self._received(await self._desk.place(actor, contact_id))

    async def _received(self, place: Place, campaign_id: str | None = None) -> list[Received]:
        look = partial(
            received_sql.of_contact,
            org_id=place.org_id,
            contact_id=place.number,
            most=_CAMPAIGNS,
            campaign_id=campaign_id,
        )
        return await self._database.read(look)

    async def campaigns(self, actor: Actor, contact_id: str) -> Sequence[Campaign]:
        """The campaigns that one can ask about, the newest first. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        return await self._campaigns.listing((await self._desk.place(actor, contact_id)).org_id)

    async def why(self, actor: Actor, contact_id: str, campaign_id: str) -> Why:
        """Why a contact got a campaign's message, or did not. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        place = await self._desk.place(actor, contact_id)
        contact = await self._contacts.find(place.org_id, place.number)
        campaign = await self._campaigns.get(place.org_id, campaign_id)
        decided = next(iter(await self._received(place, campaign.id)), None)
        sms = await self._sms(place, decided)
        optouts = await self._desk.optouts(actor, contact_id)
        return Why(
            campaign=campaign,
            contact=contact,
            audience=await self._audience(place, campaign),
            optout=optouts.get(contact.phones[0].value) if contact.phones else None,
            decided=decided,
            would=await self._would(place, campaign) if decided is None else None,
            route=await self._route(actor, place, contact) if sms is None else None,
            sms=sms,
        )

    async def _sms(self, place: Place, decided: Received | None) -> ListedSms | None:
        if decided is None or decided.message_id is None:
            return None
        return await self._log.find(decided.message_id, org_id=place.org_id)

    async def _audience(self, place: Place, campaign: Campaign) -> Reason | None:
        try:
            return await self._groups.why(place.org_id, campaign.content.audience, place.number)
        except AccountError:
            return None

    async def _would(self, place: Place, campaign: Campaign) -> Checked | AccountError:
        try:
            return await self._campaigns.check(place.org_id, campaign.id, place.number)
        except AccountError as error:
            return error

    async def _route(self, actor: Actor, place: Place, contact: Contact) -> Explanation | None:
        if not contact.phones or not actor.may(Scope.PROVIDERS_READ):
            return None
        try:
            return await self._routes.explain(
                actor, contact.phones[0].value, org_id=place.org_id, kind=Priority.CAMPAIGN
            )
        except (AccountError, NotFound):
            return None
