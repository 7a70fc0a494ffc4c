"""SQL of webhooks: who wants to be called about which events, and whether calls reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.hooks.events import EventType
from gateway.store import dialect
from gateway.store.event_sql import REVISION, forget
from gateway.store.schema import revisions
from gateway.store.webhook_schema import webhook_calls, webhooks


class WebhookState(StrEnum):
    """Whether an endpoint is called."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By a person: what happens meanwhile waits, and goes out when the pause ends."""
    DISABLED = "disabled"
    """Because it said so, or took nothing for days: what happens meanwhile is not told."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint, without its secrets."""

    id: str
    org_id: str
    url: str
    description: str
    events: tuple[EventType, ...]
    state: WebhookState
    state_reason: str
    state_at: float
    created_at: float
    failing_since: float | None = None
    """When the tries in vain began; None while it takes what comes."""
    old_secret_until: float | None = None
    """Until when the secret before the last rotation signs as well."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A wish to add an endpoint while its organisation has fewer than `most`."""

    webhook: Webhook
    sealed: str
    most: int


@dataclass(frozen=True, slots=True)
class Change:
    """A wish to change columns of an endpoint of an organisation."""

    org_id: str
    webhook_id: str
    values: Mapping[str, Any]


def create(connection: Connection, items: Sequence[Limited]) -> list[bool]:
    """Add endpoints; False where the organisation has as many as it may have."""
    _tell(connection)
    return [_create(connection, item) for item in items]


def _create(connection: Connection, item: Limited) -> bool:
    made = item.webhook
    there = select(func.count()).select_from(webhooks).where(webhooks.c.org_id == made.org_id)
    if connection.execute(there).scalar_one() >= item.most:
        return False
    connection.execute(
        insert(webhooks).values(
            id=made.id,
            org_id=made.org_id,
            url=made.url,
            description=made.description,
            events=" ".join(made.events),
            secret=item.sealed,
            state=made.state,
            state_at=made.state_at,
            created_at=made.created_at,
        )
    )
    return True


def change(connection: Connection, items: Sequence[Change]) -> list[Webhook | None]:
    """Change endpoints; as they stand then, None for one that the organisation does not have."""
    _tell(connection)
    for item in items:
        connection.execute(update(webhooks).where(*_this(item.org_id, item.webhook_id)).values(**item.values))
    return [find(connection, item.org_id, item.webhook_id) for item in items]


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret, sealed; the one before signs until `until`."""

    org_id: str
    webhook_id: str
    sealed: str
    until: float


def rotate(connection: Connection, items: Sequence[Rotation]) -> list[bool]:
    """Give endpoints new secrets; False where the organisation has none such. The oldest of three is forgotten."""
    return [
        connection.execute(
            update(webhooks)
            .where(*_this(item.org_id, item.webhook_id))
            .values(secret=item.sealed, old_secret=webhooks.c.secret, old_secret_until=item.until)
        ).rowcount
        == 1
        for item in items
    ]


def remove(connection: Connection, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Delete endpoints, as (organisation, id), with their calls; False where the organisation has none such."""
    _tell(connection)
    return [_remove(connection, *item) for item in items]


def _remove(connection: Connection, org_id: str, webhook_id: str) -> bool:
    if connection.execute(delete(webhooks).where(*_this(org_id, webhook_id))).rowcount == 0:
        return False
    connection.execute(delete(webhook_calls).where(webhook_calls.c.webhook_id == webhook_id))
    return True


def find(connection: Connection, org_id: str, webhook_id: str) -> Webhook | None:
    """An endpoint of an organisation."""
    row = connection.execute(select(webhooks).where(*_this(org_id, webhook_id))).first()
    return None if row is None else to_webhook(row)


def sealed_secrets(connection: Connection, org_id: str, webhook_id: str, now: float) -> list[str]:
    """The sealed secrets that sign now, the newest first; none where the organisation has no such endpoint."""
    row = connection.execute(select(webhooks).where(*_this(org_id, webhook_id))).first()
    return [] if row is None else live_secrets(row, now)


def live_secrets(row: Row[Any], now: float) -> list[str]:
    """The sealed secrets of a row of `webhooks` that sign at a time, the newest first."""
    live = [row.secret]
    if row.old_secret and row.old_secret_until is not None and row.old_secret_until > now:
        live.append(row.old_secret)
    return live


def list_webhooks(connection: Connection, org_id: str | None) -> list[Webhook]:
    """The endpoints of an organisation, or of all, the oldest first."""
    query = select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)
    if org_id is not None:
        query = query.where(webhooks.c.org_id == org_id)
    return [to_webhook(row) for row in connection.execute(query)]


def to_webhook(row: Row[Any]) -> Webhook:
    """Read the columns of `webhooks`."""
    return Webhook(
        id=row.id,
        org_id=row.org_id,
        url=row.url,
        description=row.description,
        events=tuple(map(EventType, row.events.split())),
        state=WebhookState(row.state),
        state_reason=row.state_reason,
        state_at=row.state_at,
        created_at=row.created_at,
        failing_since=row.failing_since,
        old_secret_until=row.old_secret_until,
    )


def _this(org_id: str, webhook_id: str) -> tuple[Any, Any]:
    return webhooks.c.id == webhook_id, webhooks.c.org_id == org_id


# --- what calls came to --------------------------------------------------------------------------------------------


def note_taken(connection: Connection, webhook_id: str) -> None:
    """An endpoint takes calls (again)."""
    connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(failing_since=None))


def note_failing(connection: Connection, webhook_id: str, now: float) -> None:
    """An endpoint has not taken a call; the first moment stays."""
    connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.failing_since.is_(None))
        .values(failing_since=now)
    )


def disable(connection: Connection, webhook_id: str, reason: str, now: float) -> bool:
    """Let an endpoint be called no more; whether it was not disabled already."""
    _tell(connection)
    disabled = {"state": WebhookState.DISABLED, "state_reason": reason, "state_at": now}
    changed = connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.state != WebhookState.DISABLED)
        .values(**disabled)
    ).rowcount
    return changed == 1


def _tell(connection: Connection) -> None:
    """Let every process notice that endpoints change, in line like changes of the directory."""
    row = dialect.insert(connection, revisions).values(name=REVISION, value=1)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": revisions.c.value + 1}))
    forget(connection)
