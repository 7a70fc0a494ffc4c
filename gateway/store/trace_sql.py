"""SQL for people who look: lists of messages, and all that is stored about one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from gateway.model import JsonDict
from gateway.store.schema import attempts, inbound, inbound_parts, mail_queue, mails, messages, provider_refs, reports


def _rows(connection: Connection, query: Select[Any]) -> list[JsonDict]:
    return [dict(row) for row in connection.execute(query).mappings()]


def list_messages(
    connection: Connection, *, states: Sequence[str], phone: str | None, account_id: str | None, limit: int
) -> list[JsonDict]:
    """Outgoing messages, the newest first."""
    query = select(messages).order_by(messages.c.created_at.desc(), messages.c.id).limit(limit)
    if states:
        query = query.where(messages.c.state.in_(states))
    if phone:
        query = query.where(or_(messages.c.to_number == phone, messages.c.from_number == phone))
    if account_id:
        query = query.where(messages.c.account_id == account_id)
    return _rows(connection, query)


def list_inbound(connection: Connection, *, states: Sequence[str], limit: int) -> list[JsonDict]:
    """Incoming messages, the newest first."""
    query = select(inbound).order_by(inbound.c.received_at.desc()).limit(limit)
    if states:
        query = query.where(inbound.c.state.in_(states))
    return _rows(connection, query)


def find_mail(connection: Connection, wanted: str) -> JsonDict | None:
    """The mail with this id, or that a message with this id came from."""
    rows = _rows(connection, select(mails).where(mails.c.id.in_([wanted, wanted.partition(".")[0]])))
    return rows[0] if rows else None


def messages_of(connection: Connection, mail_id: str) -> list[JsonDict]:
    """The SMS that a mail became."""
    return _rows(connection, select(messages).where(messages.c.mail_id == mail_id).order_by(messages.c.created_at))


def attempts_of(connection: Connection, message_id: str) -> list[JsonDict]:
    """Every attempt to hand a message over, in order."""
    return _rows(connection, select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.n))


def refs_of(connection: Connection, message_id: str) -> list[JsonDict]:
    """The provider's ids of a message, one per part where it gives one per part."""
    query = select(provider_refs).where(provider_refs.c.message_id == message_id).order_by(provider_refs.c.part)
    return _rows(connection, query)


def reports_of(connection: Connection, message_id: str) -> list[JsonDict]:
    """Every delivery report on a message, as received."""
    return _rows(connection, select(reports).where(reports.c.message_id == message_id).order_by(reports.c.id))


def find_inbound(connection: Connection, wanted: str) -> JsonDict | None:
    """The incoming SMS with this id (ours or the provider's), or that a mail of ours with this id brought."""
    query = select(inbound).where(or_(inbound.c.id == wanted, inbound.c.ref == wanted, inbound.c.mail_id == wanted))
    rows = _rows(connection, query)
    return rows[0] if rows else None


def parts_of(connection: Connection, inbound_id: str) -> list[JsonDict]:
    """The parts that an incoming SMS was put together from."""
    query = select(inbound_parts).where(inbound_parts.c.inbound_id == inbound_id).order_by(inbound_parts.c.number)
    return _rows(connection, query)


def letters_about(connection: Connection, ids: Sequence[str]) -> list[JsonDict]:
    """The mails that were queued about messages, without their content."""
    columns = [column for column in mail_queue.c if column.name != "content"]
    query = select(*columns).where(or_(mail_queue.c.about.in_(ids), mail_queue.c.id.in_(ids)))
    return _rows(connection, query.order_by(mail_queue.c.created_at))
