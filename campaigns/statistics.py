"""How a campaign stands: SMS by state, delivered over time, answers, opt-outs, cost (C12).

What is read looks at every message of a campaign, so it is kept for a while: the longer the longer it took.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypedDict

from campaigns.campaign import Campaign
from campaigns.model import Channel
from campaigns.store import email_sql, link_sql, trial_sql
from campaigns.store import statistics_sql as sql
from campaigns.store.link_sql import LinkClicks
from campaigns.trial import VersionFigures
from gateway.money import Money
from gateway.store.database import Database

KEPT_SECONDS = 2.0
_SHARE = 20
"""How much longer figures are kept than it took to read them."""
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a campaign's messages."""

    states: Mapping[str, int] = field(default_factory=dict)
    """SMS by the words of `MessageState`; e-mails: queued, sent, failed, bounced, unsubscribed before they left."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Those that failed, by the words of `FailureReason`; "" where nothing is known."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Contacts that get none, by the words of `recipients.Skip`."""
    variants: Mapping[str, int] = field(default_factory=dict)
    """SMS by the language of their text."""
    parts: int = 0
    """As providers bill them, where they say so, else as we count."""
    costs: tuple[Money, ...] = ()
    """What providers have said that it costs, by currency."""
    unpriced: int = 0
    """SMS of which no provider has said what they cost."""
    replies: int = 0
    """Phones that have answered."""
    optouts: int = 0
    """Phones that have said STOP since they got it; addresses that have unsubscribed by it."""
    clicked: int = 0
    """Contacts that have followed a short link."""
    links: tuple[LinkClicks, ...] = ()
    """The links, and how often each was followed."""
    versions: tuple[VersionFigures, ...] = ()
    """Of each version of the text, where several are tried."""
    delivered: tuple[tuple[float, int], ...] = ()
    """SMS that were delivered, by the beginning of a span of time."""
    span: float = 60.0
    """Seconds of such a span."""


class CampaignStatistics:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, tuple[float, Figures]] = OrderedDict()

    async def figures(self, campaign: Campaign) -> Figures:
        """As it stands, or stood a moment ago."""
        until, kept = self._kept.get(campaign.id, (0.0, Figures()))
        if time.monotonic() < until:
            return kept
        began = time.monotonic()
        figures = await self._database.read(partial(_read, campaign=campaign))
        took = time.monotonic() - began
        self._kept[campaign.id] = time.monotonic() + max(KEPT_SECONDS, _SHARE * took), figures
        self._kept.move_to_end(campaign.id)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return figures


def _of_emails(connection: sql.Reads, campaign: Campaign) -> Figures:
    return Figures(
        states=email_sql.states(connection, campaign.id),
        skipped=sql.skipped(connection, campaign.id),
        variants=sql.variants(connection, campaign.id),
        optouts=email_sql.left_after(connection, campaign.id),
        **_of_links(connection, campaign),
    )


class _OfLinks(TypedDict):
    clicked: int
    links: tuple[LinkClicks, ...]
    versions: tuple[VersionFigures, ...]


def _of_links(connection: sql.Reads, campaign: Campaign) -> _OfLinks:
    short = campaign.content.short_links
    return {
        "clicked": link_sql.clicked(connection, campaign.id) if short else 0,
        "links": tuple(link_sql.of_campaign(connection, campaign.id)) if short else (),
        "versions": trial_sql.figures(connection, campaign) if campaign.content.trial is not None else (),
    }


def _read(connection: sql.Reads, campaign: Campaign) -> Figures:
    if campaign.content.channel is Channel.EMAIL:
        return _of_emails(connection, campaign)
    groups = sql.by_state(connection, campaign.id)
    states: dict[str, int] = {}
    failures: dict[str, int] = {}
    costs: dict[str, int] = {}
    parts = unpriced = 0
    for group in groups:
        states[group.state] = states.get(group.state, 0) + group.messages
        parts += group.parts
        if group.state in {"failed", "expired"}:
            failures[group.reason] = failures.get(group.reason, 0) + group.messages
        if group.currency is None:
            unpriced += group.messages
        else:
            costs[group.currency] = costs.get(group.currency, 0) + group.price
    span, delivered = sql.delivered_over_time(connection, campaign.id)
    began = campaign.started_at or campaign.created_at
    return Figures(
        states=states,
        failures=failures,
        skipped=sql.skipped(connection, campaign.id),
        variants=sql.variants(connection, campaign.id),
        parts=parts,
        costs=tuple(Money(amount, currency) for currency, amount in sorted(costs.items())),
        unpriced=unpriced,
        replies=sql.replies(connection, campaign.id, campaign.content.account_id, began),
        optouts=sql.optouts_since(connection, campaign.id, campaign.org_id, began),
        **_of_links(connection, campaign),
        delivered=delivered,
        span=span,
    )
