"""The audit log, as its organisation reads it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.scopes import Scope
from web.identity.actor import Actor
from web.identity.audit import Audit
from web.identity.model import AuditEntry


class AuditDesk:
    """Reading the log."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def page(
        self, actor: Actor, *, before: str | None = None, action: str = "", limit: int = 50
    ) -> Sequence[AuditEntry]:
        """Entries, the newest first, from the one after the id `before` on; `action` begins the action's name."""
        actor.require(Scope.AUDIT_READ)
        return await self._audit.page(actor.org_id, before=before, limit=limit, action=action)
