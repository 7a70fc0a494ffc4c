"""SQL of what campaigns decided about one contact."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from campaigns.store.campaign_schema import campaign_recipients, campaigns


@dataclass(frozen=True, slots=True)
class Received:
    """A campaign that has looked at a contact, and what it decided."""

    campaign_id: str
    name: str
    state: str
    """sent, skipped or waiting."""
    reason: str
    """A word of `recipients.Skip` where it was skipped."""
    variant: str
    """The language of its text."""
    message_id: str | None
    at: float
    """When that was decided; of one that waits, when it is due."""


def of_contact(
    connection: Connection, org_id: str, contact_id: int, most: int, campaign_id: str | None = None
) -> list[Received]:
    """The campaigns of an organisation that have looked at a contact, the newest first; one alone where it is named."""
    mine = (campaigns.c.org_id == org_id, *((campaigns.c.id == campaign_id,) if campaign_id else ()))
    row = (campaign_recipients.c.campaign_id == campaigns.c.id, campaign_recipients.c.contact_id == contact_id)
    query = (
        select(
            campaigns.c.id,
            campaigns.c.name,
            campaign_recipients.c.state,
            campaign_recipients.c.reason,
            campaign_recipients.c.variant,
            campaign_recipients.c.message_id,
            campaign_recipients.c.at,
        )
        .where(*mine, *row)
        .order_by(campaigns.c.id.desc())
        .limit(most)
    )
    return [Received(*each) for each in connection.execute(query)]
