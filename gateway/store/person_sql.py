"""SQL of one person: what is stored about a phone, or about an employee by their address. Queries only.

A phone's share is what went to it and came from it; an employee's is what their accounts, open or closed, sent and got.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, or_, select, true

from gateway.model import JsonDict
from gateway.sms import MessageState
from gateway.store.inbound_sql import InboundState
from gateway.store.mail_queue_sql import QUEUED
from gateway.store.retention_sql import REPORTED_WITHIN, among, reports_of, settled
from gateway.store.schema import (
    accounts,
    attempts,
    automatic_replies,
    claims,
    inbound,
    inbound_parts,
    keywords,
    mail_queue,
    mails,
    messages,
    optouts,
    organisation_numbers,
    provider_refs,
    reports,
    thread_refs,
)
from gateway.store.webhook_call_sql import telling_of
from gateway.store.webhook_schema import webhook_calls

AT_ONCE = 500
"""Ids that one statement names."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Person:
    """A phone in E.164, or an employee's folded address; within one organisation, or over all with None."""

    phone: str = ""
    email: str = ""
    org_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of what is stored about a person."""

    accounts: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    inbound: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    conversations: tuple[tuple[str, str, str], ...] = field(default=())
    """Keys of `thread_refs`."""


def chunks(values: Sequence[_Value], size: int = AT_ONCE) -> Iterator[Sequence[_Value]]:
    """Values, so many at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))


def find(connection: Connection, person: Person) -> Found:
    """What is stored about a person. Without an index for it: a walk over all messages, a second for a million."""
    own = _account_ids(connection, person) if person.email else ()
    if person.phone:
        of_messages = messages.c.to_number == person.phone
        of_inbound = inbound.c.from_number == person.phone
        of_conversations = and_(thread_refs.c.phone == person.phone, _of_organisation(thread_refs, person))
    else:
        of_messages = messages.c.account_id.in_(own)
        of_inbound = inbound.c.account_id.in_(own)
        of_conversations = thread_refs.c.account_id.in_(own)
    found = _ids(connection, messages, of_messages, person.org_id)
    came = _ids(connection, inbound, of_inbound, person.org_id)
    written = _mail_ids(connection, person, own, found)
    return Found(
        own,
        found,
        written,
        came,
        _letter_ids(connection, person, own, (*found, *written, *came)),
        tuple(
            (row.account_id, row.message_id, row.phone)
            for row in connection.execute(select(*thread_refs.primary_key.columns).where(of_conversations))
        ),
    )


def _account_ids(connection: Connection, person: Person) -> tuple[str, ...]:
    query = select(accounts.c.id).where(accounts.c.email_folded == person.email, _within(accounts, person.org_id))
    return tuple(connection.execute(query.order_by(accounts.c.id)).scalars())


def _within(table: Table, org_id: str | None) -> ColumnElement[bool]:
    return true() if org_id is None else table.c.org_id == org_id


def _of_organisation(table: Table, person: Person) -> ColumnElement[bool]:
    """The same for what belongs to an organisation through its account."""
    if person.org_id is None:
        return true()
    return table.c.account_id.in_(select(accounts.c.id).where(accounts.c.org_id == person.org_id))


def _ids(connection: Connection, table: Table, of: ColumnElement[bool], org_id: str | None) -> tuple[str, ...]:
    query = select(table.c.id).where(of, _within(table, org_id)).order_by(table.c.id)
    return tuple(connection.execute(query).scalars())


def _mail_ids(connection: Connection, person: Person, own: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    ids = set[str]()
    for chunk in chunks(found):
        # Through the mails: the SMS of a campaign have its id there, and it is no mail.
        query = select(mails.c.id).join(messages, messages.c.mail_id == mails.c.id).where(messages.c.id.in_(chunk))
        ids.update(connection.execute(query).scalars())
    if person.email:
        written = or_(
            mails.c.account_id.in_(own),
            func.lower(mails.c.header_from) == person.email,
            func.lower(mails.c.mail_from) == person.email,
        )
        ids.update(_ids(connection, mails, written, person.org_id))
    return tuple(sorted(ids))


def _letter_ids(connection: Connection, person: Person, own: Sequence[str], about: Sequence[str]) -> tuple[str, ...]:
    """Mails of ours about any of these; of an employee also those that went to them."""
    ids = set[str]()
    for chunk in chunks(about):
        ids.update(connection.execute(select(mail_queue.c.id).where(mail_queue.c.about.in_(chunk))).scalars())
    if person.email:
        theirs: ColumnElement[bool] = mail_queue.c.account_id.in_(own)
        if person.org_id is None:
            theirs = or_(theirs, func.lower(mail_queue.c.recipient) == person.email)
        ids.update(connection.execute(select(mail_queue.c.id).where(theirs)).scalars())
    return tuple(sorted(ids))


# --- all that is stored --------------------------------------------------------------------------------------------

_LEFT_OUT = frozenset({"lease", "lease_until", "available_at", "dedupe", "content", "login_digest", "email_folded"})
"""Columns that say nothing of a person: how work is shared out, digests of secrets; and mails of ours in full, which
repeat what stands elsewhere."""


def everything(connection: Connection, person: Person) -> dict[str, list[JsonDict]]:
    """All that is stored about a person: rows by what they are, with the columns' own names."""
    found = find(connection, person)
    ids = found.messages
    return {
        "accounts": _rows(connection, accounts, accounts.c.id, found.accounts),
        "mails": _rows(connection, mails, mails.c.id, found.mails),
        "messages": _rows(connection, messages, messages.c.id, ids),
        "attempts": _rows(connection, attempts, attempts.c.message_id, ids),
        "provider_ids": _rows(connection, provider_refs, provider_refs.c.message_id, ids),
        "reports": _reports(connection, ids),
        "incoming": _rows(connection, inbound, inbound.c.id, found.inbound),
        "incoming_parts": _parts(connection, person, found),
        "letters": _rows(connection, mail_queue, mail_queue.c.id, found.letters),
        "conversations": _conversations(connection, found),
        "claims": _claims(connection, person, found),
        "opt_outs": _by_phone(connection, optouts, person, _within(optouts, person.org_id)),
        "automatic_answers": _by_phone(connection, automatic_replies, person, true()) if not person.org_id else [],
        "webhook_calls": _webhook_calls(connection, person, found),
        "organisation_numbers": _read_by(connection, organisation_numbers, person),
        "keywords": _read_by(connection, keywords, person),
    }


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if column.name not in _LEFT_OUT]


def _rows(connection: Connection, table: Table, column: Column[Any], values: Sequence[str]) -> list[JsonDict]:
    return [
        dict(row)
        for chunk in chunks(values)
        for row in connection.execute(
            select(*_columns(table)).where(column.in_(chunk)).order_by(*table.primary_key.columns)
        ).mappings()
    ]


def _reports(connection: Connection, ids: Sequence[str]) -> list[JsonDict]:
    return [
        dict(row)
        for chunk in chunks(ids)
        for row in connection.execute(
            select(reports).where(reports_of(connection, chunk)).order_by(*reports.primary_key.columns)
        ).mappings()
    ]


def _conversations(connection: Connection, found: Found) -> list[JsonDict]:
    key = tuple(thread_refs.primary_key.columns)
    return [
        dict(row)
        for chunk in chunks(found.conversations, 200)
        for row in connection.execute(select(thread_refs).where(among(key, chunk)).order_by(*key)).mappings()
    ]


def _parts(connection: Connection, person: Person, found: Found) -> list[JsonDict]:
    """Parts of these SMS, and of a phone those that still wait for the others."""
    rows = _rows(connection, inbound_parts, inbound_parts.c.inbound_id, found.inbound)
    if person.phone and person.org_id is None:
        waiting = select(inbound_parts).where(waiting_parts(person))
        rows += [dict(row) for row in connection.execute(waiting).mappings()]
    return rows


def waiting_parts(person: Person) -> ColumnElement[bool]:
    """Parts that a phone has sent and that have not gone on."""
    return and_(inbound_parts.c.from_number == person.phone, inbound_parts.c.inbound_id.is_(None))


def claims_of(person: Person, found: Found) -> ColumnElement[bool]:
    """Whose conversation a shared number's is."""
    if person.phone:
        return and_(claims.c.phone == person.phone, _of_organisation(claims, person))
    return claims.c.account_id.in_(found.accounts)


def _claims(connection: Connection, person: Person, found: Found) -> list[JsonDict]:
    return [dict(row) for row in connection.execute(select(claims).where(claims_of(person, found))).mappings()]


def _webhook_calls(connection: Connection, person: Person, found: Found) -> list[JsonDict]:
    which = telling_of(person.org_id, [person.phone] if person.phone else found.accounts)
    query = select(*_columns(webhook_calls)).where(which).order_by(webhook_calls.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _by_phone(connection: Connection, table: Table, person: Person, within: ColumnElement[bool]) -> list[JsonDict]:
    if not person.phone:
        return []
    query = select(table).where(table.c.phone == person.phone, within).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _read_by(connection: Connection, table: Table, person: Person) -> list[JsonDict]:
    """Numbers of organisations, and their keywords, whose SMS an address reads."""
    if not person.email:
        return []
    query = select(table).where(func.lower(table.c.email) == person.email).order_by(*table.primary_key.columns)
    if person.org_id is not None:
        own = select(organisation_numbers.c.number).where(organisation_numbers.c.org_id == person.org_id)
        query = query.where(table.c.number.in_(own))
    return [dict(row) for row in connection.execute(query).mappings()]


# --- what is under way ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnderWay:
    """How much about a person is not over: while any is, nothing is erased."""

    waiting: int
    """SMS that wait to leave, or are leaving."""
    unreported: int
    """SMS that a report may still come of."""
    untold: int
    """SMS that failed or are in doubt, whose senders are still to be told."""
    receipts: int
    """Mails whose senders are owed a receipt."""
    held: int
    """Incoming SMS that wait for the end of a pause, or for their other parts."""
    letters: int
    """Mails of ours that wait to leave."""
    open_accounts: int
    reads: int
    """Numbers of organisations and keywords whose SMS go to the person's address."""


def under_way(connection: Connection, person: Person, found: Found, now: float) -> UnderWay:
    """What stands against erasing a person, of all that was found."""
    busy = messages.c.state.in_([MessageState.QUEUED, MessageState.SUBMITTING])
    fresh = and_(messages.c.state == MessageState.SUBMITTED, messages.c.state_at >= now - REPORTED_WITHIN)
    # Of a mail to several phones all must have ended: its text is of all of them.
    of_mails = _count_by(connection, messages, messages.c.mail_id, found.mails, and_(~settled(), ~busy))
    waiting_of_mails = _count_by(connection, messages, messages.c.mail_id, found.mails, busy)
    alone = or_(messages.c.mail_id.is_(None), messages.c.mail_id.not_in(select(mails.c.id)))
    parts = 0
    if person.phone and person.org_id is None:
        parts = _count(connection, inbound_parts, waiting_parts(person))
    return UnderWay(
        waiting=waiting_of_mails + _count_by(connection, messages, messages.c.id, found.messages, and_(busy, alone)),
        unreported=_count_by(connection, messages, messages.c.id, found.messages, fresh),
        untold=of_mails,
        receipts=_count_by(connection, mails, mails.c.id, found.mails, mails.c.receipt_at.is_not(None)),
        held=_count_by(connection, inbound, inbound.c.id, found.inbound, inbound.c.state == InboundState.HELD) + parts,
        letters=_count_by(connection, mail_queue, mail_queue.c.id, found.letters, mail_queue.c.state == QUEUED),
        open_accounts=_count_by(connection, accounts, accounts.c.id, found.accounts, accounts.c.closed_at.is_(None)),
        reads=len(_read_by(connection, organisation_numbers, person)) + len(_read_by(connection, keywords, person)),
    )


def _count(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(which)).scalar_one())


def _count_by(
    connection: Connection, table: Table, column: Column[Any], values: Sequence[str], which: ColumnElement[bool]
) -> int:
    return sum(_count(connection, table, and_(column.in_(chunk), which)) for chunk in chunks(values))
