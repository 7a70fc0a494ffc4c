"""Opening many accounts at once (D4): what would become of each line of a table, and then what became of it.

A line that is refused stops no other, and a table that is sent twice opens nothing twice: whoever has an account under
the key keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.accounts import Accounts
from gateway.registry.employee_address import fold_email
from gateway.registry.errors import AccountError, BadAddress, NoFreeNumber
from gateway.scopes import Scope
from gateway.translation import Sentence, sentence
from web.desk.accounts import note_opened
from web.desk.sheets import SheetRow
from web.desk.tenancy import seen
from web.desk.welcome import Welcome
from web.identity.actor import Actor
from web.identity.audit import Audit

_AT_ONCE = 32
"""Accounts that are being opened at the same time: they share commits, and leave room for others' work."""


class Fate(StrEnum):
    """What becomes of a line."""

    OPEN = "open"
    """It is to be opened."""
    OPENED = "opened"
    KNOWN = "known"
    """The address has an account under the key already."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class BulkRow:
    """A line of the table, and its fate."""

    line: int
    email: str
    fate: Fate
    number: str = ""
    why: AccountError | Sentence | None = None
    """What is wrong with a line that is refused."""


class BulkDesk:
    """Opens many accounts."""

    def __init__(self, accounts: Accounts, audit: Audit, welcome: Welcome) -> None:
        self._accounts = accounts
        self._audit = audit
        self._welcome = welcome

    async def plan(self, actor: Actor, key_id: str, rows: Sequence[SheetRow]) -> list[BulkRow]:
        """What would become of each line. Raises NotFound for a key that is not there."""
        actor.require(Scope.ACCOUNTS_WRITE)
        await self._accounts.refresh()
        key = seen(actor, await self._accounts.key(key_id), "key")
        judged = await asyncio.to_thread(self._judge, rows)
        folded = [fold_email(each.email) for each in judged if each.fate is Fate.OPEN]
        numbers = await self._accounts.numbers_of(key.id, folded)
        return [_known(each, numbers) for each in judged]

    async def open(
        self, actor: Actor, key_id: str, rows: Sequence[SheetRow], *, welcome: bool = False
    ) -> list[BulkRow]:
        """Open an account for each line that can have one; `welcome` mails each its number.

        Raises NotFound for a key that is not there.
        """
        planned = await self.plan(actor, key_id, rows)
        room, drained = asyncio.Semaphore(_AT_ONCE), asyncio.Event()

        async def one(row: BulkRow) -> BulkRow:
            async with room:
                opened = await self._open_one(actor, key_id, row, drained)
                if welcome and opened.fate is Fate.OPENED:
                    await self._greet(key_id, opened.email)
                return opened

        return list(await asyncio.gather(*(one(row) for row in planned)))

    async def _open_one(self, actor: Actor, key_id: str, row: BulkRow, drained: asyncio.Event) -> BulkRow:
        if row.fate is not Fate.OPEN:
            return row
        if drained.is_set():
            return replace(row, fate=Fate.REFUSED, why=sentence("no free phone number was left for this line"))
        try:
            opened = await self._accounts.open_account(key_id, row.email)
        except NoFreeNumber as error:
            drained.set()
            return replace(row, fate=Fate.REFUSED, why=error)
        except AccountError as error:
            return replace(row, fate=Fate.REFUSED, why=error)
        await note_opened(self._audit, actor, opened)
        return replace(row, fate=Fate.OPENED, email=opened.email, number=opened.number)

    async def _greet(self, key_id: str, email: str) -> None:
        account = await self._accounts.account_of(key_id, email)
        if account is not None:
            await self._welcome.send(account)

    def _judge(self, rows: Sequence[SheetRow]) -> list[BulkRow]:
        """Whether each line has an address that can be one, and is the first with it."""
        lines: dict[str, int] = {}
        judged = []
        for row in rows:
            try:
                email = self._accounts.valid_address(row.email)
            except BadAddress as error:
                empty = sentence("there is no address in this line")
                judged.append(BulkRow(row.line, row.email, Fate.REFUSED, why=error if row.email else empty))
                continue
            first = lines.setdefault(fold_email(email), row.line)
            if first == row.line:
                judged.append(BulkRow(row.line, email, Fate.OPEN))
            else:
                twice = sentence("the same address as in line %(line)s", line=first)
                judged.append(BulkRow(row.line, email, Fate.REFUSED, why=twice))
        return judged


def _known(row: BulkRow, numbers: Mapping[str, str]) -> BulkRow:
    number = numbers.get(fold_email(row.email)) if row.fate is Fate.OPEN else None
    return replace(row, fate=Fate.KNOWN, number=number) if number else row
