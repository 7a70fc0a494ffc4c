"""Sends receipts: one mail per mail, once all its SMS have ended, to those who want to read of every SMS.

Failures are told at once by `gateway.failures`; a receipt follows where at least one phone was reached, and names them
all. A mail is looked at ever more seldom while its SMS are on their way, so that what waits for days costs little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from gateway import maillog
from gateway.accounts import Accounts
from gateway.letters import Letters, reason_of
from gateway.maillog import Event
from gateway.model import Clock, OutgoingMail
from gateway.rounds import Rounds
from gateway.sms import MessageState
from gateway.store import receipt_sql as sql
from gateway.store.database import Database
from gateway.writing.receipts import Receipted, Sent
from gateway.writing.reports import FailedRecipient, OriginalMail

SWEEP_SECONDS: Final = 5.0
BATCH: Final = 200
LONGEST_PAUSE: Final = 3600.0
_MISSED = frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.UNKNOWN})


class Receipts:
    """Looks for mails whose SMS have ended; any number of processes may."""

    name = "receipts"

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        letters: Letters,
        clock: Clock,
        silent: Collection[str],
        mail_queued: Callable[[], None],
    ) -> None:
        """`silent` names the providers that never report: what they took has ended."""
        self._database = database
        self._accounts = accounts
        self._letters = letters
        self._clock = clock
        self._silent = frozenset(silent)
        self._mail_queued = mail_queued
        self._rounds = Rounds(self.name, self.sweep, partial(asyncio.sleep, SWEEP_SECONDS))

    async def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def stop(self) -> None:
        """End; what is owed waits in the database."""
        await self._rounds.stop()

    async def sweep(self) -> None:
        """Look at every mail whose turn has come."""
        now = self._clock.now()
        more = True
        while more:
            owed = await self._database.read(lambda connection: sql.due(connection, now, BATCH))
            more = len(owed) == BATCH
            looked = [await self._look(each, now) for each in owed]
            settled = await asyncio.gather(*(self._database.write(sql.settle, each) for each in looked))
            if any(first and each.receipt for first, each in zip(settled, looked, strict=True)):
                self._mail_queued()

    async def _look(self, owed: sql.Owed, now: float) -> sql.Looked:
        if not all(self._has_ended(part) for part in owed.parts):
            pause = (now - owed.arrived_at) / 4
            return sql.Looked(owed, now + min(max(pause, SWEEP_SECONDS), LONGEST_PAUSE))
        try:
            return sql.Looked(owed, None, await self._receipt(owed))
        except Exception as error:  # a mail that cannot be written about must not keep the others waiting
            maillog.fault(Event.FAULT, error, where=self.name, id=owed.mail_id)
            return sql.Looked(owed, now + LONGEST_PAUSE)

    def _has_ended(self, part: sql.Part) -> bool:
        if part.state in _MISSED:
            return part.told
        return part.state is MessageState.DELIVERED or self._is_relayed(part)

    def _is_relayed(self, part: sql.Part) -> bool:
        return part.state is MessageState.SUBMITTED and part.provider in self._silent

    async def _receipt(self, owed: sql.Owed) -> OutgoingMail | None:
        """The receipt; None where all that it could say has been told, or there is nobody to tell."""
        account = await self._accounts.account(owed.account_id)
        if account is None or all(part.state in _MISSED for part in owed.parts):
            return None
        original = OriginalMail(owed.original_id, owed.subject, owed.arrived_at)
        sent = Sent(owed.parts[0].text, owed.cut, owed.attachments)
        return self._letters.receipt(account, original, sent, [_receipted(part) for part in owed.parts])


def _receipted(part: sql.Part) -> Receipted:
    failed = None
    if part.state in _MISSED:
        failed = FailedRecipient(part.phone, reason_of(part.state, part.reason), detail=part.public_text)
    delivered_at = part.at if part.state is MessageState.DELIVERED else None
    return Receipted(part.phone, part.parts, part.price, delivered_at, failed)
