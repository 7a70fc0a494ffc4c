"""Who gets a campaign: those it has looked at and what became of them, and those who will be left out of it.

Names and phones are contacts': whoever looks needs to be allowed to see both. Another organisation's is not there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal

from campaigns.campaign import Campaign
from campaigns.campaigns import Campaigns
from campaigns.estimate import LeftOut
from campaigns.model import Channel
from campaigns.recipient_list import RecipientList
from campaigns.recipients import Skip
from campaigns.statistics import Figures
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter
from campaigns.trial import language_of, version_of
from gateway import csv_cells
from gateway.money import Money
from gateway.paging import PAGE_SIZE, Page
from gateway.scopes import Scope
from gateway.store.database import Database
from gateway.translation import Translations
from web.identity.actor import Actor

_HEAD = ("contact", "name", "address", "state", "reason", "cause", "version", "language", "message", "at")
_LEFT_OUT_HEAD = ("contact", "name", "address", "reason", "why")
_FIGURES_HEAD = ("what", "of", "count", "amount", "currency")


class RecipientDesk:
    """Reads."""

    def __init__(self, database: Database, campaigns: Campaigns) -> None:
        self._campaigns = campaigns
        self._list = RecipientList(database)

    async def campaign(self, actor: Actor, campaign_id: str) -> Campaign:
        """The campaign whose recipients somebody looks at. Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        actor.require(Scope.CONTACTS_READ)
        return await self._campaigns.get(actor.org_id, campaign_id)

    async def page(
        self,
        actor: Actor,
        campaign_id: str,
        wanted: RecipientFilter,
        *,
        cursor: str | None = None,
        size: int = PAGE_SIZE,
    ) -> Page[ListedRecipient]:
        """A page of those it has looked at; `next` goes on where a look ended. Raises NotFound, BadValue."""
        return await self._list.page(await self.campaign(actor, campaign_id), wanted, cursor=cursor, size=size)

    async def csv(
        self, actor: Actor, campaign_id: str, wanted: RecipientFilter, zone: tzinfo, form: csv_cells.Form
    ) -> AsyncIterator[bytes]:
        """All of them as CSV, with times (ISO 8601) in a zone. Raises NotFound, BadValue."""
        campaign = await self.campaign(actor, campaign_id)
        await self._list.page(campaign, wanted, size=1)  # what is wrong is told before a file begins

        async def rows() -> AsyncIterator[Iterable[object]]:
            async for each in self._list.rows(campaign, wanted):
                yield _row(each, zone, tried=campaign.content.trial is not None)

        return csv_cells.lines(_HEAD, rows(), form)

    async def left_out_csv(
        self, actor: Actor, campaign_id: str, reason: Skip | None, words: Translations, form: csv_cells.Form
    ) -> AsyncIterator[bytes]:
        """Everybody who would get none if it started now, and why in words, as CSV. Raises NotFound, AccountError."""
        campaign = await self.campaign(actor, campaign_id)
        found = self._campaigns.left_out(campaign.org_id, campaign.id)
        first = await anext(found, None)  # what is wrong is told before a file begins

        async def rows() -> AsyncIterator[Iterable[object]]:
            if first is None:
                return
            if reason in {None, first.reason}:
                yield _left_out(first, words)
            async for each in found:
                if reason in {None, each.reason}:
                    yield _left_out(each, words)

        return csv_cells.lines(_LEFT_OUT_HEAD, rows(), form)

    async def figures_csv(self, actor: Actor, campaign_id: str, zone: tzinfo, form: csv_cells.Form) -> bytes:
        """How a campaign stands, as CSV (C12). Raises NotFound."""
        actor.require(Scope.CAMPAIGNS_READ)
        campaign = await self._campaigns.get(actor.org_id, campaign_id)
        figures = await self._campaigns.figures(campaign)
        return csv_cells.file([_FIGURES_HEAD, *figure_rows(campaign, figures, zone)], form)


def _row(each: ListedRecipient, zone: tzinfo, *, tried: bool) -> Sequence[object]:
    return (
        each.contact_id,
        each.name,
        each.address,
        each.state,
        each.reason,
        each.cause,
        version_of(each.variant) if tried else "",
        language_of(each.variant),
        each.message_id,
        _moment(each.at, zone),
    )


def _left_out(each: LeftOut, words: Translations) -> Sequence[object]:
    return each.contact_id, each.name, each.address, str(each.reason), words.say(each.reason.words)


def _money(cost: Money) -> tuple[Decimal, str]:
    amount, _, currency = str(cost).partition(" ")
    return Decimal(amount), currency


def _moment(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")


def figure_rows(campaign: Campaign, figures: Figures, zone: tzinfo) -> list[Sequence[object]]:
    """Figures as rows: what is counted, of which, how many, and for costs how much."""
    counts, by_mail = campaign.counts, campaign.content.channel is Channel.EMAIL
    rows: list[Sequence[object]] = [
        ("contacts", "looked at", counts.recipients),
        ("contacts", "written to", counts.messages),
        ("contacts", "waiting", counts.waiting),
        ("contacts", "skipped", counts.skipped),
        *(("state", state, count) for state, count in sorted(figures.states.items())),
        *(("failed", reason, count) for reason, count in sorted(figures.failures.items())),
        *(("skipped", reason, count) for reason, count in sorted(figures.skipped.items())),
        *(("language", variant, count) for variant, count in sorted(figures.variants.items())),
        *_version_rows(figures),
        *(() if by_mail else (("parts", "", figures.parts), ("answers", "phones", figures.replies))),
        ("opt-outs", "", figures.optouts),
        *(("cost", "", "", *_money(cost)) for cost in figures.costs),
        *(() if by_mail else (("cost", "not known", figures.unpriced),)),
    ]
    if campaign.content.short_links:
        rows.append(("clicked", "contacts", figures.clicked))
        rows += [("clicks", link.written, link.clicks) for link in figures.links]
    rows += [("delivered", _moment(at, zone), count) for at, count in figures.delivered]
    return [(*row, *[""] * (len(_FIGURES_HEAD) - len(row))) for row in rows]


def _version_rows(figures: Figures) -> list[Sequence[object]]:
    return [
        (f"version {each.version}", name, count)
        for each in figures.versions
        for name, count in (
            ("sent", each.sent),
            ("delivered", each.delivered),
            ("clicked", each.clicked),
            ("answered", each.answered),
            ("opted out", each.opted_out),
        )
    ]
