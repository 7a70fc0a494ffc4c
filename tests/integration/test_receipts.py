"""Receipts: one per mail, when all its SMS have ended, whoever looks and however often; SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update

from gateway.accounts import Accounts
from gateway.errors import Outcome
from gateway.failures import UNKNOWN_SECONDS, Failures
from gateway.keyring import Keyring
from gateway.letters import Letters
from gateway.model import Account
from gateway.money import Money
from gateway.receipts import LONGEST_PAUSE, Receipts
from gateway.settings import GatewaySettings
from gateway.sms import MessageState, ReportStatus, SubmitResult
from gateway.spool import Spool
from gateway.store.database import Database, alone
from gateway.store.schema import mail_queue, mails, messages
from gateway.store.spool_items import Acceptance, Settlement
from tests.integration.test_spool import Clock, acceptance, an_account, report, with_account

pytestmark = pytest.mark.proves("receipt")
DAY = 86400.0


class Desk:
    """A database with mails whose senders want receipts, and those who write them."""

    def __init__(self, database: Database, clock: Clock, accounts: Accounts, account: Account, spool: Spool) -> None:
        self.database, self.clock, self.account, self.spool = database, clock, account, spool
        self.accounts = accounts
        self.letters = Letters(settings=GatewaySettings(), accounts=accounts, keyring=Keyring(b"s" * 32), clock=clock)
        self.queued = 0

    def receipts(self, *silent: str) -> Receipts:
        return Receipts(
            database=self.database,
            accounts=self.accounts,
            letters=self.letters,
            clock=self.clock,
            silent=silent,
            mail_queued=self._note,
        )

    def failures(self, *, writes: bool = True) -> Failures:
        return Failures(
            database=self.database,
            accounts=self.accounts,
            letters=self.letters,
            clock=self.clock,
            failed=asyncio.Event(),
            mail_queued=self._note,
            writes=writes,
        )

    def _note(self) -> None:
        self.queued += 1

    async def taken(self, phones: int, *, owed: bool = True) -> Acceptance:
        """A mail that was taken and whose messages the provider has accepted."""
        accepted = with_account(acceptance(self.clock, phones, departs=True), self.account)
        record = replace(
            accepted.mail,
            account_id=self.account.id,
            cut="> før",
            receipt_at=self.clock.now() if owed else None,
        )
        accepted = replace(accepted, mail=record)
        await self.spool.put(accepted)
        for message in accepted.messages:
            result = SubmitResult(Outcome.ACCEPTED, (f"r-{message.id}",), parts=3, price=Money(790, "DKK"))
            now = self.clock.now()
            await self.spool.settle(Settlement(message, result, MessageState.SUBMITTED, now, now))
        return accepted

    async def delivered(self, accepted: Acceptance, place: int, status: ReportStatus = ReportStatus.DELIVERED) -> None:
        await report(self.database, f"r-{accepted.messages[place].id}", status, self.clock.now())

    async def mailed(self) -> list[str]:
        query = select(mail_queue.c.content).order_by(mail_queue.c.created_at, mail_queue.c.id)
        return [row.decode() for row in await self.database.read(lambda at: at.execute(query).scalars().all())]

    async def owed(self) -> list[float]:
        query = select(mails.c.receipt_at).where(mails.c.receipt_at.is_not(None))
        return list(await self.database.read(lambda at: at.execute(query).scalars().all()))


@pytest.fixture
async def desk(database: Database, tmp_path: Path):
    clock = Clock()
    accounts, account = await an_account(database, clock)
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    yield Desk(database, clock, accounts, account, spool)
    await spool.stop()


async def test_one_receipt_names_all_phones_when_the_last_has_it(desk: Desk):
    accepted = await desk.taken(3)
    receipts = desk.receipts()
    for place in range(3):
        await receipts.sweep()
        assert await desk.mailed() == [], "not before all have ended"
        desk.clock.time += 100
        await desk.delivered(accepted, place)
    await asyncio.gather(*(desk.receipts().sweep() for _ in range(4)))
    (told,) = await desk.mailed()
    assert told.count("Action: delivered") == 3
    assert "0,0079 DKK" in told
    assert "dele: 3" in told
    assert desk.queued == 1
    desk.clock.time += DAY
    await receipts.sweep()
    assert len(await desk.mailed()) == 1
    assert await desk.owed() == []


async def test_nobody_who_did_not_ask_gets_one(desk: Desk):
    await desk.delivered(await desk.taken(1, owed=False), 0)
    await desk.receipts().sweep()
    assert await desk.mailed() == []


async def test_a_failure_is_told_at_once_and_named_in_the_receipt(desk: Desk):
    accepted = await desk.taken(2)
    await desk.delivered(accepted, 0, ReportStatus.FAILED)
    await desk.delivered(accepted, 1)
    await desk.receipts().sweep()
    assert await desk.mailed() == [], "first the failure"
    desk.clock.time += 10
    await desk.failures().sweep()
    await desk.receipts().sweep()
    failure, told = sorted(await desk.mailed(), key=lambda mail: "Action: delivered" in mail)
    assert "Action: delivered" not in failure
    assert told.count("Action: failed") == told.count("Action: delivered") == 1


async def test_where_all_failed_the_failure_report_has_said_it(desk: Desk):
    await desk.delivered(await desk.taken(1), 0, ReportStatus.FAILED)
    desk.clock.time += 10
    await desk.failures().sweep()
    await desk.receipts().sweep()
    assert len(await desk.mailed()) == 1
    assert await desk.owed() == []


async def test_what_is_in_doubt_is_waited_for(desk: Desk):
    accepted = await desk.taken(2)
    await desk.delivered(accepted, 0)
    doubt = update(messages).where(messages.c.id == accepted.messages[1].id)
    await desk.database.write(alone(lambda at: at.execute(doubt.values(state="unknown"))), None)
    await desk.receipts().sweep()
    assert await desk.mailed() == []
    desk.clock.time += UNKNOWN_SECONDS + 1
    await desk.failures().sweep()
    await desk.receipts().sweep()
    assert len(await desk.mailed()) == 2


async def test_a_provider_that_never_reports_has_relayed(desk: Desk):
    await desk.taken(1)
    await desk.receipts("p").sweep()
    (told,) = await desk.mailed()
    assert "Action: relayed" in told


async def test_what_waits_is_looked_at_ever_more_seldom(desk: Desk):
    await desk.taken(1)
    looks = 0
    end = desk.clock.time + 2 * DAY
    while desk.clock.time < end:
        await desk.receipts().sweep()
        (again,) = await desk.owed()
        assert 0 < again - desk.clock.time <= LONGEST_PAUSE
        desk.clock.time = again
        looks += 1
    assert looks < 100


async def test_who_wants_to_read_nothing_of_failures_reads_nothing(desk: Desk):
    await desk.delivered(await desk.taken(1, owed=False), 0, ReportStatus.FAILED)
    desk.clock.time += 10
    await desk.failures(writes=False).sweep()
    await desk.failures().sweep()
    assert await desk.mailed() == [], "nor later, when the setting is another"


async def test_a_million_mails_cost_the_look_nothing(desk: Desk):
    """The look goes by the index of what is owed, and every mail's messages by that of mails."""
    rows = [
        {
            "id": f"X{n}", "received_at": 1.0, "decision": "sms", "listener": "smtp", "peer_ip": "", "helo": "",
            "tls": False, "mail_from": "", "header_from": "", "proof": "", "size": 1,
            "receipt_at": None if n % 1000 else 1.0,
        }
        for n in range(20_000)
    ]  # fmt: skip
    await desk.database.write(alone(lambda at: at.execute(insert(mails), rows)), None)

    def plan_of(at: Connection) -> str:
        explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[at.dialect.name]
        look = "SELECT * FROM mails WHERE receipt_at <= 2.0 ORDER BY receipt_at LIMIT 200"
        return str(at.execute(text(f"{explain} {look}")).all())

    plan = await desk.database.read(plan_of)
    assert "ix_mails_receipt_at" in plan
