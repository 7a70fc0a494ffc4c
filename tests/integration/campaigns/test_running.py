"""A campaign runs: one row per contact, one message for each that gets one, whatever stops it in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from campaigns.campaign import Campaign, Cause, Deed, Launch, Limits, NotNow, State
from campaigns.runner import CAPPED
from campaigns.schedule import Window
from campaigns.store import campaign_sql
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.under_way import Pages
from gateway.model import Account
from gateway.money import Money
from gateway.settings import LimitSettings
from gateway.spending import DAY
from gateway.store.hold_schema import holds
from gateway.store.schema import messages
from tests.integration.campaigns.conftest import NINE, OURS, Listed, ManualClock, Office, member


async def finished(office: Office, campaign: Campaign) -> None:
    """Wait until everything has left and the campaign says so."""
    async with asyncio.timeout(20):
        while (await office.get(campaign)).state is not State.FINISHED:
            await office.runner.look()
            await asyncio.sleep(0.05)


@pytest.mark.proves("X2", "C12")
async def test_everybody_gets_their_own_text_once(sending: Office, account: Account) -> None:
    sending.audience.list = [member(n) for n in range(1, 1203)]
    campaign = await sending.campaign(account, "Hej {{ first_name }} æøå")
    after = await sending.run(campaign)
    assert (after.counts.recipients, after.counts.messages, after.counts.skipped) == (1202, 1202, 0)
    assert after.counts.parts == 1202
    await sending.until_given(1202)
    given = Counter(each.text.text for each in sending.provider.given)
    assert given == Counter(f"Hej Name{n} æøå" for n in range(1, 1203))
    assert {each.from_number for each in sending.provider.given} == {account.number}
    rows = await sending.rows(messages)
    assert {(row["priority"], row["mail_id"]) for row in rows} == {(1, campaign.id)}
    assert all(row["told_at"] is not None for row in rows), "nobody is mailed about one SMS of a campaign"
    assert await sending.reasons() == {"sent": 1202}
    await finished(sending, campaign)


@pytest.mark.proves("C6")
async def test_who_gets_none_has_a_row_with_the_reason(office: Office, account: Account) -> None:
    office.audience.list = [
        member(1),
        member(2, no_sms=True),
        member(3, phone=None),
        member(4),
        member(5, phone=member(1).phone),
        member(6, phone="+8613800138000"),
        member(7, fields={"first_name": ""}),
        member(8, fields={"first_name": "x" * 2000}),
    ]
    await office.says_stop(account, member(4).phone)
    campaign = await office.campaign(account, "{{ first_name }}")
    after = await office.run(campaign)
    reasons = ["sent", "no-sms", "no-phone", "opted-out", "duplicate", "country", "no-text", "too-long"]
    assert await office.reasons() == Counter(reasons)
    assert (after.counts.messages, after.counts.skipped, after.counts.recipients) == (1, 7, 8)
    assert await office.phones() == {member(1).phone: 1}
    assert {row["contact_id"] for row in await office.rows(campaign_recipients)} == set(range(1, 9))


async def test_a_text_in_the_language_of_the_contact(office: Office, account: Account) -> None:
    office.audience.list = [member(1, language="da"), member(2, language="pt-BR"), member(3, language="de")]
    await office.run(await office.campaign(account, texts={"": "Hi", "da": "Hej", "pt": "Oi"}))
    assert [row["text"] for row in await office.rows(messages)] == ["Hej", "Oi", "Hi"]
    assert [row["variant"] for row in await office.rows(campaign_recipients)] == ["da", "pt", ""]


# --- pause, resume, cancel -----------------------------------------------------------------------------------------


@pytest.mark.proves("campaign: pause")
async def test_from_a_pause_on_nothing_leaves_and_what_waited_leaves_once_after_it(
    sending: Office, account: Account
) -> None:
    sending.audience.list = [member(n) for n in range(1, 3001)]
    campaign = await sending.campaign(account)
    await sending.do(campaign, Deed.START)
    await sending.runner.look()
    await sending.until_given(100)
    await sending.do(campaign, Deed.PAUSE)
    given = len(sending.provider.given)
    await sending.runner.idle()
    await asyncio.sleep(1.0)
    assert len(sending.provider.given) <= given + sending.provider.window, "no more than was under way"
    still = len(sending.provider.given)
    await asyncio.sleep(0.5)
    assert len(sending.provider.given) == still < 3000
    await sending.do(campaign, Deed.RESUME)
    await sending.run(campaign)
    await sending.until_given(3000)
    await finished(sending, campaign)
    assert set((await sending.phones()).values()) == {1}
    assert Counter(each.to_number for each in sending.provider.given) == await sending.phones()
    assert len(await sending.phones()) == 3000
    assert not await sending.rows(holds)


@pytest.mark.proves("campaign: pause")
async def test_paused_and_resumed_again_and_again_nobody_is_left_out_or_written_to_twice(
    sending: Office, account: Account
) -> None:
    sending.audience.list = [member(n) for n in range(1, 1501)]
    campaign = await sending.campaign(account)
    await sending.do(campaign, Deed.START)
    runner = sending.runner_with(pages=Pages(50, 0.03))
    await runner.start()
    for turn in range(30):
        await asyncio.sleep(0.01 * (turn % 4))
        await sending.do(campaign, Deed.PAUSE)
        await asyncio.sleep(0.01 * (turn % 3))
        await sending.do(campaign, Deed.RESUME)
        runner.nudge()
    await sending.until_given(1500)
    await finished(sending, campaign)
    await runner.stop()
    assert Counter(each.to_number for each in sending.provider.given) == Counter(
        each.phone for each in sending.audience.list
    )


@pytest.mark.proves("campaign: pause")
async def test_a_dialog_leaves_while_a_campaign_is_paused(sending: Office, account: Account) -> None:
    sending.audience.list = [member(n) for n in range(1, 201)]
    campaign = await sending.campaign(account)
    await sending.do(campaign, Deed.START)
    other = await sending.account("bo@firm.example")
    await sending.do(campaign, Deed.PAUSE)
    await sending.do(campaign, Deed.RESUME)
    await sending.do(campaign, Deed.PAUSE)
    second = await sending.campaign(other, "Hej fra Bo")
    await sending.run(second)
    await sending.until_given(200)
    assert {each.from_number for each in sending.provider.given} == {other.number}


@pytest.mark.proves("campaign: pause")
async def test_what_has_not_left_a_cancelled_campaign_never_does(office: Office, account: Account) -> None:
    office.audience.list = [member(n) for n in range(1, 801)]
    campaign = await office.campaign(account)
    await office.run(campaign)
    await office.do(campaign, Deed.PAUSE)
    await office.do(campaign, Deed.CANCEL)
    await office.out.start()
    try:
        async with asyncio.timeout(20):
            while any(row["state"] == "queued" for row in await office.rows(messages)):
                await asyncio.sleep(0.05)
    finally:
        await office.out.stop()
    assert not office.provider.given
    assert {(row["state"], row["reason"]) for row in await office.rows(messages)} == {("failed", "cancelled")}
    assert isinstance(await office.do(campaign, Deed.RESUME), NotNow)


# --- killed --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("kill -9")
async def test_a_commit_without_an_answer_doubles_nobody(office: Office, account: Account) -> None:
    """The process dies between a commit and its answer, again and again: another goes on where that one was."""
    office.audience.list = [member(n) for n in range(1, 1001)]
    campaign = await office.campaign(account)
    await office.do(campaign, Deed.START)
    for size in (1, 7, 100, 300):
        runner = office.runner_with(pages=Pages(size, 0.03))
        await runner.look()
        await asyncio.sleep(0.02)
        for task in runner._runs.values():
            task.cancel()
        await asyncio.gather(*runner._runs.values(), return_exceptions=True)
    after = await office.run(campaign)
    assert after.counts.messages == 1000
    assert await office.phones() == Counter(each.phone for each in office.audience.list)
    assert await office.reasons() == {"sent": 1000}


@pytest.mark.proves("campaign: pause")
async def test_every_process_learns_that_campaigns_run(office: Office, account: Account) -> None:
    office.audience.list = [member(n) for n in range(1, 4)]
    learned: list[int] = []
    other = office.runner_with(lease="somebody-else", under_way=lambda: learned.append(1))
    campaign = await office.campaign(account)
    await other.look()
    assert learned == [], "a draft need not be stopped"
    await office.do(campaign, Deed.START)
    await office.database.write(
        campaign_sql.claim, campaign_sql.Claim(campaign.id, office.spool.lease, office.clock.now())
    )
    await other.look()
    await other.idle()
    assert learned == [1], "another runs it, and it may be stopped here"


@pytest.mark.proves("campaign: one process")
async def test_of_two_processes_one_runs_a_campaign_and_the_other_takes_it_over(
    office: Office, account: Account
) -> None:
    office.audience.list = [member(n) for n in range(1, 1501)]
    campaign = await office.campaign(account)
    await office.do(campaign, Deed.START)
    other = office.runner_with(lease="somebody-else", pages=Pages(100, 0.03))
    await asyncio.gather(office.runner.look(), other.look())
    await asyncio.gather(office.runner.idle(), other.idle())
    assert set((await office.phones()).values()) == {1}
    assert (await office.run(campaign)).counts.messages == 1500


# --- windows, pace, limits -----------------------------------------------------------------------------------------


@pytest.mark.proves("campaign: send window")
async def test_contacts_get_it_when_it_is_day_where_they_are(office_with: Callable[..., Office]) -> None:
    clock = ManualClock()
    office = office_with(clock=clock)
    await office.spool.start()
    account = await office.account()
    office.audience.list = [
        member(1, zone="Europe/Copenhagen"),  # ten o'clock
        member(2, zone="America/New_York"),  # four in the morning
        member(3),  # nine in UTC
        member(4, zone="America/New_York"),
    ]
    campaign = await office.campaign(account, window=Window(9 * 60, 20 * 60))
    after = await office.run(campaign)
    assert (after.counts.messages, after.counts.waiting) == (2, 2)
    assert after.state is State.RUNNING
    assert after.available_at == NINE + 5 * 3600
    clock.at = NINE + 5 * 3600
    office.audience.list.pop()
    after = await office.run(campaign)
    assert (after.counts.messages, after.counts.waiting, after.counts.skipped) == (3, 0, 1)
    assert await office.reasons() == {"sent": 3, "gone": 1}
    await office.spool.stop()


@pytest.mark.proves("C8")
async def test_a_deferred_campaign_starts_at_its_time(office_with: Callable[..., Office]) -> None:
    clock = ManualClock()
    office = office_with(clock=clock)
    await office.spool.start()
    account = await office.account()
    office.audience.list = [member(1)]
    campaign = await office.campaign(account, launch=Launch.DEFERRED, start_at=NINE + 60)
    assert (await office.run(campaign)).state is State.SCHEDULED
    assert not await office.rows(messages)
    clock.at = NINE + 60
    after = await office.run(campaign)
    assert (after.started_at, after.counts.messages) == (NINE + 60, 1)
    await office.spool.stop()


@pytest.mark.proves("campaign: limits")
async def test_a_campaign_pauses_where_its_budget_ends_and_goes_on_where_there_is_more(
    office: Office, account: Account
) -> None:
    office.audience.list = [member(n) for n in range(1, 1001)]
    campaign = await office.campaign(account, limits=Limits(parts=700))
    after = await office.run(campaign)
    assert (after.state, after.cause, after.counts.messages) == (State.PAUSED, Cause.BUDGET, 700)
    assert isinstance(await office.do(campaign, Deed.EDIT), NotNow)


@pytest.mark.proves("campaign: limits")
async def test_a_budget_of_money_counts_at_the_prices_of_the_routes(office_with: Callable[..., Office]) -> None:
    tables = {
        "provider": ({"name": "a", "kind": "simulator"},),
        "pool": (OURS,),
        "routing": {"currency": "DKK"},
        "price": ({"provider": "a", "part": {"DK": 0.25}},),
    }
    office = office_with(**tables)
    await office.spool.start()
    account = await office.account()
    office.audience.list = [member(n) for n in range(1, 101)]
    limits = Limits(cost=Money(1000 * 100 * 10, "DKK"))
    after = await office.run(await office.campaign(account, limits=limits))
    assert (after.state, after.cause, after.counts.messages) == (State.PAUSED, Cause.BUDGET, 40)
    assert after.counts.cost == 1000 * 100 * 10
    await office.spool.stop()


@pytest.mark.proves("campaign: limits")
@pytest.mark.parametrize("prices", [(), ({"provider": "a", "part": {"DK": 0.25}},)], ids=["unknown", "in euro"])
async def test_what_has_no_price_in_a_budgets_currency_is_not_within_it(
    office_with: Callable[..., Office], prices: tuple[dict[str, Any], ...]
) -> None:
    office = office_with(provider=({"name": "a", "kind": "simulator"},), pool=(OURS,), price=prices)
    await office.spool.start()
    office.audience.list = [member(1)]
    campaign = await office.campaign(await office.account(), limits=Limits(cost=Money(1_000_000, "DKK")))
    after = await office.run(campaign)
    assert (after.state, after.cause, after.counts.messages) == (State.PAUSED, Cause.BUDGET, 0)
    await office.spool.stop()


@pytest.mark.proves("campaign: limits")
async def test_a_daily_limit_lets_it_rest_until_tomorrow(office_with: Callable[..., Office]) -> None:
    clock = ManualClock()
    office = office_with(clock=clock, limits=LimitSettings(account_parts=600))
    await office.spool.start()
    account = await office.account()
    office.audience.list = [member(n) for n in range(1, 1001)]
    campaign = await office.campaign(account)
    after = await office.run(campaign)
    assert (after.state, after.cause, after.counts.messages) == (State.RUNNING, CAPPED, 600)
    assert after.available_at == (NINE // DAY + 1) * DAY
    clock.at = after.available_at + 1
    after = await office.run(campaign)
    assert (after.cause, after.counts.messages) == ("", 1000)
    assert set((await office.phones()).values()) == {1}
    await office.spool.stop()


@pytest.mark.proves("campaign: limits")
async def test_nobody_gets_more_in_a_week_than_the_campaign_says(office: Office, account: Account) -> None:
    office.audience.list = [member(1), member(2), member(3)]
    for _ in range(2):
        await office.run(await office.campaign(account))
    office.audience.list.append(member(4))
    await office.run(await office.campaign(account, limits=Limits(per_week=2)))
    assert await office.reasons() == {"sent": 7, "weekly": 3}


@pytest.mark.proves("campaign: limits")
async def test_what_never_left_is_no_message_of_the_week(office: Office, account: Account) -> None:
    """The corrected copy of a campaign that was cancelled in time reaches everybody."""
    office.audience.list = [member(1), member(2)]
    wrong = await office.campaign(account)
    await office.run(wrong)
    await office.do(wrong, Deed.CANCEL)
    assert (await office.spool.depart("a", 10)).go == ()
    after = await office.run(await office.campaign(account, limits=Limits(per_week=1)))
    assert (after.counts.messages, after.counts.skipped) == (2, 0)


@pytest.mark.proves("campaign: limits")
async def test_campaigns_that_run_beside_each_other_count_together(office: Office, account: Account) -> None:
    other = await office.account("bo@firm.example")
    office.audience.list = [member(n) for n in range(1, 601)]
    runner = office.runner_with(pages=Pages(100, 0.15))
    both = [await office.campaign(each, limits=Limits(per_week=1)) for each in (account, other)]
    for campaign in both:
        await office.do(campaign, Deed.START)
    await runner.look()
    await runner.idle()
    times = Counter(row["contact_id"] for row in await office.rows(campaign_recipients) if row["state"] == "sent")
    assert times == Counter(range(1, 601)), "one of the two, and nobody both"


@pytest.mark.proves("campaign: pace")
async def test_a_pace_holds(office: Office, account: Account) -> None:
    office.audience.list = [member(n) for n in range(1, 31)]
    campaign = await office.campaign(account, limits=Limits(per_minute=1200))
    await office.do(campaign, Deed.START)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await office.run(campaign)
    assert loop.time() - began >= 30 / 20 - 0.1
    assert await office.reasons() == {"sent": 30}


@pytest.mark.proves("dialog goes first")
async def test_no_more_waits_in_the_spool_than_may(office: Office, account: Account) -> None:
    office.audience.list = [member(n) for n in range(1, 1001)]
    campaign = await office.campaign(account)
    await office.do(campaign, Deed.START)
    runner = office.runner_with(ahead=300, pages=Pages(100, 0.03))
    await runner.look()
    async with asyncio.timeout(30):
        while len(await office.rows(messages)) < 300:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    assert len(await office.rows(messages)) == 300
    await office.out.start()
    await office.until_given(1000)
    await runner.idle()
    assert set((await office.phones()).values()) == {1}
    await office.out.stop()


@pytest.mark.proves("C7")
async def test_a_campaign_without_its_account_is_paused(office: Office, account: Account) -> None:
    office.audience.list = [member(1)]
    campaign = await office.campaign(account)
    await office.accounts.close_account(account)
    after = await office.run(campaign)
    assert (after.state, after.cause) == (State.PAUSED, Cause.ACCOUNT)
    assert not await office.rows(messages)


async def test_an_audience_of_nobody_is_finished_at_once(office: Office, account: Account) -> None:
    office.audience = Listed()
    assert (await office.run(await office.campaign(account))).state is State.FINISHED
