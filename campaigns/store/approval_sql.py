"""SQL of approval: a campaign asks for it, and somebody answers, with what is told about it in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from campaigns.approval import Who, objection, objection_to_yes
from campaigns.campaign import Campaign, Cause, Content, Deed, NotNow, State
from campaigns.store import campaign_sql
from campaigns.store.campaign_rows import answered_row, asked_row, campaign_of
from campaigns.store.campaign_schema import campaigns
from campaigns.store.campaign_sql import Wish
from gateway.model import OutgoingMail
from gateway.store import mail_queue_sql
from gateway.store.mail_queue_sql import NewMails
from gateway.store.schema import organisations


@dataclass(frozen=True, slots=True)
class Ask:
    """A start that needs an approval."""

    campaign: Campaign
    """As it was counted."""
    who: Who
    recipients: int
    now: float
    letters: tuple[OutgoingMail, ...]
    """To those who may approve."""


def ask(connection: Connection, items: Sequence[Ask]) -> list[Campaign | NotNow | None]:
    """Work: let campaigns wait for approval."""
    return [_ask(connection, item) for item in items]


def _ask(connection: Connection, item: Ask) -> Campaign | NotNow | None:
    campaign = item.campaign
    values = asked_row(item.who, item.now, item.recipients)
    return _done(connection, Deed.ASK, campaign, item.now, values, item.letters, campaign.content)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answers."""

    campaign: Campaign
    who: Who
    now: float
    approved: bool
    word: str = ""
    asked_at: float | None = None
    """What they have read; None for whatever stands there."""
    letters: tuple[OutgoingMail, ...] = ()
    """To who asked."""
    contacts: int = 0
    """How many the audience of one that has grown has now."""


def answer(connection: Connection, items: Sequence[Answer]) -> list[Campaign | NotNow | None]:
    """Work: approve campaigns, or send them back."""
    return [_answer(connection, item) for item in items]


def _answer(connection: Connection, item: Answer) -> Campaign | NotNow | None:
    campaign = campaign_sql.find(connection, item.campaign.org_id, item.campaign.id, lock=True)
    if campaign is None:
        return None
    deed = Deed.APPROVE if item.approved else Deed.SEND_BACK
    if campaign.state is State.APPROVAL:
        objected = objection_to_yes if item.approved else objection
        against = objected(campaign.approval, item.who, item.asked_at)
        if against is not None:
            return NotNow(against)
    values = answered_row(item.who, item.now, approved=item.approved, word=item.word)
    return _done(connection, deed, campaign, item.now, values, item.letters, item.campaign.content)


def go_on(connection: Connection, items: Sequence[Answer]) -> list[Campaign | NotNow | None]:
    """Work: let campaigns go on whose audience has grown: somebody else than who has started one approves it so."""
    return [_go_on(connection, item) for item in items]


def _go_on(connection: Connection, item: Answer) -> Campaign | NotNow | None:
    campaign = campaign_sql.find(connection, item.campaign.org_id, item.campaign.id, lock=True)
    if campaign is None:
        return None
    if campaign.cause != Cause.GROWN:
        return NotNow(campaign_sql.CHANGED)
    against = objection_to_yes(campaign.approval, item.who)
    if against is not None:
        return NotNow(against)
    values = {"asked_at": campaign.state_at, "asked_for": item.contacts}
    values |= answered_row(item.who, item.now, approved=True)
    return _done(connection, Deed.RESUME, campaign, item.now, values, item.letters, item.campaign.content)


def _done(
    connection: Connection,
    deed: Deed,
    campaign: Campaign,
    now: float,
    values: dict[str, Any],
    letters: tuple[OutgoingMail, ...],
    content: Content,
) -> Campaign | NotNow | None:
    wish = Wish(campaign.id, deed, now, campaign.org_id, content=content, grown=True)
    outcome = campaign_sql.do(connection, [wish])[0]
    if not isinstance(outcome, Campaign):
        return outcome
    connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(**values))
    if letters:
        mail_queue_sql.put(connection, [NewMails(letters)])
    return campaign_sql.find(connection, None, campaign.id)


def waiting(connection: Connection, org_id: str | None, most: int) -> list[Campaign]:
    """Campaigns that wait for approval, the longest first."""
    grown = and_(campaigns.c.state == State.PAUSED, campaigns.c.cause == Cause.GROWN)
    query = (
        select(campaigns)
        .where(or_(campaigns.c.state == State.APPROVAL, grown))
        .order_by(campaigns.c.state_at)
        .limit(most)
    )
    if org_id is not None:
        query = query.where(campaigns.c.org_id == org_id)
    return [campaign_of(row) for row in connection.execute(query)]


def above(connection: Connection, org_id: str) -> int | None:
    """Contacts above which an organisation's campaigns need an approval; None where it says nothing of its own."""
    return connection.execute(select(organisations.c.approval_above).where(organisations.c.id == org_id)).scalar()


@dataclass(frozen=True, slots=True)
class Above:
    """A wish to set that."""

    org_id: str
    contacts: int | None


def set_above(connection: Connection, items: Sequence[Above]) -> list[None]:
    """Work: set it."""
    for item in items:
        values = {"approval_above": item.contacts}
        connection.execute(update(organisations).where(organisations.c.id == item.org_id).values(**values))
    return [None] * len(items)
