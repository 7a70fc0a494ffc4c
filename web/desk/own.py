"""What an employee does with their own account: they see it and its SMS, and close it. They hold no scope."""

from __future__ import annotations

from gateway.accounts import Accounts
from gateway.listed_sms import ListedSms, LogFilter
from gateway.message_log import MessageLog
from gateway.model import Account, Organisation
from gateway.paging import Page
from gateway.qr import package, png
from gateway.registry.errors import NotFound
from gateway.registry.listings import AccountListing
from gateway.translation import sentence
from web.identity.actor import Actor
from web.identity.audit import Audit


class OwnDesk:
    """The account that an actor is signed in to. Every deed raises NotFound for whoever is no employee."""

    def __init__(self, accounts: Accounts, log: MessageLog, audit: Audit) -> None:
        self._accounts = accounts
        self._log = log
        self._audit = audit

    async def listing(self, actor: Actor) -> AccountListing:
        """The account with its counters."""
        return await self._accounts.account_listing(_own(actor), actor.org_id)

    async def organisation(self, actor: Actor) -> Organisation | None:
        """Whose employee it is."""
        return await self._accounts.organisation((await self._account(actor)).org_id)

    async def history(self, actor: Actor, cursor: str | None = None) -> Page[ListedSms]:
        """The account's SMS both ways, the newest first. Raises BadValue for a cursor of another list."""
        return await self._log.page(LogFilter(org_id=actor.org_id, account_id=_own(actor)), cursor=cursor)

    async def qr(self, actor: Actor) -> bytes:
        """The code that opens an SMS to the number, as PNG (D7)."""
        return png((await self._account(actor)).number)

    async def qr_package(self, actor: Actor) -> tuple[bytes, str]:
        """The archive of the code in every common format (D7), and the number."""
        account = await self._account(actor)
        organisation = await self._accounts.organisation(account.org_id)
        name = organisation.name if organisation else ""
        title = f"SMS {account.email}"
        return package(account.number, title, organisation=name, language=account.language), account.number

    async def close(self, actor: Actor) -> Account:
        """Drop the number at once (D13); the session ends with the account."""
        closed = await self._accounts.close_account(await self._account(actor))
        await self._audit.note(
            actor, "account.close", closed.id, org_id=closed.org_id, email=closed.email, number=closed.number
        )
        return closed

    async def _account(self, actor: Actor) -> Account:
        await self._accounts.refresh()
        account = await self._accounts.account_within(actor.org_id, _own(actor))
        if account is None:
            raise NotFound(sentence("there is no such account"))
        return account


def _own(actor: Actor) -> str:
    if actor.account_id is None:
        raise NotFound(sentence("there is no such account"))
    return actor.account_id
