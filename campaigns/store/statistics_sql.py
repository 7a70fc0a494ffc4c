"""SQL of what became of a campaign's messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, Integer, cast, distinct, exists, func, literal, select

from campaigns.store.campaign_schema import campaign_recipients
from gateway.model import first_id
from gateway.store import bulk_sql
from gateway.store.schema import inbound, messages, optouts

Reads: TypeAlias = Connection
"""What the functions here read from."""
_SPANS = (60.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0)
_MOST_SPANS = 120


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of one state, reason and currency."""

    state: str
    reason: str
    currency: str | None
    messages: int
    parts: int
    price: int
    """Thousandths of a minor unit."""


def by_state(connection: Connection, campaign_id: str) -> list[Group]:
    """All messages of a campaign, grouped."""
    parts = func.sum(func.coalesce(messages.c.billed_parts, messages.c.parts))
    query = (
        select(
            messages.c.state,
            messages.c.reason,
            messages.c.currency,
            func.count(),
            parts,
            func.sum(func.coalesce(messages.c.price, 0)),
        )
        .where(messages.c.mail_id == campaign_id)
        .group_by(messages.c.state, messages.c.reason, messages.c.currency)
    )
    return [
        Group(state, reason, currency, count, int(parts_), int(price))
        for state, reason, currency, count, parts_, price in connection.execute(query)
    ]


def delivered_over_time(connection: Connection, campaign_id: str) -> tuple[float, tuple[tuple[float, int], ...]]:
    """The seconds of a span, and delivered messages by the beginning of each span that has any."""
    mine = messages.c.mail_id == campaign_id, messages.c.state == "delivered"
    first, last = connection.execute(
        select(func.min(messages.c.state_at), func.max(messages.c.state_at)).where(*mine)
    ).one()
    if first is None:
        return _SPANS[0], ()
    span = next((each for each in _SPANS if (last - first) / each <= _MOST_SPANS), _SPANS[-1])
    place = cast(func.floor(messages.c.state_at / literal(span)), Integer)
    query = select(place.label("place"), func.count()).where(*mine).group_by("place").order_by("place")
    return span, tuple((where * span, count) for where, count in connection.execute(query))


def skipped(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Contacts that get nothing, by reason."""
    mine = campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state == "skipped"
    query = select(campaign_recipients.c.reason, func.count()).where(*mine).group_by(campaign_recipients.c.reason)
    return {row.reason: row[1] for row in connection.execute(query)}


def variants(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Messages by the language of their text."""
    mine = campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state == "sent"
    query = select(campaign_recipients.c.variant, func.count()).where(*mine).group_by(campaign_recipients.c.variant)
    return {row.variant: row[1] for row in connection.execute(query)}


def replies(connection: Connection, campaign_id: str, account_id: str, since: float) -> int:
    """Phones that got it and have written to its account after that."""
    got = exists().where(
        messages.c.dedupe == literal(bulk_sql.named(campaign_id)) + inbound.c.from_number,
        messages.c.created_at <= inbound.c.received_at,
    )
    query = select(func.count(distinct(inbound.c.from_number))).where(
        inbound.c.account_id == account_id, inbound.c.id >= first_id(since), got
    )
    return int(connection.execute(query).scalar_one())


def optouts_since(connection: Connection, campaign_id: str, org_id: str, since: float) -> int:
    """Phones that got it and have said STOP after that."""
    got = exists().where(
        messages.c.dedupe == literal(bulk_sql.named(campaign_id)) + optouts.c.phone,
        messages.c.created_at <= optouts.c.since,
    )
    query = select(func.count()).where(optouts.c.org_id == org_id, optouts.c.since >= since, got)
    return int(connection.execute(query).scalar_one())


def names(connection: Connection, campaign_ids: list[str]) -> dict[str, str]:
    """What campaigns are called, by their ids (C4)."""
    from campaigns.store.campaign_schema import campaigns

    query = select(campaigns.c.id, campaigns.c.name).where(campaigns.c.id.in_(campaign_ids))
    return {row.id: row.name for row in connection.execute(query)}
