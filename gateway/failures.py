"""Tells senders which of their SMS did not arrive: one RFC 3464 report per mail, in the account's language."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import groupby

from gateway.accounts import Accounts
from gateway.letters import Letters, reason_of
from gateway.model import Clock
from gateway.rounds import Rounds
from gateway.sms import MessageState
from gateway.store import failure_sql as sql
from gateway.store.database import Database
from gateway.writing.reports import FailedRecipient, OriginalMail

GATHER_SECONDS = 1.0
"""How long a failure waits for others of the same mail, so that one report names them all."""
UNKNOWN_SECONDS = 900.0
"""How long an unknown outcome waits for a delivery report before its sender is told that nobody knows."""
SWEEP_SECONDS = 5.0
BATCH = 200


class Failures:
    """Looks for failures that nobody was told of."""

    name = "failures"

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        letters: Letters,
        clock: Clock,
        failed: asyncio.Event,
        mail_queued: Callable[[], None],
        writes: bool = True,
    ) -> None:
        """`writes` is False where senders want no mail about failures: they count as told."""
        self._writes = writes
        self._database = database
        self._accounts = accounts
        self._letters = letters
        self._clock = clock
        self._failed = failed
        self._mail_queued = mail_queued
        self._rounds = Rounds(self.name, self.sweep, self._gather)

    async def start(self) -> None:
        """Begin to look."""
        self._rounds.start()

    async def stop(self) -> None:
        """End; what nobody was told of waits in the database."""
        await self._rounds.stop()

    async def _gather(self) -> None:
        """Wait for a failure, and for others of the same mail."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._failed.wait(), SWEEP_SECONDS)
            self._failed.clear()
            await asyncio.sleep(GATHER_SECONDS)

    async def sweep(self) -> None:
        """Report every failure that is due, mail by mail."""
        now = self._clock.now()
        due = await self._database.read(
            lambda connection: sql.untold(connection, now - GATHER_SECONDS / 2, now - UNKNOWN_SECONDS, BATCH)
        )
        for _, group in groupby(due, key=lambda failure: failure.mail_id):
            await self._tell(list(group), now)

    async def _tell(self, failures: list[sql.Failure], now: float) -> None:
        first = failures[0]
        account = await self._accounts.account(first.account_id)
        if account is None:
            return
        report = None
        if self._writes:
            original = OriginalMail(first.original_id, first.subject, first.arrived_at, first.text)
            report = self._letters.failure_report(account, original, [_recipient(failure) for failure in failures])
        told = sql.Told(tuple(failure.message_id for failure in failures), report, now)
        if await self._database.write(sql.tell, told):
            self._mail_queued()


def _recipient(failure: sql.Failure) -> FailedRecipient:
    reason = reason_of(MessageState(failure.state), failure.reason)
    return FailedRecipient(failure.phone, reason, detail=failure.public_text)
