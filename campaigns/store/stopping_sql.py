"""SQL of what campaigns have made for contacts that must get nothing any more: it does not leave.

A page that is being committed holds its campaign, and asks once more about its contacts (`obstacle_sql`). So whoever
first writes why contacts get nothing, then locks the campaigns under way, then stops what waits, misses nothing: a page
that was committed before is seen, and one that comes later sees it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from campaigns.campaign import OPEN
from campaigns.model import Channel
from campaigns.recipients import Skip
from campaigns.store import email_sql
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from gateway.sms import MessageState
from gateway.store.schema import messages
from gateway.store.spool_sql import give_up, message_of

_AT_ONCE = 500
"""Ids that one statement names."""


def under_way(connection: Connection, org_id: str, channel: Channel | None = None) -> list[str]:
    """Campaigns of an organisation from which something may still leave, of one channel or of all, locked."""
    query = select(campaigns.c.id).where(campaigns.c.org_id == org_id, campaigns.c.state.in_(OPEN))
    if channel is not None:
        query = query.where(campaigns.c.channel == channel)
    return list(connection.execute(query.order_by(campaigns.c.id).with_for_update()).scalars())


def stop(
    connection: Connection, campaign_ids: Sequence[str], contact_ids: Sequence[int], why: Skip, now: float
) -> None:
    """End what has not left of these campaigns to these contacts."""
    if not campaign_ids:
        return
    for start in range(0, len(contact_ids), _AT_ONCE):
        _stop(connection, campaign_ids, contact_ids[start : start + _AT_ONCE], why, now)


def _stop(
    connection: Connection, campaign_ids: Sequence[str], contact_ids: Sequence[int], why: Skip, now: float
) -> None:
    sent = connection.execute(
        select(campaign_recipients).where(
            campaign_recipients.c.campaign_id.in_(campaign_ids),
            campaign_recipients.c.contact_id.in_(contact_ids),
            campaign_recipients.c.state == "sent",
        )
    ).all()
    sms = [row.message_id for row in sent if row.address is None]
    for start in range(0, len(sms), _AT_ONCE):
        waiting = select(messages).where(
            messages.c.id.in_(sms[start : start + _AT_ONCE]), messages.c.state == MessageState.QUEUED
        )
        stopped = connection.execute(waiting.order_by(messages.c.id).with_for_update()).all()
        give_up(connection, [(message_of(row), why) for row in stopped], now)
    for row in sent:
        if row.address is not None:
            email_sql.stop(connection, row, now, why)
