"""The queue of calls to webhooks: claim, settle, look at, prune. `event_sql` puts them there.

A claimed call is due again when its lease ends (`available_at`), so what a dead process held comes back by itself. It
is settled only by the lease that holds it. Each endpoint's calls are claimed by themselves: what one keeps waiting
stands in nobody else's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, false, func, insert, or_, select, text, update

from gateway.hooks.events import EventType, HookEvent
from gateway.hooks.schedule import GIVE_UP_AFTER
from gateway.model import new_id
from gateway.store import webhook_sql
from gateway.store.webhook_schema import webhook_calls, webhooks
from gateway.store.webhook_sql import Webhook, WebhookState

QUEUED, DELIVERED, FAILED = "queued", "delivered", "failed"
_WAITS = text("webhook_calls.state = 'queued'")
"""The condition of the index of waiting calls, word for word."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call in hand, with where it goes and what signs it."""

    id: str
    event_id: str
    type: str
    body: str = field(repr=False)
    attempts: int
    lease: str
    webhook: Webhook
    sealed: tuple[str, ...] = field(repr=False)
    """The secrets that sign, sealed, the newest first."""


# --- claiming ------------------------------------------------------------------------------------------------------


def due(connection: Connection, now: float) -> list[str]:
    """Query: the active endpoints for which a call is due; one look into the index for each."""
    first = (
        select(func.min(webhook_calls.c.available_at))
        .where(_WAITS, webhook_calls.c.webhook_id == webhooks.c.id)
        .scalar_subquery()
    )
    query = select(webhooks.c.id).where(webhooks.c.state == WebhookState.ACTIVE, first <= now)
    return list(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish for due calls of one endpoint. `lease` is the asking process's token, held until `until`."""

    webhook_id: str
    now: float
    lease: str
    until: float
    limit: int


def claim(connection: Connection, items: Sequence[Claim]) -> list[list[Call]]:
    """Work: lease up to `limit` due calls of an active endpoint, the longest due first."""
    return [_claim(connection, item) for item in items]


def _claim(connection: Connection, item: Claim) -> list[Call]:
    active = webhooks.c.id == item.webhook_id, webhooks.c.state == WebhookState.ACTIVE
    endpoint = connection.execute(select(webhooks).where(*active)).first()
    if endpoint is None:
        return []
    wanted = (
        select(webhook_calls)
        .where(_WAITS, webhook_calls.c.webhook_id == item.webhook_id, webhook_calls.c.available_at <= item.now)
        .order_by(webhook_calls.c.available_at, webhook_calls.c.id)
        .limit(item.limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(wanted).all()
    if not rows:
        return []
    connection.execute(
        update(webhook_calls)
        .where(webhook_calls.c.id.in_([row.id for row in rows]))
        .values(lease=item.lease, available_at=item.until)
    )
    webhook, sealed = webhook_sql.to_webhook(endpoint), tuple(webhook_sql.live_secrets(endpoint, item.now))
    return [Call(row.id, row.event_id, row.type, row.body, row.attempts, item.lease, webhook, sealed) for row in rows]


def release(connection: Connection, items: Sequence[tuple[str, float]]) -> list[None]:
    """Work: give back what a lease holds, as (lease, now): anybody may take it at once."""
    for lease, now in items:
        mine = _WAITS, webhook_calls.c.lease == lease
        connection.execute(update(webhook_calls).where(*mine).values(lease=None, available_at=now))
    return [None] * len(items)


# --- settling ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a call in hand."""

    call: Call
    state: str
    """DELIVERED, FAILED for good, or QUEUED until `retry_at`."""
    at: float
    status: int | None
    cause: str
    retry_at: float | None = None
    gone: bool = False
    """Whether the receiver said that it wants no calls any more."""


def settle(connection: Connection, items: Sequence[Settlement]) -> list[str]:
    """Work: record outcomes; per call why its endpoint is disabled because of it, "" where it is not."""
    # In one order everywhere, so that two transactions about the same endpoints do not wait in a ring.
    ordered = sorted(items, key=lambda item: (item.call.webhook.id, item.call.id))
    disabled = {item.call.id: _settle(connection, item) for item in ordered}
    return [disabled[item.call.id] for item in items]


def _settle(connection: Connection, item: Settlement) -> str:
    values: dict[str, Any] = {
        "state": item.state,
        "attempts": webhook_calls.c.attempts + 1,
        "tried_at": item.at,
        "status": item.status,
        "cause": item.cause,
        "lease": None,
    }
    if item.retry_at is not None:
        values["available_at"] = item.retry_at
    mine = webhook_calls.c.id == item.call.id, webhook_calls.c.lease == item.call.lease
    connection.execute(update(webhook_calls).where(*mine).values(**values))
    return _note_health(connection, item)


def _note_health(connection: Connection, item: Settlement) -> str:
    """Keep since when an endpoint fails; why it is disabled now."""
    webhook = item.call.webhook
    if item.state == DELIVERED:
        if webhook.failing_since is not None:
            webhook_sql.note_taken(connection, webhook.id)
        return ""
    if item.gone:
        reason = "the receiver answered 410 Gone"
    elif webhook.failing_since is not None and item.at - webhook.failing_since >= GIVE_UP_AFTER:
        reason = f"nothing was taken for {GIVE_UP_AFTER / 86_400:.0f} days; at last: {item.cause}"
    else:
        webhook_sql.note_failing(connection, webhook.id, item.at)
        return ""
    if not webhook_sql.disable(connection, webhook.id, reason, item.at):
        return ""
    waiting = _WAITS, webhook_calls.c.webhook_id == webhook.id
    dropped = {"state": FAILED, "cause": "its webhook was disabled", "lease": None}
    connection.execute(update(webhook_calls).where(*waiting).values(**dropped))
    return reason


# --- looking, by hand ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as people see it."""

    id: str
    webhook_id: str
    event_id: str
    type: str
    state: str
    created_at: float
    due_at: float | None
    """When it is tried next; None where it has ended."""
    attempts: int
    tried_at: float | None
    status: int | None
    cause: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Which calls of an organisation's endpoint to show, the latest first."""

    org_id: str
    webhook_id: str
    state: str | None = None
    before: str | None = None
    """The id of the last one seen."""
    limit: int = 50


def list_calls(connection: Connection, page: Page) -> list[CallRecord]:
    """Calls of an endpoint, the latest first."""
    calls = webhook_calls.c
    query = (
        select(webhook_calls)
        .join(webhooks, webhooks.c.id == calls.webhook_id)
        .where(calls.webhook_id == page.webhook_id, webhooks.c.org_id == page.org_id)
        .order_by(calls.id.desc())
        .limit(page.limit)
    )
    if page.state is not None:
        query = query.where(calls.state == page.state)
    if page.before is not None:
        query = query.where(calls.id < page.before)
    return [_record(row) for row in connection.execute(query)]


def _record(row: Row[Any]) -> CallRecord:
    return CallRecord(
        id=row.id,
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        type=row.type,
        state=row.state,
        created_at=row.created_at,
        due_at=row.available_at if row.state == QUEUED else None,
        attempts=row.attempts,
        tried_at=row.tried_at,
        status=row.status,
        cause=row.cause,
        body=row.body,
    )


def call_again(connection: Connection, items: Sequence[tuple[str, str, float]]) -> list[bool]:
    """Work: make calls anew, as (organisation, call, now), as if nothing had been tried; False for no such call.

    Receivers know it by its event's id, which stays.
    """
    return [_call_again(connection, *item) for item in items]


def _call_again(connection: Connection, org_id: str, call_id: str, now: float) -> bool:
    own = select(webhooks.c.id).where(webhooks.c.org_id == org_id)
    mine = webhook_calls.c.id == call_id, webhook_calls.c.webhook_id.in_(own)
    anew = {"state": QUEUED, "attempts": 0, "available_at": now, "lease": None}
    return connection.execute(update(webhook_calls).where(*mine).values(**anew)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Tested:
    """A test call that was made at once."""

    webhook_id: str
    event: HookEvent
    taken: bool
    status: int | None
    cause: str


def note_test(connection: Connection, items: Sequence[Tested]) -> list[None]:
    """Work: keep what test calls came to, among the others."""
    for item in items:
        at = item.event.at
        connection.execute(
            insert(webhook_calls).values(
                id=new_id(at),
                webhook_id=item.webhook_id,
                event_id=item.event.id,
                type=EventType.PING,
                body=item.event.body(),
                state=DELIVERED if item.taken else FAILED,
                created_at=at,
                available_at=at,
                attempts=1,
                tried_at=at,
                status=item.status,
                cause=item.cause,
            )
        )
    return [None] * len(items)


def telling_of(org_id: str | None, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a call tells of somebody: one of the values stands alone in its body. Of one organisation, or of all.

    Whoever asks reads every call that is kept, for which there is seldom a reason.
    """
    about = or_(false(), *(webhook_calls.c.body.contains(f'"{value}"', autoescape=True) for value in values))
    if org_id is None:
        return about
    return and_(about, webhook_calls.c.webhook_id.in_(select(webhooks.c.id).where(webhooks.c.org_id == org_id)))


def forget(connection: Connection, org_id: str | None, values: Sequence[str]) -> int:
    """Remove calls that tell of somebody."""
    return connection.execute(delete(webhook_calls).where(telling_of(org_id, values))).rowcount if values else 0


def prune(connection: Connection, items: Sequence[tuple[float, int]]) -> list[int]:
    """Work: forget calls made before a time, at most so many; how many there were. None lives longer, come what may.

    A call is given up days before; only under an endpoint that is paused for as long do some still wait.
    """
    pruned = []
    for before, most in items:
        # An id begins with its time, so the primary key leads to the oldest.
        oldest = select(webhook_calls.c.id).where(webhook_calls.c.id < new_id(max(0.0, before))[:10]).limit(most)
        pruned.append(connection.execute(delete(webhook_calls).where(webhook_calls.c.id.in_(oldest))).rowcount)
    return pruned
