"""Imports of contacts: a file is taken, planned, looked at, started, stopped, and what was refused is given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from campaigns.contacts import Contacts
from campaigns.imports.imports import Imports, Preview
from campaigns.imports.merging import Row
from campaigns.imports.plan import Plan
from campaigns.model import Attribute, Book
from campaigns.store.import_sql import Import
from gateway import csv_cells
from gateway.accounts import Accounts
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.translation import Translations, sentence
from web.desk.tenancy import seen
from web.identity.actor import Actor
from web.identity.audit import Audit


class ImportDesk:
    """Each deed names an import; another organisation's is not there."""

    def __init__(self, imports: Imports, contacts: Contacts, accounts: Accounts, audit: Audit) -> None:
        self._imports = imports
        self._contacts = contacts
        self._accounts = accounts
        self._audit = audit

    async def list(self, actor: Actor, *, before: str = "", size: int = 50) -> list[Import]:
        """Imports, the latest first; those older than one of them."""
        actor.require(Scope.CONTACTS_READ)
        return await self._imports.latest(actor.org_id, size, before)

    async def get(self, actor: Actor, import_id: str) -> Import:
        """One import. Raises NotFound."""
        actor.require(Scope.CONTACTS_READ)
        return seen(actor, await self._imports.find(None, import_id), "import")

    async def book(self, actor: Actor, found: Import) -> Book:
        """What the organisation of an import calls things."""
        actor.require(Scope.CONTACTS_READ)
        return await self._contacts.book(found.org_id)

    async def upload(self, actor: Actor, name: str, content: AsyncIterator[bytes], org_id: str = "") -> Import:
        """Take a file. Raises BadValue for what cannot be read, NotFound for an organisation that is not there."""
        actor.require(Scope.CONTACTS_WRITE)
        there = [each.id for each in await self._accounts.list_organisations() if actor.sees(each.id)]
        owner = actor.org_id or org_id
        if owner not in there:
            raise NotFound(sentence("there is no such organisation"))
        made = await self._imports.upload(owner, name, content, actor.name)
        await self._audit.note(actor, "import.upload", made.id, org_id=owner, rows=made.rows)
        return made

    async def plan(self, actor: Actor, found: Import) -> Plan:
        """How the file would be read: as one with the same head was, or guessed."""
        actor.require(Scope.CONTACTS_READ)
        return found.plan or await self._imports.plan(found.org_id, found.id)

    async def sample(self, actor: Actor, found: Import) -> Sequence[Row]:
        """The first rows of a file that waits."""
        actor.require(Scope.CONTACTS_READ)
        return await self._imports.sample(found.org_id, found.id)

    async def preview(self, actor: Actor, found: Import, plan: Plan, more: Sequence[Attribute] = ()) -> Preview:
        """What would become of the first rows; `more` are fields that the start would make. Raises BadValue."""
        actor.require(Scope.CONTACTS_READ)
        return await self._imports.preview(found.org_id, found.id, plan, more)

    async def start(self, actor: Actor, import_id: str, plan: Plan, more: Sequence[Attribute] = ()) -> None:
        """Make the fields that are missing, and let it run. Raises NotFound, BadValue."""
        actor.require(Scope.CONTACTS_WRITE)
        found = await self.get(actor, import_id)
        await self._imports.preview(found.org_id, found.id, plan, more)  # a plan that cannot be makes no fields
        for each in more:
            await self._contacts.define(found.org_id, each)
        await self._imports.start(found.org_id, found.id, plan)
        await self._audit.note(actor, "import.start", found.id, org_id=found.org_id, rows=found.rows)

    async def cancel(self, actor: Actor, import_id: str) -> None:
        """Stop it; what was made stays. Raises NotFound, BadValue for one that is over."""
        actor.require(Scope.CONTACTS_WRITE)
        found = await self.get(actor, import_id)
        await self._imports.cancel(found.org_id, found.id)
        await self._audit.note(actor, "import.cancel", found.id, org_id=found.org_id)

    async def refused(
        self, actor: Actor, import_id: str, words: Translations, form: csv_cells.Form = csv_cells.COMMAS
    ) -> AsyncIterator[bytes]:
        """Every row that was refused, with why, as a CSV file. Raises NotFound."""
        found = await self.get(actor, import_id)
        return self._imports.refused(found.org_id, found.id, words, form)
