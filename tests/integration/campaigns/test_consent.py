"""A campaign that asks for a consent: who has not given it gets nothing, and who withdraws it nothing more."""

from __future__ import annotations

import pytest

from campaigns.audience import ContactReaders, Wanted
from campaigns.campaign import Campaign, Deed
from campaigns.contacts import Contacts
from campaigns.estimate import Estimator
from campaigns.model import Audience, Channel, Draft, Point, Recipient
from campaigns.recipients import Skip
from campaigns.store import consent_sql
from gateway.model import Account
from gateway.store.schema import mail_queue, messages
from tests.integration.campaigns.conftest import SHORTENER, Listed, Office, TermsMaker

pytestmark = pytest.mark.proves("campaign: consent")

NEWS = "Newsletter"


class Book:
    """Contacts of an organisation, of whom some agree."""

    def __init__(self, office: Office, account: Account) -> None:
        self.contacts = Contacts(office.database, office.clock)
        self.org_id = account.org_id
        self.ids: list[int] = []

    async def fill(self, count: int, agree: int) -> None:
        for number in range(1, count + 1):
            phones, emails = (Point(f"+4520{number:06}"),), (Point(f"reader{number}@customer.example"),)
            self.ids.append(await self.contacts.add(self.org_id, Draft(f"Name{number}", phones=phones, emails=emails)))
        await self.contacts.give_consent(self.org_id, self.ids[:agree], NEWS, how="form", wording="Yes, please")

    async def withdraw(self, *places: int) -> None:
        await self.contacts.end_consent(self.org_id, [self.ids[place] for place in places], NEWS, how="by mail")


@pytest.fixture
async def book(office: Office, account: Account) -> Book:
    made = Book(office, account)
    await made.fill(4, agree=3)
    return made


class Stale(Listed):
    """An audience as it was read before somebody withdrew."""

    async def learn(self, office: Office, book: Book) -> None:
        readers = ContactReaders(office.database, office.clock)
        self.list: list[Recipient] = list(await readers.some(Wanted(book.org_id, Audience()), book.ids))


async def asking(office: Office, account: Account, **more: object) -> Campaign:
    return await office.campaign(account, "Hej", audience=Audience(filter=""), consent="newsletter", **more)


@pytest.fixture
async def read(office: Office, book: Book) -> Stale:
    """What a runner has read of the book, which does not change with it."""
    stale = Stale()
    await stale.learn(office, book)
    office.audience = stale
    office.runner = office.runner_with()
    return stale


async def test_who_has_not_agreed_is_left_out_with_the_reason(office: Office, account: Account, read: Stale) -> None:
    done = await office.run(await asking(office, account))
    assert await office.reasons() == {"sent": 3, Skip.NO_CONSENT: 1}
    assert (done.counts.messages, done.counts.skipped) == (3, 1)
    assert sorted(await office.phones()) == [f"+4520{number:06}" for number in (1, 2, 3)]


async def test_without_the_condition_all_get_it(office: Office, account: Account, read: Stale) -> None:
    await office.run(await office.campaign(account, "Hej", audience=Audience(filter="")))
    assert await office.reasons() == {"sent": 4}


async def test_the_estimate_says_the_same_before(office: Office, account: Account, read: Stale) -> None:
    campaign = await asking(office, account)
    terms = TermsMaker(office.settings, office.accounts, SHORTENER).of_campaign(campaign, account)
    estimates = [each async for each in Estimator(office.database, read, office.clock).estimate(campaign, terms)]
    assert estimates[-1].skipped == {Skip.NO_CONSENT: 1}
    assert estimates[-1].messages == 3


async def test_what_is_withdrawn_between_reading_and_committing_is_obeyed(
    office: Office, account: Account, book: Book, read: Stale
) -> None:
    await book.withdraw(0)
    await office.run(await asking(office, account))
    assert await office.reasons() == {"sent": 2, Skip.NO_CONSENT: 2}
    assert "+4520000001" not in await office.phones()


async def test_what_waits_in_the_spool_does_not_leave(
    office: Office, account: Account, book: Book, read: Stale
) -> None:
    await office.run(await asking(office, account))
    other = await office.run(await office.campaign(account, "Other", audience=Audience(filter="")))
    await book.withdraw(1)
    failed = [row for row in await office.rows(messages) if row["state"] == "failed"]
    assert [(row["to_number"], row["reason"]) for row in failed] == [("+4520000002", "no-consent")]
    assert failed[0]["mail_id"] != other.id, "a campaign that asks for nothing goes on"


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
async def test_a_mail_that_waits_does_not_leave(
    office: Office, account: Account, book: Book, read: Stale, paused: bool
) -> None:
    campaign = await office.run(await asking(office, account, channel=Channel.EMAIL, subjects={"": "News"}))
    if paused:
        await office.do(campaign, Deed.PAUSE)
    await book.withdraw(2)
    mails = {row["recipient"]: row for row in await office.rows(mail_queue)}
    assert len(mails) == 3
    stopped = mails["reader3@customer.example"]
    assert (stopped["state"], stopped["cause"], bytes(stopped["content"])) == ("failed", "no-consent", b"")
    assert {row["state"] for name, row in mails.items() if name != "reader3@customer.example"} == {"queued"}
    assert (await office.reasons())[Skip.NO_CONSENT] == 2


async def test_another_organisations_consent_of_the_same_name_says_nothing(
    office: Office, account: Account, book: Book
) -> None:
    elsewhere = await office.accounts.ensure_organisation("Globex", "DK", "da")

    def agree(org_id: str) -> object:
        return office.database.read(lambda found: consent_sql.agreeing(found, org_id, "NEWSLETTER", book.ids))

    assert await agree(account.org_id) == frozenset(book.ids[:3])
    assert await agree(elsewhere.id) == frozenset()
