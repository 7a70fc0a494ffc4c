"""What was said: the log of SMS, one message's story, conversations. What an actor may not see is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import tzinfo

from gateway import csv_cells
from gateway.accounts import Accounts
from gateway.conversations import Conversations
from gateway.listed_sms import Conversation, ListedSms, LogFilter, Way
from gateway.message_export import export
from gateway.message_log import MessageLog
from gateway.model import Account
from gateway.paging import PAGE_SIZE, Page
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.store.database import Database
from gateway.trace import Story, trace
from gateway.translation import sentence
from web.desk.naming import named_account
from web.desk.tenancy import seen
from web.identity.actor import Actor


class MessageDesk:
    """Reading."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts
        self._log = MessageLog(database)
        self._conversations = Conversations(database)

    async def account_named(self, actor: Actor, text: str) -> Account:
        """The account whose messages somebody means, by id, number or address. Raises NotFound, BadValue."""
        actor.require(Scope.MESSAGES_READ)
        return await named_account(self._accounts, actor, text)

    async def account(self, actor: Actor, account_id: str) -> Account:
        """The account whose conversations somebody looks at, closed ones too. Raises NotFound."""
        _may_read(actor, account_id)
        return seen(actor, await self._accounts.account(account_id), "account")

    async def list(
        self, actor: Actor, wanted: LogFilter, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ListedSms]:
        """A page of the log. Raises BadValue."""
        _may_read(actor, wanted.account_id or actor.account_id)
        return await self._log.page(_within(actor, wanted), cursor=cursor, size=size)

    def export(self, actor: Actor, wanted: LogFilter, zone: tzinfo, form: csv_cells.Form) -> AsyncIterator[bytes]:
        """All of the log that is wanted, as CSV with times in a zone."""
        _may_read(actor, wanted.account_id or actor.account_id)
        return export(self._log, _within(actor, wanted), zone, form)

    async def get(self, actor: Actor, message_id: str, way: Way | None = None) -> ListedSms:
        """One SMS; of one way alone where that is said. Raises NotFound."""
        _may_read(actor, actor.account_id)
        found = await self._log.find(message_id, org_id=actor.org_id, account_id=actor.account_id)
        if found is None or way not in {None, found.way}:
            raise NotFound("there is no such message")
        return found

    async def trace(self, actor: Actor, message_id: str, way: Way | None = None) -> Story:
        """One SMS's whole story. Raises NotFound."""
        found = await self.get(actor, message_id, way)
        story = await trace(self._database, found.id, org_id=actor.org_id, account_id=actor.account_id)
        if story is None:
            raise NotFound("there is no such message")
        return story

    async def conversations(
        self, actor: Actor, account_id: str, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[Conversation]:
        """The phones that an account writes with. Raises BadValue."""
        _may_read(actor, account_id)
        return await self._conversations.page(account_id, org_id=actor.org_id, cursor=cursor, size=size)

    async def conversation(
        self, actor: Actor, account_id: str, phone: str, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ListedSms]:
        """What an account and a phone (E.164) said to each other, the newest first. Raises BadValue."""
        _may_read(actor, account_id)
        return await self._conversations.one(account_id, phone, org_id=actor.org_id, cursor=cursor, size=size)


def _within(actor: Actor, wanted: LogFilter) -> LogFilter:
    """The same question, asked within what the actor sees."""
    if actor.account_id is not None:
        return replace(wanted, org_id=actor.org_id, account_id=actor.account_id)
    return wanted if actor.org_id is None else replace(wanted, org_id=actor.org_id)


def _may_read(actor: Actor, account_id: str | None) -> None:
    """Let pass who may read all, and an employee who reads their own. Raises NotAllowed, NotFound."""
    if actor.account_id is None:
        actor.require(Scope.MESSAGES_READ)
    elif actor.account_id != account_id:
        raise NotFound(sentence("there is no such account"))
