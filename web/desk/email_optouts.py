"""Addresses that want no e-mails of an organisation's campaigns: who is on the list, and changing it by hand."""

from __future__ import annotations

from functools import partial

from campaigns.store import email_optout_sql
from campaigns.store.email_optout_sql import ByHand, EmailOptOut, EmailOptOutFilter
from campaigns.store.email_sql import folded
from campaigns.unsubscribing import Way
from gateway import maillog, paging
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Clock, Organisation
from gateway.paging import PAGE_SIZE, Page
from gateway.registry.employee_address import valid_address
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.store.database import Database
from gateway.translation import sentence
from web.identity.actor import Actor
from web.identity.audit import Audit


class EmailOptOutDesk:
    """The suppression list of addresses."""

    def __init__(self, database: Database, accounts: Accounts, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._audit = audit
        self._clock = clock

    async def list(
        self, actor: Actor, *, search: str | None = None, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[EmailOptOut]:
        """Addresses on the list, the latest first; `search` is a part of the address. Raises BadValue."""
        actor.require(Scope.OPTOUTS_READ)
        wanted = EmailOptOutFilter(actor.org_id, paging.search_text(search))
        at = paging.cursor(cursor, email_optout_sql.ORDER, email_optout_sql.KINDS)
        look = partial(email_optout_sql.page, wanted=wanted, at=at, size=paging.page_size(size))
        return await self._database.read(look)

    async def get(self, actor: Actor, address: str, org_id: str | None = None) -> EmailOptOut:
        """One address on the list. Raises NotFound."""
        actor.require(Scope.OPTOUTS_READ)
        return await self._find(await self._owner(actor, org_id), address)

    async def add(self, actor: Actor, address: str, org_id: str | None = None) -> tuple[EmailOptOut, bool]:
        """Put an address on the list at its person's wish; and whether it is new there. Raises BadAddress, NotFound."""
        actor.require(Scope.OPTOUTS_WRITE)
        owner = await self._owner(actor, org_id)
        valid = folded(valid_address(address))
        entry = ByHand(owner.id, owner.name, valid, Way.HAND, self._clock.now())
        added = await self._database.write(email_optout_sql.add, entry)
        if added:
            maillog.note(Event.CAMPAIGN, org=owner.id, deed="unsubscribe", cause=Way.HAND, by=actor.kind)
            await self._audit.note(actor, "optout.add-address", valid, org_id=owner.id)
        return await self._find(owner, valid), added

    async def remove(self, actor: Actor, address: str, org_id: str | None = None) -> None:
        """Take an address off the list: only where its person has asked for e-mails again. Raises NotFound."""
        actor.require(Scope.OPTOUTS_WRITE)
        owner = await self._owner(actor, org_id)
        entry = await self._find(owner, address)
        await self._database.write(email_optout_sql.readmit, (owner.id, entry.address, self._clock.now()))
        maillog.note(Event.CAMPAIGN, org=owner.id, deed="readmit", by=actor.kind)
        await self._audit.note(actor, "optout.remove-address", entry.address, org_id=owner.id)

    async def _owner(self, actor: Actor, org_id: str | None) -> Organisation:
        owner = actor.org_id or org_id
        organisation = await self._accounts.organisation(owner) if owner else None
        if organisation is None or not actor.sees(organisation.id):
            raise NotFound(sentence("there is no such organisation"))
        return organisation

    async def _find(self, owner: Organisation, address: str) -> EmailOptOut:
        look = partial(email_optout_sql.of_addresses, org_id=owner.id, addresses=[address])
        found = await self._database.read(look)
        if not found:
            raise NotFound(sentence("%(address)s is not on the list", address=address[:100]))
        return found[0]
