"""What waits in a queue until its hours are over leaves in the next ones: after a pause, an outage, a long queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from campaigns.campaign import Deed, State
from campaigns.model import Channel
from campaigns.schedule import read_window
from gateway.model import Account
from gateway.store import mail_queue_sql
from gateway.store.database import alone
from gateway.store.schema import mail_queue, messages
from tests.integration.campaigns.conftest import ManualClock, Office, member

pytestmark = [pytest.mark.proves("campaign: send window", "campaign: quiet hours")]

WINDOW = read_window("09:00-20:00", "Europe/Copenhagen")


def local(day: int, hour: int, minute: int = 0) -> float:
    """A moment of January 2027 in Copenhagen, which is an hour ahead."""
    return datetime(2027, 1, day, hour, minute, tzinfo=UTC).timestamp() - 3600


EVENING, NIGHT, MORNING = local(13, 19, 55), local(14, 2, 30), local(14, 9)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.fixture
async def late(office_with: Callable[..., Office], clock: ManualClock) -> AsyncIterator[Office]:
    """An office five minutes before the window shuts, with three contacts in Copenhagen."""
    office = office_with(clock=clock)
    await office.spool.start()
    office.audience.list = [
        member(n, zone="Europe/Copenhagen", email=f"reader{n}@customer.example") for n in range(1, 4)
    ]
    yield office
    await office.spool.stop()


async def depart(office: Office) -> int:
    """How many SMS begin to leave now."""
    return len((await office.spool.depart("a", 100)).go)


async def claim(office: Office) -> int:
    """How many mails leave now."""
    now = office.clock.now()
    claimed = await office.database.write(mail_queue_sql.claim, mail_queue_sql.Claim(now, "L", now + 60, 100, 100))
    return len(claimed)


async def test_sms_that_are_let_go_at_night_wait_for_the_morning(late: Office, clock: ManualClock) -> None:
    account = await late.account()
    campaign = await late.campaign(account, window=WINDOW)
    assert (await late.run(campaign)).counts.messages == 3
    await late.do(campaign, Deed.PAUSE)
    clock.at = NIGHT
    await late.do(campaign, Deed.RESUME)
    assert await depart(late) == 0
    await late.run(campaign)
    assert {row["available_at"] for row in await late.rows(messages)} == {MORNING}
    await late.spool.hurry("a")  # a provider is there again
    assert await depart(late) == 0
    assert (await late.get(campaign)).state is State.RUNNING
    clock.at = MORNING + 1
    assert await depart(late) == 3


async def test_sms_whose_provider_is_away_all_evening_wait_for_the_morning(late: Office, clock: ManualClock) -> None:
    account = await late.account()
    campaign = await late.campaign(account, window=WINDOW)
    await late.run(campaign)
    clock.at = local(13, 19, 59) + 59
    tried = (await late.spool.depart("a", 1)).go
    assert len(tried) == 1, "as long as its hours last one leaves"
    clock.at = local(13, 20)
    assert await depart(late) == 0
    await late.run(campaign)
    clock.at = MORNING
    assert await depart(late) == 2


async def test_what_is_cancelled_at_night_does_not_wait_for_the_morning(late: Office, clock: ManualClock) -> None:
    account = await late.account()
    campaign = await late.campaign(account, window=WINDOW)
    await late.run(campaign)
    clock.at = NIGHT
    assert await depart(late) == 0
    await late.run(campaign)
    await late.do(campaign, Deed.CANCEL)
    assert await depart(late) == 0
    assert {(row["state"], row["reason"]) for row in await late.rows(messages)} == {("failed", "cancelled")}


async def test_mails_wait_for_the_morning_too(late: Office, clock: ManualClock) -> None:
    account = await late.account()
    by_mail = {"channel": Channel.EMAIL, "subjects": {"": "News"}}
    campaign = await late.campaign(account, window=WINDOW, **by_mail)
    assert (await late.run(campaign)).counts.messages == 3
    await late.do(campaign, Deed.PAUSE)
    assert await claim(late) == 0
    clock.at = NIGHT
    await late.do(campaign, Deed.RESUME)
    assert await claim(late) == 0
    assert (await late.run(campaign)).state is State.RUNNING
    assert {row["available_at"] for row in await late.rows(mail_queue)} == {MORNING}
    clock.at = MORNING
    assert await claim(late) == 3


async def test_each_waits_by_its_own_clock(late: Office, clock: ManualClock) -> None:
    account = await late.account()
    late.audience.list = [member(1, zone="Europe/Copenhagen"), member(2, zone="America/New_York")]
    campaign = await late.campaign(account, window=WINDOW)
    await late.run(campaign)
    clock.at = local(13, 20, 30)  # half past two in New York
    assert await depart(late) == 1
    await late.run(campaign)
    assert sorted(row["available_at"] for row in await late.rows(messages) if row["state"] == "queued") == [MORNING]


@pytest.mark.proves("campaign: pace")
async def test_a_provider_that_is_away_keeps_nobody_from_another(late: Office, account: Account) -> None:
    first = await late.account("eve@other.example", "Other")
    runner = late.runner_with(ahead=4)
    full = await late.campaign(first)
    assert (await late.run(full, runner)).counts.messages == 3
    connection_b = alone(lambda connection: connection.execute(messages.update().values(provider="b")))
    await late.database.write(connection_b, None)  # as a route would have led them
    async with asyncio.timeout(10):
        assert (await late.run(await late.campaign(account), runner)).counts.messages == 3
