"""What a campaign will be: exact parts and costs of the very texts, and who is skipped and why, before it starts.

In: a campaign. Out: estimates that grow page by page until everybody was looked at; the last one is exact for this
moment. Nothing is stored and nothing is sent: the same decides as in the run (`recipients.decide`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from campaigns.audience import Readers, Wanted
from campaigns.campaign import Campaign
from campaigns.model import Channel, Recipient
from campaigns.recipients import Decided, Skip, Terms, decide, hours_of
from campaigns.store import email_sql, weekly_sql
from campaigns.terms import wanted_by
from gateway.model import Clock
from gateway.money import Money
from gateway.sms import Encoding
from gateway.store.database import Database

PAGE = 1000
"""Contacts between two looks at the progress."""
NAMED = 1000
"""Contacts with the same reason that an estimate names; the others are counted."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A contact that would get none, and why."""

    contact_id: int
    name: str
    address: str
    """The main phone, or the mail address of a campaign by e-mail; empty for none."""
    reason: Skip


_Look = tuple[Sequence[Recipient], frozenset[int], Mapping[str, Skip]]
"""Members, those among them who have got enough this week, and addresses that must not be written to."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would happen if a campaign started now and had all the time that it needs."""

    total: int
    """Contacts of the audience."""
    done: int = 0
    """Of these, those that were looked at."""
    messages: int = 0
    parts: int = 0
    cost: Money | None = None
    """As far as the prices of the routes say; None where they say nothing."""
    unpriced: int = 0
    """Messages of which no price is known."""
    skipped: Mapping[Skip, int] = field(default_factory=dict)
    named: Mapping[Skip, Sequence[LeftOut]] = field(default_factory=dict)
    """The first `NAMED` of these, by reason."""
    by_parts: Mapping[int, int] = field(default_factory=dict)
    """Messages by the parts that they have."""
    by_encoding: Mapping[Encoding, int] = field(default_factory=dict)
    by_variant: Mapping[str, int] = field(default_factory=dict)
    """Messages by the language of their text; "" for the common one."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    """Macros that would leave a gap in a text, and in how many."""
    gap_example: int | None = None
    """A contact with a gap."""
    later: int = 0
    """Messages that wait where it starts now, or at its start date: the hours of their contacts are shut then."""
    first_at: float | None = None
    """When the first of these hours open."""
    finished: bool = False


class Estimator:
    """Estimates."""

    def __init__(self, database: Database, readers: Readers, clock: Clock) -> None:
        self._database = database
        self._readers = readers
        self._clock = clock

    async def estimate(self, campaign: Campaign, terms: Terms, page: int = PAGE) -> AsyncIterator[Estimate]:
        """Estimates of a campaign, each of a page more. Raises AccountError where its audience cannot be asked for."""
        adding = _Adding(terms, await self._readers.count(wanted_by(campaign.org_id, terms)))
        async for looked in self._pages(campaign, terms, page):
            await asyncio.to_thread(adding.add, *looked, self._clock.now())
            yield adding.estimate(finished=len(looked[0]) < page)

    async def left_out(self, campaign: Campaign, terms: Terms, page: int = PAGE) -> AsyncIterator[LeftOut]:
        """Everybody who would get none, in the order of contacts; in memory a page of them at a time."""
        adding = _Adding(terms, 0, named=0)
        async for looked in self._pages(campaign, terms, page):
            for each in await asyncio.to_thread(adding.add, *looked, self._clock.now()):
                yield each

    async def _pages(self, campaign: Campaign, terms: Terms, page: int) -> AsyncIterator[_Look]:
        """The audience, the next page being read while one is looked at; the last has fewer than `page` members."""
        wanted = wanted_by(campaign.org_id, terms)
        ahead = asyncio.create_task(self._page(campaign, wanted, 0, page))
        try:
            while True:
                looked = await ahead
                members = looked[0]
                if len(members) == page:
                    ahead = asyncio.create_task(self._page(campaign, wanted, members[-1].contact_id, page))
                yield looked
                if len(members) < page:
                    return
        finally:
            ahead.cancel()

    async def _page(self, campaign: Campaign, wanted: Wanted, after: int, size: int) -> _Look:
        members = await self._readers.page(wanted, after, size)
        closed: Mapping[str, Skip] = {}
        if campaign.content.channel is Channel.EMAIL:
            addresses = {email_sql.folded(member.email) for member in members if member.email}
            asked = partial(email_sql.closed_to, org_id=campaign.org_id, addresses=addresses)
            closed = await self._database.read(asked)
        most = campaign.content.limits.per_week
        if not most or not members:
            return members, frozenset(), closed
        ids = [member.contact_id for member in members]
        look = partial(weekly_sql.messages_within, org_id=campaign.org_id, contacts=ids, now=self._clock.now())
        times = await self._database.read(look)
        return members, frozenset(contact for contact, count in times.items() if count >= most), closed


class _Adding:
    """Counts what is decided."""

    def __init__(self, terms: Terms, total: int, named: int = NAMED) -> None:
        self._terms = terms
        self._most_named = named
        self._named: dict[Skip, list[LeftOut]] = {}
        self._total = total
        self._done = self._parts = self._cost = self._unpriced = 0
        self._currency = ""
        self._phones: set[int] = set()
        """As numbers, which take less room."""
        self._addresses: set[str] = set()
        self._skipped: Counter[Skip] = Counter()
        self._by_parts: Counter[int] = Counter()
        self._by_encoding: Counter[Encoding] = Counter()
        self._by_variant: Counter[str] = Counter()
        self._gaps: Counter[str] = Counter()
        self._example: int | None = None
        self._later = 0
        self._first_at: float | None = None

    def add(
        self, members: Sequence[Recipient], often: frozenset[int], closed: Mapping[str, Skip], now: float
    ) -> list[LeftOut]:
        """Decide on a page; those of it that would get none."""
        left_out = []
        for member in members:
            decided = decide(member, self._terms, now, "", whenever=True)
            reason = self._reason(decided, often, closed)
            if reason is None:
                self._count(decided, member)
                self._count_later(member, max(now, self._terms.content.start_at or 0.0))
            else:
                left_out.append(self._leave_out(member, reason))
        self._done += len(members)
        return left_out

    def _leave_out(self, member: Recipient, reason: Skip) -> LeftOut:
        by_mail = self._terms.content.channel is Channel.EMAIL
        left_out = LeftOut(member.contact_id, member.name, (member.email if by_mail else member.phone) or "", reason)
        self._skipped[reason] += 1
        named = self._named.setdefault(reason, [])
        if len(named) < self._most_named:
            named.append(left_out)
        return left_out

    def _reason(self, decided: Decided, often: frozenset[int], closed: Mapping[str, Skip]) -> Skip | None:
        if decided.id is None:
            return Skip(decided.reason)
        if decided.contact_id in often:
            return Skip.WEEKLY
        if decided.message is None:
            return self._mail_reason(decided, closed)
        phone = int(decided.message.to_number[1:])
        if phone in self._phones:
            return Skip.DUPLICATE
        self._phones.add(phone)
        return None

    def _mail_reason(self, decided: Decided, closed: Mapping[str, Skip]) -> Skip | None:
        address = email_sql.folded(decided.email.address) if decided.email is not None else ""
        if address in self._addresses:
            return Skip.DUPLICATE_ADDRESS
        if address in closed:
            return closed[address]
        self._addresses.add(address)
        return None

    def _count(self, decided: Decided, member: Recipient) -> None:
        if decided.email is not None:
            self._by_parts[1] += 1
            self._by_variant[decided.variant] += 1
            self._count_gaps(decided, member)
            return
        text = decided.message.text if decided.message is not None else None
        if text is None:
            return
        self._parts += text.parts
        self._by_parts[text.parts] += 1
        self._by_encoding[text.encoding] += 1
        self._by_variant[decided.variant] += 1
        if decided.price is None:
            self._unpriced += 1
        else:
            self._cost += decided.cost
            self._currency = decided.price.currency
        self._count_gaps(decided, member)

    def _count_gaps(self, decided: Decided, member: Recipient) -> None:
        for name in self._terms.texts[decided.variant].empty(member.fields):
            self._gaps[name] += 1
            self._example = self._example or member.contact_id

    def _count_later(self, member: Recipient, start: float) -> None:
        hours = hours_of(member, self._terms, start)
        opens = hours.begin if hours is not None else start
        if opens > start:
            self._later += 1
            self._first_at = min(opens, self._first_at or opens)

    def estimate(self, *, finished: bool) -> Estimate:
        """As it stands."""
        return Estimate(
            total=self._done if finished else max(self._total, self._done),
            done=self._done,
            messages=sum(self._by_parts.values()),
            parts=self._parts,
            cost=Money(self._cost, self._currency) if self._currency else None,
            unpriced=self._unpriced,
            skipped=dict(self._skipped),
            named={reason: tuple(some) for reason, some in self._named.items()},
            by_parts=dict(self._by_parts),
            by_encoding=dict(self._by_encoding),
            by_variant=dict(self._by_variant),
            gaps=dict(self._gaps),
            gap_example=self._example,
            later=self._later,
            first_at=self._first_at,
            finished=finished,
        )
