"""The audit log: who changed what, when, from where. Entries are put in and read, never changed.

An action has the form "thing.deed" ("account.open"); `subject` is the id of what was changed, the details are
short values by name: no secrets, keys or texts of messages.
"""

from __future__ import annotations

from gateway.model import Clock, new_id
from gateway.store.database import Database
from web.identity.actor import Actor
from web.identity.model import AuditEntry
from web.store import audit_sql
from web.store.audit_sql import Page

_MAX_VALUE = 500
MAX_PAGE = 200
"""Entries of one page at most."""


class Audit:
    """Keeps the log and shows it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(
        self, actor: Actor, action: str, subject: str, /, *, org_id: str | None = None, **detail: object
    ) -> None:
        """Keep an entry; durable when this returns. `org_id` is whose things were changed, else the actor's own."""
        now = self._clock.now()
        entry = AuditEntry(
            id=new_id(now),
            at=now,
            org_id=org_id or actor.org_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            peer_ip=actor.peer_ip,
            action=action,
            subject=subject,
            detail={name: _short(value) for name, value in detail.items() if value is not None},
        )
        await self._database.write(audit_sql.put, entry)

    async def page(
        self, org_id: str | None, *, before: str | None = None, limit: int = 50, action: str = ""
    ) -> list[AuditEntry]:
        """Entries, the newest first, from the one after the id `before` on; None means all organisations'.

        `action` is the beginning of the action's name.
        """
        wanted = Page(org_id, before, min(limit, MAX_PAGE), action)
        return await self._database.read(lambda connection: audit_sql.page(connection, wanted))


def _short(value: object) -> str:
    return str(value)[:_MAX_VALUE]
