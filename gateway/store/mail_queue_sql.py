"""The queue of mails that leave: put, claim, settle.

Work functions for `Database.write` take a connection and a batch of items and return one result per item; queries for
`Database.read` take a connection. A claimed row is due again when its lease ends, so what a dead process held comes
back by itself: `available_at` is always the moment from which anybody may take the row. A row is settled only by the
lease that holds it. A mail can be born leased, to the process that hands it on from memory (`Hold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Double,
    LargeBinary,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy import insert as insert_into

from gateway.model import MailKind, OutgoingMail
from gateway.store.hold_schema import holds
from gateway.store.prepared import Prepared, among, values_of
from gateway.store.schema import accounts, mail_queue
from gateway.store.spool_sql import PARKED, SHUT, held_records, hours_of

QUEUED, SENT, FAILED = "queued", "sent", "failed"
CANCELLED = "cancelled"
"""Why a mail failed whose campaign was cancelled."""
# In words of SQL, not as parameters: the index of waiting mails serves no other condition.
_WAITS = mail_queue.c.state == literal_column("'queued'")


@dataclass(frozen=True, slots=True)
class Hold:
    """The lease of a process, and until when what it holds is its own."""

    lease: str
    until: float


@dataclass(frozen=True, slots=True)
class NewMails:
    """Mails that belong together. `about` is the id of the inbound SMS, message or mail that they are about."""

    mails: tuple[OutgoingMail, ...]
    about: str | None = None
    hold: Hold | None = None
    """Who has them from the beginning; None where anybody may claim them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish for due mails. `lease` is the asking process's token, held until `until`."""

    now: float
    lease: str
    until: float
    limit: int
    bulk: int = 0
    """How many of these may be of campaigns, where others leave room."""


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail in hand."""

    mail: OutgoingMail
    lease: str
    until: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed mail: sent, failed for good, or to be tried again at `retry_at`."""

    id: str
    lease: str
    state: str
    at: float
    cause: str = ""
    retry_at: float | None = None
    about_mailbox: bool = False
    """Whether it failed because its mailbox takes no mail."""
    tell: NewMails | None = None
    """Mails that this outcome calls for, queued in the same transaction, unless the account's mailbox is marked."""


_COLUMNS = (
    "id", "kind", "return_path", "recipient", "content", "account_id", "about", "state", "created_at", "available_at",
    "lease", "lease_until", "attempts", "priority", "hours_begin", "hours_end", "hours_place",
)  # fmt: skip
_NEW = Prepared(lambda _dialect: insert_into(mail_queue).values({name: bindparam(name) for name in _COLUMNS}))


def put(connection: Connection, items: Sequence[NewMails]) -> list[None]:
    """Work: queue mails; also for use inside another's transaction."""
    _NEW.many(connection, [_new_row(mail, item) for item in items for mail in item.mails])
    return [None] * len(items)


def _new_row(mail: OutgoingMail, item: NewMails) -> dict[str, Any]:
    return {
        "id": mail.id,
        "kind": str(mail.kind),
        "return_path": mail.return_path,
        "recipient": mail.recipient,
        "content": mail.content,
        "account_id": mail.account_id,
        "about": item.about,
        "state": QUEUED,
        "created_at": mail.created_at,
        "available_at": item.hold.until if item.hold else mail.created_at,
        "lease": item.hold.lease if item.hold else None,
        "lease_until": item.hold.until if item.hold else None,
        "attempts": mail.attempts,
        "priority": 1 if mail.kind is MailKind.CAMPAIGN else 0,
        "hours_begin": mail.hours.begin if mail.hours else None,
        "hours_end": mail.hours.end if mail.hours else None,
        "hours_place": mail.hours.place if mail.hours else None,
    }


def claim(connection: Connection, items: Sequence[Claim]) -> list[list[ClaimedMail]]:
    """Work: lease up to `limit` due mails, the longest due first; those of campaigns behind all others."""
    return [_claim(connection, item) for item in items]


def _claim(connection: Connection, item: Claim) -> list[ClaimedMail]:
    due = (
        select(mail_queue)
        .where(_WAITS, mail_queue.c.priority == 0, mail_queue.c.available_at <= item.now)
        .order_by(mail_queue.c.available_at, mail_queue.c.id)
        .limit(item.limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(connection.execute(due))
    rows += _bulk(connection, item, min(item.bulk, item.limit - len(rows)))
    if not rows:
        return []
    connection.execute(
        update(mail_queue)
        .where(mail_queue.c.id.in_([row.id for row in rows]))
        .values(lease=item.lease, lease_until=item.until, available_at=item.until)
    )
    return [ClaimedMail(_mail(row), item.lease, item.until) for row in rows]


def _bulk(connection: Connection, item: Claim, most: int) -> list[Row[tuple[object, ...]]]:
    """Due mails of campaigns; on the way those are parked whose campaign is held or whose hours are over, or end."""
    found: list[Row[tuple[object, ...]]] = []
    while len(found) < most:
        query = (
            select(mail_queue)
            .where(_WAITS, mail_queue.c.priority == 1, mail_queue.c.available_at <= item.now)
            .where(mail_queue.c.id.not_in([row.id for row in found]))
            .order_by(mail_queue.c.available_at, mail_queue.c.id)
            .limit(most - len(found))
            .with_for_update(skip_locked=True)
        )
        rows = connection.execute(query).all()
        held = held_records(connection, {row.about for row in rows if row.about is not None})
        parked = [(row.id, due) for row in rows if (due := _rests_until(row, held, item.now)) is not None]
        ended = [row.id for row in rows if held.get(row.about)]
        gone = {*ended, *(mail_id for mail_id, _ in parked)}
        found += [row for row in rows if row.id not in gone]
        _PARK.many(connection, [{"parked_id": mail_id, "due": due} for mail_id, due in parked])
        if ended:
            fate = {"state": FAILED, "settled_at": item.now, "cause": CANCELLED, "content": b""}
            connection.execute(update(mail_queue).where(mail_queue.c.id.in_(ended)).values(**fate))
        if not gone:
            break
    return found


_PARK = Prepared(
    lambda _dialect: (
        update(mail_queue).where(mail_queue.c.id == bindparam("parked_id")).values(available_at=bindparam("due"))
    )
)


def _rests_until(row: Row[Any], held: Mapping[str, bool], now: float) -> float | None:
    """When a mail is due that must not leave now; None for one that may leave, or ends."""
    ends = held.get(row.about)
    if ends is not None:
        return None if ends else PARKED
    hours = hours_of(row)
    if hours is None or hours.begin <= now < hours.end:
        return None
    return hours.begin if now < hours.begin else SHUT


def may_leave(connection: Connection, mail_id: str) -> bool:
    """Query: whether a mail that is in hand still waits, and nothing holds it back."""
    held = exists().where(holds.c.record_id == mail_queue.c.about)
    query: Select[Any] = select(literal_column("1")).where(mail_queue.c.id == mail_id, _WAITS, ~held)
    return connection.execute(query).first() is not None


def waiting_in_bulk(connection: Connection, now: float, most: int) -> int:
    """Query: how many mails of campaigns wait, no hold or hours keep them, counted no further than `most`."""
    some = select(mail_queue.c.id).where(
        _WAITS,
        mail_queue.c.priority == 1,
        mail_queue.c.available_at < PARKED,
        func.coalesce(mail_queue.c.hours_begin, 0) <= now,
    )
    return int(connection.execute(select(func.count()).select_from(some.limit(most).subquery())).scalar_one())


def _marked_accounts(connection: Connection, account_ids: set[str]) -> set[str]:
    query = select(accounts.c.id).where(accounts.c.id.in_(account_ids), accounts.c.mailbox_fault.is_not(None))
    return set(connection.execute(query).scalars())


def _mail(row: Row[tuple[object, ...]]) -> OutgoingMail:
    return OutgoingMail(
        id=row.id,
        kind=MailKind(row.kind),
        return_path=row.return_path,
        recipient=row.recipient,
        content=bytes(row.content),
        account_id=row.account_id,
        created_at=row.created_at,
        attempts=row.attempts,
    )


# What was delivered is in its mailbox; here it would only be one more copy of a text and of a key.
_SENT = Prepared(
    lambda _dialect: (
        update(mail_queue)
        .where(mail_queue.c.id == bindparam("settled_id"))
        .values(
            state=literal_column("'sent'"),
            settled_at=bindparam("moment"),
            attempts=mail_queue.c.attempts + literal_column("1"),
            cause=bindparam("why"),
            content=literal(b"", LargeBinary),
            lease=null(),
            lease_until=null(),
        )
    )
)
_NOT_SENT = Prepared(
    lambda _dialect: (
        update(mail_queue)
        .where(mail_queue.c.id == bindparam("settled_id"))
        .values(
            state=bindparam("new_state"),
            settled_at=bindparam("moment", type_=Double),
            available_at=func.coalesce(bindparam("due", type_=Double), mail_queue.c.available_at),
            attempts=mail_queue.c.attempts + literal_column("1"),
            cause=bindparam("why"),
            lease=null(),
            lease_until=null(),
        )
    )
)
_HELD = Prepared(
    lambda dialect: (
        select(mail_queue.c.id, mail_queue.c.lease, mail_queue.c.account_id)
        .where(among(dialect, mail_queue.c.id, "ids"), _WAITS)
        .order_by(mail_queue.c.id)
        .with_for_update()
    )
)


def settle(connection: Connection, items: Sequence[Settlement]) -> list[bool]:
    """Work: record outcomes. False where another process holds the mail by now: then nothing was changed."""
    held = _held(connection, items)
    settled = [item for item in items if (item.id, item.lease) in held]
    _SENT.many(connection, [_settled_row(item) for item in settled if item.state == SENT])
    _NOT_SENT.many(connection, [_settled_row(item) | _next(item) for item in settled if item.state != SENT])
    _tell(connection, [(item.tell, held[item.id, item.lease]) for item in settled if item.tell is not None])
    return [(item.id, item.lease) in held for item in items]


def _held(connection: Connection, items: Sequence[Settlement]) -> dict[tuple[str, str], str | None]:
    """By id and lease: the accounts of those mails that are still held as their settlements say."""
    ids = values_of(connection, [item.id for item in items])
    return {(row.id, row.lease): row.account_id for row in _HELD.rows(connection, {"ids": ids})}


def _settled_row(item: Settlement) -> dict[str, Any]:
    return {"settled_id": item.id, "moment": None if item.state == QUEUED else item.at, "why": item.cause}


def _next(item: Settlement) -> dict[str, Any]:
    return {"new_state": item.state, "due": item.retry_at}


def _tell(connection: Connection, called_for: Sequence[tuple[NewMails, str | None]]) -> None:
    """Queue what outcomes call for. While an account is known to be marked, nobody is told again."""
    account_ids = {account_id for _, account_id in called_for if account_id is not None}
    marked = _marked_accounts(connection, account_ids) if account_ids else set()
    put(connection, [mails for mails, account_id in called_for if account_id not in marked])


@dataclass(frozen=True, slots=True)
class Release:
    """Claimed mails that were not tried: anybody may take them at once."""

    lease: str
    now: float
    ids: tuple[str, ...] | None = None
    """None for all that the lease holds."""


def release(connection: Connection, items: Sequence[Release]) -> list[int]:
    """Work: give leases back; how many mails that frees."""
    freed = []
    for item in items:
        mine = and_(mail_queue.c.lease == item.lease, mail_queue.c.state == QUEUED)
        if item.ids is not None:
            mine = and_(mine, mail_queue.c.id.in_(item.ids))
        values = {"lease": None, "lease_until": None, "available_at": item.now}
        freed.append(connection.execute(update(mail_queue).where(mine).values(values)).rowcount)
    return freed


@dataclass(frozen=True, slots=True)
class Bounced:
    """A bounce came back for a mail that had been handed over."""

    id: str
    at: float
    cause: str


def bounce(connection: Connection, items: Sequence[Bounced]) -> list[OutgoingMail | None]:
    """Work: turn a sent mail into a failed one; the mail as it stood, None where there is no such sent mail."""
    return [_bounce(connection, item) for item in items]


def _bounce(connection: Connection, item: Bounced) -> OutgoingMail | None:
    sent = and_(mail_queue.c.id == item.id, mail_queue.c.state == SENT)
    row = connection.execute(select(mail_queue).where(sent)).one_or_none()
    if row is None:
        return None
    connection.execute(
        update(mail_queue).where(sent).values(state=FAILED, settled_at=item.at, cause=f"bounced: {item.cause}")
    )
    return _mail(row)


@dataclass(frozen=True, slots=True)
class Retry:
    """An operator's wish to try a failed mail again."""

    id: str
    now: float


def retry(connection: Connection, items: Sequence[Retry]) -> list[bool]:
    """Work: queue failed mails anew, as if just made. False where there is none, or it had been handed over."""
    return [
        connection.execute(
            update(mail_queue)
            .where(mail_queue.c.id == item.id, mail_queue.c.state == FAILED, mail_queue.c.content != b"")
            .values(state=QUEUED, created_at=item.now, available_at=item.now, settled_at=None, attempts=0)
        ).rowcount
        == 1
        for item in items
    ]


def next_due(connection: Connection) -> float | None:
    """Query: the moment from which the next mail may be claimed; None for an empty queue."""
    first = func.min(mail_queue.c.available_at)
    moments = [connection.execute(select(first).where(_WAITS, mail_queue.c.priority == at)).scalar() for at in (0, 1)]
    return min((each for each in moments if each is not None), default=None)
