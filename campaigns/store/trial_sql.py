"""SQL of trials: what became of each version, and the verdict, which is given once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, distinct, exists, func, select, update

from campaigns.campaign import Campaign, NotNow, State
from campaigns.model import Channel
from campaigns.store import campaign_sql
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.email_schema import email_optouts
from campaigns.store.link_schema import campaign_links, link_clicks
from campaigns.trial import VersionFigures, by_version, versions_of
from gateway.store.schema import inbound, messages, optouts
from gateway.translation import sentence

_VARIANT = campaign_recipients.c.variant


def figures(connection: Connection, campaign: Campaign) -> tuple[VersionFigures, ...]:
    """What became of the messages of each version so far; of e-mails, that they left counts as delivered."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    by_mail = campaign.content.channel is Channel.EMAIL
    queries = {"sent": _sent(campaign.id), "clicked": _clicked(campaign.id)}
    if by_mail:
        queries |= {"delivered": _sent(campaign.id), "opted_out": _unsubscribed(campaign)}
    else:
        queries |= {
            "delivered": _messages(campaign.id).where(messages.c.state == "delivered"),
            "answered": _messages(campaign.id).where(_has_answered()),
            "opted_out": _messages(campaign.id).where(_has_opted_out()),
        }
    for name, query in queries.items():
        for variant, count in connection.execute(query):
            counts[variant][name] = count
    there = dict.fromkeys(versions_of(campaign.content.texts))
    found = {each.version: each for each in by_version({v: VersionFigures(v, **of) for v, of in counts.items()})}
    return tuple(found.get(version, VersionFigures(version)) for version in there)


def _sent(campaign_id: str) -> Select[Any]:
    mine = campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state == "sent"
    return select(_VARIANT, func.count()).where(*mine).group_by(_VARIANT)


def _messages(campaign_id: str) -> Select[Any]:
    return _sent(campaign_id).join(messages, messages.c.id == campaign_recipients.c.message_id)


def _has_answered() -> ColumnElement[bool]:
    return exists().where(
        inbound.c.account_id == messages.c.account_id,
        inbound.c.id > messages.c.id,  # ids sort by time
        inbound.c.from_number == messages.c.to_number,
    )


def _has_opted_out() -> ColumnElement[bool]:
    return exists().where(
        optouts.c.org_id == messages.c.org_id,
        optouts.c.phone == messages.c.to_number,
        optouts.c.since >= messages.c.created_at,
    )


def _unsubscribed(campaign: Campaign) -> Select[Any]:
    left = exists().where(
        email_optouts.c.org_id == campaign.org_id,
        email_optouts.c.address == campaign_recipients.c.address,
        email_optouts.c.campaign_id == campaign.id,
        email_optouts.c.ended_at.is_(None),
    )
    return _sent(campaign.id).where(left)


def _clicked(campaign_id: str) -> Select[Any]:
    return (
        select(_VARIANT, func.count(distinct(campaign_recipients.c.contact_id)))
        .select_from(campaign_links)
        .join(link_clicks, link_clicks.c.link_id == campaign_links.c.id)
        .join(
            campaign_recipients,
            (campaign_recipients.c.campaign_id == campaign_links.c.campaign_id)
            & (campaign_recipients.c.contact_id == link_clicks.c.contact_id),
        )
        .where(campaign_links.c.campaign_id == campaign_id)
        .group_by(_VARIANT)
    )


# --- the verdict ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pick:
    """A wish that a version goes to all others."""

    campaign_id: str
    version: str
    figures: tuple[VersionFigures, ...]
    """On which that rests."""
    at: float
    by: str = ""
    """Who says so; "" for the rule."""


def decide(connection: Connection, items: Sequence[Pick]) -> list[Campaign | NotNow | None]:
    """Work: give verdicts. The campaign as it stands then; what was decided before stays. None where there is none.

    A rule decides nothing while the campaign rests: what it would rest on may still change.
    """
    return [_decide(connection, item) for item in items]


def _decide(connection: Connection, item: Pick) -> Campaign | NotNow | None:
    campaign = campaign_sql.find(connection, None, item.campaign_id, lock=True)
    if campaign is None:
        return None
    if campaign.verdict.winner:
        return NotNow(DECIDED) if item.by else campaign
    if not item.by and campaign.state is not State.RUNNING:
        return campaign
    if campaign.content.trial is None or campaign.state not in {State.RUNNING, State.PAUSED}:
        return NotNow(UNTRIED)
    changed = {
        "winner": item.version,
        "decided_at": item.at,
        "decided_by": item.by,
        "decided_on": json.dumps([asdict(each) for each in item.figures]),
        "available_at": item.at,
        "cause": campaign.cause if campaign.state is State.PAUSED else "",
    }
    connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(**changed))
    return campaign_sql.find(connection, None, campaign.id)


DECIDED = sentence("it is decided already which version the others get")
UNTRIED = sentence("no versions are being tried now")
