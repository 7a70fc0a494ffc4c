"""Phones that have said STOP to an organisation: who is on the list, and changing it by hand."""

from __future__ import annotations

from functools import partial

from gateway import maillog, paging
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Clock
from gateway.numbers import NumberError, to_e164
from gateway.paging import PAGE_SIZE, Page
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.store import optout_list_sql, optout_sql
from gateway.store.database import Database
from gateway.store.optout_list_sql import OptOutFilter
from gateway.store.optout_sql import OptOut
from gateway.translation import sentence
from web.identity.actor import Actor
from web.identity.audit import Audit


class OptOutDesk:
    """The suppression list."""

    def __init__(self, database: Database, accounts: Accounts, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._audit = audit
        self._clock = clock

    async def list(
        self, actor: Actor, *, search: str | None = None, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[OptOut]:
        """Phones on the list, the latest first; `search` is a part of the number. Raises BadValue."""
        actor.require(Scope.OPTOUTS_READ)
        wanted = OptOutFilter(actor.org_id, paging.search_text(search))
        at = paging.cursor(cursor, optout_list_sql.ORDER, optout_list_sql.KINDS)
        look = partial(optout_list_sql.page, wanted=wanted, at=at, size=paging.page_size(size))
        return await self._database.read(look)

    async def get(self, actor: Actor, phone: str, org_id: str | None = None) -> OptOut:
        """One phone on the list. Raises NotFound, BadValue."""
        actor.require(Scope.OPTOUTS_READ)
        return await self._find(*await self._place(actor, phone, org_id))

    async def add(self, actor: Actor, phone: str, org_id: str | None = None) -> tuple[OptOut, bool]:
        """Put a phone on the list at its person's wish; and whether it is new there. Raises BadValue, NotFound."""
        actor.require(Scope.OPTOUTS_WRITE)
        owner, number = await self._place(actor, phone, org_id)
        entry = (owner, number, f"by {actor.name}", self._clock.now())
        added = await self._database.write(optout_list_sql.add, entry)
        if added:
            maillog.note(Event.OPTED_OUT, org=owner, phone=number, by=actor.kind)
            await self._audit.note(actor, "optout.add", number, org_id=owner)
        return await self._find(owner, number), added

    async def remove(self, actor: Actor, phone: str, org_id: str | None = None) -> None:
        """Take a phone off the list: only where its person has asked for SMS again. Raises BadValue, NotFound."""
        actor.require(Scope.OPTOUTS_WRITE)
        owner, number = await self._place(actor, phone, org_id)
        if not await self._database.write(optout_sql.remove, (owner, number, self._clock.now())):
            raise _not_there(number)
        maillog.note(Event.OPTED_IN, org=owner, phone=number, by=actor.kind)
        await self._audit.note(actor, "optout.remove", number, org_id=owner)

    async def _place(self, actor: Actor, phone: str, org_id: str | None) -> tuple[str, str]:
        """The organisation, and the phone in E.164."""
        owner = actor.org_id or org_id
        organisation = await self._accounts.organisation(owner) if owner else None
        if organisation is None or not actor.sees(organisation.id):
            raise NotFound(sentence("there is no such organisation"))
        try:
            return organisation.id, to_e164(phone, organisation.region)
        except NumberError as error:
            raise BadValue(sentence("that is no phone number: %(why)s", why=error.reason)) from error

    async def _find(self, org_id: str, phone: str) -> OptOut:
        found = await self._database.read(partial(optout_list_sql.find, org_id=org_id, phone=phone))
        if found is None:
            raise _not_there(phone)
        return found


def _not_there(phone: str) -> NotFound:
    return NotFound(sentence("%(phone)s is not on the list", phone=phone))
