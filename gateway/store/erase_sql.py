"""SQL of erasing one person: texts go, a phone or an address becomes a pseudonym; states, counts and money stay.

Work functions over batches of ids that `person_sql.find` gave. Each asks once more whether all is over, so that what
became busy meanwhile stays as it is. The order of calls matters: what is found through something goes before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, case, delete, func, select, update

from gateway.store import retention_sql, webhook_call_sql
from gateway.store.directory_sql import begin_change
from gateway.store.inbound_sql import InboundState
from gateway.store.mail_queue_sql import QUEUED
from gateway.store.part_sql import NO_TEXT
from gateway.store.person_sql import Found, Person, claims_of
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
    optouts,
    provider_refs,
    reports,
    thread_refs,
)

STOP = "STOP"
"""What is left of the words of an opt-out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of what is stored about a person, and what stands in the place of the phone or the address from now on."""

    person: Person
    pseudonym: str
    now: float
    ids: Sequence[Any] = ()


def _locked(connection: Connection, table: Table, batch: Batch, *over: ColumnElement[bool]) -> list[str]:
    """Those of the batch of which all is over, in one order, so that nobody waits in a ring."""
    query = select(table.c.id).where(table.c.id.in_(batch.ids), *over).order_by(table.c.id).with_for_update()
    return list(connection.execute(query).scalars())


def _removed_at(table: Table, now: float) -> ColumnElement[Any]:
    return func.coalesce(table.c.text_removed_at, now)


def _without(column: Column[Any], batch: Batch) -> ColumnElement[Any]:
    """A provider's words without the phone, as it may be written there: with plus, without, and as at home."""
    phone = batch.person.phone
    masked: ColumnElement[Any] = column
    for written in (phone, phone[1:], phone[-8:]):
        masked = func.replace(masked, written, batch.pseudonym)
    return masked


def _instead(column: Column[Any], batch: Batch) -> ColumnElement[Any]:
    return case((column == batch.person.phone, batch.pseudonym), else_=column)


# --- one kind each -------------------------------------------------------------------------------------------------


def erase_letters(connection: Connection, items: Sequence[Batch]) -> list[int]:
    """Work: empty mails of ours; an employee's lose their address as well."""
    return [_erase_letters(connection, batch) for batch in items]


def _erase_letters(connection: Connection, batch: Batch) -> int:
    ids = _locked(connection, mail_queue, batch, mail_queue.c.state != QUEUED)
    values: dict[str, Any] = {"content": b""}
    if batch.person.email:
        values |= {"recipient": batch.pseudonym, "cause": ""}
    connection.execute(update(mail_queue).where(mail_queue.c.id.in_(ids)).values(values))
    return len(ids)


def erase_mails(connection: Connection, items: Sequence[Batch]) -> list[int]:
    """Work: remove what people wrote in mails, and the Message-ID; of an employee's own also where they came from."""
    return [_erase_mails(connection, batch) for batch in items]


def _erase_mails(connection: Connection, batch: Batch) -> int:
    ids = _locked(connection, mails, batch, retention_sql.mail_is_done())
    values: dict[str, Any] = dict.fromkeys(("subject", "text", "cut", "attachments"), "")
    values |= {"message_id": None, "text_removed_at": _removed_at(mails, batch.now)}
    if batch.person.email:
        values |= dict.fromkeys(("mail_from", "header_from"), batch.pseudonym)
        values |= dict.fromkeys(("helo", "peer_ip", "proof_detail"), "")
    connection.execute(update(mails).where(mails.c.id.in_(ids)).values(values))
    return len(ids)


def erase_inbound(connection: Connection, items: Sequence[Batch]) -> list[int]:
    """Work: remove the texts of incoming SMS and of their parts; a phone's lose its number."""
    return [_erase_inbound(connection, batch) for batch in items]


def _erase_inbound(connection: Connection, batch: Batch) -> int:
    ids = _locked(connection, inbound, batch, inbound.c.state != InboundState.HELD)
    number = {"from_number": batch.pseudonym} if batch.person.phone else {}
    parts = retention_sql.parts_of(connection, ids)
    connection.execute(update(inbound_parts).where(parts).values({"text": NO_TEXT, **number}))
    gone = {"text": "", "text_removed_at": _removed_at(inbound, batch.now), **number}
    connection.execute(update(inbound).where(inbound.c.id.in_(ids)).values(gone))
    return len(ids)


def erase_messages(connection: Connection, items: Sequence[Batch]) -> list[int]:
    """Work: remove the texts of messages; those to a phone lose its number, wherever it stands."""
    return [_erase_messages(connection, batch) for batch in items]


def _erase_messages(connection: Connection, batch: Batch) -> int:
    ids = _locked(connection, messages, batch, retention_sql.settled())
    gone: dict[str, Any] = {"text": "", "text_removed_at": _removed_at(messages, batch.now)}
    if batch.person.phone:
        _erase_around(connection, batch, ids)
        words = {column.name: _without(column, batch) for column in (messages.c.cause, messages.c.public_text)}
        gone |= {"to_number": batch.pseudonym, **words}
    connection.execute(update(messages).where(messages.c.id.in_(ids)).values(gone))
    return len(ids)


def _erase_around(connection: Connection, batch: Batch, ids: Sequence[str]) -> None:
    """Take a phone out of the attempts, ids and reports of messages."""
    about = retention_sql.reports_of(connection, ids)
    for table, which in ((reports, about), (provider_refs, provider_refs.c.message_id.in_(ids))):
        values = {"to_number": _instead(table.c.to_number, batch), "cause": _without(table.c.cause, batch)}
        connection.execute(update(table).where(which).values(values))
    connection.execute(
        update(attempts).where(attempts.c.message_id.in_(ids)).values(cause=_without(attempts.c.cause, batch))
    )


def erase_conversations(connection: Connection, items: Sequence[Batch]) -> list[int]:
    """Work: forget which mails belong to which phone."""
    key = tuple(thread_refs.primary_key.columns)
    return [
        connection.execute(delete(thread_refs).where(retention_sql.among(key, batch.ids))).rowcount for batch in items
    ]


@dataclass(frozen=True, slots=True)
class Rest:
    """All that was found about a person, for what goes in one stroke."""

    person: Person
    pseudonym: str
    found: Found


def erase_marks(connection: Connection, items: Sequence[Rest]) -> list[int]:
    """Work: claims, the notes of automatic answers and calls to webhooks go; how many opt-outs are kept.

    A STOP stays with its number: without it the next SMS would go to somebody who has forbidden it.
    """
    return [_erase_marks(connection, rest) for rest in items]


def _erase_marks(connection: Connection, rest: Rest) -> int:
    person = rest.person
    connection.execute(delete(claims).where(claims_of(person, rest.found)))
    webhook_call_sql.forget(connection, person.org_id, [person.phone] if person.phone else list(rest.found.accounts))
    if not person.phone:
        return 0
    if person.org_id is None:
        connection.execute(delete(automatic_replies).where(automatic_replies.c.phone == person.phone))
    stopped = optouts.c.phone == person.phone
    if person.org_id is not None:
        stopped = stopped & (optouts.c.org_id == person.org_id)
    return connection.execute(update(optouts).where(stopped).values(word=STOP)).rowcount


def erase_accounts(connection: Connection, items: Sequence[Rest]) -> list[int]:
    """Work: an employee's closed accounts lose their address; their numbers and counters stay. How many those are."""
    begin_change(connection)
    return [_erase_accounts(connection, rest) for rest in items]


def _erase_accounts(connection: Connection, rest: Rest) -> int:
    gone = {"email": rest.pseudonym, "email_folded": rest.pseudonym, "login_digest": None, "mailbox_fault": None}
    closed = accounts.c.id.in_(rest.found.accounts) & accounts.c.closed_at.is_not(None)
    return connection.execute(update(accounts).where(closed).values(gone)).rowcount
