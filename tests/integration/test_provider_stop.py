"""A STOP that a provider heard and we did not: it refuses a message, and we learn of it. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.errors import Outcome
from gateway.model import Account
from gateway.providers.twilio import TwilioProvider
from gateway.sms import MessageState, OutgoingSms, SubmitResult
from gateway.spool import Spool
from gateway.store import optout_sql
from gateway.store.database import Database, alone
from gateway.store.schema import optouts
from gateway.store.spool_items import Settlement
from tests.integration.test_batches import TIMES, sending, settled, waiting
from tests.integration.test_spool import Clock, acceptance, an_account, with_account
from tests.log import log_into
from tests.providers.contract import form_of
from tests.providers.peer import Answer, Peer, Request

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
STOPPED = SubmitResult(Outcome.PERMANENT, cause="21610", reason="opted-out")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def account(database: Database, clock: Clock) -> Account:
    return (await an_account(database, clock))[1]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer() as server:
        yield server


def twilio(request: Request) -> Answer:
    """One of the phones has said STOP to Twilio."""
    if form_of(request)["To"] == "+4530643061":
        return Answer(400, json.dumps({"code": 21610, "message": "Attempt to send to unsubscribed recipient"}))
    return Answer(201, json.dumps({"sid": f"SM{len(request.body)}{form_of(request)['To']}", "status": "queued"}))


async def listed(database: Database) -> list[tuple[str, str, str]]:
    query = optouts.select().where(optouts.c.ended_at.is_(None)).order_by(optouts.c.phone)
    rows = await database.read(lambda connection: connection.execute(query).all())
    return [(row.org_id, row.phone, row.word) for row in rows]


@pytest.mark.proves("STOP")
async def test_a_phone_that_said_stop_to_the_provider_is_on_our_list(
    database: Database, clock: Clock, account: Account, peer: Peer, tmp_path: Path
):
    peer.script = [twilio]
    provider = TwilioProvider("p", {"url": peer.url, "account_sid": ACCOUNT, "auth_token": "x"} | TIMES)
    written: list[bytes] = []
    with log_into(written.append):
        async with sending(provider, database, clock, tmp_path) as (spool, sms_out):
            messages = await waiting(spool, clock, account, 3)
            await sms_out.start()
            await settled(database, messages, ["submitted", "failed", "submitted"])
            again = await spool.put(with_account(acceptance(clock, 3), account))
    assert await listed(database) == [(account.org_id, "+4530643061", "p")]
    assert again.opted_out == {"+4530643061"}, "a mail to it is refused with the reason"
    assert len(peer.requests) == 3, "nobody asks the provider again"
    log = [json.loads(line) for line in b"".join(written).splitlines()]
    assert [(line["org"], line["id"]) for line in log if line["event"] == "opted-out"] == [
        (account.org_id, messages[1].id)
    ]


@pytest.mark.proves("STOP", "two-writers")
async def test_the_same_phones_from_several_sides_at_once(
    database: Database, clock: Clock, account: Account, tmp_path: Path
):
    """Neither waits for the other in a ring, and the first STOP stays."""
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    try:
        messages = with_account(acceptance(clock, 8), account).messages
        await database.write(
            alone(lambda c: optout_sql.opt_out(c, account.org_id, messages[0].to_number, "STOP", clock.now())), None
        )
        await asyncio.gather(*(spool.settle(refused(message, clock)) for message in (*messages, *reversed(messages))))
    finally:
        await spool.stop()
    phones = sorted(message.to_number for message in messages)
    assert await listed(database) == [(account.org_id, phone, "p" if at else "STOP") for at, phone in enumerate(phones)]


@pytest.mark.proves("STOP")
async def test_start_ends_it(database: Database, clock: Clock, account: Account, tmp_path: Path):
    spool = Spool(database, clock, tmp_path)
    await spool.start()
    try:
        (message,) = with_account(acceptance(clock, 1), account).messages
        await spool.settle(refused(message, clock))
        await database.write(
            alone(lambda c: optout_sql.opt_in(c, account.org_id, message.to_number, clock.now())), None
        )
        assert await listed(database) == []
        await spool.settle(refused(message, clock))
    finally:
        await spool.stop()
    assert await listed(database) == [(account.org_id, message.to_number, "p")]


def refused(message: OutgoingSms, clock: Clock) -> Settlement:
    return Settlement(message, STOPPED, MessageState.FAILED, clock.now(), clock.now())
