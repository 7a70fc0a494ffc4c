"""SQL of what contacts did about a campaign: received it, answered it, clicked a link in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select

from campaigns.filters.tree import Mark
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.filter_sql import Behaviour
from campaigns.store.link_schema import NOBODY, campaign_links, link_clicks
from gateway.store.schema import inbound, messages

_REACHED = ("submitted", "delivered")


def _named(org_id: str, name: str) -> ColumnElement[bool]:
    """Recipients of an organisation's campaigns of that name, whatever its case."""
    ids = select(campaigns.c.id).where(campaigns.c.org_id == org_id, func.lower(campaigns.c.name) == name.lower())
    return campaign_recipients.c.campaign_id.in_(ids)


def received(org_id: str, name: str) -> Select[Any]:
    """Contacts whose SMS has reached their operator, or their phone."""
    return (
        select(campaign_recipients.c.contact_id)
        .join(messages, messages.c.id == campaign_recipients.c.message_id)
        .where(_named(org_id, name), messages.c.state.in_(_REACHED))
    )


def answered(org_id: str, name: str) -> Select[Any]:
    """Contacts whose phone has written to the number that it came from, after it came."""
    answer = exists().where(
        inbound.c.account_id == messages.c.account_id,
        inbound.c.id > messages.c.id,  # ids sort by time
        inbound.c.from_number == messages.c.to_number,
    )
    return (
        select(campaign_recipients.c.contact_id)
        .join(messages, messages.c.id == campaign_recipients.c.message_id)
        .where(_named(org_id, name), answer)
    )


def clicked(org_id: str, name: str) -> Select[Any]:
    """Contacts who have followed a link in it."""
    ids = select(campaigns.c.id).where(campaigns.c.org_id == org_id, func.lower(campaigns.c.name) == name.lower())
    return (
        select(link_clicks.c.contact_id)
        .join(campaign_links, campaign_links.c.id == link_clicks.c.link_id)
        .where(campaign_links.c.campaign_id.in_(ids), link_clicks.c.contact_id != NOBODY)
    )


BEHAVIOURS: dict[Mark, Behaviour] = {Mark.RECEIVED: received, Mark.ANSWERED: answered, Mark.CLICKED: clicked}
