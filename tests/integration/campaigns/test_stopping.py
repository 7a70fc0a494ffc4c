"""Contacts that are removed, or marked "do not use SMS", while something of a campaign waits for them: it never leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import event

from campaigns import privacy
from campaigns.audience import ContactReaders, Wanted
from campaigns.campaign import Campaign, Deed
from campaigns.contacts import Contacts
from campaigns.imports.merging import ReadRow
from campaigns.imports.plan import Plan
from campaigns.model import Audience, Channel, Draft, Point
from campaigns.recipient_list import RecipientList
from campaigns.recipients import Skip
from campaigns.statistics import CampaignStatistics
from campaigns.store import contact_sql, import_sql
from campaigns.store.recipient_list_sql import RecipientFilter
from gateway import privacy as transport
from gateway.model import Account
from gateway.sms import MessageState
from gateway.store.database import alone
from gateway.store.schema import mail_queue, messages
from tests.integration.campaigns.conftest import Listed, Office

pytestmark = pytest.mark.proves("campaign: mark and removal")


def draft(number: int) -> Draft:
    phones, emails = (Point(f"+4520{number:06}"),), (Point(f"reader{number}@customer.example"),)
    return Draft(f"Name{number}", phones=phones, emails=emails)


class Book:
    """Four contacts of an organisation, and what campaigns have made for them."""

    def __init__(self, office: Office, account: Account) -> None:
        self.office, self.account, self.org_id = office, account, account.org_id
        self.contacts = Contacts(office.database, office.clock)
        self.readers = ContactReaders(office.database, office.clock)
        self.ids: list[int] = []

    async def run(self, channel: Channel = Channel.SMS, **more: object) -> Campaign:
        """A campaign that has made something for each, which waits."""
        subjects = {"": "Hej"} if channel is Channel.EMAIL else {}
        wanted = {"audience": Audience(filter=""), "channel": channel, "subjects": subjects} | more
        campaign = await self.office.campaign(self.account, "Hej", **wanted)
        return await self.office.run(campaign, self.office.runner_with(readers=self.readers))

    async def mark(self, *ids: int) -> None:
        for contact_id in ids:
            await self.contacts.edit(self.org_id, contact_id, lambda before: replace(before, no_sms=True))

    async def sms(self) -> dict[str, tuple[str, str]]:
        """State and reason by the last digit of the phone."""
        return {row["to_number"][-1]: (row["state"], row["reason"]) for row in await self.office.rows(messages)}

    async def mails(self) -> dict[str, tuple[str, str]]:
        """State and cause by the digit in the address."""
        return {row["recipient"][6]: (row["state"], row["cause"]) for row in await self.office.rows(mail_queue)}


WAITS, MARKED, GONE = ("queued", ""), ("failed", "no-sms"), ("failed", "gone")


@pytest.fixture
async def book(office: Office, account: Account) -> Book:
    made = Book(office, account)
    made.ids = [await made.contacts.add(made.org_id, draft(number)) for number in range(1, 5)]
    return made


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
async def test_what_waits_for_a_contact_that_is_removed_does_not_leave(book: Book, paused: bool) -> None:
    by_sms, by_mail = await book.run(), await book.run(Channel.EMAIL)
    for campaign in (by_sms, by_mail) if paused else ():
        await book.office.do(campaign, Deed.PAUSE)
    assert await book.contacts.remove(book.org_id, book.ids[:2]) == 2
    assert await book.sms() == {"1": GONE, "2": GONE, "3": WAITS, "4": WAITS}
    assert await book.mails() == {"1": GONE, "2": GONE, "3": WAITS, "4": WAITS}
    contents = [bytes(row["content"]) for row in await book.office.rows(mail_queue) if row["state"] == "failed"]
    assert contents == [b"", b""]


async def test_figures_and_the_list_say_why(book: Book) -> None:
    by_sms, by_mail = await book.run(), await book.run(Channel.EMAIL)
    await book.mark(book.ids[0])
    await book.contacts.remove(book.org_id, [book.ids[1]])
    statistics = CampaignStatistics(book.office.database)
    figures = await statistics.figures(await book.office.get(by_sms))
    assert dict(figures.states) == {MessageState.FAILED: 2, MessageState.QUEUED: 2}
    assert dict(figures.failures) == {Skip.NO_SMS: 1, Skip.GONE: 1}
    assert dict((await statistics.figures(await book.office.get(by_mail))).states) == {"queued": 3, "gone": 1}
    recipients = RecipientList(book.office.database)
    for campaign, reasons in ((by_sms, ["no-sms", "gone", "", ""]), (by_mail, ["", "gone", "", ""])):
        found = (await recipients.page(campaign, RecipientFilter())).items
        assert [each.reason for each in found] == reasons
        assert [each.state == "failed" for each in found] == [bool(reason) for reason in reasons]
        counts = (await book.office.get(campaign)).counts
        assert (counts.recipients, counts.messages, counts.skipped) == (4, 4, 0)


async def test_the_mark_stops_sms_and_no_mails_and_nobody_elses(book: Book) -> None:
    await book.run()
    await book.run(Channel.EMAIL)
    other = Book(book.office, await book.office.account("bo@other.example", "Other"))
    other.ids = [await other.contacts.add(other.org_id, draft(9))]
    await other.run()
    await book.mark(*book.ids[2:], *book.ids[2:])
    assert await book.sms() == {"1": WAITS, "2": WAITS, "3": MARKED, "4": MARKED, "9": WAITS}
    assert set((await book.mails()).values()) == {WAITS}
    await other.contacts.remove(other.org_id, book.ids)
    assert (await book.sms())["1"] == WAITS


async def test_an_import_that_sets_the_mark_stops_it_too(book: Book) -> None:
    await book.run()
    rows = [ReadRow(1, draft(1), no_sms=True), ReadRow(2, draft(2)), ReadRow(3, draft(7), no_sms=True)]
    item = (book.org_id, rows, Plan(("name", "phone", "no_sms")), book.office.clock.now())
    merged = await book.office.database.write(import_sql.join, item)
    assert (len(merged.new), merged.updates) == (1, 1)
    assert await book.sms() == {"1": MARKED, "2": WAITS, "3": WAITS, "4": WAITS}


@pytest.mark.parametrize("channel", list(Channel))
async def test_who_is_erased_by_one_gets_nothing_that_waits_by_the_other(book: Book, channel: Channel) -> None:
    await book.run(channel)
    by_phone = channel is Channel.EMAIL
    whom = transport.phone("+4520000001") if by_phone else transport.employee("reader1@customer.example")
    assert (await privacy.erase(book.office.database, whom, book.office.clock)).counts["contacts"] == 1
    assert await (book.mails() if by_phone else book.sms()) == {"1": GONE, "2": WAITS, "3": WAITS, "4": WAITS}


@pytest.mark.parametrize("channel", list(Channel))
async def test_what_comes_between_reading_and_committing_is_obeyed(book: Book, channel: Channel) -> None:
    book.readers = stale = Listed()  # type: ignore[assignment]  # it reads as they do
    stale.list = list(
        await ContactReaders(book.office.database, book.office.clock).some(Wanted(book.org_id, Audience()), book.ids)
    )
    await book.mark(book.ids[0])
    await book.contacts.remove(book.org_id, [book.ids[1]])
    campaign = await book.run(channel)
    marked = {Skip.NO_SMS: 1} if channel is Channel.SMS else {}
    assert await book.office.reasons() == {"sent": 3 - len(marked), Skip.GONE: 1, **marked}
    assert campaign.counts.skipped == 1 + len(marked)
    made = await (book.sms() if channel is Channel.SMS else book.mails())
    assert set(made) == ({"3", "4"} if marked else {"1", "3", "4"})


async def test_however_a_run_and_removals_meet_nothing_is_left_waiting(book: Book) -> None:
    book.ids += [await book.contacts.add(book.org_id, draft(number)) for number in range(10, 50)]
    gone, marked = book.ids[::3], book.ids[1::3]
    runs = [book.run() for _ in range(3)]
    removals = [book.contacts.remove(book.org_id, [each]) for each in gone]
    await asyncio.gather(*runs, *removals, *(book.mark(each) for each in marked))
    phones = {row["to_number"] for row in await book.office.rows(messages) if row["state"] == "queued"}
    assert phones == {f"+4520{number:06}" for number in (3, *range(11, 50, 3))}


async def test_what_is_stopped_is_given_to_no_provider(book: Book) -> None:
    await book.run()
    await book.contacts.remove(book.org_id, [book.ids[0]])
    await book.mark(book.ids[1])
    await book.office.out.start()
    await book.office.until_given(2)
    await book.office.out.stop()
    assert sorted(message.to_number for message in book.office.provider.given) == ["+4520000003", "+4520000004"]


async def test_changes_that_mark_nobody_ask_nothing_more(book: Book) -> None:
    await book.run()
    asked: list[str] = []

    def change(connection: object, *, marked: bool) -> None:
        drafts = [(each, replace(draft(n), name="New", no_sms=marked)) for n, each in enumerate(book.ids, 1)]
        listen = lambda _c, _cursor, statement, *_more: asked.append(statement)  # noqa: E731 - what SQLAlchemy calls
        event.listen(connection, "before_cursor_execute", listen)
        contact_sql.store_one(connection, contact_sql.Change(book.org_id, 1.0, changed=drafts))  # type: ignore[arg-type]
        event.remove(connection, "before_cursor_execute", listen)

    await book.office.database.write(alone(lambda found: change(found, marked=False)), None)
    unmarked, asked[:] = list(asked), []
    assert not [each for each in unmarked if "FROM campaigns" in each or "campaign_recipients" in each]
    await book.office.database.write(alone(lambda found: change(found, marked=True)), None)
    assert [each for each in asked if "campaign_recipients" in each]
    asked.clear()
    await book.office.database.write(alone(lambda found: change(found, marked=True)), None)
    assert len(asked) == len(unmarked) + 1, "who is marked already is asked for once, all at a time"
