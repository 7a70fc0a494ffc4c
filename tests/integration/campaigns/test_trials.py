"""Versions of a text, tried on shares of an audience; the best goes to all the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from campaigns.campaign import Campaign, Cause, Deed, Limits, NotNow, State
from campaigns.model import Channel
from campaigns.recipients import decide
from campaigns.schedule import Window
from campaigns.store import campaign_sql, trial_sql
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.link_schema import campaign_links
from campaigns.store.trial_sql import Pick
from campaigns.trial import NEVER, Rule, Trial, VersionFigures
from campaigns.trials import Trials
from campaigns.under_way import Pages
from gateway.model import Account
from gateway.store.schema import messages
from tests.integration.campaigns.conftest import NINE, ManualClock, Office, member

TEXTS = {"": "A {{ first_name }}", "b/": "B {{ first_name }}"}
FOUR_HOURS = 4 * 3600.0
TRIED = "01KWZ3V5M0TR1ED0000000000A"
"""Who gets which version is a hash of the campaign's id: under this one shares are always the same."""


@pytest.fixture
async def tried(office_with: Callable[..., Office]) -> AsyncIterator[Office]:
    """An office whose clock a test sets, with 400 contacts."""
    office = office_with(clock=ManualClock())
    await office.spool.start()
    office.audience.list = [member(n) for n in range(1, 401)]
    yield office
    await office.spool.stop()


async def begun(office: Office, rule: Rule = Rule.ANSWERS, **more: Any) -> Campaign:
    account = await office.account()
    said = {"campaign_id": TRIED, "texts": TEXTS, "trial": Trial(10, rule, 4.0)} | more
    return await office.run(await office.campaign(account, **said))


async def texts(office: Office) -> Counter[str]:
    return Counter(row["text"].split()[0] for row in await office.rows(messages))


async def deliver(office: Office, versions: str) -> None:
    """Let what was sent of some versions be delivered."""
    wanted = messages.update().where(messages.c.text.like(versions + " %")).values(state="delivered")

    def work(connection: Any, items: Any) -> list[None]:
        connection.execute(wanted)
        return [None for _ in items]

    await office.database.write(work, None)


@pytest.mark.proves("campaign: versions")
async def test_versions_go_to_their_shares_and_the_best_to_all_others(tried: Office) -> None:
    campaign = await begun(tried, Rule.DELIVERED)
    assert (campaign.state, campaign.cause) == (State.RUNNING, Cause.WINNER)
    assert campaign.available_at == NINE + FOUR_HOURS
    first = await texts(tried)
    assert set(first) == {"A", "B"}
    assert all(20 <= first[each] <= 60 for each in first)
    assert campaign.counts.waiting == 400 - sum(first.values())
    await deliver(tried, "B")
    tried.clock.at = NINE + FOUR_HOURS - 1  # type: ignore[attr-defined]
    assert (await tried.run(campaign)).verdict.winner == ""
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert (after.verdict.winner, after.verdict.by, after.verdict.at) == ("b", "", NINE + FOUR_HOURS)
    assert after.verdict.figures == (
        VersionFigures("a", first["A"]),
        VersionFigures("b", first["B"], first["B"]),
    )
    assert await texts(tried) == {"A": first["A"], "B": 400 - first["A"]}
    assert set((await tried.phones()).values()) == {1}
    assert (after.counts.messages, after.counts.waiting, after.counts.recipients) == (400, 0, 400)
    assert Counter(row["variant"] for row in await tried.rows(campaign_recipients)) == {
        "": first["A"],
        "b/": 400 - first["A"],
    }


@pytest.mark.proves("campaign: versions")
async def test_clicks_decide_contact_by_contact(tried: Office) -> None:
    said = {"": "A https://firm.dk/a", "b/": "B https://firm.dk/b"}
    # Contacts are only those whose clicks count while they are there, so the figures are read as the rule reads them.
    campaign = await begun(tried, Rule.CLICKS, texts=said, short_links=True)
    rows = [row for row in await tried.rows(campaign_recipients) if row["state"] == "sent"]
    links = {row["written"][-1]: row["id"] for row in await tried.rows(campaign_links)}
    some = [row["contact_id"] for row in rows if row["variant"] == "b/"][:5]
    await tried.database.write(_clicked, [(links["b"], contact) for contact in some])
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert after.verdict.winner == "b"
    assert [each.clicked for each in after.verdict.figures] == [0, 5]


def _clicked(connection: Any, items: Any) -> list[None]:
    from campaigns.store.link_schema import link_clicks

    for link, contact in (pair for item in items for pair in item):
        row = {"link_id": link, "contact_id": contact, "clicks": 2, "people": 1, "first_at": 1.0, "last_at": 1.0}
        connection.execute(link_clicks.insert().values(**row))
    return [None for _ in items]


@pytest.mark.proves("campaign: versions")
async def test_who_is_as_good_loses_to_a(tried: Office) -> None:
    campaign = await begun(tried, Rule.OPT_OUTS)
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    assert (await tried.run(campaign)).verdict.winner == "a"


@pytest.mark.proves("campaign: versions")
async def test_a_stop_counts_against_the_version_that_it_answers(tried: Office) -> None:
    campaign = await begun(tried, Rule.OPT_OUTS)
    account = await tried.account()
    [phone] = [row["to_number"] for row in await tried.rows(messages) if row["text"].startswith("A")][:1]
    words = {(account.org_id, phone): "stop"}
    from gateway.store import optout_sql
    from gateway.store.database import alone

    await tried.database.write(alone(lambda at: optout_sql.opt_out_all(at, words, NINE + 60)), None)
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert after.verdict.winner == "b"
    assert [each.opted_out for each in after.verdict.figures] == [1, 0]


@pytest.mark.proves("campaign: versions")
async def test_by_hand_they_wait_until_somebody_says_which(tried: Office) -> None:
    campaign = await begun(tried, Rule.HAND)
    assert (campaign.cause, campaign.available_at) == (Cause.WINNER, NEVER)
    tried.clock.at = NINE + 90 * 86_400  # type: ignore[attr-defined]
    assert (await tried.run(campaign)).counts.waiting == campaign.counts.waiting
    decided = await Trials(tried.database, tried.clock).pick(campaign, "B", "anna")
    assert isinstance(decided, Campaign)
    assert (decided.verdict.winner, decided.verdict.by, decided.cause) == ("b", "anna", "")
    again = await Trials(tried.database, tried.clock).pick(campaign, "a", "bo")
    assert isinstance(again, NotNow)
    after = await tried.run(campaign)
    assert (after.counts.messages, after.verdict.winner) == (400, "b")


@pytest.mark.proves("campaign: versions", "campaign: pause")
async def test_a_campaign_that_rests_is_not_judged_and_somebody_may_still_say(tried: Office) -> None:
    campaign = await begun(tried, Rule.DELIVERED)
    await tried.do(campaign, Deed.PAUSE)
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    assert await Trials(tried.database, tried.clock).judge(campaign.id) == ""
    decided = await Trials(tried.database, tried.clock).pick(campaign, "b", "anna")
    assert isinstance(decided, Campaign)
    assert decided.state is State.PAUSED
    assert (await tried.run(campaign)).counts.messages < 400
    await tried.do(campaign, Deed.RESUME)
    assert (await tried.run(campaign)).counts.messages == 400
    assert set((await tried.phones()).values()) == {1}


@pytest.mark.proves("campaign: versions", "kill -9")
async def test_killed_while_it_decides_and_sends_it_is_decided_once_and_nobody_gets_two(tried: Office) -> None:
    campaign = await begun(tried, Rule.DELIVERED)
    await deliver(tried, "B")
    first = await texts(tried)
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    verdicts, after_it = set(), 0
    for turn in range(100):
        runner = tried.runner_with(pages=Pages(7, 0.03))
        await runner.look()
        await asyncio.sleep(0.004 * turn)
        for task in runner._runs.values():
            task.cancel()
        await asyncio.gather(*runner._runs.values(), return_exceptions=True)
        verdict = (await tried.get(campaign)).verdict
        verdicts.add(verdict)
        after_it += bool(verdict.winner)
        if after_it == 1:  # what would win now is another
            await deliver(tried, "A")
        if after_it == 6:
            break
    after = await tried.run(campaign)
    assert {each for each in verdicts if each.winner} <= {after.verdict}
    assert len(verdicts) > 1, "it was killed before the verdict as well as after it"
    assert await texts(tried) == {"A": first["A"], "B": 400 - first["A"]}
    assert set((await tried.phones()).values()) == {1}
    assert await tried.reasons() == {"sent": 400}


@pytest.mark.proves("campaign: versions", "campaign: one process")
async def test_of_two_who_decide_at_once_one_does(tried: Office) -> None:
    campaign = await begun(tried, Rule.HAND)
    trials = Trials(tried.database, tried.clock)
    outcomes = await asyncio.gather(*(trials.pick(campaign, version, "anna") for version in "abab"))
    assert sorted(type(each).__name__ for each in outcomes) == ["Campaign", "NotNow", "NotNow", "NotNow"]


@pytest.mark.proves("campaign: versions")
async def test_a_verdict_while_it_goes_to_rest_is_not_slept_through(tried: Office) -> None:
    campaign = await begun(tried, Rule.HAND)
    await Trials(tried.database, tried.clock).pick(campaign, "b", "anna")
    late = campaign_sql.Rest(campaign.id, tried.spool.lease, NEVER, Cause.WINNER)
    await tried.database.write(campaign_sql.rest, late)
    assert (await tried.get(campaign)).available_at == NINE
    assert (await tried.run(campaign)).counts.messages == 400


@pytest.mark.proves("campaign: versions", "campaign: send window")
async def test_windows_hold_for_versions_and_for_the_winner(tried: Office) -> None:
    tried.audience.list = [member(n, zone="America/New_York" if n % 2 else "Europe/Copenhagen") for n in range(1, 401)]
    campaign = await begun(tried, Rule.DELIVERED, window=Window(9 * 60, 20 * 60))
    assert {row["contact_id"] % 2 for row in await tried.rows(campaign_recipients) if row["state"] == "sent"} == {0}
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert after.verdict.winner == "a"
    assert after.counts.messages == 200
    assert after.available_at == NINE + 5 * 3600  # nine o'clock in New York
    tried.clock.at = NINE + 5 * 3600  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert (after.counts.messages, after.counts.waiting) == (400, 0)
    assert (await texts(tried))["B"] > 20  # those of the trial whom it reached late got their own version


@pytest.mark.proves("campaign: versions", "campaign: limits")
async def test_a_budget_ends_the_winner_as_well(tried: Office) -> None:
    campaign = await begun(tried, Rule.DELIVERED, limits=Limits(parts=300))
    tried.clock.at = NINE + FOUR_HOURS  # type: ignore[attr-defined]
    after = await tried.run(campaign)
    assert (after.state, after.cause, after.counts.parts) == (State.PAUSED, Cause.BUDGET, 300)


@pytest.mark.proves("campaign: versions")
async def test_languages_and_versions_together(tried: Office) -> None:
    tried.audience.list = [member(n, language="da" if n % 2 else "de") for n in range(1, 401)]
    said = {"": "A", "da": "A-da", "b/": "B", "b/da": "B-da"}
    campaign = await begun(tried, Rule.HAND, texts=said)
    await Trials(tried.database, tried.clock).pick(campaign, "b", "anna")
    await tried.run(campaign)
    sent = await texts(tried)
    assert set(sent) == {"A", "A-da", "B", "B-da"}
    assert sent["A-da"] + sent["B-da"] == sent["A"] + sent["B"] == 200


@pytest.mark.proves("campaign: versions")
async def test_where_all_are_tried_nobody_waits(tried: Office) -> None:
    campaign = await begun(tried, Rule.HAND, trial=Trial(50, Rule.HAND))
    assert (campaign.counts.messages, campaign.counts.waiting) == (400, 0)


@pytest.mark.proves("campaign: versions")
async def test_versions_of_e_mails_have_subjects_of_their_own(tried: Office) -> None:
    tried.audience.list = [member(n, email=f"a{n}@example.com") for n in range(1, 101)]
    subjects = {"": "Om A", "b/": "Om B"}
    campaign = await begun(tried, Rule.HAND, channel=Channel.EMAIL, subjects=subjects, trial=Trial(50, Rule.HAND))
    assert campaign.counts.messages == 100
    figures = await tried.database.read(lambda at: trial_sql.figures(at, campaign))
    assert sum(each.sent for each in figures) == 100
    assert all(each.sent for each in figures)


@pytest.mark.proves("campaign: versions", "campaign: estimate")
async def test_an_estimate_counts_the_dearest_for_those_who_wait(tried: Office) -> None:
    account = await tried.account()
    said = {"": "A", "b/": "B" * 200}
    campaign = await tried.campaign(account, campaign_id=TRIED, texts=said, trial=Trial(10, Rule.HAND))
    terms = await tried.runner._terms.of(campaign)
    assert terms is not None
    parts = Counter(decide(each, terms, 0.0, "", whenever=True).parts for each in tried.audience.list)
    assert 20 <= parts[1] <= 60
    assert parts[2] == 400 - parts[1]


async def test_a_rule_decides_nothing_where_nothing_is_tried(tried: Office, account: Account) -> None:
    campaign = await tried.run(await tried.campaign(account))
    pick = Pick(campaign.id, "a", (), NINE, "anna")
    assert isinstance(await tried.database.write(trial_sql.decide, pick), NotNow)
    assert await Trials(tried.database, tried.clock).judge(campaign.id) == ""
