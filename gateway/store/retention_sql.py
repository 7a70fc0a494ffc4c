"""SQL of removing by age: texts first, later the rows around them.

What is to go is looked for in reads, a batch at a time and along a key, so that one round is one walk over what is old
enough. It is removed in small transactions that ask every condition once more: what became busy meanwhile stays.
Never touched is what waits, is being sent, may still be told to its sender, owes a receipt, or is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    tuple_,
    update,
)

from gateway.model import new_id
from gateway.sms import MessageState
from gateway.store.dialect import insert
from gateway.store.inbound_sql import InboundState
from gateway.store.mail_queue_sql import QUEUED
from gateway.store.part_sql import NO_TEXT
from gateway.store.retention_schema import spent_identities
from gateway.store.schema import (
    accounts,
    attempts,
    automatic_replies,
    claims,
    inbound,
    inbound_parts,
    mail_queue,
    mails,
    messages,
    organisations,
    provider_refs,
    reports,
    thread_refs,
)
from gateway.store.webhook_schema import webhook_calls, webhooks

DAY = 86_400.0
REPORTED_WITHIN = 7 * DAY
"""Seconds after which nobody reports on a message any more: the provider of one that still waits never does."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """For how many days what is kept where an organisation says nothing else, 0 for ever; and what time it is."""

    texts_days: int
    metadata_days: int
    now: float


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind of thing that is removed: where it stands, what makes it old and free to go, and how it goes."""

    name: str
    table: Table
    key: tuple[Column[Any], ...]
    texts: bool
    """Whether its texts go, and the row stays."""
    free: Callable[[Terms], ColumnElement[bool]]
    remove: Callable[[Connection, Sequence[Key], float], None]
    by_time: bool = True
    """Whether the key is an id that begins with the time (`gateway.model.new_id`): what is younger is not read."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A wish to remove a batch that was found."""

    subject: Subject
    keys: tuple[Key, ...]
    terms: Terms


def shortest(connection: Connection, terms: Terms) -> tuple[int, int]:
    """The fewest days for which anybody keeps texts, and rows; 0 where all are kept for ever."""

    def fewest(default: int, column: Column[Any]) -> int:
        own = connection.execute(select(func.min(column)).where(column > 0)).scalar()
        return min((days for days in (default, own) if days), default=0)

    return (
        fewest(terms.texts_days, organisations.c.texts_days),
        fewest(terms.metadata_days, organisations.c.metadata_days),
    )


@dataclass(frozen=True, slots=True)
class Days:
    """What an organisation says itself; None where [retention] counts."""

    texts: int | None
    metadata: int | None


def days_of(connection: Connection, org_id: str) -> Days | None:
    """An organisation's own days; None where there is no such organisation."""
    columns = organisations.c.texts_days, organisations.c.metadata_days
    row = connection.execute(select(*columns).where(organisations.c.id == org_id)).first()
    return None if row is None else Days(row.texts_days, row.metadata_days)


def set_days(connection: Connection, items: Sequence[tuple[str, Days]]) -> list[bool]:
    """Work: let organisations keep what is theirs for so long; False for one that is not there."""
    return [
        connection.execute(
            update(organisations)
            .where(organisations.c.id == org_id)
            .values(texts_days=days.texts, metadata_days=days.metadata)
        ).rowcount
        == 1
        for org_id, days in items
    ]


def find(connection: Connection, subject: Subject, terms: Terms, days: int, after: Key | None, most: int) -> list[Key]:
    """The next keys behind `after` of what may go; `days` are the fewest that anybody keeps it for."""
    query = select(*subject.key).where(subject.free(terms)).order_by(*subject.key).limit(most)
    if after is not None:
        query = query.where(tuple_(*subject.key) > tuple_(*after) if len(after) > 1 else subject.key[0] > after[0])
    if subject.by_time:
        query = query.where(subject.key[0] < new_id(max(0.0, terms.now - days * DAY) + DAY)[:10])
    return [tuple(row) for row in connection.execute(query)]


def remove(connection: Connection, items: Sequence[Removal]) -> list[int]:
    """Work: remove what of each batch still may go; how many that were."""
    return [_remove(connection, item) for item in items]


def _remove(connection: Connection, item: Removal) -> int:
    key = item.subject.key
    # In order, and past what others hold, so that nobody waits for this, and this for nobody.
    query = select(*key).where(among(key, item.keys), item.subject.free(item.terms)).order_by(*key)
    keys = [tuple(row) for row in connection.execute(query.with_for_update(skip_locked=True))]
    if keys:
        item.subject.remove(connection, keys, item.terms.now)
    return len(keys)


# --- what is old enough --------------------------------------------------------------------------------------------


def _old(days: Column[Any], default: int, org_id: Column[Any], at: Column[Any], now: float) -> ColumnElement[bool]:
    """Whether something of an organisation is older than it is kept for."""
    own = select(days).where(organisations.c.id == org_id).scalar_subquery()
    return _older(func.coalesce(own, default), at, now)


def _old_of_account(
    days: Column[Any], default: int, account_id: Column[Any], at: Column[Any], now: float
) -> ColumnElement[bool]:
    own = (
        select(days)
        .join(accounts, accounts.c.org_id == organisations.c.id)
        .where(accounts.c.id == account_id)
        .scalar_subquery()
    )
    return _older(func.coalesce(own, default), at, now)


def _older(kept: ColumnElement[int], at: Column[Any], now: float) -> ColumnElement[bool]:
    return and_(kept > 0, at < now - kept * DAY)


# --- what is free to go --------------------------------------------------------------------------------------------

_ENDED = (MessageState.FAILED, MessageState.EXPIRED, MessageState.UNKNOWN)


def settled() -> ColumnElement[bool]:
    """Whether nothing is left to be done for a message, save that a report may come."""
    told = or_(messages.c.told_at.is_not(None), messages.c.mail_id.is_(None))
    return or_(
        messages.c.state.in_([MessageState.DELIVERED, MessageState.SUBMITTED]), and_(messages.c.state.in_(_ENDED), told)
    )


def _owes_nothing() -> ColumnElement[bool]:
    """Whether the mail of a message owes no receipt."""
    return ~exists().where(mails.c.id == messages.c.mail_id, mails.c.receipt_at.is_not(None))


def mail_is_done() -> ColumnElement[bool]:
    """Whether a mail owes no receipt, and all its messages are settled."""
    busy = exists().where(messages.c.mail_id == mails.c.id, ~settled())
    return and_(mails.c.receipt_at.is_(None), ~busy)


def _message_texts(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.texts_days, terms.texts_days, messages.c.org_id, messages.c.created_at, terms.now)
    return and_(messages.c.text_removed_at.is_(None), old, settled(), _owes_nothing())


def _message_rows(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.metadata_days, terms.metadata_days, messages.c.org_id, messages.c.created_at, terms.now)
    reported = or_(messages.c.state != MessageState.SUBMITTED, messages.c.state_at < terms.now - REPORTED_WITHIN)
    return and_(old, settled(), reported, _owes_nothing())


def _mail_texts(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.texts_days, terms.texts_days, mails.c.org_id, mails.c.received_at, terms.now)
    return and_(mails.c.text_removed_at.is_(None), old, mail_is_done())


def _mail_rows(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.metadata_days, terms.metadata_days, mails.c.org_id, mails.c.received_at, terms.now)
    return and_(old, mails.c.receipt_at.is_(None), ~exists().where(messages.c.mail_id == mails.c.id))


def _inbound_texts(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.texts_days, terms.texts_days, inbound.c.org_id, inbound.c.received_at, terms.now)
    return and_(inbound.c.text_removed_at.is_(None), old, inbound.c.state != InboundState.HELD)


def _inbound_rows(terms: Terms) -> ColumnElement[bool]:
    old = _old(organisations.c.metadata_days, terms.metadata_days, inbound.c.org_id, inbound.c.received_at, terms.now)
    return and_(old, inbound.c.state != InboundState.HELD)


def _letter_texts(terms: Terms) -> ColumnElement[bool]:
    days, kept = organisations.c.texts_days, mail_queue.c.content != b""
    old = _old_of_account(days, terms.texts_days, mail_queue.c.account_id, mail_queue.c.created_at, terms.now)
    return and_(old, kept, mail_queue.c.state != QUEUED)


def _letter_rows(terms: Terms) -> ColumnElement[bool]:
    days = organisations.c.metadata_days
    old = _old_of_account(days, terms.metadata_days, mail_queue.c.account_id, mail_queue.c.created_at, terms.now)
    return and_(old, mail_queue.c.state != QUEUED)


def _call_texts(terms: Terms) -> ColumnElement[bool]:
    """Calls to webhooks hold texts; `[webhooks] keep_days` ends them as well."""
    own = (
        select(organisations.c.texts_days)
        .join(webhooks, webhooks.c.org_id == organisations.c.id)
        .where(webhooks.c.id == webhook_calls.c.webhook_id)
        .scalar_subquery()
    )
    old = _older(func.coalesce(own, terms.texts_days), webhook_calls.c.created_at, terms.now)
    return and_(old, webhook_calls.c.state != QUEUED)


def _conversation_rows(terms: Terms) -> ColumnElement[bool]:
    days = organisations.c.metadata_days
    return _old_of_account(days, terms.metadata_days, thread_refs.c.account_id, thread_refs.c.at, terms.now)


def _claim_rows(terms: Terms) -> ColumnElement[bool]:
    days = organisations.c.metadata_days
    return _old_of_account(days, terms.metadata_days, claims.c.account_id, claims.c.since, terms.now)


def _nobodys(at: Column[Any], terms: Terms) -> ColumnElement[bool]:
    """Whether something of no organisation is older than the default says."""
    return at < terms.now - terms.metadata_days * DAY if terms.metadata_days else false()


def _report_rows(terms: Terms) -> ColumnElement[bool]:
    """Reports of which nobody knows the message, or whose message is gone."""
    known = exists().where(messages.c.id == reports.c.message_id)
    return and_(_nobodys(reports.c.received_at, terms), ~known)


def _automatic_rows(terms: Terms) -> ColumnElement[bool]:
    return _nobodys(automatic_replies.c.at, terms)


# --- in words that an index serves ---------------------------------------------------------------------------------


def among(key: Sequence[Column[Any]], values: Sequence[Key]) -> ColumnElement[bool]:
    """Whether a row has one of these keys. SQLite reads all rows for a list of tuples, and an index for this."""
    if len(key) == 1:
        return key[0].in_([value for (value,) in values])
    return or_(false(), *(and_(*(column == part for column, part in zip(key, value, strict=True))) for value in values))


def reports_of(connection: Connection, ids: Sequence[str]) -> ColumnElement[bool]:
    """Whether a report is about one of these messages, asked by the ids that providers gave them."""
    refs = defaultdict[str, set[str]](set)
    query = select(provider_refs.c.provider, provider_refs.c.ref).where(provider_refs.c.message_id.in_(ids))
    for provider, ref in connection.execute(query):
        refs[provider].add(ref)
    named = (and_(reports.c.provider == provider, reports.c.ref.in_(sorted(own))) for provider, own in refs.items())
    return and_(or_(false(), *named), reports.c.message_id.in_(ids))


# --- how it goes ---------------------------------------------------------------------------------------------------


def _firsts(keys: Sequence[Key]) -> list[Any]:
    return [key[0] for key in keys]


def clear_messages(connection: Connection, keys: Sequence[Key], now: float) -> None:
    """Remove the texts of messages."""
    connection.execute(update(messages).where(messages.c.id.in_(_firsts(keys))).values(text="", text_removed_at=now))


def clear_mails(connection: Connection, keys: Sequence[Key], now: float) -> None:
    """Remove what people wrote in mails."""
    gone = {"subject": "", "text": "", "cut": "", "attachments": "", "text_removed_at": now}
    connection.execute(update(mails).where(mails.c.id.in_(_firsts(keys))).values(gone))


def parts_of(connection: Connection, ids: Sequence[str]) -> ColumnElement[bool]:
    """The condition for the parts of incoming SMS, in words that find them by the index of those that have gone on."""
    phones = connection.execute(select(inbound.c.from_number).where(inbound.c.id.in_(ids)).distinct()).scalars().all()
    return and_(
        inbound_parts.c.inbound_id.is_not(None),
        inbound_parts.c.from_number.in_(phones),
        inbound_parts.c.inbound_id.in_(ids),
    )


def clear_inbound(connection: Connection, keys: Sequence[Key], now: float) -> None:
    """Remove the texts of incoming SMS and of their parts."""
    ids = _firsts(keys)
    connection.execute(update(inbound_parts).where(parts_of(connection, ids)).values(text=NO_TEXT))
    connection.execute(update(inbound).where(inbound.c.id.in_(ids)).values(text="", text_removed_at=now))


def clear_letters(connection: Connection, keys: Sequence[Key], _now: float) -> None:
    """Remove what stands in mails of ours that were not delivered; of the others nothing is kept."""
    connection.execute(update(mail_queue).where(mail_queue.c.id.in_(_firsts(keys))).values(content=b""))


def _drop_messages(connection: Connection, keys: Sequence[Key], now: float) -> None:
    """Remove messages with attempts, ids and reports; of each stays that it was, for signed mail that comes again."""
    ids = _firsts(keys)
    named = select(messages.c.dedupe).where(messages.c.id.in_(ids), messages.c.dedupe.is_not(None))
    spent = [{"identity": identity, "at": now} for identity in sorted(connection.execute(named).scalars())]
    if spent:
        connection.execute(insert(connection, spent_identities).on_conflict_do_nothing(), spent)
    connection.execute(delete(reports).where(reports_of(connection, ids)))
    connection.execute(delete(provider_refs).where(provider_refs.c.message_id.in_(ids)))
    connection.execute(delete(attempts).where(attempts.c.message_id.in_(ids)))
    connection.execute(delete(messages).where(messages.c.id.in_(ids)))


def _drop_inbound(connection: Connection, keys: Sequence[Key], _now: float) -> None:
    ids = _firsts(keys)
    connection.execute(delete(inbound_parts).where(parts_of(connection, ids)))
    connection.execute(delete(inbound).where(inbound.c.id.in_(ids)))


Free = Callable[[Terms], ColumnElement[bool]]
Remove = Callable[[Connection, Sequence[Key], float], None]


def _texts_of(table: Table, free: Free, clear: Remove) -> Subject:
    return Subject(table.name, table, (table.c.id,), texts=True, free=free, remove=clear)


def _rows_of(table: Table, free: Free, *key: Column[Any], drop: Remove | None = None) -> Subject:
    """Rows by their id, or else by the columns of their key."""
    columns = key or (table.c.id,)
    return Subject(
        table.name, table, columns, texts=False, free=free, remove=drop or _drop(table, *columns), by_time=not key
    )


def _drop(table: Table, *key: Column[Any]) -> Remove:
    def drop(connection: Connection, keys: Sequence[Key], _now: float) -> None:
        connection.execute(delete(table).where(among(key, keys)))

    return drop


SUBJECTS: tuple[Subject, ...] = (
    _texts_of(messages, _message_texts, clear_messages),
    _texts_of(mails, _mail_texts, clear_mails),
    _texts_of(inbound, _inbound_texts, clear_inbound),
    _texts_of(mail_queue, _letter_texts, clear_letters),
    _texts_of(webhook_calls, _call_texts, _drop(webhook_calls, webhook_calls.c.id)),
    _rows_of(messages, _message_rows, drop=_drop_messages),
    _rows_of(inbound, _inbound_rows, drop=_drop_inbound),
    _rows_of(mails, _mail_rows),
    _rows_of(mail_queue, _letter_rows),
    _rows_of(reports, _report_rows, *reports.primary_key.columns),
    _rows_of(thread_refs, _conversation_rows, *thread_refs.primary_key.columns),
    _rows_of(claims, _claim_rows, *claims.primary_key.columns),
    _rows_of(automatic_replies, _automatic_rows, *automatic_replies.primary_key.columns),
)
"""In the order in which they go: texts first, a mail after its messages."""
