"""SQL for people who look: lists of messages, and all that is stored about one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from gateway.model import JsonDict
from gateway.store.schema import attempts, inbound, inbound_parts, mail_queue, mails, messages, provider_refs, reports


def _rows(connection: Connection, query: Select[Any]) -> list[JsonDict]:
    return [dict(row) for row in connection.execute(query).mappings()]


def list_messages(
    connection: Connection, *, states: Sequence[str], phone: str | None, account_id: str | None, limit: int
) -> list[JsonDict]:
    """Outgoing messages, the newest first."""
    query = select(messages).order_by(messages.c.id.desc()).limit(limit)
    if states:
        query = query.where(messages.c.state.in_(states))
    if phone:
        query = query.where(or_(messages.c.to_number == phone, messages.c.from_number == phone))
    if account_id:
        query = query.where(messages.c.account_id == account_id)
    return _rows(connection, query)


def list_inbound(
    connection: Connection,
    *,
    states: Sequence[str],
    limit: int,
    phone: str | None = None,
    account_id: str | None = None,
) -> list[JsonDict]:
    """Incoming messages, the newest first."""
    query = select(inbound).order_by(inbound.c.received_at.desc()).limit(limit)
    if states:
        query = query.where(inbound.c.state.in_(states))
    if phone:
        query = query.where(or_(inbound.c.to_number == phone, inbound.c.from_number == phone))
    if account_id:
        query = query.where(inbound.c.account_id == account_id)
    return _rows(connection, query)


def find_message(connection: Connection, wanted: str) -> JsonDict | None:
    """The outgoing SMS with this id."""
    rows = _rows(connection, select(messages).where(messages.c.id == wanted))
    return rows[0] if rows else None


def about_mail(connection: Connection, wanted: str) -> JsonDict | None:
    """A mail by its id, its Message-ID, or an id of a message that it became (ours or the provider's).

    Its row, with `messages` and `letters`.
    """
    named = [wanted, wanted.partition(".")[0]]
    by_provider = select(messages.c.mail_id).join(provider_refs, provider_refs.c.message_id == messages.c.id)
    by_provider = by_provider.where(provider_refs.c.ref == wanted)
    mail = _first(connection, select(mails).where(mails.c.id.in_(named))) or _first(
        connection,
        select(mails)
        .where(
            or_(
                mails.c.message_id == wanted.strip("<>"),
                mails.c.id.in_(by_provider),
            )
        )
        .order_by(mails.c.received_at),
    )
    if mail is None:
        return None
    became = _rows(connection, select(messages).where(messages.c.mail_id == mail["id"]).order_by(messages.c.id))
    for message in became:
        _add_history(connection, message)
    ids = [mail["id"], *(message["id"] for message in became)]
    return {**mail, "messages": became, "letters": _letters_about(connection, ids)}


def about_inbound(connection: Connection, wanted: str) -> JsonDict | None:
    """An incoming SMS by its id, the provider's, or those of the mail that it became and of the SMS that answered it.

    Its row, with `pieces`, `letters` and `answers`.
    """
    named = or_(inbound.c.id == wanted.partition(".")[0], inbound.c.ref == wanted, inbound.c.mail_id == wanted)
    found = _first(connection, select(inbound).where(named))
    if found is None:
        return None
    pieces = select(inbound_parts).where(inbound_parts.c.inbound_id == found["id"]).order_by(inbound_parts.c.number)
    answers = _rows(connection, select(messages).where(messages.c.id == f"{found['id']}.1"))
    for answer in answers:
        _add_history(connection, answer)
    letters = _letters_about(connection, [found["id"]])
    return {**found, "pieces": _rows(connection, pieces), "letters": letters, "answers": answers}


def _first(connection: Connection, query: Select[Any]) -> JsonDict | None:
    return next(iter(_rows(connection, query.limit(1))), None)


def _add_history(connection: Connection, message: JsonDict) -> None:
    """Add a message's attempts, provider ids (one per part where it gives one per part) and reports, in order."""
    for name, table, order in (
        ("history", attempts, attempts.c.n),
        ("refs", provider_refs, provider_refs.c.part),
    ):
        query = select(table).where(table.c.message_id == message["id"]).order_by(order)
        message[name] = _rows(connection, query)
    same_ref = and_(provider_refs.c.provider == reports.c.provider, provider_refs.c.ref == reports.c.ref)
    about = (
        select(reports)
        .join(provider_refs, same_ref)
        .where(provider_refs.c.message_id == message["id"], reports.c.message_id == message["id"])
        .order_by(reports.c.received_at)
    )
    message["reports"] = _rows(connection, about)


def _letters_about(connection: Connection, ids: Sequence[str]) -> list[JsonDict]:
    columns = [column for column in mail_queue.c if column.name != "content"]
    query = select(*columns).where(mail_queue.c.about.in_(ids)).order_by(mail_queue.c.created_at)
    return _rows(connection, query)
