"""Large campaigns wait until a second person approves them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from campaigns.approval import Approver, Who, most_contacts
from campaigns.campaign import Campaign, Cause, Launch, NotNow, State
from campaigns.model import Audience
from campaigns.under_way import Pages
from gateway.model import Account
from gateway.registry.errors import BadValue, NotFound
from gateway.settings import CampaignSettings
from gateway.store.schema import mail_queue
from tests.integration.campaigns.conftest import Office
from tests.integration.campaigns.test_campaigns import Bureau, draft

ANNA = Who("person", "01ANNA", "anna@firm.example", "01ANNA")
BO = Who("person", "01BO", "bo@firm.example", "01BO")
ANNAS_KEY = Who("key", "01ANNAS", "her key", "01ANNA")
KEY = Who("key", "01KEY", "the shop")
OWNER = Who("terminal", "root", "root")


@pytest.fixture
async def bureau(office: Office, account: Account) -> Bureau:
    office.settings = office.settings.model_copy(
        update={"campaigns": CampaignSettings(approval_above=2, quiet_hours="", holidays=False)}
    )
    office.approvers = [Approver("01ANNA", "anna@firm.example", "da"), Approver("01BO", "bo@firm.example", "en")]
    bureau = Bureau(office, account)
    await bureau.contacts(draft(1), draft(2), draft(3))
    return bureau


async def asked(bureau: Bureau, who: Who = ANNA, **more: object) -> Campaign:
    made = await bureau.create(**more)
    return await bureau.campaigns.start(made.org_id, made.id, who)


async def mails(office: Office) -> list[tuple[str, str]]:
    """To whom, and what."""
    return [(row["recipient"], bytes(row["content"]).decode()) for row in await office.rows(mail_queue)]


@pytest.mark.proves("campaign: approval")
async def test_a_large_campaign_waits_for_another_person(bureau: Bureau, office: Office) -> None:
    campaign = await asked(bureau)
    assert (campaign.state, campaign.approval.recipients, campaign.approval.asked_by) == (
        State.APPROVAL,
        3,
        "anna@firm.example",
    )
    [(to, text)] = await mails(office)
    assert to == "bo@firm.example"
    assert f"https://sms.example.com/campaigns/{campaign.id}" in text
    assert "Subject: The campaign Spring waits for your approval" in text
    assert [each.id for each in await bureau.campaigns.waiting_for_approval(campaign.org_id)] == [campaign.id]
    await bureau.runner.look()
    await bureau.runner.idle()
    assert await office.phones() == {}
    with pytest.raises(NotNow, match="another person"):
        await bureau.campaigns.approve(campaign.org_id, campaign.id, ANNA)
    approved = await bureau.campaigns.approve(campaign.org_id, campaign.id, BO, campaign.approval.asked_at)
    assert (approved.state, approved.approval.answered_by, approved.approval.approved) == (
        State.RUNNING,
        "bo@firm.example",
        True,
    )
    assert approved.approval.answered_at is not None
    assert (await mails(office))[-1][0] == "anna@firm.example"
    await bureau.runner.look()
    await bureau.runner.idle()
    assert sum((await office.phones()).values()) == 3
    with pytest.raises(NotNow):
        await bureau.campaigns.approve(campaign.org_id, campaign.id, BO)


@pytest.mark.proves("campaign: approval")
async def test_who_may_answer(bureau: Bureau, office: Office) -> None:
    by_key = await asked(bureau, KEY)
    with pytest.raises(NotNow, match="another person"):
        await bureau.campaigns.approve(by_key.org_id, by_key.id, KEY)
    with pytest.raises(NotNow, match="another person"):
        await bureau.campaigns.send_back(by_key.org_id, by_key.id, KEY, "")
    assert (await bureau.campaigns.approve(by_key.org_id, by_key.id, BO)).state is State.RUNNING
    by_anna = await asked(bureau)
    with pytest.raises(NotNow, match="a program's key approves nothing"):
        await bureau.campaigns.approve(by_anna.org_id, by_anna.id, KEY)
    assert (await bureau.campaigns.send_back(by_anna.org_id, by_anna.id, KEY, "")).state is State.DRAFT
    by_her_key = await asked(bureau, ANNAS_KEY)
    assert [to for to, _ in await mails(office)][-1:] == ["bo@firm.example"]
    with pytest.raises(NotNow, match="a key that you have made"):
        await bureau.campaigns.approve(by_her_key.org_id, by_her_key.id, ANNA)
    assert (await bureau.campaigns.approve(by_her_key.org_id, by_her_key.id, BO)).state is State.RUNNING
    other = (await office.account("eve@other.example", "Other")).org_id
    mine = await asked(bureau, OWNER)
    with pytest.raises(NotFound):
        await bureau.campaigns.approve(other, mine.id, BO)
    assert (await bureau.campaigns.approve(None, mine.id, OWNER)).state is State.RUNNING
    nameless = await bureau.create()
    with pytest.raises(BadValue, match="say who"):
        await bureau.campaigns.start(nameless.org_id, nameless.id)


@pytest.mark.proves("campaign: approval")
async def test_one_that_is_sent_back_can_be_changed_and_asked_for_again(bureau: Bureau, office: Office) -> None:
    campaign = await asked(bureau)
    back = await bureau.campaigns.send_back(campaign.org_id, campaign.id, BO, "Write vi, not jeg.")
    assert (back.state, back.approval.word, back.approval.approved) == (State.DRAFT, "Write vi, not jeg.", False)
    told = (await mails(office))[-1]
    assert told[0] == "anna@firm.example"
    assert "Write vi, not jeg." in told[1]
    await bureau.campaigns.edit(campaign.org_id, campaign.id, replace(campaign.content, texts={"": "Hej fra os"}))
    again = await bureau.campaigns.start(campaign.org_id, campaign.id, ANNA)
    assert (again.state, again.approval.word) == (State.APPROVAL, "")
    with pytest.raises(NotNow, match="changed and started anew"):
        await bureau.campaigns.approve(campaign.org_id, campaign.id, BO, campaign.approval.asked_at)


@pytest.mark.proves("campaign: approval")
async def test_a_change_voids_the_approval(bureau: Bureau) -> None:
    later = {"launch": Launch.DEFERRED, "start_at": 4e9}
    campaign = await asked(bureau, **later)
    other = replace(campaign.content, texts={"": "Something else"})
    await bureau.campaigns.edit(campaign.org_id, campaign.id, other)
    assert (await bureau.campaigns.get(None, campaign.id)).state is State.DRAFT
    with pytest.raises(NotNow):
        await bureau.campaigns.approve(campaign.org_id, campaign.id, BO)
    await bureau.campaigns.start(campaign.org_id, campaign.id, ANNA)
    assert (await bureau.campaigns.approve(campaign.org_id, campaign.id, BO)).state is State.SCHEDULED
    await bureau.campaigns.edit(campaign.org_id, campaign.id, campaign.content)
    void = await bureau.campaigns.get(None, campaign.id)
    assert (void.state, void.approval.asked) == (State.DRAFT, False)
    assert (await bureau.campaigns.start(campaign.org_id, campaign.id, ANNA)).state is State.APPROVAL


@pytest.mark.proves("campaign: approval")
async def test_a_small_one_that_grows_while_it_waits_is_counted_again(bureau: Bureau) -> None:
    small = Audience(contacts=(1, 2))
    campaign = await asked(bureau, audience=small, launch=Launch.DEFERRED, start_at=4e9)
    assert campaign.state is State.SCHEDULED
    grown = replace(campaign.content, audience=Audience(filter=""))
    edited = await bureau.campaigns.edit(campaign.org_id, campaign.id, grown)
    assert edited.state is State.DRAFT
    assert (await bureau.campaigns.start(campaign.org_id, campaign.id, ANNA)).state is State.APPROVAL


@pytest.mark.proves("campaign: approval")
@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize(("page", "sent"), [(500, 0), (2, 2)])
async def test_one_that_grows_goes_on_when_another_person_lets_it(
    bureau: Bureau, office: Office, page: int, sent: int, approved: bool
) -> None:
    approvals = office.approvals()
    await approvals.set_above(bureau.account.org_id, 2 if approved else 3)
    campaign = await asked(bureau)
    if approved:
        campaign = await bureau.campaigns.approve(campaign.org_id, campaign.id, BO)
    assert (campaign.state, campaign.approval.asked_by, campaign.approval.recipients) == (State.RUNNING, ANNA.name, 3)
    await bureau.contacts(draft(4))
    bureau.runner = office.runner_with(pages=Pages(page, 10.0), above=approvals.above, tell_grown=approvals.tell_grown)
    paused = await ran(bureau, campaign)
    assert (paused.state, paused.cause, paused.counts.messages) == (State.PAUSED, Cause.GROWN, sent)
    told = dict((await mails(office))[-2:])
    assert set(told) == {bureau.account.email, "bo@firm.example"}
    assert "startede den" in told[bureau.account.email].replace("=\r\n", "")
    assert f"https://sms.example.com/campaigns/{campaign.id}" in told["bo@firm.example"]
    assert [each.id for each in await bureau.campaigns.waiting_for_approval(campaign.org_id)] == [campaign.id]
    for who in (ANNA, KEY):
        with pytest.raises(NotNow, match="another person"):
            await bureau.campaigns.resume(campaign.org_id, campaign.id, who)
    with pytest.raises(BadValue, match="say who"):
        await bureau.campaigns.resume(campaign.org_id, campaign.id)
    with pytest.raises(NotNow, match="changed"):  # what was looked at was a pause by hand
        await bureau.campaigns.resume(campaign.org_id, campaign.id, BO, seen="")
    await bureau.campaigns.resume(campaign.org_id, campaign.id, BO, seen=Cause.GROWN)
    after = await ran(bureau, campaign)
    assert (after.counts.messages, after.approval.answered_by, after.approval.recipients) == (4, BO.name, 4)
    assert set((await office.phones()).values()) == {1}
    assert await bureau.campaigns.waiting_for_approval(campaign.org_id) == []


@pytest.mark.proves("campaign: approval")
async def test_growing_is_no_matter_where_nothing_has_to_be_approved(bureau: Bureau, office: Office) -> None:
    approvals = office.approvals()
    bureau.runner = office.runner_with(above=approvals.above)
    await approvals.set_above(bureau.account.org_id, 0)
    campaign = await asked(bureau)
    await approvals.set_above(bureau.account.org_id, 2)  # from now on
    assert (await ran(bureau, campaign)).counts.messages == 3
    await approvals.set_above(bureau.account.org_id, 3)
    campaign = await asked(bureau)
    await bureau.contacts(draft(4))
    assert (await ran(bureau, campaign)).cause == Cause.GROWN
    await approvals.set_above(bureau.account.org_id, 0)
    await bureau.campaigns.resume(campaign.org_id, campaign.id, ANNA)
    assert (await ran(bureau, campaign)).counts.messages == 4


@pytest.mark.proves("campaign: approval")
async def test_a_start_is_nobodys_answer_to_an_earlier_one(bureau: Bureau) -> None:
    campaign = await asked(bureau, launch=Launch.DEFERRED, start_at=4e9)
    await bureau.campaigns.send_back(campaign.org_id, campaign.id, BO, "fewer")
    small = replace(campaign.content, audience=Audience(contacts=(1, 2)))
    await bureau.campaigns.edit(campaign.org_id, campaign.id, small)
    started = await bureau.campaigns.start(campaign.org_id, campaign.id, BO)
    assert started.state is State.SCHEDULED
    assert (started.approval.asked_by, started.approval.answered_by, started.approval.word) == (BO.name, "", "")
    again = await bureau.campaigns.start(campaign.org_id, campaign.id, KEY)
    assert again.approval.asked_by == BO.name, "who has started it stays who has started it"


@pytest.mark.parametrize(("started_for", "above", "most"), [(0, 5, 0), (5, 0, 0), (1, 5, 5), (100, 5, 110), (5, 5, 5)])
def test_how_far_a_campaign_may_grow(started_for: int, above: int, most: int) -> None:
    assert most_contacts(started_for, above) == most


async def ran(bureau: Bureau, campaign: Campaign) -> Campaign:
    await bureau.runner.look()
    await bureau.runner.idle()
    return await bureau.campaigns.get(campaign.org_id, campaign.id)


@pytest.mark.proves("campaign: approval")
async def test_an_organisation_has_a_number_of_its_own(bureau: Bureau, office: Office) -> None:
    approvals = office.approvals()
    await approvals.set_above(bureau.account.org_id, 3)
    assert (await asked(bureau)).state is State.RUNNING
    await approvals.set_above(bureau.account.org_id, 0)
    assert (await asked(bureau)).state is State.RUNNING
    await approvals.set_above(bureau.account.org_id, None)
    assert (await asked(bureau)).state is State.APPROVAL
    with pytest.raises(BadValue):
        await approvals.set_above(bureau.account.org_id, -1)


@pytest.mark.proves("campaign: approval")
async def test_two_answers_at_once_are_one(bureau: Bureau, office: Office) -> None:
    campaign = await asked(bureau)
    answers = await asyncio.gather(
        *(bureau.campaigns.approve(campaign.org_id, campaign.id, BO) for _ in range(5)),
        bureau.campaigns.send_back(campaign.org_id, campaign.id, BO, "no"),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Campaign) for each in answers) == 1
    assert sum(isinstance(each, NotNow) for each in answers) == 5
    assert len([to for to, _ in await mails(office) if to == "anna@firm.example"]) == 1
