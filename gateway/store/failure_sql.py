"""SQL of failures that their senders have not been told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, text, update

from gateway.model import Origin, OutgoingMail
from gateway.store import mail_queue_sql
from gateway.store.mail_queue_sql import NewMails
from gateway.store.schema import mails, messages


@dataclass(frozen=True, slots=True)
class Failure:
    """One message that did not reach its phone, and the mail that it came from."""

    message_id: str
    mail_id: str
    account_id: str
    phone: str
    state: str
    reason: str
    public_text: str
    original_id: str | None
    subject: str
    text: str
    """Of an SMS that no mail stands behind, by which its author knows it; else ""."""
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Told:
    """A report about messages."""

    message_ids: tuple[str, ...]
    report: OutgoingMail | None
    """None where their sender wants to read nothing of failures."""
    at: float


UNTOLD = "messages.state IN ('failed', 'expired', 'unknown') AND messages.told_at IS NULL"
"""The condition of the index of failures that nobody was told of, word for word."""


def untold(connection: Connection, failed_before: float, unknown_before: float, limit: int) -> list[Failure]:
    """Failures older than the given moments, the mails of which are stored, with their mails."""
    due = or_(
        and_(messages.c.state.in_(["failed", "expired"]), messages.c.state_at <= failed_before),
        and_(messages.c.state == "unknown", messages.c.state_at <= unknown_before),
    )
    rows = connection.execute(
        select(
            messages, mails.c.message_id.label("original_id"), mails.c.subject, mails.c.listener, mails.c.received_at
        )
        .join(mails, mails.c.id == messages.c.mail_id)
        .where(text(UNTOLD), due)
        # A concatenation, lest the index of all mails be walked for its order rather than that of the untold.
        .order_by(messages.c.mail_id + "", messages.c.id)
        .limit(limit)
    )
    return [_failure(row) for row in rows]


def _failure(row: Row[Any]) -> Failure:
    return Failure(
        message_id=row.id,
        mail_id=row.mail_id,
        account_id=row.account_id,
        phone=row.to_number,
        state=row.state,
        reason=row.reason,
        public_text=row.public_text,
        original_id=row.original_id,
        subject=row.subject,
        text=row.text if row.listener in set(Origin) else "",
        arrived_at=row.received_at,
    )


def tell(connection: Connection, items: Sequence[Told]) -> list[bool]:
    """Queue reports and note that they were made; False where another process made one."""
    return [_tell(connection, item) for item in items]


def _tell(connection: Connection, item: Told) -> bool:
    changed = connection.execute(
        update(messages)
        .where(messages.c.id.in_(item.message_ids), messages.c.told_at.is_(None))
        .values(told_at=item.at)
    ).rowcount
    if changed != len(item.message_ids):
        # Somebody told a part of them meanwhile; what is left is told in the next round.
        connection.execute(
            update(messages)
            .where(messages.c.id.in_(item.message_ids), messages.c.told_at == item.at)
            .values(told_at=None)
        )
        return False
    if item.report is not None:
        mail_queue_sql.put(connection, [NewMails((item.report,), item.message_ids[0])])
    return True
