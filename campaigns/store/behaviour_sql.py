"""SQL of what contacts did about a campaign: received it, answered it, clicked a link in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, union_all

from campaigns.filters.tree import Mark
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.filter_sql import Behaviour, Look
from campaigns.store.link_schema import NOBODY, campaign_links, link_clicks
from gateway.store.schema import ENDED_BADLY, inbound, messages


def _named(org_id: str, name: str, look: Look) -> ColumnElement[bool]:
    """Recipients of an organisation's campaigns of that name, whatever its case.

    PostgreSQL takes a list of campaigns for one of few recipients, whatever their number; an array for one of many.
    """
    ids = select(campaigns.c.id).where(*_called(org_id, name))
    if look is Look.JOINED:
        return campaign_recipients.c.campaign_id == func.any(func.array(ids.scalar_subquery()))
    return campaign_recipients.c.campaign_id.in_(ids)


def _called(org_id: str, name: str) -> tuple[ColumnElement[bool], ...]:
    # SQLite knows the case of ASCII alone: written as it is, a name is found in any alphabet.
    return campaigns.c.org_id == org_id, or_(campaigns.c.name == name, func.lower(campaigns.c.name) == name.lower())


def received(org_id: str, name: str, look: Look) -> Select[Any]:
    """Contacts whose SMS has reached their operator, or their phone.

    Most messages have: those that have not are few, and read from the indices that they stand in alone. Messages of a
    campaign are younger than it is, and ids sort by time.
    """
    first = select(func.min(campaigns.c.id).label("id")).where(*_called(org_id, name)).subquery("first")
    ended_badly = (
        select(messages.c.id)
        .join_from(first, messages, messages.c.id > first.c.id)
        .where(messages.c.org_id == org_id, text(ENDED_BADLY))
    )
    waiting = select(messages.c.id).where(text("state = 'queued'"))
    leaving = select(messages.c.id).where(text("state = 'submitting'"))
    return select(campaign_recipients.c.contact_id).where(
        _named(org_id, name, look),
        campaign_recipients.c.state == "sent",
        campaign_recipients.c.message_id.not_in(union_all(ended_badly, waiting, leaving)),
    )


def answered(org_id: str, name: str, look: Look) -> Select[Any]:
    """Contacts whose phone has written to the number that it came from, after it came.

    What phones wrote last is gathered first, in one pass over what came in to the accounts of the campaigns: no index
    of incoming SMS begins with a phone.
    """
    sender = select(campaigns.c.account_id).where(*_called(org_id, name))
    last = (
        select(inbound.c.account_id, inbound.c.from_number, func.max(inbound.c.id).label("id"))
        .where(inbound.c.account_id.in_(sender))
        .group_by(inbound.c.account_id, inbound.c.from_number)
        .subquery("last_answers")
    )
    after = and_(
        last.c.account_id == messages.c.account_id,
        last.c.from_number == messages.c.to_number,
        last.c.id > messages.c.id,  # ids sort by time
    )
    return (
        select(campaign_recipients.c.contact_id)
        .join(messages, messages.c.id == campaign_recipients.c.message_id)
        .join(last, after)
        .where(_named(org_id, name, look))
    )


def clicked(org_id: str, name: str, _look: Look) -> Select[Any]:
    """Contacts who have followed a link in it."""
    ids = select(campaigns.c.id).where(*_called(org_id, name))
    return (
        select(link_clicks.c.contact_id)
        .join(campaign_links, campaign_links.c.id == link_clicks.c.link_id)
        .where(campaign_links.c.campaign_id.in_(ids), link_clicks.c.contact_id != NOBODY)
    )


BEHAVIOURS: dict[Mark, Behaviour] = {Mark.RECEIVED: received, Mark.ANSWERED: answered, Mark.CLICKED: clicked}
