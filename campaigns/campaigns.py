"""Campaigns as people and programs handle them: written, checked, estimated, started, paused, looked at.

In: an organisation, and what is wanted. Out: campaigns as they stand then; or an AccountError that says why not, and
NotFound for another organisation's. Who may want it is asked by whoever calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from campaigns.approval import Who, objection_to_yes
from campaigns.approvals import Approvals
from campaigns.audience import Readers
from campaigns.campaign import Campaign, Cause, Content, Deed, Launch, Limits, NotNow, State
from campaigns.content import check_budget, checked, field_names, startable, written
from campaigns.drafts import BadDraft
from campaigns.emails import Email, html_of
from campaigns.estimate import Estimate, Estimator, LeftOut
from campaigns.model import Channel, Recipient
from campaigns.recipients import Skip, Terms, decide
from campaigns.statistics import CampaignStatistics, Figures
from campaigns.store import book_sql, campaign_sql, email_sql, statistics_sql, weekly_sql
from campaigns.store.campaign_rows import fingerprint
from campaigns.terms import TermsMaker, wanted_by
from campaigns.trials import Trials
from gateway import maillog
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Account, Clock, new_id
from gateway.money import Money
from gateway.registry.errors import BadValue, NotFound
from gateway.settings import DialogSettings
from gateway.sms import SmsText
from gateway.store.database import Database
from gateway.translation import sentence

_MINUTE = 60.0
PAGE = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What one contact would get (C10)."""

    recipient: Recipient
    sender: str
    """What stands as sender on the phone; of an e-mail, where answers go."""
    text: SmsText | None
    """None where the contact gets none."""
    variant: str
    price: Money | None
    """Of all parts; None where it is not known."""
    reason: Skip | None
    """Why the contact gets none."""
    due_at: float | None
    """When the contact's window opens, where it is shut now."""
    gaps: tuple[str, ...]
    """Macros that leave a gap in the text."""
    meant: bool
    """Whether the contact is in the audience now."""
    email: Email | None = None
    """Of a campaign by e-mail; without the footer."""

    @property
    def html(self) -> str:
        """The same as readers show it."""
        return html_of(self.email.text) if self.email is not None else ""


class Campaigns:
    """All campaigns."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        readers: Readers,
        terms: TermsMaker,
        dialog: DialogSettings,
        approvals: Approvals,
        clock: Clock,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        """`nudge` tells whoever runs campaigns in this process that there is something to do."""
        self._database = database
        self._accounts = accounts
        self._readers = readers
        self._terms = terms
        self._dialog = dialog
        self._approvals = approvals
        self._clock = clock
        self._nudge = nudge
        self._estimator = Estimator(database, readers, clock)
        self._statistics = CampaignStatistics(database)
        self._trials = Trials(database, clock)

    # --- written ---------------------------------------------------------------------------------------------------

    async def create(self, org_id: str, content: Content, by: str = "") -> Campaign:
        """Keep a draft."""
        now = self._clock.now()
        content = await self._checked(org_id, content)
        campaign = Campaign(new_id(now), org_id, content, State.DRAFT, now, now, by, available_at=now)
        await self._database.write(campaign_sql.add, campaign)
        return campaign

    async def edit(self, org_id: str, campaign_id: str, content: Content, was: str = "") -> Campaign:
        """Change what a campaign says, until it runs; `was` is what it must still say until then (`fingerprint`)."""
        campaign = await self.get(org_id, campaign_id)
        content = await self._checked(org_id, content)
        anew = bool(await self._approvals.above(org_id))
        wish = campaign_sql.Edit(org_id, campaign.id, content, self._clock.now(), anew, was)
        return self._done(await self._database.write(campaign_sql.edit, wish))

    async def copy(self, org_id: str, campaign_id: str, name: str, by: str = "") -> Campaign:
        """A draft that says the same."""
        content = (await self.get(org_id, campaign_id)).content
        return await self.create(org_id, replace(content, name=name, launch=Launch.INSTANT, start_at=None), by)

    async def _checked(self, org_id: str, content: Content) -> Content:
        account = await self._accounts.account(content.account_id)
        if account is None or account.org_id != org_id or account.closed_at is not None:
            raise BadValue(sentence("choose an open account as the responsible person"))
        book = await self._database.read(partial(book_sql.book, org_id=org_id))
        content = await asyncio.to_thread(checked, content, field_names(book), self._dialog.max_parts)
        self._check_start(content)
        self._terms.check_hours(content)
        await self._readers.count(wanted_by(org_id, self._terms.terms(content, account)))  # or it says what is wrong
        return content

    def _check_start(self, content: Content) -> None:
        """Raise BadDraft for a start date that has gone by: whoever chose it did not mean now."""
        if content.start_at is not None and content.start_at < self._clock.now() - _MINUTE:
            raise BadDraft({"start_at": sentence("this moment has gone by: choose a later one, or launch it at once")})

    def bare(self, text: str, *, short_links: bool) -> str:
        """A text as it is where every macro is empty. Raises TextError, TooMuch."""
        return self._terms.bare(text, short_links=short_links)

    # --- found -----------------------------------------------------------------------------------------------------

    async def get(self, org_id: str | None, campaign_id: str) -> Campaign:
        """A campaign, an organisation's where one is named. Raises NotFound."""
        look = partial(campaign_sql.find, org_id=org_id, campaign_id=campaign_id.strip())
        return self._done(await self._database.read(look))

    async def listing(
        self, org_id: str | None, *, state: State | None = None, before: str | None = None, most: int = PAGE
    ) -> list[Campaign]:
        """The newest first, behind the campaign `before`; only of a state where one is named."""
        look = partial(campaign_sql.listing, org_id=org_id, most=most, before=before, state=state)
        return await self._database.read(look)

    async def names(self, campaign_ids: Sequence[str]) -> Mapping[str, str]:
        """What campaigns are called, by their ids (C4)."""
        if not campaign_ids:
            return {}
        return await self._database.read(partial(statistics_sql.names, campaign_ids=list(campaign_ids)))

    async def figures(self, campaign: Campaign) -> Figures:
        """How its messages stand (C12)."""
        return await self._statistics.figures(campaign)

    # --- done ------------------------------------------------------------------------------------------------------

    async def start(self, org_id: str | None, campaign_id: str, by: Who | None = None, shown: str = "") -> Campaign:
        """Start it, or let it wait for its start date; a large one waits until somebody else than `by` approves it.

        `shown` is what it must still say (`fingerprint`), where that was looked at before.
        """
        campaign = await self.get(org_id, campaign_id)
        if shown and fingerprint(campaign.content) != shown:
            raise NotNow(campaign_sql.CHANGED)
        startable(campaign.content)
        self._check_start(campaign.content)
        account = await self._sender(campaign)
        start = partial(self._do, org_id, campaign_id, Deed.START, content=campaign.content, by=by)
        # Exact at this moment: it is started only if it says the same in the transaction that starts it.
        recipients = await self.contacts(campaign, account)
        if not recipients and campaign.content.launch is Launch.INSTANT:
            raise BadValue(sentence("nobody is in its audience: choose another group or filter"))
        if not await self._approvals.needed(campaign.org_id, recipients):
            return await start(contacts=max(1, recipients))  # 0 is for those that nobody counts
        if by is None:
            raise BadValue(sentence("so large a campaign has to be approved: say who starts it"))
        return self._told(self._done(await self._approvals.ask(campaign, by, recipients)), Deed.ASK)

    async def contacts(self, campaign: Campaign, account: Account | None = None) -> int:
        """How many contacts its audience has now. Raises BadValue where its account may not send."""
        terms = self._terms.terms(campaign.content, account or await self._sender(campaign))
        return await self._readers.count(wanted_by(campaign.org_id, terms))

    async def approve(self, org_id: str | None, campaign_id: str, by: Who, asked_at: float | None = None) -> Campaign:
        """Let a campaign start that somebody else asked for; `asked_at` is what was read. Raises NotNow."""
        campaign = await self.get(org_id, campaign_id)
        await self._sender(campaign)
        answered = await self._approvals.answer(campaign, by, approved=True, asked_at=asked_at)
        return self._told(self._done(answered), Deed.APPROVE)

    async def send_back(
        self, org_id: str | None, campaign_id: str, by: Who, word: str, asked_at: float | None = None
    ) -> Campaign:
        """Let it be a draft again, with a word to who asked. Raises NotNow."""
        campaign = await self.get(org_id, campaign_id)
        answered = await self._approvals.answer(campaign, by, approved=False, word=word, asked_at=asked_at)
        return self._told(self._done(answered), Deed.SEND_BACK)

    async def waiting_for_approval(self, org_id: str | None) -> list[Campaign]:
        """Campaigns that somebody has to approve, the longest waiting first."""
        return await self._approvals.waiting(org_id)

    async def pause(self, org_id: str | None, campaign_id: str) -> Campaign:
        """From now on nothing leaves."""
        return await self._do(org_id, campaign_id, Deed.PAUSE)

    async def resume(
        self,
        org_id: str | None,
        campaign_id: str,
        by: Who | None = None,
        seen: str | None = None,
        budget: Callable[[Limits], Limits] | None = None,
    ) -> Campaign:
        """It goes on where it was; one that has grown only where `by` is another than who has started it.

        `seen` is the cause for which it rested when it was looked at, where it was; `budget` makes of its
        limits those with which it goes on, which one whose budget is spent needs. Of an approved one that is said by
        another person as well.
        """
        campaign = await self.get(org_id, campaign_id)
        account = await self._sender(campaign)
        if seen is not None and seen != campaign.cause:
            raise NotNow(campaign_sql.CHANGED)
        limits = self._budget(campaign, budget, by)
        has_grown = campaign.cause == Cause.GROWN
        if not has_grown or not await self._approvals.above(campaign.org_id):
            return await self._do(org_id, campaign_id, Deed.RESUME, grown=has_grown, limits=limits)
        if by is None:
            raise BadValue(sentence("so large a campaign has to be approved: say who lets it go on"))
        contacts = await self.contacts(campaign, account)
        return self._told(self._done(await self._approvals.go_on(campaign, by, contacts)), Deed.RESUME)

    def _budget(self, campaign: Campaign, budget: Callable[[Limits], Limits] | None, by: Who | None) -> Limits | None:
        """The limits with which it goes on; None for its own. Raises BadValue, NotNow."""
        now = campaign.content.limits
        limits = now if budget is None else budget(now)
        if campaign.cause == Cause.BUDGET:
            check_budget(limits, campaign.counts)
        if limits == now:
            return None
        if campaign.approval.approved and by is not None and (against := objection_to_yes(campaign.approval, by)):
            raise NotNow(against)
        return limits

    async def cancel(self, org_id: str | None, campaign_id: str) -> Campaign:
        """Nothing more leaves, for ever."""
        return await self._do(org_id, campaign_id, Deed.CANCEL)

    async def delete(self, org_id: str | None, campaign_id: str) -> None:
        """Forget a draft, or one that was cancelled before it began. Raises NotNow."""
        await self._do(org_id, campaign_id, Deed.DELETE)

    async def pick(self, org_id: str | None, campaign_id: str, version: str, by: str) -> Campaign:
        """Let a version of the text go to all who wait for the verdict. Raises NotNow, BadValue."""
        campaign = await self.get(org_id, campaign_id)
        decided = self._done(await self._trials.pick(campaign, version, by))
        maillog.note(Event.CAMPAIGN, id=campaign.id, state=decided.state, winner=decided.verdict.winner)
        self._nudge()
        return decided

    async def _sender(self, campaign: Campaign) -> Account:
        account = await self._terms.sender(campaign.content.account_id)
        if account is None:
            raise BadValue(sentence("the account of the responsible person is closed, or its key is paused"))
        return account

    async def _do(self, org_id: str | None, campaign_id: str, deed: Deed, **more: Any) -> Campaign:
        wish = campaign_sql.Wish(campaign_id.strip(), deed, self._clock.now(), org_id, **more)
        return self._told(self._done(await self._database.write(campaign_sql.do, wish)), deed)

    def _told(self, campaign: Campaign, deed: Deed) -> Campaign:
        maillog.note(Event.CAMPAIGN, id=campaign.id, state=campaign.state, deed=deed)
        self._nudge()
        return campaign

    def _done(self, outcome: Campaign | NotNow | None) -> Campaign:
        if outcome is None:
            raise NotFound(sentence("there is no such campaign"))
        if isinstance(outcome, NotNow):
            raise outcome
        return outcome

    # --- before it starts ------------------------------------------------------------------------------------------

    async def estimate(self, org_id: str | None, campaign_id: str) -> AsyncIterator[Estimate]:
        """Estimates that grow; the last one is finished."""
        campaign = await self.get(org_id, campaign_id)
        startable(campaign.content)
        terms = self._terms.of_campaign(campaign, await self._sender(campaign))
        async for estimate in self._estimator.estimate(campaign, terms):
            yield estimate

    async def left_out(self, org_id: str | None, campaign_id: str) -> AsyncIterator[LeftOut]:
        """Everybody who would get none if it started now."""
        campaign = await self.get(org_id, campaign_id)
        startable(campaign.content)
        terms = self._terms.of_campaign(campaign, await self._sender(campaign))
        async for each in self._estimator.left_out(campaign, terms):
            yield each

    async def check(self, org_id: str | None, campaign_id: str, contact_id: int) -> Checked:
        """What one contact would get now. Raises NotFound for no such contact."""
        campaign = await self.get(org_id, campaign_id)
        written(campaign.content)
        account = await self._sender(campaign)
        terms = self._terms.of_campaign(campaign, account)
        return await self._check(campaign, terms, contact_id)

    async def example(self, org_id: str | None, campaign_id: str) -> Checked | None:
        """What the first of the audience would get who gets anything; None where none of the first hundred does."""
        campaign = await self.get(org_id, campaign_id)
        written(campaign.content)
        terms = self._terms.of_campaign(campaign, await self._sender(campaign))
        for member in await self._readers.page(wanted_by(campaign.org_id, terms), 0, PAGE):
            got = await self._check(campaign, terms, member.contact_id, meant=True)
            if got.text is not None or got.email is not None:
                return got
        return None

    async def _check(self, campaign: Campaign, terms: Terms, contact_id: int, *, meant: bool = False) -> Checked:
        wanted = wanted_by(campaign.org_id, terms)
        found = await self._readers.some(wanted, [contact_id])
        if not found:
            raise NotFound(sentence("there is no such contact"))
        now = self._clock.now()
        decided = decide(found[0], terms, now, "", whenever=True)
        message, email = decided.message, decided.email
        reason = Skip(decided.reason) if decided.reason else None
        if decided.id is not None and await self._is_often(campaign, contact_id):
            message, email, reason = None, None, Skip.WEEKLY
        if email is not None and (closed := await self._closed(campaign, email)) is not None:
            email, reason = None, closed
        due = decide(found[0], replace(terms, split=None), now, "").due_at
        return Checked(
            recipient=found[0],
            sender=(message.sender or message.from_number) if message else self._sender_of(terms),
            text=message.text if message else None,
            variant=decided.variant,
            price=decided.price if message else None,
            reason=reason,
            due_at=due,
            gaps=terms.texts[decided.variant].empty(found[0].fields) if message or email else (),
            meant=meant or await self._readers.includes(wanted, contact_id),
            email=email,
        )

    def _sender_of(self, terms: Terms) -> str:
        return terms.account.email if terms.content.channel is Channel.EMAIL else terms.account.number

    async def _closed(self, campaign: Campaign, email: Email) -> Skip | None:
        address = email_sql.folded(email.address)
        look = partial(email_sql.closed_to, org_id=campaign.org_id, addresses={address})
        return (await self._database.read(look)).get(address)

    async def _is_often(self, campaign: Campaign, contact_id: int) -> bool:
        most = campaign.content.limits.per_week
        if not most:
            return False
        now = self._clock.now()
        look = partial(weekly_sql.messages_within, org_id=campaign.org_id, contacts=[contact_id], now=now)
        return (await self._database.read(look)).get(contact_id, 0) >= most
