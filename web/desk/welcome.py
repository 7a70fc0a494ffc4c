"""The mail that tells an employee their number, when somebody else has opened the account."""

from __future__ import annotations

from collections.abc import Callable

from gateway.letters import Letters
from gateway.model import Account
from gateway.store import mail_queue_sql
from gateway.store.database import Database
from gateway.store.mail_queue_sql import NewMails


class Welcome:
    """Writes it, as subscribe@ does, and puts it into the queue."""

    def __init__(self, database: Database, letters: Letters, queued: Callable[[], None]) -> None:
        """`queued` tells whoever sends mail in this process that there is some."""
        self._database = database
        self._letters = letters
        self._queued = queued

    async def send(self, account: Account) -> None:
        """Queue it; durable when this returns."""
        letter = await self._letters.welcome(account)
        await self._database.write(mail_queue_sql.put, NewMails((letter,)))
        self._queued()
