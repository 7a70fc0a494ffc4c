"""SQL of receipts that senders are owed: each mail is looked at again until all its messages have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from gateway.model import OutgoingMail
from gateway.money import Money
from gateway.sms import MessageState
from gateway.store import mail_queue_sql
from gateway.store.mail_queue_sql import NewMails
from gateway.store.schema import mails, messages, provider_refs


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a mail, as it stands."""

    phone: str
    provider: str
    text: str
    state: MessageState
    reason: str
    public_text: str
    parts: int
    """As the provider counts them, else as we do."""
    price: Money | None
    at: float
    """When the phone got it where that is known, else since when it stands so."""
    told: bool
    """Whether its sender was told of its failure."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A mail whose sender is owed a receipt."""

    mail_id: str
    account_id: str
    due_at: float
    original_id: str | None
    subject: str
    arrived_at: float
    cut: str
    attachments: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking at a mail."""

    owed: Owed
    again_at: float | None
    """When to look again; None where nothing is owed any more."""
    receipt: OutgoingMail | None = None


def due(connection: Connection, now: float, most: int) -> list[Owed]:
    """Mails that are to be looked at, with their messages."""
    query = select(mails).where(mails.c.receipt_at <= now).order_by(mails.c.receipt_at).limit(most)
    found = connection.execute(query).all()
    parts = _parts(connection, [row.id for row in found])
    return [
        Owed(
            mail_id=row.id,
            account_id=row.account_id,
            due_at=row.receipt_at,
            original_id=row.message_id,
            subject=row.subject,
            arrived_at=row.received_at,
            cut=row.cut,
            attachments=row.attachments,
            parts=tuple(parts[row.id]),
        )
        for row in found
    ]


def _parts(connection: Connection, mail_ids: Sequence[str]) -> defaultdict[str, list[Part]]:
    rows = connection.execute(select(messages).where(messages.c.mail_id.in_(mail_ids)).order_by(messages.c.id)).all()
    reported = select(provider_refs.c.message_id, func.max(provider_refs.c.at)).where(
        provider_refs.c.message_id.in_([row.id for row in rows])
    )
    moments = {row[0]: row[1] for row in connection.execute(reported.group_by(provider_refs.c.message_id))}
    found: defaultdict[str, list[Part]] = defaultdict(list)
    for row in rows:
        found[row.mail_id].append(_part(row, moments.get(row.id)))
    return found


def _part(row: Any, reported_at: float | None) -> Part:
    return Part(
        phone=row.to_number,
        provider=row.provider,
        text=row.text,
        state=MessageState(row.state),
        reason=row.reason,
        public_text=row.public_text,
        parts=row.billed_parts or row.parts,
        price=None if row.price is None else Money(row.price, row.currency),
        at=reported_at or row.state_at,
        told=row.told_at is not None,
    )


def settle(connection: Connection, items: Sequence[Looked]) -> list[bool]:
    """Queue receipts, and note when to look again; False where another process has looked."""
    return [_settle(connection, item) for item in items]


def _settle(connection: Connection, looked: Looked) -> bool:
    owed = looked.owed
    first = connection.execute(
        update(mails)
        .where(mails.c.id == owed.mail_id, mails.c.receipt_at == owed.due_at)
        .values(receipt_at=looked.again_at)
    ).rowcount
    if first and looked.receipt is not None:
        mail_queue_sql.put(connection, [NewMails((looked.receipt,), owed.mail_id)])
    return first == 1
