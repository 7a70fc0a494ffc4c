"""SQL of incoming SMS: each kept once, with the mail that it becomes in the same transaction."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text, update

from gateway.model import OutgoingMail
from gateway.sms import InboundSms
from gateway.store import claim_sql, event_sql, mail_queue_sql, optout_sql, part_sql, reply_sql, thread_sql
from gateway.store.event_sql import Came
from gateway.store.mail_queue_sql import Hold, NewMails
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.reply_sql import AutomaticReply
from gateway.store.schema import accounts, api_keys, inbound


class InboundState(StrEnum):
    """Where an incoming SMS stands."""

    MAILED = "mailed"
    HELD = "held"
    """For a paused key: mailed when the pause ends."""
    ASKED = claim_sql.ASKED
    """For one of several accounts that share the number: each has a mail, and the one that answers it has the SMS."""
    UNROUTED = "unrouted"
    """For a number that no open account has: kept for the operator."""


@dataclass(frozen=True, slots=True)
class Wished:
    """A STOP (`word` is what was written) or a START (`word` is None)."""

    org_id: str
    phone: str
    word: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One incoming SMS with all that it leads to."""

    id: str
    sms: InboundSms
    received_at: float
    state: InboundState
    org_id: str | None = None
    account_id: str | None = None
    mails: tuple[OutgoingMail, ...] = ()
    """What it leads to; several where several are asked."""
    references: tuple[tuple[str, str], ...] = ()
    """Message-IDs of the account's conversation and the phone that they belong to."""
    wished: Wished | None = None
    part_refs: tuple[str, ...] = ()
    """The provider's ids of the parts that it was put together from."""
    incomplete: bool = False
    late: bool = False
    """Whether a part came after what had come before went on."""
    hold: Hold | None = None
    """Who hands the mail on from memory; None where anybody may claim it."""
    reply: AutomaticReply | None = None
    """What the phone is answered by itself."""
    was: InboundState | None = None
    """How it stood before, of one that was stored and goes on now."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An SMS that is stored and has not reached anybody."""

    id: str
    sms: InboundSms
    state: InboundState
    account_id: str | None
    incomplete: bool
    late: bool


def arrive(connection: Connection, items: Sequence[Arrival]) -> list[bool]:
    """Store SMS with what they lead to; False for one that was stored before, or whose parts another process took."""
    mine = [item for item in items if not item.part_refs or _claim_parts(connection, item)]
    fresh = _arrive(connection, mine) if mine else frozenset()
    return [item.id in fresh for item in items]


def _claim_parts(connection: Connection, item: Arrival) -> bool:
    return part_sql.claim(connection, item.sms.provider, item.part_refs, item.id)


def _arrive(connection: Connection, items: Sequence[Arrival]) -> frozenset[str]:
    """The ids of those that are new."""
    fresh = _store(connection, [(item, item.sms.ref) for item in items])
    known = [item for item in items if item.id not in fresh]
    fresh |= _store(connection, [(item, _second_ref(item.sms)) for item in known if _is_another(connection, item.sms)])
    _follow(connection, [item for item in items if item.id in fresh])
    return fresh


def _is_another(connection: Connection, sms: InboundSms) -> bool:
    """Whether a provider has given an id that is taken to a different message: neither may be lost."""
    known = connection.execute(
        select(inbound.c.text_removed_at, inbound.c.from_number, inbound.c.to_number, inbound.c.text).where(
            inbound.c.provider == sms.provider, inbound.c.ref == sms.ref
        )
    ).one()
    if known.text_removed_at is not None:  # nothing is left to compare: what a provider calls the same is the same
        return False
    return tuple(known)[1:] != (sms.from_number, sms.to_number, sms.text)


def _second_ref(sms: InboundSms) -> str:
    fingerprint = hashlib.sha256(f"{sms.from_number}\0{sms.to_number}\0{sms.text}".encode()).hexdigest()[:8]
    return f"{sms.ref}#{fingerprint}"


_INBOUND = insert_new(
    inbound,
    (
        "id", "provider", "ref", "from_number", "to_number", "text", "at", "received_at", "state", "incomplete",
        "late", "org_id", "account_id", "mail_id",
    ),
    unless=("provider", "ref"),
)  # fmt: skip
_STORED = Prepared(lambda dialect: select(inbound.c.id).where(among(dialect, inbound.c.id, "ids")))


def _store(connection: Connection, items: Sequence[tuple[Arrival, str]]) -> frozenset[str]:
    """Insert SMS under the given references; the ids of those that no other with this reference kept out."""
    new = frozenset(item.id for item, _ in items)
    if _INBOUND.many(connection, [_new_row(item, ref) for item, ref in items]) == len(items):
        return new
    return frozenset(_STORED.scalars(connection, {"ids": values_of(connection, sorted(new))}))


def _new_row(item: Arrival, ref: str) -> dict[str, Any]:
    sms = item.sms
    return {
        "id": item.id,
        "provider": sms.provider,
        "ref": ref,
        "from_number": sms.from_number,
        "to_number": sms.to_number,
        "text": sms.text,
        "at": sms.at,
        "received_at": item.received_at,
        "state": str(item.state),
        "incomplete": item.incomplete,
        "late": item.late,
        "org_id": item.org_id,
        "account_id": item.account_id,
        "mail_id": _mail_id(item),
    }


def _mail_id(item: Arrival) -> str | None:
    """The mail that it became; none while several are asked."""
    return item.mails[0].id if len(item.mails) == 1 else None


def _follow(connection: Connection, items: Sequence[Arrival]) -> None:
    """Queue mails and answers, remember the conversations, obey STOP and START, count."""
    for item in items:
        if item.wished is not None:
            _wish(connection, item.wished, item.received_at)
    mail_queue_sql.put(connection, [NewMails(item.mails, item.id, item.hold) for item in items if item.mails])
    reply_sql.send(connection, [item.reply for item in items if item.reply])
    references = [
        {"account_id": item.account_id, "message_id": message_id, "phone": phone, "at": item.received_at}
        for item in items
        for message_id, phone in item.references
    ]
    # In one order everywhere, so that two transactions never wait for each other.
    thread_sql.remember(connection, sorted(references, key=lambda row: (row["account_id"], row["message_id"])))
    _count(connection, [item for item in items if item.state is InboundState.MAILED])
    event_sql.messages_received(connection, [came for item in items if (came := _came(item)) is not None])


def _came(item: Arrival) -> Came | None:
    """What its organisation is told; nothing while nobody there can read it. What was held has been told of before."""
    org_id = item.org_id
    if org_id is None or item.state is InboundState.UNROUTED:
        return None
    return Came(item.id, org_id, item.sms, item.received_at, item.state, item.account_id, item.incomplete)


_COUNT = Prepared(
    lambda _dialect: (
        update(accounts)
        .where(accounts.c.id == bindparam("account"))
        .values(received_count=accounts.c.received_count + bindparam("more"), active_at=bindparam("moment"))
    )
)


def _count(connection: Connection, items: Sequence[Arrival]) -> None:
    received: dict[str, tuple[int, float]] = {}
    for item in items:
        if item.account_id is not None:
            received[item.account_id] = (received.get(item.account_id, (0, 0.0))[0] + 1, item.received_at)
    rows = [{"account": account, "more": more, "moment": at} for account, (more, at) in sorted(received.items())]
    _COUNT.many(connection, rows)


def _wish(connection: Connection, wished: Wished, now: float) -> None:
    if wished.word is None:
        optout_sql.opt_in(connection, wished.org_id, wished.phone, now)
    else:
        optout_sql.opt_out(connection, wished.org_id, wished.phone, wished.word, now)


def last_organisation(connection: Connection, number: str) -> str | None:
    """The organisation whose account had a number last."""
    return connection.execute(
        select(accounts.c.org_id).where(accounts.c.number == number).order_by(accounts.c.opened_at.desc()).limit(1)
    ).scalar_one_or_none()


# --- conversations -------------------------------------------------------------------------------------------------

_LATEST = """
    SELECT refs.account_id, refs.phone, refs.message_id
    FROM {wanted} AS wanted
    JOIN thread_refs AS refs ON refs.account_id = wanted.value ->> 0 AND refs.phone = wanted.value ->> 1
    WHERE refs.at >= COALESCE((
        SELECT older.at FROM thread_refs AS older
        WHERE older.account_id = wanted.value ->> 0 AND older.phone = wanted.value ->> 1
        ORDER BY older.at DESC LIMIT 1 OFFSET :offset
    ), 0)
    ORDER BY refs.at
"""
_LATEST_SQLITE = text(_LATEST.format(wanted="json_each(:wanted)"))
_LATEST_POSTGRES = text(_LATEST.format(wanted="json_array_elements(CAST(:wanted AS json))"))


def latest(
    connection: Connection, conversations: Collection[tuple[str, str]], limit: int
) -> dict[tuple[str, str], list[str]]:
    """The last Message-IDs of conversations (account id, phone), oldest first; all of them in one look."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    if conversations:
        query = _LATEST_POSTGRES if connection.dialect.name == "postgresql" else _LATEST_SQLITE
        wanted = {"wanted": json.dumps(list(conversations)), "offset": limit - 1}
        for account_id, phone, message_id in connection.execute(query, wanted):
            found[account_id, phone].append(message_id)
    return {conversation: message_ids[-limit:] for conversation, message_ids in found.items()}


# --- held ----------------------------------------------------------------------------------------------------------


def releasable(connection: Connection, limit: int) -> list[Waiting]:
    """Held SMS whose pause is over, or whose account is closed, the oldest first."""
    rows = connection.execute(
        select(inbound)
        # A concatenation, lest all that accounts ever got be read by the index of accounts instead of what is held.
        .join(accounts, accounts.c.id == inbound.c.account_id + "")
        .join(api_keys, api_keys.c.id == accounts.c.key_id)
        .where(
            inbound.c.state == InboundState.HELD,
            or_(api_keys.c.paused_at.is_(None), accounts.c.closed_at.is_not(None)),
        )
        .order_by(inbound.c.received_at)
        .limit(limit)
    )
    return [_waiting(row) for row in rows]


def stranded(connection: Connection, inbound_id: str) -> Waiting | None:
    """An SMS that has reached nobody yet, or not the one whom it is for, and still has its text."""
    row = connection.execute(
        select(inbound).where(
            inbound.c.id == inbound_id, inbound.c.state != InboundState.MAILED, inbound.c.text_removed_at.is_(None)
        )
    ).first()
    return None if row is None else _waiting(row)


def _waiting(row: Row[Any]) -> Waiting:
    sms = InboundSms(row.provider, row.ref, row.from_number, row.to_number, row.text, row.at)
    return Waiting(row.id, sms, InboundState(row.state), row.account_id, row.incomplete, row.late)


def release(connection: Connection, items: Sequence[Arrival]) -> list[bool]:
    """Let stored SMS go on as their new state says; False where another process did."""
    changed = [_release(connection, item) for item in items]
    _follow(connection, [item for item, mine in zip(items, changed, strict=True) if mine])
    return changed


def _release(connection: Connection, item: Arrival) -> bool:
    rows = connection.execute(
        update(inbound)
        .where(inbound.c.id == item.id, inbound.c.state == item.was)
        .values(
            state=item.state,
            # Whoever it is given to reads it; at an address without an account it stays whose it was.
            org_id=func.coalesce(item.org_id, inbound.c.org_id),
            account_id=item.account_id,
            mail_id=_mail_id(item),
        )
    ).rowcount
    return rows == 1
