"""Webhooks: whom we call when something happens, with which secret, and how that goes."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.store.webhook_call_sql import CallRecord
from gateway.store.webhook_sql import Webhook
from gateway.translation import sentence
from gateway.webhook_endpoints import Ping, WebhookEndpoints
from web.identity.actor import Actor
from web.identity.audit import Audit


class WebhookDesk:
    """Makes, changes and tests them."""

    def __init__(self, endpoints: WebhookEndpoints, audit: Audit) -> None:
        self._endpoints = endpoints
        self._audit = audit

    async def get(self, actor: Actor, webhook_id: str) -> Webhook:
        """One of them. Raises NotFound."""
        actor.require(Scope.WEBHOOKS_READ)
        for each in await self._endpoints.all_of(actor.org_id):
            if each.id == webhook_id:
                return each
        raise NotFound(sentence("there is no such webhook"))

    async def create(
        self, actor: Actor, org_id: str, url: str, events: Sequence[str] = (), description: str = ""
    ) -> tuple[Webhook, str]:
        """Make one; returns it with its secret. No events means all of them. Raises BadValue, NotFound."""
        actor.require(Scope.WEBHOOKS_WRITE)
        if not actor.sees(org_id):
            raise NotFound(sentence("there is no such organisation"))
        made, secret = await self._endpoints.create(org_id, url, events, description)
        await self._audit.note(actor, "webhook.create", made.id, org_id=org_id, url=made.url)
        return made, secret

    async def edit(
        self,
        actor: Actor,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
    ) -> Webhook:
        """Change what is given. Raises BadValue, NotFound."""
        found = await self._to_change(actor, webhook_id)
        changed = await self._endpoints.edit(found.org_id, found.id, url=url, events=events, description=description)
        await self._audit.note(actor, "webhook.edit", found.id, org_id=found.org_id, url=changed.url)
        return changed

    async def pause(self, actor: Actor, webhook_id: str) -> Webhook:
        """Call it no more for now; what happens meanwhile waits. Raises BadValue, NotFound."""
        found = await self._to_change(actor, webhook_id)
        changed = await self._endpoints.pause(found.org_id, found.id)
        await self._audit.note(actor, "webhook.pause", found.id, org_id=found.org_id)
        return changed

    async def resume(self, actor: Actor, webhook_id: str) -> Webhook:
        """Call it again. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        changed = await self._endpoints.resume(found.org_id, found.id)
        await self._audit.note(actor, "webhook.resume", found.id, org_id=found.org_id)
        return changed

    async def delete(self, actor: Actor, webhook_id: str) -> None:
        """Forget it, and all calls to it. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        await self._endpoints.delete(found.org_id, found.id)
        await self._audit.note(actor, "webhook.delete", found.id, org_id=found.org_id, url=found.url)

    async def secrets(self, actor: Actor, webhook_id: str) -> list[str]:
        """The secrets that sign now, the newest first; looking at them is written down. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        await self._audit.note(actor, "webhook.show", found.id, org_id=found.org_id)
        return await self._endpoints.secrets(found.org_id, found.id)

    async def rotate(self, actor: Actor, webhook_id: str) -> str:
        """Make a new secret and return it; for a day the old one signs as well. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        secret = await self._endpoints.rotate(found.org_id, found.id)
        await self._audit.note(actor, "webhook.rotate", found.id, org_id=found.org_id)
        return secret

    async def ping(self, actor: Actor, webhook_id: str) -> Ping:
        """Make a test call now. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        return await self._endpoints.ping(found.org_id, found.id)

    async def calls(
        self, actor: Actor, webhook_id: str, *, state: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[CallRecord]:
        """Calls to it, the latest first. Raises BadValue, NotFound."""
        found = await self.get(actor, webhook_id)
        return await self._endpoints.calls(found.org_id, found.id, state=state, before=before, limit=limit)

    async def call_again(self, actor: Actor, webhook_id: str, call_id: str) -> None:
        """Make a call once more. Raises NotFound."""
        found = await self._to_change(actor, webhook_id)
        await self._endpoints.call_again(found.org_id, call_id)
        await self._audit.note(actor, "webhook.again", found.id, org_id=found.org_id, call=call_id)

    async def _to_change(self, actor: Actor, webhook_id: str) -> Webhook:
        actor.require(Scope.WEBHOOKS_WRITE)
        return await self.get(actor, webhook_id)

    async def list(self, actor: Actor) -> list[Webhook]:
        """Those that the actor sees, the oldest first."""
        actor.require(Scope.WEBHOOKS_READ)
        return await self._endpoints.all_of(actor.org_id)
