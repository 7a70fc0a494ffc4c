"""The SQL behind `gateway.spool`: work functions over batches, for SQLite and PostgreSQL alike."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, delete, exists, func, or_, select, update

from gateway.errors import Outcome
from gateway.model import Encoding, MessageState, OutgoingSms, Priority, SmsText
from gateway.store import mail_queue_sql, optout_sql, report_sql, thread_sql
from gateway.store.dialect import insert
from gateway.store.schema import accounts, api_keys, attempts, mail_queue, mails, messages, processes, provider_refs
from gateway.store.spool_items import Acceptance, Permit, Settlement

_PRIORITIES = {Priority.DIALOG: 0, Priority.CAMPAIGN: 1}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message about to leave, the process that sends it, and when."""

    message: OutgoingSms
    lease: str
    at: float


@dataclass(frozen=True, slots=True)
class Process:
    """A row of `processes`."""

    token: str
    host: str
    pid: int
    alive_until: float


# --- taking a mail -------------------------------------------------------------------------------------------------


def accept(connection: Connection, items: Sequence[tuple[Acceptance, str]]) -> list[frozenset[str]]:
    """Store mails with their messages; per mail the ids of the messages that were not stored before."""
    rows = [row for item in items for row in _message_rows(*item)]
    new = _insert_messages(connection, rows)
    taken = [acceptance for acceptance, _ in items if _is_new(acceptance, new)]
    if taken:
        connection.execute(mails.insert(), [asdict(acceptance.mail) for acceptance in taken])
        outgoing = [mail for acceptance in taken for mail in acceptance.mails]
        if outgoing:
            mail_queue_sql.insert(connection, outgoing)
    _remember(connection, [acceptance for acceptance in taken if acceptance.messages], new)
    return [frozenset(message.id for message in acceptance.messages) & new for acceptance, _ in items]


def _is_new(acceptance: Acceptance, new: set[str]) -> bool:
    return not acceptance.messages or any(message.id in new for message in acceptance.messages)


def _message_rows(acceptance: Acceptance, lease: str) -> list[dict[str, Any]]:
    return [
        {
            "id": message.id,
            "mail_id": acceptance.mail.id,
            "org_id": message.org_id,
            "account_id": message.account_id,
            "key_id": message.key_id,
            "provider": message.provider,
            "from_number": message.from_number,
            "to_number": message.to_number,
            "text": message.text.text,
            "encoding": message.text.encoding,
            "parts": message.text.parts,
            "units": message.text.units,
            "priority": _PRIORITIES[message.priority],
            "dedupe": dedupe,
            "state": MessageState.QUEUED,
            "state_at": message.created_at,
            "created_at": message.created_at,
            "available_at": message.created_at,
            "lease": lease,
        }
        for message, dedupe in zip(acceptance.messages, acceptance.dedupe, strict=True)
    ]


def _insert_messages(connection: Connection, rows: list[dict[str, Any]]) -> set[str]:
    if not rows:
        return set()
    statement = insert(connection, messages).on_conflict_do_nothing(index_elements=["dedupe"]).returning(messages.c.id)
    return set(connection.execute(statement, rows).scalars())


def _remember(connection: Connection, taken: Sequence[Acceptance], new: set[str]) -> None:
    """Count the messages on their accounts, and remember which mail spoke to which phone."""
    sent: dict[str, tuple[int, float]] = {}
    references: list[dict[str, Any]] = []
    for acceptance in taken:
        for message in acceptance.messages:
            if message.id not in new:
                continue
            sent[message.account_id] = (sent.get(message.account_id, (0, 0.0))[0] + 1, message.created_at)
            if acceptance.mail.message_id:
                references.append(
                    {
                        "account_id": message.account_id,
                        "message_id": acceptance.mail.message_id,
                        "phone": message.to_number,
                        "at": message.created_at,
                    }
                )
    if sent:
        connection.execute(
            update(accounts)
            .where(accounts.c.id == bindparam("account"))
            .values(sent_count=accounts.c.sent_count + bindparam("more"), active_at=bindparam("at")),
            [{"account": account, "more": more, "at": at} for account, (more, at) in sorted(sent.items())],
        )
    thread_sql.remember(connection, references)


# --- sending -------------------------------------------------------------------------------------------------------


def _alive(now: float) -> Select[Any]:
    return select(processes.c.token).where(processes.c.alive_until > now)


def claim(connection: Connection, lease: str, now: float, limit: int) -> list[OutgoingSms]:
    """Lease due messages, dialog before campaigns, oldest first."""
    due = (
        select(messages.c.id)
        .where(
            messages.c.state == "queued",
            messages.c.available_at <= now,
            or_(messages.c.lease.is_(None), messages.c.lease.not_in(_alive(now))),
        )
        .order_by(messages.c.priority, messages.c.available_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = update(messages).where(messages.c.id.in_(due)).values(lease=lease).returning(*messages.c)
    rows = connection.execute(statement).all()
    return [message_of(row) for row in sorted(rows, key=lambda row: (row.priority, row.available_at))]


def message_of(row: Row[Any]) -> OutgoingSms:
    """Read a row of `messages` back."""
    return OutgoingSms(
        id=row.id,
        org_id=row.org_id,
        account_id=row.account_id,
        key_id=row.key_id,
        from_number=row.from_number,
        to_number=row.to_number,
        text=SmsText(row.text, Encoding(row.encoding), row.parts, row.units),
        provider=row.provider,
        priority=Priority.CAMPAIGN if row.priority else Priority.DIALOG,
        created_at=row.created_at,
        attempts=row.attempts,
    )


def begin(connection: Connection, items: Sequence[Attempt]) -> list[Permit]:
    """Write attempts down before their bytes leave, for those that may go as things stand in this transaction."""
    stopped = _opted_out(connection, items)
    paused = _paused_keys(connection, {item.message.key_id for item in items})
    permits = [_permit(item.message, stopped, paused) for item in items]
    held = _hold(connection, [item for item, permit in zip(items, permits, strict=True) if permit is Permit.GO])
    return [
        Permit.GONE if permit is Permit.GO and item.message.id not in held else permit
        for item, permit in zip(items, permits, strict=True)
    ]


def _opted_out(connection: Connection, items: Sequence[Attempt]) -> set[tuple[str, str]]:
    by_organisation: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        by_organisation[item.message.org_id].add(item.message.to_number)
    return {
        (org_id, phone)
        for org_id, phones in by_organisation.items()
        for phone in optout_sql.opted_out(connection, org_id, sorted(phones))
    }


def _paused_keys(connection: Connection, key_ids: set[str]) -> set[str]:
    query = select(api_keys.c.id).where(api_keys.c.id.in_(key_ids), api_keys.c.paused_at.is_not(None))
    return set(connection.execute(query).scalars())


def _permit(message: OutgoingSms, stopped: set[tuple[str, str]], paused: set[str]) -> Permit:
    if (message.org_id, message.to_number) in stopped:
        return Permit.OPTED_OUT
    return Permit.PAUSED if message.key_id in paused else Permit.GO


def _hold(connection: Connection, items: Sequence[Attempt]) -> set[str]:
    """Move messages that their process holds to submitting, with an attempt each; their ids."""
    held: set[str] = set()
    for lease in {item.lease for item in items}:
        ids = [item.message.id for item in items if item.lease == lease]
        statement = (
            update(messages)
            .where(messages.c.id.in_(ids), messages.c.lease == lease, messages.c.state == "queued")
            .values(state=MessageState.SUBMITTING, state_at=items[0].at, attempts=messages.c.attempts + 1)
            .returning(messages.c.id)
        )
        held.update(connection.execute(statement).scalars())
    rows = [
        {
            "message_id": item.message.id,
            "n": item.message.attempts + 1,
            "provider": item.message.provider,
            "started_at": item.at,
        }
        for item in items
        if item.message.id in held
    ]
    if rows:
        connection.execute(attempts.insert(), rows)
    return held


def settle(connection: Connection, items: Sequence[Settlement]) -> list[None]:
    """Write down what became of attempts, then apply reports that came before the answer."""
    connection.execute(
        update(attempts)
        .where(attempts.c.message_id == bindparam("message"), attempts.c.n == bindparam("number"))
        .values(finished_at=bindparam("finished"), outcome=bindparam("result"), cause=bindparam("why")),
        [
            {
                "message": item.message.id,
                "number": item.message.attempts + 1,
                "finished": item.at,
                "result": item.result.outcome,
                "why": item.result.cause,
            }
            for item in items
        ],
    )
    connection.execute(
        update(messages)
        .where(
            messages.c.id == bindparam("message"), or_(messages.c.state == "submitting", messages.c.state == "unknown")
        )
        .values(
            state=bindparam("new_state"),
            state_at=bindparam("moment"),
            available_at=bindparam("due"),
            lease=None,
            cause=bindparam("why"),
            reason=bindparam("reason"),
            public_text=bindparam("public"),
        ),
        [
            {
                "message": item.message.id,
                "new_state": item.state,
                "moment": item.at,
                "due": item.available_at,
                "why": "" if item.result.outcome is Outcome.ACCEPTED else item.result.cause,
                "reason": item.result.reason,
                "public": item.result.public_text,
            }
            for item in items
        ],
    )
    refs = [row for item in items for row in _ref_rows(item)]
    if refs:
        connection.execute(insert(connection, provider_refs).on_conflict_do_nothing(), refs)
        report_sql.apply_early(connection, refs, items[-1].at)
    return [None] * len(items)


def _ref_rows(item: Settlement) -> list[dict[str, Any]]:
    return [
        {
            "provider": item.message.provider,
            "ref": ref,
            "to_number": item.message.to_number,
            "message_id": item.message.id,
            "part": part,
        }
        for part, ref in enumerate(item.result.refs, 1)
    ]


def delay(connection: Connection, items: Sequence[tuple[str, float, str]]) -> list[None]:
    """Give queued messages back, due later."""
    connection.execute(
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "queued")
        .values(lease=None, available_at=bindparam("due"), cause=bindparam("why")),
        [{"message": message, "due": due, "why": why} for message, due, why in items],
    )
    return [None] * len(items)


def fail(connection: Connection, items: Sequence[tuple[str, float, str]]) -> list[None]:
    """Give queued messages up."""
    connection.execute(
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "queued")
        .values(
            state=MessageState.FAILED,
            state_at=bindparam("moment"),
            lease=None,
            cause=bindparam("why"),
            reason=bindparam("why"),
        ),
        [{"message": message, "moment": at, "why": why} for message, at, why in items],
    )
    return [None] * len(items)


def count_waiting(connection: Connection) -> int:
    """Count messages that wait for an attempt."""
    return connection.execute(select(func.count()).where(messages.c.state == "queued")).scalar_one()


# --- processes -----------------------------------------------------------------------------------------------------


def beat(connection: Connection, items: Sequence[Process]) -> list[None]:
    """Announce processes, or move their heartbeat on."""
    for item in items:
        row = asdict(item)
        statement = insert(connection, processes).values(**row)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["token"], set_={"alive_until": item.alive_until})
        )
    return [None] * len(items)


def leave(connection: Connection, items: Sequence[str]) -> list[None]:
    """Forget processes that stop: whatever they still hold is free."""
    connection.execute(delete(processes).where(processes.c.token.in_(items)))
    return [None] * len(items)


def bury(connection: Connection, host: str, now: float) -> None:
    """Forget processes that are dead: their heartbeat ended, or their pid on this host is gone."""
    rows = connection.execute(select(processes.c.token, processes.c.pid).where(processes.c.host == host)).all()
    gone = [row.token for row in rows if not _runs(row.pid)]
    connection.execute(delete(processes).where(or_(processes.c.alive_until <= now, processes.c.token.in_(gone))))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def recover(connection: Connection, now: float, idempotent: Sequence[str] = ()) -> None:
    """Mark as unknown what was in flight in a process that is gone, and free the mails that it held.

    To providers that know a message again (`idempotent`) the attempt may simply be repeated.
    """
    orphaned = messages.c.lease.is_(None) | ~exists().where(processes.c.token == messages.c.lease)
    connection.execute(
        update(messages)
        .where(messages.c.state == "submitting", orphaned, messages.c.provider.in_(idempotent))
        .values(state=MessageState.QUEUED, state_at=now, available_at=now, lease=None)
    )
    connection.execute(
        update(messages)
        .where(messages.c.state == "submitting", orphaned)
        .values(
            state=MessageState.UNKNOWN,
            state_at=now,
            lease=None,
            cause=case((messages.c.cause != "", messages.c.cause), else_="the process stopped while it was being sent"),
        )
    )
    connection.execute(
        update(mail_queue)
        .where(mail_queue.c.lease.is_not(None), ~exists().where(processes.c.token == mail_queue.c.lease))
        .values(
            lease=None,
            lease_until=None,
            available_at=case((mail_queue.c.state == "queued", now), else_=mail_queue.c.available_at),
        )
    )
