"""SQL of the audit log: put in, and read by pages. Nothing here changes or deletes an entry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from web.identity.model import AuditEntry
from web.store.schema import audit


@dataclass(frozen=True, slots=True)
class Page:
    """Which entries: those older than `before` (an entry's id), at most `limit`, the newest first."""

    org_id: str | None
    """None for those of every organisation and of none."""
    before: str | None
    limit: int
    action: str
    """The beginning of the action's name, such as "account."; "" for all."""


def put(connection: Connection, items: Sequence[AuditEntry]) -> list[None]:
    """Insert entries."""
    for each in items:
        connection.execute(
            insert(audit).values(
                id=each.id,
                at=each.at,
                org_id=each.org_id,
                actor_kind=each.actor_kind,
                actor_id=each.actor_id,
                actor_name=each.actor_name,
                peer_ip=each.peer_ip,
                action=each.action,
                subject=each.subject,
                detail=json.dumps(dict(each.detail), ensure_ascii=False),
            )
        )
    return [None] * len(items)


def page(connection: Connection, wanted: Page) -> list[AuditEntry]:
    """Entries, the newest first."""
    query = select(audit)
    if wanted.org_id is not None:
        query = query.where(audit.c.org_id == wanted.org_id)
    if wanted.before is not None:
        query = query.where(audit.c.id < wanted.before)
    if wanted.action:
        query = query.where(audit.c.action.startswith(wanted.action, autoescape=True))
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(wanted.limit))
    return [
        AuditEntry(
            id=row.id,
            at=row.at,
            org_id=row.org_id,
            actor_kind=row.actor_kind,
            actor_id=row.actor_id,
            actor_name=row.actor_name,
            peer_ip=row.peer_ip,
            action=row.action,
            subject=row.subject,
            detail=json.loads(row.detail or "{}"),
        )
        for row in rows
    ]
