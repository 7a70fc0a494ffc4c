"""Organisations: the tenants of the gateway."""

from __future__ import annotations

from gateway.accounts import Accounts
from gateway.model import Organisation
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.identity.actor import Actor
from web.identity.audit import Audit


class OrganisationDesk:
    """Lists and makes them."""

    def __init__(self, accounts: Accounts, audit: Audit, region: str) -> None:
        """`region` is the gateway's own."""
        self._accounts = accounts
        self._audit = audit
        self._region = region

    async def create(self, actor: Actor, name: str, region: str, language: str) -> Organisation:
        """Make an organisation. Raises BadValue."""
        actor.require(Scope.GATEWAY)
        made = await self._accounts.create_organisation(name, region or None, language or None)
        await self._audit.note(actor, "organisation.create", made.id, org_id=made.id, name=made.name)
        return made

    async def get(self, actor: Actor, org_id: str) -> Organisation:
        """One of them. Raises NotFound."""
        found = await self._accounts.organisation(org_id)
        if found is None or not actor.sees(found.id):
            raise NotFound(sentence("there is no such organisation"))
        return found

    async def region(self, actor: Actor) -> str:
        """The country (ISO 3166) whose numbers the actor writes without a country code."""
        found = await self._accounts.organisation(actor.org_id) if actor.org_id else None
        return found.region if found else self._region

    async def list(self, actor: Actor) -> list[Organisation]:
        """Those that the actor sees, by name."""
        found = await self._accounts.list_organisations()
        return [each for each in found if actor.sees(each.id)]
