"""Accounts (D4, D6, D7, D13): who has which number."""

from __future__ import annotations

from dataclasses import replace

from gateway.accounts import ALL_OPEN, Accounts
from gateway.model import Account
from gateway.paging import PAGE_SIZE, Count, Page
from gateway.qr import package, png
from gateway.registry.listings import AccountFilter, AccountListing
from gateway.scopes import Scope
from web.desk.tenancy import seen
from web.desk.welcome import Welcome
from web.identity.actor import Actor
from web.identity.audit import Audit


class AccountDesk:
    """Opening, editing and closing accounts. Each deed asks the directory anew: another process may have changed it."""

    def __init__(self, accounts: Accounts, audit: Audit, welcome: Welcome) -> None:
        self._accounts = accounts
        self._audit = audit
        self._welcome = welcome

    # --- looking -----------------------------------------------------------------------------------------------

    async def list(
        self, actor: Actor, wanted: AccountFilter = ALL_OPEN, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[AccountListing]:
        """A page of accounts with their counters (D6). Raises BadValue for a cursor of another list."""
        return await self._accounts.list_accounts(_within(actor, wanted), cursor=cursor, size=size)

    async def count(self, actor: Actor, wanted: AccountFilter = ALL_OPEN) -> Count:
        """How many accounts a list has in all its pages."""
        return await self._accounts.count_accounts(_within(actor, wanted))

    async def listing(self, actor: Actor, account_id: str) -> AccountListing:
        """One account with its counters. Raises NotFound."""
        actor.require(Scope.ACCOUNTS_READ)
        return await self._accounts.account_listing(account_id, actor.org_id)

    async def get(self, actor: Actor, account_id: str) -> Account:
        """One account. Raises NotFound."""
        actor.require(Scope.ACCOUNTS_READ)
        await self._accounts.refresh()
        return seen(actor, await self._accounts.account(account_id), "account")

    async def holder(self, actor: Actor, key_id: str, email: str) -> Account | None:
        """The open account that an address has under a key already. Raises NotFound for a key that is not there."""
        actor.require(Scope.ACCOUNTS_READ)
        await self._accounts.refresh()
        key = seen(actor, await self._accounts.key(key_id), "key")
        return await self._accounts.account_of(key.id, email)

    # --- changing ----------------------------------------------------------------------------------------------

    async def open(self, actor: Actor, key_id: str, email: str, *, welcome: bool = False) -> Account:
        """Open an account on a key, paused or not (D4, D14); one that is there already is given.

        `welcome` mails the employee their number and how to use it.

        Raises BadAddress, BadValue, NotFound, NoFreeNumber.
        """
        actor.require(Scope.ACCOUNTS_WRITE)
        known = await self.holder(actor, key_id, email)
        if known is not None:
            return known
        opened = await self._accounts.open_account(key_id, email)
        await note_opened(self._audit, actor, opened)
        if welcome:
            await self._welcome.send(opened)
        return opened

    async def edit(
        self,
        actor: Actor,
        account_id: str,
        *,
        email: str | None = None,
        key_id: str | None = None,
        language: str | None = None,
        cut_signature: bool | None = None,
    ) -> Account:
        """Change an account; None leaves a field as it is (D6).

        Raises BadAddress, BadValue, NotFound, AccountExists.
        """
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await self.get(actor, account_id)
        key = seen(actor, await self._accounts.key(key_id), "key") if key_id else None
        changed = await self._accounts.change_account(
            account,
            # Setting the address anew clears the mark of a mailbox that refuses mail: only a change may do that.
            email=None if email == account.email else email,
            key=None if key is None or key.id == account.key_id else key,
            cut_signature=cut_signature,
            language=language,
        )
        await self._audit.note(
            actor, "account.edit", changed.id, org_id=changed.org_id, **_differences(account, changed)
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

    async def set_password(self, actor: Actor, account_id: str) -> str:
        """Make a password with which the account's mail client signs in to submission; it is shown once.

        Raises NotFound, also for a closed account.
        """
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await self.get(actor, account_id)
        password = await self._accounts.set_password(account)
        await self._audit.note(actor, "account.password", account.id, org_id=account.org_id, email=account.email)
        return password

    async def remove_password(self, actor: Actor, account_id: str) -> None:
        """End signing in with the account's password. Raises NotFound."""
        actor.require(Scope.ACCOUNTS_WRITE)
        account = await self.get(actor, account_id)
        await self._accounts.remove_password(account)
        await self._audit.note(actor, "account.password.remove", account.id, org_id=account.org_id, email=account.email)

    # --- QR ----------------------------------------------------------------------------------------------------

    async def qr(self, actor: Actor, account_id: str) -> bytes:
        """The code that opens an SMS to the number, as PNG (D7)."""
        return png((await self.get(actor, account_id)).number)

    async def qr_package(self, actor: Actor, account_id: str) -> bytes:
        """The archive of the code in every common format (D7)."""
        return await self.package_of(await self.get(actor, account_id))

    async def package_of(self, account: Account) -> bytes:
        """The archive for an account that the actor was let see."""
        organisation = await self._accounts.organisation(account.org_id)
        name = organisation.name if organisation else ""
        return package(account.number, f"SMS {account.email}", organisation=name, language=account.language)


async def note_opened(audit: Audit, actor: Actor, opened: Account) -> None:
    """Keep in the audit log that an account was opened, whichever way."""
    await audit.note(actor, "account.open", opened.id, org_id=opened.org_id, email=opened.email, number=opened.number)


def _within(actor: Actor, wanted: AccountFilter) -> AccountFilter:
    """The same question, asked within what the actor sees."""
    actor.require(Scope.ACCOUNTS_READ)
    return wanted if actor.org_id is None else replace(wanted, org_id=actor.org_id)


def _differences(was: Account, now: Account) -> dict[str, object]:
    """What an edit changed, for the audit log: the new values, and the address from before."""
    changed: dict[str, object] = {
        name: getattr(now, name)
        for name in ("key_id", "language", "cut_signature")
        if getattr(now, name) != getattr(was, name)
    }
    return {"email": now.email} | ({"was": was.email} if was.email != now.email else {}) | changed
