"""SQL of campaigns: written, found, moved from state to state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, insert, literal_column, or_, select, text, true, update

from campaigns.approval import Who
from campaigns.campaign import Campaign, Cause, Content, Deed, Limits, NotNow, State, after
from campaigns.store import email_sql, link_sql
from campaigns.store.campaign_rows import asked_row, budget_row, campaign_of, content_row, fingerprint
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from gateway.model import Origin, OutgoingMail
from gateway.store import hold_sql, mail_queue_sql
from gateway.store.dialect import insert as insert_new
from gateway.store.mail_queue_sql import NewMails
from gateway.store.route_sql import waiting_for
from gateway.store.schema import mails, messages, processes
from gateway.translation import sentence

CHANGED = sentence("the campaign has been changed meanwhile: look at it again")
_DUE = text("state IN ('scheduled', 'running')")
"""As the index says it."""


def add(connection: Connection, items: Sequence[Campaign]) -> list[None]:
    """Work: keep new campaigns."""
    for item in items:
        row = {
            "id": item.id,
            "org_id": item.org_id,
            "state": item.state,
            "state_at": item.state_at,
            "created_at": item.created_at,
            "created_by": item.created_by,
            "available_at": item.available_at,
        }
        connection.execute(insert(campaigns).values(**row, **content_row(item.content)))
        link_sql.keep(connection, item)
    return [None] * len(items)


@dataclass(frozen=True, slots=True)
class Edit:
    """A wish to change what a campaign says."""

    org_id: str
    campaign_id: str
    content: Content
    now: float
    anew: bool = False
    """Whether one that waits for its start has to be started anew, since it may have grown."""
    was: str = ""
    """What it must still say (`fingerprint`); empty for anything."""


def edit(connection: Connection, items: Sequence[Edit]) -> list[Campaign | NotNow | None]:
    """Work: change contents; None where there is no such campaign, NotNow where it has begun."""
    return [_edit(connection, item) for item in items]


def _edit(connection: Connection, item: Edit) -> Campaign | NotNow | None:
    campaign = find(connection, item.org_id, item.campaign_id, lock=True)
    if campaign is None:
        return None
    try:
        state = after(campaign, Deed.EDIT, item.now)
    except NotNow as objection:
        return objection
    if item.was and fingerprint(campaign.content) != item.was:
        return NotNow(CHANGED)
    if item.anew and state is State.SCHEDULED:
        state = State.DRAFT
    changed = content_row(item.content)
    if state is not campaign.state:
        changed |= {"state": state, "state_at": item.now, "asked_at": None, "approved": False}
    if state is State.SCHEDULED:
        changed["available_at"] = item.content.start_at or item.now
    connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(**changed))
    link_sql.keep(connection, replace(campaign, content=item.content))
    return find(connection, None, campaign.id)


@dataclass(frozen=True, slots=True)
class Wish:
    """A deed to be done with a campaign."""

    campaign_id: str
    deed: Deed
    now: float
    org_id: str | None = None
    """Whose it must be; None for the gateway itself."""
    cause: str = ""
    letter: OutgoingMail | None = None
    """What is told about it, in the same transaction."""
    content: Content | None = None
    """What it must still say, where that was looked at before."""
    by: Who | None = None
    """Who starts it, where that is known."""
    contacts: int = 0
    """How many its audience has when it starts, where that was counted."""
    grown: bool = False
    """Whether one that has grown may go on."""
    limits: Limits | None = None
    """The budget with which it goes on, where that is another."""


def do(connection: Connection, items: Sequence[Wish]) -> list[Campaign | NotNow | None]:
    """Work: do deeds; the campaign as it stands then, None where there is none, NotNow where it cannot be done."""
    return [_do(connection, item) for item in items]


def _do(connection: Connection, wish: Wish) -> Campaign | NotNow | None:
    campaign = find(connection, wish.org_id, wish.campaign_id, lock=True)
    if campaign is None:
        return None
    state = _leads_to(campaign, wish)
    if isinstance(state, NotNow):
        return state
    if wish.deed is Deed.FINISH and _is_unfinished(connection, campaign):
        return campaign
    if wish.deed is Deed.DELETE:
        return _delete(connection, campaign)
    changed: dict[str, Any] = {
        "state": state,
        "state_at": wish.now,
        "cause": wish.cause,
        "available_at": campaign.content.start_at if state is State.SCHEDULED else wish.now,
    }
    if state is State.RUNNING and campaign.started_at is None:
        changed["started_at"] = wish.now
        _record(connection, campaign, wish)
    if wish.deed is Deed.START and campaign.state is State.DRAFT:
        changed |= asked_row(wish.by, None, wish.contacts)
    if wish.limits is not None:
        changed |= budget_row(wish.limits)
    if state in {State.FINISHED, State.CANCELLED}:
        changed["finished_at"] = wish.now
        changed["lease"] = None
    connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(**changed))
    _hold(connection, campaign, wish)
    if wish.letter is not None:
        mail_queue_sql.put(connection, [NewMails((wish.letter,), campaign.id)])
    return find(connection, None, campaign.id)


def _leads_to(campaign: Campaign, wish: Wish) -> State | NotNow:
    """The state after a deed, or why it cannot be done."""
    try:
        state = after(campaign, wish.deed, wish.now)
    except NotNow as objection:
        return objection
    is_other = wish.content is not None and wish.content != campaign.content
    has_grown = wish.deed is Deed.RESUME and campaign.cause == Cause.GROWN and not wish.grown
    return NotNow(CHANGED) if is_other or has_grown else state


def _hold(connection: Connection, campaign: Campaign, wish: Wish) -> None:
    """Hold back, let go or end what waits in the spool."""
    match wish.deed:
        case Deed.PAUSE:
            hold_sql.hold(connection, campaign.id, wish.now)
        case Deed.RESUME:
            hold_sql.let_go(connection, campaign.id)
        case Deed.CANCEL:
            hold_sql.end(connection, campaign.id, wish.now)
        case _:
            pass


def _record(connection: Connection, campaign: Campaign, wish: Wish) -> None:
    """What its messages hang on, as others do on their mail."""
    row = {
        "id": campaign.id,
        "received_at": wish.now,
        "decision": "campaign",
        "listener": Origin.CAMPAIGN,
        "peer_ip": "",
        "helo": "",
        "tls": False,
        "mail_from": "",
        "header_from": "",
        "proof": "campaign",
        "proof_detail": campaign.content.name,
        "size": 0,
        "org_id": campaign.org_id,
        "account_id": campaign.content.account_id,
    }
    connection.execute(insert_new(connection, mails).values(**row).on_conflict_do_nothing())


def _delete(connection: Connection, campaign: Campaign) -> Campaign | NotNow:
    connection.execute(delete(campaign_recipients).where(campaign_recipients.c.campaign_id == campaign.id))
    link_sql.forget(connection, campaign)
    connection.execute(delete(campaigns).where(campaigns.c.id == campaign.id))
    return replace(campaign, state=State.CANCELLED)


def _is_unfinished(connection: Connection, campaign: Campaign) -> bool:
    """Whether anybody waits, or anything has not left yet."""
    if not campaign.exhausted or campaign.counts.waiting:
        return True
    # With a concatenation, lest the index be read that holds all messages of the campaign.
    of_campaign = messages.c.mail_id + "" == campaign.id
    on_their_way: Select[Any] = select(literal_column("1")).where(text("state = 'submitting'"), of_campaign)
    if connection.execute(on_their_way.limit(1)).first() is not None:
        return True
    queued: Select[Any] = select(literal_column("1")).where(
        text("state = 'queued'"), messages.c.priority == 1, of_campaign
    )
    for provider in waiting_for(connection):
        if connection.execute(queued.where(messages.c.provider == provider).limit(1)).first() is not None:
            return True
    return email_sql.is_queued(connection, campaign.id)


# --- found ---------------------------------------------------------------------------------------------------------


def find(connection: Connection, org_id: str | None, campaign_id: str, *, lock: bool = False) -> Campaign | None:
    """A campaign, of this organisation where one is named."""
    query = select(campaigns).where(campaigns.c.id == campaign_id)
    if org_id is not None:
        query = query.where(campaigns.c.org_id == org_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        return None
    campaign = campaign_of(row)
    return replace(campaign, links=link_sql.numbers(connection, campaign.id)) if row.short_links else campaign


def listing(
    connection: Connection, org_id: str | None, most: int, before: str | None = None, state: State | None = None
) -> list[Campaign]:
    """Campaigns of an organisation, or of all, the newest first."""
    query = select(campaigns).order_by(campaigns.c.id.desc()).limit(most)
    if org_id is not None:
        query = query.where(campaigns.c.org_id == org_id)
    if before is not None:
        query = query.where(campaigns.c.id < before)
    if state is not None:
        query = query.where(campaigns.c.state == state)
    return [campaign_of(row) for row in connection.execute(query)]


def due(connection: Connection, now: float) -> list[str]:
    """The campaigns that there is something to do for, the longest due first."""
    query = select(campaigns.c.id).where(_DUE, campaigns.c.available_at <= now).order_by(campaigns.c.available_at)
    return list(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Claim:
    """A process's wish to run a campaign."""

    campaign_id: str
    lease: str
    now: float


def claim(connection: Connection, items: Sequence[Claim]) -> list[Campaign | None]:
    """Work: let a process run a campaign that no living one runs; None where one does."""
    return [_claim(connection, item) for item in items]


def _claim(connection: Connection, item: Claim) -> Campaign | None:
    alive = exists().where(processes.c.token == campaigns.c.lease, processes.c.alive_until > item.now)
    free = or_(campaigns.c.lease.is_(None), campaigns.c.lease == item.lease, ~alive)
    claimed = connection.execute(
        update(campaigns).where(and_(campaigns.c.id == item.campaign_id, _DUE, free)).values(lease=item.lease)
    ).rowcount
    return find(connection, None, item.campaign_id) if claimed else None


@dataclass(frozen=True, slots=True)
class Rest:
    """A process's wish to let go of a campaign, until there is something to do."""

    campaign_id: str
    lease: str
    until: float
    cause: str = ""


def rest(connection: Connection, items: Sequence[Rest]) -> list[None]:
    """Work: let campaigns rest that processes ran."""
    for item in items:
        mine = and_(campaigns.c.id == item.campaign_id, campaigns.c.lease == item.lease)
        connection.execute(update(campaigns).where(mine).values(lease=None))
        connection.execute(
            update(campaigns)
            .where(campaigns.c.id == item.campaign_id, campaigns.c.lease.is_(None), campaigns.c.state == State.RUNNING)
            # Somebody may have given the verdict meanwhile: then there is something to do at once.
            .where(campaigns.c.winner == "" if item.cause == Cause.WINNER else true())
            .values(available_at=item.until, cause=item.cause)
        )
    return [None] * len(items)
