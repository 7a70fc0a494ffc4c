"""Accounts (D4, D6, D7, D13): who has which number."""

from __future__ import annotations

from dataclasses import replace

from gateway.accounts import Accounts
from gateway.model import Account
from gateway.paging import Page
from gateway.qr import package, png
from gateway.registry.listings import AccountFilter, AccountListing
from gateway.scopes import Scope
from web.desk.tenancy import seen
from web.identity.actor import Actor
from web.identity.audit import Audit


class AccountDesk:
    """Opening, editing and closing accounts."""

    def __init__(self, accounts: Accounts, audit: Audit) -> None:
        self._accounts = accounts
        self._audit = audit

    async def list(self, actor: Actor, wanted: AccountFilter, cursor: str | None = None) -> Page[AccountListing]:
        """A page of accounts with their counters. Raises BadValue for a cursor that is none of this order."""
        actor.require(Scope.ACCOUNTS_READ)
        wanted = replace(wanted, org_id=actor.org_id or wanted.org_id)
        return await self._accounts.list_accounts(wanted, cursor=cursor)

    async def get(self, actor: Actor, account_id: str) -> Account:
        """One account. Raises NotFound."""
        actor.require(Scope.ACCOUNTS_READ)
        return seen(actor, await self._accounts.account(account_id), "account")

    async def open(self, actor: Actor, key_id: str, email: str) -> Account:
        """Open an account on a key, paused or not (D4, D14). Raises BadAddress, NotFound, NoFreeNumber."""
        actor.require(Scope.ACCOUNTS_WRITE)
        key = seen(actor, await self._accounts.key(key_id), "key")
        opened = await self._accounts.open_account(key.id, email)
        await self._audit.note(
            actor, "account.open", opened.id, org_id=opened.org_id, email=opened.email, number=opened.number
        )
        return opened

    async def edit(
        self, actor: Actor, account_id: str, *, email: str | None = None, key_id: str | None = None
    ) -> Account:
        """Give an account another address or another key (D6). Raises BadAddress, BadValue, NotFound, AccountExists."""
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await self.get(actor, account_id)
        key = seen(actor, await self._accounts.key(key_id), "key") if key_id else None
        changed = await self._accounts.change_account(account, email=email, key=key)
        await self._audit.note(
            actor,
            "account.edit",
            changed.id,
            org_id=changed.org_id,
            was=account.email,
            email=changed.email,
            key=changed.key_id,
        )
        return changed

    async def close(self, actor: Actor, account_id: str) -> Account:
        """Drop an account's number at once (D13). Raises NotFound."""
        actor.require(Scope.ACCOUNTS_WRITE)
        closed = await self._accounts.close_account(await self.get(actor, account_id))
        await self._audit.note(
            actor, "account.close", closed.id, org_id=closed.org_id, email=closed.email, number=closed.number
        )
        return closed

    async def qr(self, actor: Actor, account_id: str) -> bytes:
        """The code that opens an SMS to the number, as PNG (D7)."""
        return png((await self.get(actor, account_id)).number)

    async def qr_package(self, actor: Actor, account_id: str) -> bytes:
        """The archive of the code in every common format (D7)."""
        account = await self.get(actor, account_id)
        organisation = await self._accounts.organisation(account.org_id)
        name = organisation.name if organisation else ""
        return package(account.number, f"SMS {account.email}", organisation=name, language=account.language)
