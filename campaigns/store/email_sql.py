"""SQL of campaigns by e-mail: mails are queued, fail, bounce; addresses unsubscribe.

`settle` and `bounce` are the transport's own work, with what they mean for the recipients of campaigns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, and_, bindparam, func, select, text, update

from campaigns.campaign import OPEN
from campaigns.recipients import Skip
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.email_schema import email_bounces, email_optouts
from gateway.model import MailKind, OutgoingMail
from gateway.registry.employee_address import fold_email
from gateway.store import mail_queue_sql
from gateway.store.dialect import insert
from gateway.store.mail_queue_sql import FAILED, QUEUED, Bounced, NewMails, Settlement
from gateway.store.prepared import Prepared, among, values_of
from gateway.store.schema import mail_queue, organisations

_HARD = ("5.1.", "5.2.0", "5.2.1", "5.0.0")
"""What a server says of an address that is none, or is no more (RFC 3463): not of one that is full, or of our mail."""


def folded(address: str) -> str:
    """An address as it is compared: nobody has two mailboxes that differ in capitals alone; domains as A-labels."""
    return address.strip().lower() if address.isascii() else fold_email(address)


# --- put -----------------------------------------------------------------------------------------------------------


def _had(dialect: str) -> Executable:
    return select(campaign_recipients.c.address).where(
        campaign_recipients.c.campaign_id == bindparam("campaign"),
        among(dialect, campaign_recipients.c.address, "addresses"),
    )


def _left(dialect: str) -> Executable:
    return select(email_optouts.c.address).where(
        email_optouts.c.org_id == bindparam("org"),
        among(dialect, email_optouts.c.address, "addresses"),
        email_optouts.c.ended_at.is_(None),
    )


def _bouncing(dialect: str) -> Executable:
    return select(email_bounces.c.address).where(
        email_bounces.c.org_id == bindparam("org"), among(dialect, email_bounces.c.address, "addresses")
    )


_HAD, _LEFT, _BOUNCING = Prepared(_had), Prepared(_left), Prepared(_bouncing)


def closed_to(connection: Connection, org_id: str, addresses: Collection[str]) -> dict[str, Skip]:
    """Those of the addresses, folded, that an organisation's campaigns must not write to, and why."""
    if not addresses:
        return {}
    wanted = {"org": org_id, "addresses": values_of(connection, sorted(addresses))}
    bouncing = dict.fromkeys(_BOUNCING.scalars(connection, wanted), Skip.BOUNCED)
    return bouncing | dict.fromkeys(_LEFT.scalars(connection, wanted), Skip.UNSUBSCRIBED)


def put(connection: Connection, org_id: str, campaign_id: str, mails: Sequence[OutgoingMail]) -> dict[str, Skip]:
    """Queue mails of a campaign, whose row the caller has locked; those that were not, by their ids, and why."""
    addresses = {mail.id: folded(mail.recipient) for mail in mails}
    if not addresses:
        return {}
    closed = closed_to(connection, org_id, set(addresses.values()))
    wanted = {"campaign": campaign_id, "addresses": values_of(connection, sorted(set(addresses.values())))}
    had = set(_HAD.scalars(connection, wanted))
    refused: dict[str, Skip] = {}
    clear = []
    for mail in mails:
        address = addresses[mail.id]
        if address in had:
            refused[mail.id] = Skip.DUPLICATE_ADDRESS
        elif address in closed:
            refused[mail.id] = closed[address]
        else:
            had.add(address)
            clear.append(mail)
    mail_queue_sql.put(connection, [NewMails(tuple(clear), campaign_id)])
    return refused


def is_queued(connection: Connection, campaign_id: str) -> bool:
    """Whether a mail of a campaign has not left yet."""
    # With a concatenation, lest the index be read that holds all mails of the campaign.
    query = select(mail_queue.c.id).where(
        text("state = 'queued'"), mail_queue.c.priority == 1, mail_queue.c.about + "" == campaign_id
    )
    return connection.execute(query.limit(1)).first() is not None


# --- what became of them -------------------------------------------------------------------------------------------


def settle(connection: Connection, items: Sequence[Settlement]) -> list[bool]:
    """Work: record outcomes (`mail_queue_sql.settle`); a recipient whose mail failed has failed."""
    done = mail_queue_sql.settle(connection, items)
    for item, stands in zip(items, done, strict=True):
        if stands and item.state == FAILED:
            _fail(connection, item.id, item.at, item.cause, bounced=item.about_mailbox, hard=item.about_mailbox)
    return done


def bounce(connection: Connection, items: Sequence[Bounced]) -> list[OutgoingMail | None]:
    """Work: note bounces (`mail_queue_sql.bounce`); an address that is none gets no more mail of campaigns."""
    mails = mail_queue_sql.bounce(connection, items)
    for item, mail in zip(items, mails, strict=True):
        if mail is not None and mail.kind is MailKind.CAMPAIGN:
            _fail(connection, item.id, item.at, item.cause, bounced=True, hard=item.cause.startswith(_HARD))
    return mails


def _fail(connection: Connection, mail_id: str, at: float, cause: str, *, bounced: bool, hard: bool) -> None:
    found = _sent_to(connection, mail_id)
    if found is None:
        return
    campaign_id, org_id, address = found
    connection.execute(
        update(campaign_recipients)
        .where(campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.address == address)
        .values(state="failed", reason=Skip.BOUNCED if bounced else "failed")
    )
    if hard:
        values = {"at": at, "cause": cause}
        connection.execute(
            insert(connection, email_bounces)
            .values(org_id=org_id, address=address, **values)
            .on_conflict_do_update(index_elements=["org_id", "address"], set_=values)
        )


def _sent_to(connection: Connection, mail_id: str) -> tuple[str, str, str] | None:
    """The campaign of a mail, its organisation, and the address; None for a mail of no campaign."""
    query = (
        select(campaigns.c.id, campaigns.c.org_id, mail_queue.c.recipient)
        .join(campaigns, campaigns.c.id == mail_queue.c.about)
        .where(mail_queue.c.id == mail_id, mail_queue.c.kind == MailKind.CAMPAIGN)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.id, row.org_id, folded(row.recipient))


# --- unsubscribing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaving:
    """A contact that got a campaign, or whose mail it was, wants no more e-mail of campaigns."""

    how: str
    now: float
    campaign_id: str = ""
    contact_id: int = 0
    mail_id: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Who has left whom."""

    org_id: str
    organisation: str
    address: str


def leave(connection: Connection, items: Sequence[Leaving]) -> list[Left | None]:
    """Work: unsubscribe; None where no such mail was sent. What waits for the address does not leave."""
    return [_leave(connection, item) for item in items]


def _leave(connection: Connection, item: Leaving) -> Left | None:
    campaign_id = item.campaign_id
    if item.mail_id:
        sent = _sent_to(connection, item.mail_id)
        left = None if sent is None else _of(connection, sent[1], sent[2])
        campaign_id = campaign_id if sent is None else sent[0]
    else:
        left = whom(connection, campaign_id, item.contact_id)
    if left is None:
        return None
    opt_out(connection, left, item.how, campaign_id, item.now)
    return left


def opt_out(connection: Connection, left: Left, how: str, campaign_id: str | None, now: float) -> bool:
    """Let no campaign write to an address; False where none may already, which stays as it was said first."""
    # A page that is being committed holds its campaign: afterwards its mails are seen, or it sees this.
    running = select(campaigns.c.id).where(campaigns.c.org_id == left.org_id, campaigns.c.state.in_(OPEN))
    open_ids = list(connection.execute(running.order_by(campaigns.c.id).with_for_update()).scalars())
    fresh = {"since": now, "how": how, "campaign_id": campaign_id, "ended_at": None}
    changed = connection.execute(
        insert(connection, email_optouts)
        .values(org_id=left.org_id, address=left.address, **fresh)
        .on_conflict_do_update(
            index_elements=["org_id", "address"], set_=fresh, where=email_optouts.c.ended_at.is_not(None)
        )
    ).rowcount
    _stop_waiting(connection, open_ids, left.address, now)
    return bool(changed)


def _stop_waiting(connection: Connection, campaign_ids: Sequence[str], address: str, now: float) -> None:
    mine = and_(campaign_recipients.c.campaign_id.in_(campaign_ids), campaign_recipients.c.address == address)
    for row in connection.execute(select(campaign_recipients).where(mine, campaign_recipients.c.state == "sent")).all():
        stop(connection, row, now, Skip.UNSUBSCRIBED)


def stop(connection: Connection, recipient: Any, now: float, why: Skip) -> None:
    """End the mail of a row of `campaign_recipients`, where it has not left."""
    stopped = connection.execute(
        update(mail_queue)
        .where(mail_queue.c.id == recipient.message_id, mail_queue.c.state == QUEUED)
        .values(state=FAILED, settled_at=now, cause=why, content=b"", lease=None, lease_until=None)
    ).rowcount
    if stopped:
        connection.execute(
            update(campaign_recipients)
            .where(
                campaign_recipients.c.campaign_id == recipient.campaign_id,
                campaign_recipients.c.contact_id == recipient.contact_id,
            )
            .values(state="failed", reason=why)
        )


def whom(connection: Connection, campaign_id: str, contact_id: int) -> Left | None:
    """Whom a contact's mail of a campaign went to, and from whom; None where there was none."""
    query = (
        select(campaigns.c.org_id, campaign_recipients.c.address)
        .join(campaigns, campaigns.c.id == campaign_recipients.c.campaign_id)
        .where(campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.contact_id == contact_id)
        .where(campaign_recipients.c.address.is_not(None))
    )
    row = connection.execute(query).first()
    return None if row is None else _of(connection, row.org_id, row.address)


def _of(connection: Connection, org_id: str, address: str) -> Left:
    name = connection.execute(select(organisations.c.name).where(organisations.c.id == org_id)).scalar_one()
    return Left(org_id, name, address)


# --- figures -------------------------------------------------------------------------------------------------------


def states(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Query: mails of a campaign by what became of them: queued, sent, failed, bounced, unsubscribed (while queued)."""
    mine = campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state.in_(["sent", "failed"])
    query = (
        select(campaign_recipients.c.state, campaign_recipients.c.reason, func.count().label("mails"))
        .where(*mine)
        .group_by(campaign_recipients.c.state, campaign_recipients.c.reason)
    )
    found: dict[str, int] = {}
    for row in connection.execute(query):
        name = row.reason if row.state == "failed" else "sent"
        found[name] = found.get(name, 0) + row.mails
    waits = select(func.count()).where(
        mail_queue.c.state == "queued", mail_queue.c.priority == 1, mail_queue.c.about == campaign_id
    )
    queued = connection.execute(waits).scalar_one()
    found |= {"queued": queued, "sent": found.get("sent", 0) - queued}
    return {name: count for name, count in found.items() if count}


def left_after(connection: Connection, campaign_id: str) -> int:
    """Query: how many addresses have unsubscribed by a mail of a campaign."""
    query = select(func.count()).where(email_optouts.c.campaign_id == campaign_id, email_optouts.c.ended_at.is_(None))
    return int(connection.execute(query).scalar_one())
