"""Campaigns: written, looked at before they start, started and stopped, and how they stand (C7-C12).

Another organisation's campaign is not there. Each deed stands in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from campaigns.approval import Who, objection_to_yes
from campaigns.audience import ContactReaders, Wanted
from campaigns.campaign import Campaign, Cause, Content, Limits, State
from campaigns.campaigns import PAGE, Campaigns, Checked
from campaigns.contacts import Contacts
from campaigns.content import field_names
from campaigns.emails import Email
from campaigns.groups import Groups
from campaigns.model import Audience, Book, ContactListing
from campaigns.rehearsal import Rehearsal
from campaigns.statistics import Figures
from campaigns.store.contact_list_sql import ContactFilter
from gateway.accounts import Accounts
from gateway.listed_sms import ListedSms
from gateway.model import Account
from gateway.registry.errors import NotFound
from gateway.registry.listings import AccountFilter, AccountSort
from gateway.scopes import Scope
from gateway.sending import Sent
from gateway.translation import sentence
from web.desk.naming import named_account
from web.desk.sending import author_of
from web.identity.actor import Actor, ActorKind
from web.identity.audit import Audit


def who_is(actor: Actor) -> Who:
    """Somebody who starts or approves, as campaigns know them."""
    return Who(actor.kind, actor.id, actor.name, actor.person_id)


_FOUND = 10
"""Contacts that a search offers."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign, who is responsible for it, and what became of its messages."""

    campaign: Campaign
    account: Account | None
    figures: Figures
    groups: Mapping[str, str]
    """What the organisation's groups are called, by their ids."""


class CampaignDesk:
    """Writes, starts and watches campaigns."""

    def __init__(
        self,
        *,
        campaigns: Campaigns,
        rehearsal: Rehearsal,
        contacts: Contacts,
        groups: Groups,
        readers: ContactReaders,
        accounts: Accounts,
        audit: Audit,
    ) -> None:
        self._campaigns = campaigns
        self._rehearsal = rehearsal
        self._contacts = contacts
        self._groups = groups
        self._readers = readers
        self._accounts = accounts
        self._audit = audit

    # --- looked at -------------------------------------------------------------------------------------------------

    async def list(
        self, actor: Actor, *, state: State | None = None, before: str | None = None, size: int = PAGE
    ) -> list[Campaign]:
        """The newest first, behind the campaign `before`; only of a state where one is named."""
        actor.require(Scope.CAMPAIGNS_READ)
        return await self._campaigns.listing(actor.org_id, state=state, before=before, most=size)

    async def get(self, actor: Actor, campaign_id: str) -> Campaign:
        """One campaign. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        return await self._campaigns.get(actor.org_id, campaign_id)

    async def standing(self, actor: Actor, campaign_id: str) -> Standing:
        """One campaign with its figures (C12). Raises NotFound."""
        campaign = await self.get(actor, campaign_id)
        account = await self._accounts.account(campaign.content.account_id)
        groups = (await self._contacts.book(campaign.org_id)).groups.values()
        names = {group.id: group.name for group in groups}
        return Standing(campaign, account, await self._campaigns.figures(campaign), names)

    async def names(self, actor: Actor, sms: Iterable[ListedSms]) -> Mapping[str, str]:
        """What the campaigns are called that SMS belong to, by their ids, for who may see them (C4)."""
        if not actor.may(Scope.CAMPAIGNS_READ):
            return {}
        return await self._campaigns.names(sorted({each.mail_id for each in sms if each.mail_id and each.way == "out"}))

    async def responsible(self, actor: Actor, campaign: Campaign) -> Account | None:
        """Whose account a campaign leaves from."""
        actor.require(Scope.CAMPAIGNS_READ)
        return await self._accounts.account(campaign.content.account_id)

    # --- what is written with --------------------------------------------------------------------------------------

    async def place(self, actor: Actor, org_id: str) -> str:
        """The organisation whose campaigns somebody writes: their own, or the named one. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_WRITE)
        owner = await self._accounts.organisation(actor.org_id or org_id)
        if owner is None or not actor.sees(owner.id):
            raise NotFound(sentence("there is no such organisation"))
        return owner.id

    async def book(self, actor: Actor, org_id: str) -> Book:
        """The fields and groups that an organisation's campaigns are written with. Raises NotFound."""
        return await self._contacts.book(await self.place(actor, org_id))

    async def fields(self, actor: Actor, org_id: str) -> Sequence[tuple[str, str]]:
        """Macros with what people call them (C9)."""
        book = await self.book(actor, org_id)
        labels = {".".join(filter(None, (each.kind, each.key))): each.label for each in book.attributes.values()}
        return [
            (name, labels.get(name, name)) for name in sorted(field_names(book), key=lambda name: ("." in name, name))
        ]

    def bare(self, text: str, *, short_links: bool) -> str:
        """A text as it is where every macro is empty. Raises TextError, TooMuch."""
        return self._campaigns.bare(text, short_links=short_links)

    async def senders(self, actor: Actor, org_id: str, typed: str = "", most: int = 20) -> Sequence[Account]:
        """Open accounts that fit what is typed, those that wrote last first (C7)."""
        place = await self.place(actor, org_id)
        wanted = AccountFilter(org_id=place, search=typed.strip() or None, sort=AccountSort.ACTIVE, descending=True)
        found = await self._accounts.list_accounts(wanted, size=most)
        return [each.account for each in found.items]

    async def own_account(self, actor: Actor, org_id: str) -> Account | None:
        """The account of whoever writes, where their address has one."""
        place = await self.place(actor, org_id)
        if "@" not in actor.name:
            return None
        return next((each for each in await self._accounts.accounts_of(actor.name) if each.org_id == place), None)

    async def sender(self, actor: Actor, org_id: str, name: str) -> Account:
        """The account that somebody names as responsible. Raises NotFound, BadValue."""
        place = await self.place(actor, org_id)
        account = await named_account(self._accounts, actor, name)
        if account.org_id != place:
            raise NotFound(sentence("there is no such account"))
        return account

    async def count(self, actor: Actor, org_id: str, audience: Audience) -> int:
        """How many an audience has now (C11). Raises AccountError where it cannot be asked for."""
        return await self._groups.count(await self.place(actor, org_id), audience)

    async def people(self, actor: Actor, org_id: str, search: str) -> Sequence[ContactListing]:
        """Contacts that fit what is typed. Raises NotFound."""
        actor.require(Scope.CONTACTS_READ)
        wanted = ContactFilter(await self.place(actor, org_id), self._contacts.today(), search.strip() or None)
        return (await self._contacts.page(wanted, size=_FOUND)).items

    async def named(self, actor: Actor, org_id: str, contact_ids: Sequence[int]) -> Sequence[tuple[int, str]]:
        """Contacts with their names, those that are there."""
        actor.require(Scope.CONTACTS_READ)
        found = await self._readers.some(Wanted(await self.place(actor, org_id), Audience()), contact_ids)
        return [(each.contact_id, each.name or each.phone or each.email or "") for each in found]

    # --- written ---------------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, org_id: str, content: Content) -> Campaign:
        """Keep a draft. Raises BadValue, NotFound."""
        campaign = await self._campaigns.create(await self.place(actor, org_id), content, actor.name)
        return await self._noted(actor, "campaign.create", campaign)

    async def edit(self, actor: Actor, campaign_id: str, content: Content, was: str = "") -> Campaign:
        """Change what a campaign says, until it runs. Raises BadValue, NotNow, NotFound.

        `was` is what the change was made from (`fingerprint`), where that is known.
        """
        actor.require(Scope.CAMPAIGNS_WRITE)
        org_id = (await self.get(actor, campaign_id)).org_id
        return await self._noted(actor, "campaign.edit", await self._campaigns.edit(org_id, campaign_id, content, was))

    async def copy(self, actor: Actor, campaign_id: str, name: str) -> Campaign:
        """A draft that says the same. Raises NotFound, BadValue."""
        actor.require(Scope.CAMPAIGNS_WRITE)
        org_id = (await self.get(actor, campaign_id)).org_id
        made = await self._campaigns.copy(org_id, campaign_id, name, actor.name)
        return await self._noted(actor, "campaign.copy", made, of=campaign_id)

    async def delete(self, actor: Actor, campaign_id: str) -> None:
        """Forget one that has not begun. Raises NotFound, NotNow."""
        actor.require(Scope.CAMPAIGNS_WRITE)
        campaign = await self.get(actor, campaign_id)
        await self._campaigns.delete(campaign.org_id, campaign_id)
        await self._noted(actor, "campaign.delete", campaign)

    # --- before it starts ------------------------------------------------------------------------------------------

    async def check(self, actor: Actor, campaign_id: str, contact_id: int) -> Checked:
        """What one contact would get now (C10). Raises NotFound, BadValue."""
        actor.require(Scope.CONTACTS_READ)
        await self.get(actor, campaign_id)
        return await self._campaigns.check(actor.org_id, campaign_id, contact_id)

    async def example(self, actor: Actor, campaign_id: str) -> Checked | None:
        """What the first of its audience would get who gets anything. Raises NotFound, BadValue."""
        actor.require(Scope.CONTACTS_READ)
        await self.get(actor, campaign_id)
        return await self._campaigns.example(actor.org_id, campaign_id)

    async def test(self, actor: Actor, campaign_id: str, contact_id: int, phone: str) -> Sent:
        """Send the text that a contact would get to another phone. Raises NotFound, BadValue, Refusal."""
        await self._may_test(actor, campaign_id)
        return await self._rehearsal.by_sms(actor.org_id, campaign_id, contact_id, phone, author_of(actor))

    async def test_email(self, actor: Actor, campaign_id: str, contact_id: int) -> Email:
        """Send the e-mail that a contact would get to the person who asks. Raises NotFound, BadValue.

        A program's goes to the person responsible: no test goes to somebody who may not have wanted it.
        """
        campaign = await self._may_test(actor, campaign_id)
        address = actor.name if actor.kind is ActorKind.PERSON else None
        sent = await self._rehearsal.by_email(actor.org_id, campaign_id, contact_id, address)
        await self._noted(actor, "campaign.test", campaign, to=sent.address)
        return sent

    async def _may_test(self, actor: Actor, campaign_id: str) -> Campaign:
        actor.require(Scope.CONTACTS_READ)
        actor.require(Scope.MESSAGES_SEND)
        return await self.get(actor, campaign_id)

    # --- run -------------------------------------------------------------------------------------------------------

    async def start(self, actor: Actor, campaign_id: str, shown: str = "") -> Campaign:
        """Start it, or let it wait for its start date, or for approval. Raises NotFound, NotNow, BadValue.

        `shown` is what was read (`fingerprint`), where that is known: nothing else is started.
        """
        start = partial(self._campaigns.start, by=who_is(actor), shown=shown)
        return await self._run(actor, "campaign.start", start, campaign_id)

    async def approve(self, actor: Actor, campaign_id: str, asked_at: float | None = None) -> Campaign:
        """Let one start that somebody else has started; `asked_at` is what was read. Raises NotFound, NotNow."""
        deed = partial(self._campaigns.approve, by=who_is(actor), asked_at=asked_at)
        return await self._run(actor, "campaign.approve", deed, campaign_id)

    async def send_back(
        self, actor: Actor, campaign_id: str, word: str = "", asked_at: float | None = None
    ) -> Campaign:
        """Let it be a draft again, with a word to who has started it. Raises NotFound, NotNow, BadValue."""
        deed = partial(self._campaigns.send_back, by=who_is(actor), word=word, asked_at=asked_at)
        return await self._run(actor, "campaign.send-back", deed, campaign_id)

    async def waiting(self, actor: Actor) -> Sequence[Campaign]:
        """Those that wait for approval, the longest waiting first; none for who may not approve."""
        if not actor.may(Scope.CAMPAIGNS_RUN):
            return []
        return await self._campaigns.waiting_for_approval(actor.org_id)

    def may_answer(self, actor: Actor, campaign: Campaign) -> bool:
        """Whether somebody may approve this one, or send it back; or let it go on where it has grown."""
        waits = campaign.state is State.APPROVAL or campaign.cause == Cause.GROWN
        if not waits or not actor.may(Scope.CAMPAIGNS_RUN):
            return False
        return objection_to_yes(campaign.approval, who_is(actor)) is None

    async def pause(self, actor: Actor, campaign_id: str) -> Campaign:
        """From now on nothing leaves. Raises NotFound, NotNow."""
        return await self._run(actor, "campaign.pause", self._campaigns.pause, campaign_id)

    async def contacts(self, actor: Actor, campaign: Campaign) -> int:
        """How many its audience has now. Raises BadValue where its account may not send."""
        actor.require(Scope.CAMPAIGNS_RUN)
        return await self._campaigns.contacts(campaign)

    async def resume(
        self, actor: Actor, campaign_id: str, seen: str | None = None, budget: Callable[[Limits], Limits] | None = None
    ) -> Campaign:
        """It goes on where it was; `seen` is the cause that was read, `budget` makes its limits of those that it has.

        Raises NotFound, NotNow, BadValue.
        """
        resume = partial(self._campaigns.resume, by=who_is(actor), seen=seen, budget=budget)
        return await self._run(actor, "campaign.resume", resume, campaign_id)

    async def cancel(self, actor: Actor, campaign_id: str) -> Campaign:
        """Nothing more leaves, for ever. Raises NotFound, NotNow."""
        return await self._run(actor, "campaign.cancel", self._campaigns.cancel, campaign_id)

    async def pick(self, actor: Actor, campaign_id: str, version: str) -> Campaign:
        """Let a version of the text go to all who wait for the winner. Raises NotFound, NotNow, BadValue."""
        deed = partial(self._campaigns.pick, version=version, by=actor.name)
        return await self._run(actor, "campaign.pick", deed, campaign_id)

    async def _run(
        self,
        actor: Actor,
        action: str,
        deed: Callable[[str | None, str], Awaitable[Campaign]],
        campaign_id: str,
    ) -> Campaign:
        actor.require(Scope.CAMPAIGNS_RUN)
        await self._campaigns.get(actor.org_id, campaign_id)
        return await self._noted(actor, action, await deed(actor.org_id, campaign_id))

    async def _noted(self, actor: Actor, action: str, campaign: Campaign, **detail: object) -> Campaign:
        await self._audit.note(actor, action, campaign.id, org_id=campaign.org_id, name=campaign.content.name, **detail)
        return campaign
