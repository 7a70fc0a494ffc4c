"""SQL of what groups and campaigns know of each other: who uses a group, and what campaigns a filter can name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from campaigns.campaign import State
from campaigns.filters.mentions import groups_in
from campaigns.store.campaign_schema import campaigns

_MOST_NAMES = 5_000
_OVER = (State.FINISHED.value, State.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class CampaignUse:
    """A campaign, and the groups that its audience names."""

    id: str
    name: str
    ids: frozenset[str]
    """Groups that were chosen."""
    names: frozenset[str]
    """Groups that its filter asks for, folded."""


def campaign_names(connection: Connection, org_id: str) -> list[str]:
    """What the organisation's campaigns are called, the newest first."""
    named = select(campaigns.c.name).where(campaigns.c.org_id == org_id).order_by(campaigns.c.id.desc())
    return list(dict.fromkeys(connection.execute(named.limit(_MOST_NAMES)).scalars()))


def uses(connection: Connection, org_id: str) -> list[CampaignUse]:
    """The organisation's campaigns that are not over, the newest first."""
    rows = connection.execute(
        select(campaigns.c.id, campaigns.c.name, campaigns.c.audience)
        .where(campaigns.c.org_id == org_id, campaigns.c.state.not_in(_OVER))
        .order_by(campaigns.c.id.desc())
    )
    return [_use(row.id, row.name, json.loads(row.audience)) for row in rows]


def _use(campaign_id: str, name: str, audience: dict[str, list[str] | str]) -> CampaignUse:
    chosen = frozenset([*audience.get("groups", ()), *audience.get("without", ())])
    return CampaignUse(campaign_id, name, chosen, groups_in(str(audience.get("filter") or "")))
