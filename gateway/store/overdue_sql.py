"""SQL of messages that nobody has said a word about: submitted and never reported, or in doubt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, text, update

from gateway.sms import MessageState, OutgoingSms
from gateway.store import event_sql
from gateway.store.failure_sql import UNTOLD
from gateway.store.report_sql import NO_WORD
from gateway.store.schema import attempts, messages, provider_refs
from gateway.store.spool_items import AT_ONCE
from gateway.store.spool_sql import message_of

NOT_SENT = "not-sent"
"""The word of FailureReason for what a person says has not left."""
_SUBMITTED = "messages.state = 'submitted'"
"""The condition of the index of what waits for reports, word for word."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A wish to expire messages that have waited for their reports too long."""

    validity: Mapping[str, float]
    """Seconds after the submit in which a provider reports, by its name; infinite for one that never does."""
    default: float
    """Seconds for messages of a provider that is not configured any more."""
    now: float
    most: int


@dataclass(frozen=True, slots=True)
class Expired:
    """A message that has expired."""

    message_id: str
    provider: str


def expire(connection: Connection, items: Sequence[Silence]) -> list[list[Expired]]:
    """Expire what has waited too long; per wish what expired."""
    return [_expire(connection, item) for item in items]


def _expire(connection: Connection, wish: Silence) -> list[Expired]:
    expired: list[Expired] = []
    for provider in _waited_for(connection):
        validity = wish.validity.get(provider, wish.default)
        if math.isinf(validity) or len(expired) >= wish.most:
            continue
        due = (
            select(messages.c.org_id, messages.c.id)
            .where(text(_SUBMITTED), messages.c.provider == provider, messages.c.state_at <= wish.now - validity)
            .order_by(messages.c.state_at)
            .limit(wish.most - len(expired))
            .with_for_update(skip_locked=True)
        )
        found = [(row.org_id, row.id) for row in connection.execute(due)]
        ids = [message for _, message in found]
        connection.execute(
            update(messages)
            .where(messages.c.id.in_(ids))
            .values(
                state=MessageState.EXPIRED,
                state_at=wish.now,
                cause=f"no report within {validity / 3600:g} hours",
                reason=NO_WORD,
            )
        )
        event_sql.messages_moved(connection, found)
        expired += [Expired(message, provider) for message in ids]
    return expired


def _waited_for(connection: Connection) -> list[str]:
    """The providers whose reports are waited for: one look into the index for each."""
    lowest = select(func.min(messages.c.provider)).where(text(_SUBMITTED))
    found: list[str] = []
    provider = connection.execute(lowest).scalar()
    while provider is not None:
        found.append(provider)
        provider = connection.execute(lowest.where(messages.c.provider > provider)).scalar()
    return found


# --- in doubt ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message that may not have arrived, since when it stands so, and the provider's ids as far as they are known."""

    message: OutgoingSms
    since: float
    refs: tuple[str, ...]


def in_doubt(connection: Connection, providers: Sequence[str], most: int) -> list[Doubt]:
    """Messages in doubt, the oldest first, whose senders have not been told."""
    rows = connection.execute(
        select(messages)
        .where(text(UNTOLD), messages.c.state == MessageState.UNKNOWN, messages.c.provider.in_(providers))
        .order_by(messages.c.state_at)
        .limit(most)
    ).all()
    refs = _refs_of(connection, [row.id for row in rows])
    return [Doubt(message_of(row), row.state_at, tuple(refs.get(row.id, ()))) for row in rows]


def nearly_expired(
    connection: Connection, provider: str, after: tuple[float, str], until: float, most: int
) -> list[Doubt]:
    """Messages that have waited for their reports since `until` or before; those behind `after` (since, id)."""
    since, message_id = after
    rows = connection.execute(
        select(messages)
        .where(
            text(_SUBMITTED),
            messages.c.provider == provider,
            messages.c.state_at >= since,
            messages.c.state_at <= until,
            or_(messages.c.state_at > since, messages.c.id > message_id),
        )
        .order_by(messages.c.state_at, messages.c.id)
        .limit(most)
    ).all()
    refs = _refs_of(connection, [row.id for row in rows])
    return [Doubt(message_of(row), row.state_at, tuple(refs.get(row.id, ()))) for row in rows]


def _refs_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = select(provider_refs.c.message_id, provider_refs.c.ref).where(provider_refs.c.message_id.in_(ids))
    for row in connection.execute(query.order_by(provider_refs.c.part)):
        found.setdefault(row.message_id, []).append(row.ref)
    return found


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person says about a message in doubt: its new state."""

    message_id: str
    state: MessageState
    """SUBMITTED, FAILED, or QUEUED: it is sent again."""
    at: float
    by: str = ""
    """Who says so."""


def rule(connection: Connection, items: Sequence[Ruling]) -> list[bool]:
    """Do what people say about messages in doubt; False where one is not in doubt (any more).

    A message without its text, which was removed, is not sent again.
    """
    return [_rule(connection, item) for item in items]


def _rule(connection: Connection, ruling: Ruling) -> bool:
    # What was told before was that nobody knows: whatever this comes to is told anew.
    values: dict[str, Any] = {
        "state": ruling.state,
        "state_at": ruling.at,
        "cause": "decided by hand",
        "reason": NOT_SENT if ruling.state is MessageState.FAILED else "",
        "told_at": None,
    }
    if ruling.state is MessageState.QUEUED:
        values |= {"available_at": AT_ONCE, "price": None, "currency": None, "billed_parts": None}
    undecided = and_(messages.c.id == ruling.message_id, messages.c.state == MessageState.UNKNOWN)
    if ruling.state is MessageState.QUEUED:
        undecided = and_(undecided, messages.c.text_removed_at.is_(None))
    _note_ruling(connection, ruling, undecided)
    org_id = connection.execute(update(messages).where(undecided).values(values).returning(messages.c.org_id)).scalar()
    if org_id is not None:
        event_sql.messages_moved(connection, [(org_id, ruling.message_id)])
    if org_id is not None and ruling.state is MessageState.QUEUED:
        # Lest parts of the first sending, which may never be reported, keep the second from being delivered.
        connection.execute(delete(provider_refs).where(provider_refs.c.message_id == ruling.message_id))
    return org_id is not None


def _note_ruling(connection: Connection, ruling: Ruling, undecided: ColumnElement[bool]) -> None:
    """Add to the attempt in doubt who decided what: another attempt does not overwrite it."""
    last = select(messages.c.attempts).where(undecided)
    decision = f"; {ruling.by or 'somebody'} decided: {ruling.state}"
    connection.execute(
        update(attempts)
        .where(attempts.c.message_id == ruling.message_id, attempts.c.n == last.scalar_subquery())
        .values(cause=attempts.c.cause + decision)
    )
