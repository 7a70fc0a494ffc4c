"""Runs campaigns: pages of an audience become messages in the spool, as fast as these leave and no faster.

In: campaigns that are due. Out: one row per contact, and a message for each that gets one, in the transaction that
moves the campaign's cursor (`store.run_sql`). Promises: killed at any moment, nobody gets it twice and nobody is left
out; a pause, a cancel and a limit hold from the commit on that says so; no more than `ahead` messages wait in the
spool, so that what leaves at a moment was decided on shortly before, and dialogs never queue behind a million.

A campaign is run by one process at a time, under its lease; what several commit cannot disagree even so.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from campaigns.approval import most_contacts
from campaigns.audience import Readers
from campaigns.campaign import Campaign, Cause, Deed, State
from campaigns.emails import EmailWriter
from campaigns.letters import CampaignLetters
from campaigns.pace import AHEAD, POLL_SECONDS, Pace
from campaigns.recipients import Decided, Skip, decide
from campaigns.reopening import Reopening
from campaigns.store import campaign_sql, run_sql
from campaigns.store.run_sql import Advance, Advanced, Went
from campaigns.terms import TermsMaker, wanted_by
from campaigns.text_errors import TextError
from campaigns.trials import Trials
from campaigns.under_way import SMALLEST_PAGE, Page, Pages, Ready, Run, pages_for
from gateway import maillog
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Account, Clock, OutgoingMail, new_id
from gateway.registry.errors import AccountError
from gateway.settings import LimitSettings
from gateway.spending import DAY, charge
from gateway.store.bulk_sql import Bulk
from gateway.store.database import Database, StoreUnavailableError

LEASE_CHECK_SECONDS = 5.0
CAPPED = "limit"
"""The cause of a campaign that waits for the next day, since a daily limit is reached."""
_TRIES = 3


async def _never(_org_id: str) -> int:
    return 0


async def _nobody(_campaign: Campaign) -> None:
    pass


class Runner:
    """Runs what is due."""

    name = "campaigns"

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        readers: Readers,
        terms: TermsMaker,
        limits: LimitSettings,
        clock: Clock,
        letters: CampaignLetters,
        lease: str,
        departs: Callable[[], None] = lambda: None,
        emails: EmailWriter,
        mail_queued: Callable[[], None] = lambda: None,
        under_way: Callable[[], object] = lambda: None,
        above: Callable[[str], Awaitable[int]] = _never,
        tell_grown: Callable[[Campaign], Awaitable[None]] = _nobody,
        ahead: int = AHEAD,
        pages: Pages | None = None,
    ) -> None:
        """`departs` says to whoever sends that there is something.

        `under_way` is told when campaigns run, in this process or in another: somebody may want to stop them. `above`
        says above how many contacts an organisation's campaigns need an approval, 0 for never; `tell_grown`
        is told of one that has paused since it has grown beyond what it was started or approved for.
        """
        self._database = database
        self._accounts = accounts
        self._readers = readers
        self._terms = terms
        self._limits = limits
        self._clock = clock
        self._letters = letters
        self._lease = lease
        self._departs = departs
        self._emails = emails
        self._mail_queued = mail_queued
        self._under_way = under_way
        self._above = above
        self._tell_grown = tell_grown
        self._trials = Trials(database, clock)
        self._reopening = Reopening(database, terms, clock)
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._pace = Pace(database=database, clock=clock, ahead=ahead, runs=self._runs, stopping=self._stopping)
        self._pages = pages or pages_for(database.writers)
        self._wake = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look_forever(), name=self.name)

    async def stop(self) -> None:
        """End between two pages; what is left goes on at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._looking is not None:
            await self._looking
        if self._runs:
            await asyncio.wait(self._runs.values(), timeout=20)

    def nudge(self) -> None:
        """Look now: something has been started."""
        self._wake.set()

    async def _look_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.look()
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, cause=str(error), where=self.name)
            except Exception as error:  # the next look must come whatever this one met
                maillog.fault(Event.FAULT, error, where=self.name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()

    async def look(self) -> None:
        """Begin to run what is due and nobody runs; and let what has missed its hours wait for the next."""
        now = self._clock.now()
        due = await self._database.read(partial(campaign_sql.due, now=now))
        if due:
            self._under_way()
        for campaign_id in due:
            if campaign_id not in self._runs:
                task = asyncio.create_task(self._run_safely(campaign_id), name=f"campaign {campaign_id}")
                self._runs[campaign_id] = task
                task.add_done_callback(partial(self._ended, campaign_id))
        await self._reopening.look()

    def _ended(self, campaign_id: str, _task: asyncio.Task[None]) -> None:
        del self._runs[campaign_id]

    async def idle(self) -> None:
        """Return when nothing is being run."""
        while self._runs:
            await asyncio.wait(list(self._runs.values()))

    async def _run_safely(self, campaign_id: str) -> None:
        try:
            await self._run(campaign_id)
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, cause=str(error), where=self.name, id=campaign_id)
        except Exception as error:  # others must still run, and this one is looked at again
            maillog.fault(Event.FAULT, error, where=self.name, id=campaign_id)
            await self._rest(campaign_id, self._clock.now() + 10 * POLL_SECONDS)

    # --- one campaign ----------------------------------------------------------------------------------------------

    async def _run(self, campaign_id: str) -> None:
        now = self._clock.now()
        claim = campaign_sql.Claim(campaign_id, self._lease, now)
        campaign = await self._database.write(campaign_sql.claim, claim)
        if campaign is not None and campaign.state is State.SCHEDULED:
            campaign = await self._do(campaign_id, Deed.LAUNCH)
        if campaign is None or campaign.state is not State.RUNNING:
            return
        run = await self._begin(campaign)
        if run is None:
            return
        try:
            await (self._release(run) if campaign.exhausted else self._through_audience(run))
        except AccountError:  # what the audience is chosen by is gone
            await self._pause(run.campaign, Cause.AUDIENCE)

    async def _begin(self, campaign: Campaign) -> Run | None:
        """What the campaign needs; where it is not to be had, the campaign is paused."""
        cause = Cause.ACCOUNT
        try:
            terms = await self._terms.of(campaign)
        except TextError:
            terms, cause = None, Cause.TEXT
        if terms is None:
            await self._pause(campaign, cause)
            return None
        owner = await self._accounts.organisation(campaign.org_id)
        name = owner.name if owner is not None else ""
        return Run(
            campaign,
            terms,
            wanted_by(campaign.org_id, terms),
            at=time.monotonic(),
            organisation=name,
            page=self._pages.most,
            providers={terms.account.provider},
            most=most_contacts(campaign.approval.recipients, await self._above(campaign.org_id)),
        )

    async def _through_audience(self, run: Run) -> None:
        """Page after page, the next one read and decided on while this one is being committed; then those who wait."""
        ahead: asyncio.Task[Ready] | None = None
        try:
            while not run.campaign.exhausted:
                size = await self._pace.room(run)
                if size == 0:
                    return await self._rest(run.campaign.id, self._clock.now())
                ready = await (ahead or self._ready(run, run.campaign.cursor, size))
                ahead = self._look_ahead(run, ready.page)
                went = await self._take(run, ready)
                if went is None:
                    return None
                if ahead is not None and went.cursor != ready.page.members[-1].contact_id:
                    ahead.cancel()
                    ahead = None
        finally:
            if ahead is not None:
                ahead.cancel()
        return await self._release(run)

    def _look_ahead(self, run: Run, page: Page) -> asyncio.Task[Ready] | None:
        """Look at what lies behind a page, where there will be room for it at once."""
        size = min(run.page, run.room - len(page.members))
        if page.last or size <= 0 or run.campaign.content.limits.per_minute:
            return None
        return asyncio.create_task(self._ready(run, page.members[-1].contact_id, size))

    async def _ready(self, run: Run, cursor: int, size: int) -> Ready:
        page = Page(await self._readers.page(run.wanted, cursor, size), size, cursor)
        return Ready(page, await self._decide(run, page))

    async def _decide(self, run: Run, page: Page) -> Advance | None:
        revision, account = await self._sender(run)
        return None if account is None else await asyncio.to_thread(self._decided, run, page, revision)

    async def _take(self, run: Run, ready: Ready) -> Advanced | None:
        """Commit a page; None where the campaign rests now."""
        item = ready.item
        for _ in range(_TRIES):
            if item is None:
                await self._pause(run.campaign, Cause.ACCOUNT)
                return None
            began = time.monotonic()
            advanced = await self._database.write(run_sql.advance, item)
            if len(item.decided) >= SMALLEST_PAGE:
                run.learn(time.monotonic() - began, self._pages)
            if advanced.went is not Went.STALE:
                return await self._after(run, advanced)
            await self._accounts.refresh()
            item = await self._decide(run, ready.page)
        return None

    async def _sender(self, run: Run) -> tuple[int, Account | None]:
        """The account as it is, and the directory's revision of which that is true."""

        async def look(revision: int) -> tuple[int, Account | None]:
            return revision, await self._terms.sender(run.campaign.content.account_id)

        revision, account = await self._accounts.decide(look)
        if account is not None and account != run.terms.account:
            run.terms = replace(run.terms, account=account)
        return revision, account

    def _decided(self, run: Run, page: Page, revision: int) -> Advance:
        now = self._clock.now()
        batch = new_id(now)
        decided = [decide(member, run.terms, now, f"{batch}.{number}") for number, member in enumerate(page.members, 1)]
        decided += [Decided(contact_id, reason=Skip.GONE) for contact_id in page.gone]
        messages = tuple(each.message for each in decided if each.message is not None)
        run.providers |= {message.provider for message in messages}
        account = run.terms.account
        bulk = None
        if messages:
            paid = charge(account, messages, self._limits, now)
            shared = self._accounts.is_shared(account.number)
            bulk = Bulk(run.campaign.id, messages, revision, paid, now, shared)
        return Advance(
            campaign_id=run.campaign.id,
            lease=self._lease,
            decided=tuple(decided),
            bulk=bulk,
            at=now,
            was=page.after,
            exhausted=page.last,
            spent=self._letters.paused(run.campaign, account, Cause.BUDGET) if run.limited else None,
            waited=page.waited,
            mails=self._mails(run, decided, now),
            most=run.most,
            grown=self._letters.paused(run.campaign, account, Cause.GROWN) if run.most else None,
        )

    def _mails(self, run: Run, decided: Sequence[Decided], now: float) -> dict[str, OutgoingMail]:
        campaign, account = run.campaign.id, run.terms.account
        return {
            each.email.id: self._emails.mail(each.email, campaign, each.contact_id, account, run.organisation, now)
            for each in decided
            if each.email is not None
        }

    async def _after(self, run: Run, advanced: Advanced) -> Advanced | None:
        """Go on from where a page has led."""
        match advanced.went:
            case Went.ON:
                run.campaign = replace(run.campaign, cursor=advanced.cursor, exhausted=advanced.exhausted)
                run.tokens -= advanced.messages
                run.room -= advanced.messages
                if advanced.messages:
                    (self._mail_queued if run.by_mail else self._departs)()
                return advanced
            case Went.CAPPED:
                tomorrow = (math.floor(self._clock.now() / DAY) + 1) * DAY
                await self._rest(run.campaign.id, tomorrow, CAPPED)
            case Went.SPENT:
                maillog.warn(Event.CAMPAIGN, id=run.campaign.id, state=State.PAUSED, cause=Cause.BUDGET)
            case Went.GROWN:
                maillog.warn(Event.CAMPAIGN, id=run.campaign.id, state=State.PAUSED, cause=Cause.GROWN)
                await self._tell_grown(run.campaign)
            case _:
                pass
        return None

    # --- contacts whose window was shut, and the end ---------------------------------------------------------------

    async def _release(self, run: Run) -> None:
        """Decide on those whose window has opened; finish where nobody waits and everything has left."""
        while not self._stopping.is_set():
            size = await self._pace.room(run)
            if size == 0:
                break
            await self._judge(run)
            look = partial(run_sql.open_now, campaign_id=run.campaign.id, now=self._clock.now(), most=size)
            ids = await self._database.read(partial(look, split=run.terms.split))
            if not ids:
                return await self._wait_or_finish(run)
            members = await self._readers.some(run.wanted, ids)
            there = {member.contact_id for member in members}
            gone = [contact_id for contact_id in ids if contact_id not in there]
            page = Page(members, len(members) + 1, gone=gone, waited=True)
            if await self._take(run, Ready(page, await self._decide(run, page))) is None:
                return None
        return await self._rest(run.campaign.id, self._clock.now())

    async def _judge(self, run: Run) -> None:
        """Find the version that the others get, where one is wanted and it is time."""
        split = run.terms.split
        if split is not None and not split.winner:
            winner = await self._trials.judge(run.campaign.id)
            run.terms = replace(run.terms, split=replace(split, winner=winner))

    async def _wait_or_finish(self, run: Run) -> None:
        opens = await self._database.read(partial(run_sql.next_opening, campaign_id=run.campaign.id))
        if opens is not None:
            split = run.terms.split
            judges = split is not None and not split.winner and opens == split.until
            return await self._rest(run.campaign.id, opens, Cause.WINNER if judges else "")
        campaign = await self._do(run.campaign.id, Deed.FINISH)
        if campaign is not None and campaign.state is State.RUNNING:
            await self._rest(run.campaign.id, self._clock.now() + POLL_SECONDS)
        return None

    # --- what is told ----------------------------------------------------------------------------------------------

    async def _pause(self, campaign: Campaign, cause: Cause) -> None:
        account = await self._accounts.account(campaign.content.account_id)
        letter = self._letters.paused(campaign, account, cause) if account is not None else None
        await self._do(campaign.id, Deed.PAUSE, cause, letter)

    async def _do(
        self, campaign_id: str, deed: Deed, cause: str = "", letter: OutgoingMail | None = None
    ) -> Campaign | None:
        wish = campaign_sql.Wish(campaign_id, deed, self._clock.now(), cause=cause, letter=letter)
        campaign = await self._database.write(campaign_sql.do, wish)
        if not isinstance(campaign, Campaign):
            return None
        if campaign.state is not State.RUNNING or deed is Deed.LAUNCH:
            maillog.note(Event.CAMPAIGN, id=campaign.id, state=campaign.state, cause=campaign.cause)
        return campaign

    async def _rest(self, campaign_id: str, until: float, cause: str = "") -> None:
        """Let go of a campaign, until there is something to do."""
        await self._database.write(campaign_sql.rest, campaign_sql.Rest(campaign_id, self._lease, until, cause))
