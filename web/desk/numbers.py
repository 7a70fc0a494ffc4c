"""Numbers: the pool, what is in use, what rests, and organisations' numbers with their keywords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.accounts import Accounts
from gateway.paging import PAGE_SIZE, Page
from gateway.registry.errors import NotFound
from gateway.registry.listings import NumberFilter, NumberListing, PoolUsage
from gateway.registry.number_use import Keyword, OrganisationNumber
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.tenancy import seen
from web.identity.actor import Actor
from web.identity.audit import Audit

EVERY = NumberFilter()


class NumberDesk:
    """What is done with numbers. The pool is the whole gateway's; keywords are their organisation's."""

    def __init__(self, accounts: Accounts, audit: Audit) -> None:
        self._accounts = accounts
        self._audit = audit

    # --- looking -----------------------------------------------------------------------------------------------

    async def pool(self, actor: Actor) -> Sequence[PoolUsage]:
        """How full each provider's numbers are: for who runs the gateway, else nothing."""
        actor.require(Scope.NUMBERS_READ)
        return await self._accounts.pool_usage() if actor.may(Scope.GATEWAY) else ()

    async def list(
        self, actor: Actor, wanted: NumberFilter = EVERY, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[NumberListing]:
        """A page of numbers in use, and for operators of those in quarantine. Raises BadValue for a foreign cursor."""
        actor.require(Scope.NUMBERS_READ)
        if actor.org_id is not None:
            wanted = replace(wanted, org_id=actor.org_id)
        return await self._accounts.page_numbers(wanted, cursor=cursor, size=size)

    async def organisation_numbers(self, actor: Actor) -> Sequence[OrganisationNumber]:
        """Organisations' own numbers with their keywords."""
        actor.require(Scope.NUMBERS_READ)
        return await self._accounts.organisation_numbers(actor.org_id)

    async def organisation_number(self, actor: Actor, number: str) -> OrganisationNumber:
        """One of them. Raises NotFound."""
        actor.require(Scope.NUMBERS_READ)
        await self._accounts.refresh()
        use = await self._accounts.number_use(number)
        return seen(actor, use.organisation_number if use else None, "number")

    # --- changing ----------------------------------------------------------------------------------------------

    async def release(self, actor: Actor, number: str) -> None:
        """End a number's quarantine now. Raises NumberInUse, NotFound."""
        actor.require(Scope.GATEWAY)
        await self._accounts.release_number(number)
        await self._audit.note(actor, "number.release", number)

    async def give(self, actor: Actor, org_id: str, email: str, number: str | None = None) -> OrganisationNumber:
        """Give an organisation a number, a certain one or any that is free; `email` reads what no keyword is for.

        Raises BadAddress, BadValue, NoFreeNumber, NotFound.
        """
        actor.require(Scope.GATEWAY)
        organisation = await self._accounts.organisation(org_id)
        if organisation is None:
            raise NotFound(sentence("there is no such organisation"))
        given = await self._accounts.give_number(organisation, email, number)
        await self._note(actor, "number.give", given, email=given.email)
        return given

    async def take_back(self, actor: Actor, number: str) -> OrganisationNumber:
        """Take a number from its organisation, with its keywords; it rests in quarantine. Raises NotFound."""
        actor.require(Scope.GATEWAY)
        owned = await self.organisation_number(actor, number)
        await self._accounts.take_number_back(owned.number)
        await self._note(actor, "number.take", owned, email=owned.email)
        return owned

    async def set_reader(self, actor: Actor, number: str, email: str) -> OrganisationNumber:
        """Say who reads what no keyword is for. Raises BadAddress, NotFound."""
        owned = await self._changeable(actor, number)
        organisation = await self._accounts.organisation(owned.org_id)
        if organisation is None:
            raise NotFound(sentence("there is no such organisation"))
        changed = await self._accounts.give_number(organisation, email, owned.number)
        await self._note(actor, "number.reader", changed, was=owned.email, email=changed.email)
        return changed

    async def put_keyword(self, actor: Actor, number: str, written: str, email: str, reply: str = "") -> Keyword:
        """Let SMS that begin with a word go to an address. Raises BadAddress, BadValue, NotFound."""
        owned = await self._changeable(actor, number)
        keyword = await self._accounts.add_keyword(owned.number, written, email, reply)
        await self._note(actor, "number.keyword", owned, keyword=keyword.written, email=keyword.email)
        return keyword

    async def remove_keyword(self, actor: Actor, number: str, written: str) -> None:
        """Let a word be a word like any other. Raises BadValue, NotFound."""
        owned = await self._changeable(actor, number)
        await self._accounts.remove_keyword(owned.number, written)
        await self._note(actor, "number.keyword.remove", owned, keyword=written)

    async def _changeable(self, actor: Actor, number: str) -> OrganisationNumber:
        actor.require(Scope.NUMBERS_WRITE)
        return await self.organisation_number(actor, number)

    async def _note(self, actor: Actor, action: str, owned: OrganisationNumber, **detail: object) -> None:
        await self._audit.note(actor, action, owned.number, org_id=owned.org_id, **detail)
