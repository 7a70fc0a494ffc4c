"""Campaigns as people handle them, over stored contacts: written, estimated, checked, tried, looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from typing import Any

import pytest

from campaigns.audience import ContactReaders, Wanted
from campaigns.campaign import Campaign, Cause, Content, Launch, Limits, NotNow, State
from campaigns.campaigns import Campaigns
from campaigns.emails import EmailWriter
from campaigns.estimate import Estimate
from campaigns.model import Audience, Channel, Draft, Group, Point
from campaigns.recipients import Skip
from campaigns.rehearsal import Rehearsal
from campaigns.schedule import Window
from campaigns.store import group_sql
from campaigns.store.contact_sql import Change, store
from campaigns.terms import TermsMaker
from campaigns.text_errors import TextError
from gateway.listed_sms import LogFilter
from gateway.message_log import MessageLog
from gateway.model import Account, Author, Origin, new_id
from gateway.money import Money
from gateway.outbox import Outbox
from gateway.registry.errors import BadValue, NotFound
from gateway.sending import Sending
from gateway.sms import DeliveryReport, Encoding, ReportStatus
from gateway.spending import DAY
from gateway.store import optout_sql
from gateway.store.database import alone
from gateway.store.schema import inbound, mail_queue, messages
from gateway.threads import Threads
from gateway.trace import trace
from tests.integration.campaigns.conftest import OURS, SHORTENER, ManualClock, Office

PERSON = Author(Origin.PAGE, "person", "01PERSON", "anna@firm.example")
EVERYBODY = Audience(filter="")


def draft(number: int, **more: Any) -> Draft:
    """Contact `number`, with a phone of its own."""
    return Draft(**({"name": f"Name{number} Hansen", "phones": (Point(f"+4520{number:06}"),)} | more))


class Bureau:
    """The front room over an office, with contacts in the database."""

    def __init__(self, office: Office, account: Account) -> None:
        self.office = office
        self.account = account
        office.audience = ContactReaders(office.database, office.clock)
        self.runner = office.runner_with()
        self.campaigns = Campaigns(
            database=office.database,
            accounts=office.accounts,
            readers=office.audience,
            terms=TermsMaker(office.settings, office.accounts, SHORTENER),
            dialog=office.settings.dialog,
            approvals=office.approvals(),
            clock=office.clock,
            nudge=self.runner.nudge,
        )
        self.rehearsal = Rehearsal(
            database=office.database,
            campaigns=self.campaigns,
            accounts=office.accounts,
            sending=self._sending(),
            emails=EmailWriter(office.settings.mail, "https://sms.example.com", office.keyring),
            clock=office.clock,
        )

    def _sending(self) -> Sending:
        office = self.office
        outbox = Outbox(
            settings=office.settings,
            accounts=office.accounts,
            spool=office.spool,
            threads=Threads(office.database, "mx.example.com"),
            departures=office.out,
            mail_queued=lambda: None,
        )
        return Sending(
            settings=office.settings, accounts=office.accounts, outbox=outbox, spool=office.spool, clock=office.clock
        )

    async def contacts(self, *drafts: Draft) -> tuple[int, ...]:
        change = Change(self.account.org_id, self.office.clock.now(), drafts)
        return (await self.office.database.write(store, change)).new

    async def create(self, text: str = "Hej {{ first_name }}", **more: Any) -> Campaign:
        content = Content("Spring", self.account.id, {"": text}, EVERYBODY)
        return await self.campaigns.create(self.account.org_id, replace(content, **more), "anna")

    async def estimate(self, campaign: Campaign) -> list[Estimate]:
        return [each async for each in self.campaigns.estimate(campaign.org_id, campaign.id)]

    async def run(self, campaign: Campaign) -> Campaign:
        await self.campaigns.start(campaign.org_id, campaign.id)
        await self.runner.look()
        await self.runner.idle()
        return await self.campaigns.get(campaign.org_id, campaign.id)


@pytest.fixture
async def bureau(office: Office, account: Account) -> Bureau:
    return Bureau(office, account)


@pytest.mark.proves("C7", "C8", "C9")
async def test_a_campaign_is_written_changed_and_started(bureau: Bureau) -> None:
    await bureau.contacts(draft(1), draft(2))
    made = await bureau.create()
    assert (made.state, made.created_by, made.content.account_id) == (State.DRAFT, "anna", bureau.account.id)
    window, tomorrow = Window(540, 1200, zone="Europe/Oslo"), bureau.office.clock.now() + DAY
    later = replace(made.content, launch=Launch.DEFERRED, start_at=tomorrow, window=window)
    later = replace(later, limits=Limits(10, 2, 500, Money(5, "DKK")), texts={"": "Hi", "da": "Hej"}, smart=False)
    await bureau.campaigns.edit(made.org_id, made.id, later)
    assert (await bureau.campaigns.get(made.org_id, made.id)).content == later
    assert (await bureau.campaigns.start(made.org_id, made.id)).state is State.SCHEDULED
    await bureau.campaigns.edit(made.org_id, made.id, made.content)
    assert (await bureau.campaigns.start(made.org_id, made.id)).state is State.RUNNING
    with pytest.raises(NotNow):
        await bureau.campaigns.edit(made.org_id, made.id, later)
    copy = await bureau.campaigns.copy(made.org_id, made.id, "Autumn")
    assert (copy.state, copy.content.name, copy.content.texts) == (State.DRAFT, "Autumn", made.content.texts)
    await bureau.campaigns.delete(made.org_id, copy.id)
    assert [each.id for each in await bureau.campaigns.listing(made.org_id)] == [made.id]


@pytest.mark.proves("C7", "C9", "C11")
async def test_what_can_be_no_campaign_is_said_at_once(bureau: Bureau, office: Office) -> None:
    with pytest.raises(TextError, match="there is no field called street"):
        await bureau.create("Hej {{ street }}")
    with pytest.raises(BadValue, match="responsible"):
        await bureau.create(account_id=(await office.account("eve@other.example", "Other")).id)
    await bureau.contacts(draft(1))
    with pytest.raises(NotFound, match="group"):
        await bureau.create(audience=Audience(groups=("gone",)))
    campaign = await bureau.create(audience=Audience())
    with pytest.raises(BadValue, match="no audience"):
        await bureau.campaigns.start(campaign.org_id, campaign.id)


async def test_another_organisations_campaign_is_not_there(bureau: Bureau, office: Office) -> None:
    campaign = await bureau.create()
    other = (await office.account("eve@other.example", "Other")).org_id
    for deed in (bureau.campaigns.get, bureau.campaigns.start, bureau.campaigns.pause, bureau.campaigns.cancel):
        with pytest.raises(NotFound):
            await deed(other, campaign.id)
    with pytest.raises(NotFound):
        await bureau.campaigns.edit(other, campaign.id, campaign.content)
    with pytest.raises(NotFound):
        await bureau.campaigns.check(other, campaign.id, 1)
    assert await bureau.campaigns.listing(other) == []


@pytest.mark.proves("campaign: estimate", "C12")
async def test_the_estimate_is_what_happens(bureau: Bureau, office: Office) -> None:
    ids = await bureau.contacts(
        *(draft(n) for n in range(1, 1201)),
        draft(2001, no_sms=True),
        draft(2002, phones=()),
        draft(2003, phones=(Point("+45200001201"),)),
        draft(2004, phones=(Point("+4520000001"),)),
        draft(2005, phones=(Point("+8613800138000"),)),
        draft(2006, first_name="Дмитрий", name="Дмитрий"),
        draft(2007, name="", first_name=""),
        draft(2008, first_name="x" * 160, name="x"),
    )
    await office.says_stop(bureau.account, "+45200001201")
    campaign = await bureau.create()
    estimates = await bureau.estimate(campaign)
    assert [each.done for each in estimates] == [1000, len(ids)]
    assert [each.finished for each in estimates] == [False, True]
    last = estimates[-1]
    assert (last.total, last.messages, last.parts) == (1208, 1203, 1204)
    assert last.skipped == {
        Skip.NO_SMS: 1,
        Skip.NO_PHONE: 1,
        Skip.OPTED_OUT: 1,
        Skip.DUPLICATE: 1,
        Skip.COUNTRY: 1,
    }
    assert last.by_parts == {1: 1202, 2: 1}
    assert last.by_encoding == {Encoding.GSM7: 1202, Encoding.UCS2: 1}
    assert (last.gaps, last.gap_example) == ({"first_name": 1}, ids[-2])
    assert not await office.rows(messages)
    ran = await bureau.run(campaign)
    assert (ran.counts.messages, ran.counts.parts, ran.counts.skipped) == (last.messages, last.parts, 5)
    figures = await bureau.campaigns.figures(ran)
    assert figures.skipped == last.skipped
    assert figures.states == {"queued": 1203}


@pytest.mark.proves("campaign: estimate", "campaign: send window")
async def test_an_estimate_counts_who_gets_it_later(office_with: Callable[..., Office]) -> None:
    start = datetime(2027, 1, 5, 9, tzinfo=UTC).timestamp()  # 10 in Copenhagen, 18 in Tokyo
    office = office_with(clock=ManualClock(start - 3600))
    bureau = Bureau(office, await office.account())
    await bureau.contacts(draft(1, zone="Asia/Tokyo"), draft(2, zone="Europe/Copenhagen"), draft(3, no_sms=True))
    deferred = {"launch": Launch.DEFERRED, "start_at": start, "any_day": True}
    campaign = await bureau.create(**deferred, window=Window(9 * 60, 17 * 60))
    estimate = (await bureau.estimate(campaign))[-1]
    assert (estimate.messages, estimate.later) == (2, 1)
    assert estimate.first_at == datetime(2027, 1, 6, 0, tzinfo=UTC).timestamp()  # 9 in Tokyo
    campaign = await bureau.create(**deferred, window=Window(9 * 60, 19 * 60))
    assert [(each.later, each.first_at) for each in await bureau.estimate(campaign)] == [(0, None)]


@pytest.mark.proves("C10", "C2")
async def test_a_check_shows_the_very_message(database: Any, tmp_path: Any) -> None:
    tables = {
        "provider": ({"name": "a", "kind": "simulator"},),
        "pool": (OURS,),
        "routing": {"currency": "DKK"},
        "price": ({"provider": "a", "part": {"DK": 0.25}},),
    }
    office = Office(database, tmp_path, **tables)
    await office.spool.start()
    bureau = Bureau(office, await office.account())
    anna, bo, eve = await bureau.contacts(
        draft(1, language="da", zone="Asia/Tokyo"), draft(2, no_sms=True), draft(3, first_name="", name="")
    )
    campaign = await bureau.create(texts={"": "Hi {{ first_name }}", "da": "Hej {{ first_name }} " + "x" * 160})
    got = await bureau.campaigns.check(campaign.org_id, campaign.id, anna)
    assert got.text is not None
    assert (got.text.text, got.text.parts, got.variant) == ("Hej Name1 " + "x" * 160, 2, "da")
    assert (got.price, got.sender, got.reason) == (Money(50_000, "DKK"), bureau.account.number, None)
    got = await bureau.campaigns.check(campaign.org_id, campaign.id, bo)
    assert (got.text, got.reason) == (None, Skip.NO_SMS)
    got = await bureau.campaigns.check(campaign.org_id, campaign.id, eve)
    assert (got.text and got.text.text, got.gaps) == ("Hi", ("first_name",))
    with pytest.raises(NotFound, match="no such contact"):
        await bureau.campaigns.check(campaign.org_id, campaign.id, 12345)
    [estimate] = await bureau.estimate(campaign)
    assert (estimate.cost, estimate.unpriced) == (Money(75_000, "DKK"), 0)
    await office.spool.stop()


async def test_a_text_is_tried_on_ones_own_phone(bureau: Bureau, office: Office) -> None:
    [anna] = await bureau.contacts(draft(1))
    campaign = await bureau.create()
    await bureau.rehearsal.by_sms(campaign.org_id, campaign.id, anna, "+4530643064", PERSON)
    [row] = await office.rows(messages)
    assert (row["text"], row["to_number"], row["priority"]) == ("Hej Name1", "+4530643064", 0)
    assert (await bureau.campaigns.get(campaign.org_id, campaign.id)).state is State.DRAFT


@pytest.mark.proves("campaign: e-mail")
async def test_an_e_mail_is_tried_in_ones_own_mailbox(bureau: Bureau, office: Office) -> None:
    emails = (Point("anna@customer.example"),)
    anna, bo = await bureau.contacts(replace(draft(1), emails=emails), draft(2))
    campaign = await bureau.create(channel=Channel.EMAIL, subjects={"": "Til {{ first_name }}"})
    where = campaign.org_id, campaign.id
    with pytest.raises(BadValue, match=r"no text to try: .*address"):
        await bureau.rehearsal.by_email(*where, bo, None)
    with pytest.raises(BadValue, match="tried by e-mail"):
        await bureau.rehearsal.by_sms(*where, anna, "+4530643064", PERSON)
    for asked, to in ((None, bureau.account.email), ("olga@firm.example", "olga@firm.example")):
        sent = await bureau.rehearsal.by_email(*where, anna, asked)
        [row] = [each for each in await office.rows(mail_queue) if each["id"] == sent.id]
        mail = message_from_bytes(bytes(row["content"]), policy=policy.default)
        assert (row["recipient"], mail["To"], mail["Subject"]) == (to, to, "Test: Til Name1")
        text = mail.get_body(("plain",)).get_content()
        assert "Hej Name1" in text
        assert "/u/" not in text, "nobody is unsubscribed by a test"
        assert mail["List-Unsubscribe"] is None
    assert (await bureau.campaigns.get(*where)).state is State.DRAFT


@pytest.mark.proves("C11")
async def test_an_audience_of_contacts_and_groups_is_read_when_it_matters(bureau: Bureau, office: Office) -> None:
    ids = await bureau.contacts(*(draft(n, language="da" if n % 2 else "sv") for n in range(1, 11)))
    now = office.clock.now()
    group = Group(new_id(now), bureau.account.org_id, "Danes", "language = 'da'", now, now)
    assert await office.database.write(group_sql.save, group)
    campaign = await bureau.create(audience=Audience(contacts=(ids[1],), groups=(group.id,)))
    assert (await bureau.estimate(campaign))[-1].messages == 6
    await bureau.contacts(draft(11, language="da"))
    ran = await bureau.run(campaign)
    assert ran.counts.messages == 7
    received = Audience(filter="received: Spring")
    count = await office.audience.count(Wanted(bureau.account.org_id, received))
    assert count == 0, "nothing has left yet"


@pytest.mark.proves("campaign: limits")
async def test_a_campaign_whose_group_is_gone_pauses_and_tells(bureau: Bureau, office: Office) -> None:
    await bureau.contacts(draft(1))
    now = office.clock.now()
    group = Group(new_id(now), bureau.account.org_id, "Danes", "", now, now)
    await office.database.write(group_sql.save, group)
    campaign = await bureau.create(audience=Audience(groups=(group.id,)))
    await bureau.campaigns.start(campaign.org_id, campaign.id)
    await office.database.write(group_sql.remove, (bureau.account.org_id, group.id))
    await bureau.runner.look()
    await bureau.runner.idle()
    after = await bureau.campaigns.get(campaign.org_id, campaign.id)
    assert (after.state, after.cause) == (State.PAUSED, Cause.AUDIENCE)
    [mail] = await office.rows(mail_queue)
    assert mail["recipient"] == bureau.account.email


@pytest.mark.proves("campaign: limits")
async def test_who_is_responsible_is_told_that_the_budget_is_spent(bureau: Bureau, office: Office) -> None:
    await bureau.contacts(draft(1), draft(2), draft(3))
    after = await bureau.run(await bureau.create(limits=Limits(parts=2)))
    assert (after.state, after.cause, after.counts.messages) == (State.PAUSED, Cause.BUDGET, 2)
    [mail] = await office.rows(mail_queue)
    assert mail["recipient"] == bureau.account.email
    assert b"Spring" in mail["content"]


@pytest.mark.proves("C4", "C12")
async def test_figures_answers_and_the_log(bureau: Bureau, office: Office) -> None:
    await bureau.contacts(*(draft(n) for n in range(1, 6)))
    campaign = await bureau.create()
    await bureau.run(campaign)
    await office.out.start()
    try:
        await office.until_given(5)
        await asyncio.gather(
            *(
                office.out.report([DeliveryReport("a", f"a-{each.id}", ReportStatus.DELIVERED, office.clock.now())])
                for each in office.provider.given[:3]
            )
        )
        async with asyncio.timeout(10):
            while [row["state"] for row in await office.rows(messages)].count("delivered") < 3:
                await asyncio.sleep(0.02)
    finally:
        await office.out.stop()
    await _answers(bureau, "+4520000001", "Ja tak")
    await _answers(bureau, "+4520000001", "Nej tak")
    await _answers(bureau, "+4520999999", "Hvem er du?")
    words = {(bureau.account.org_id, "+4520000002"): "stop"}
    now = office.clock.now()
    await office.database.write(alone(partial(optout_sql.opt_out_all, words=words, now=now)), None)
    figures = await bureau.campaigns.figures(await bureau.campaigns.get(campaign.org_id, campaign.id))
    assert figures.states == {"delivered": 3, "submitted": 2}
    assert (figures.replies, figures.optouts, figures.parts, figures.unpriced) == (1, 1, 5, 5)
    assert sum(count for _, count in figures.delivered) == 3
    assert figures.variants == {"": 5}
    page = await MessageLog(office.database).page(LogFilter(org_id=campaign.org_id, phone="+4520000003"))
    [sms] = page.items
    assert await bureau.campaigns.names([sms.mail_id or ""]) == {campaign.id: "Spring"}
    story = await trace(office.database, sms.id, org_id=campaign.org_id)
    assert story is not None
    assert [step.event for step in story.steps][:2] == ["campaign started", "SMS stored"]
    assert story.steps[0].facts["name"] == "Spring"
    assert await trace(office.database, sms.id, org_id="another") is None
    assert await trace(office.database, campaign.id) is None
    answered = Wanted(campaign.org_id, Audience(filter="answered: Spring"))
    assert await office.audience.count(answered) == 1
    assert await office.audience.count(replace(answered, audience=Audience(filter="received: spring"))) == 5


async def _answers(bureau: Bureau, phone: str, text: str) -> None:
    now = bureau.office.clock.now()
    row = {
        "id": new_id(now),
        "provider": "a",
        "ref": new_id(now),
        "from_number": phone,
        "to_number": bureau.account.number,
        "text": text,
        "at": now,
        "received_at": now,
        "state": "mailed",
        "org_id": bureau.account.org_id,
        "account_id": bureau.account.id,
    }
    await bureau.office.database.write(
        alone(lambda connection: connection.execute(inbound.insert().values(**row))), None
    )
