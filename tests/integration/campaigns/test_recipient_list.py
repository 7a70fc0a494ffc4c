"""The list of a campaign's recipients, on both databases: filters, pages, and what a page costs at most."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Select, text, update

from campaigns.campaign import Campaign, Deed
from campaigns.contacts import Contacts
from campaigns.model import Channel, Draft, Point
from campaigns.recipient_list import RecipientList
from campaigns.store import recipient_list_sql as sql
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter
from gateway.model import Account
from gateway.registry.errors import BadValue
from gateway.store.database import alone
from gateway.store.schema import messages
from tests.integration.campaigns.conftest import Listed, Office, member

pytestmark = pytest.mark.proves("campaign: recipients")


@pytest.fixture
async def ran(sending: Office, account: Account) -> Campaign:
    """A campaign of five: two get it, one of them a phone that does not exist; three are skipped."""
    contacts = Contacts(sending.database, sending.clock)
    people = [
        ("Anna Hansen", member(1), False),
        ("Bo Åberg", member(2), False),
        ("Silent", member(3), True),
        ("Twin", replace(member(4), phone=member(1).phone), False),
        ("Stopped", member(5), False),
    ]
    members = []
    for name, one, no_sms in people:
        draft = Draft(name=name, phones=(Point(one.phone or ""),), no_sms=no_sms)
        contact_id = await contacts.add(account.org_id, draft)
        language = "da" if name.startswith("Bo") else ""
        members.append(replace(one, contact_id=contact_id, name=name, no_sms=no_sms, language=language))
    sending.audience = Listed(members)
    sending.runner = sending.runner_with()
    await sending.says_stop(account, member(5).phone)
    campaign = await sending.campaign(account, texts={"": "Hello", "da": "Hej"})
    await sending.run(campaign)
    await sending.until_given(2)
    async with asyncio.timeout(20):  # what a provider has is written down a moment later
        while {row["state"] for row in await sending.rows(messages)} != {"submitted"}:
            await asyncio.sleep(0.01)
    return await sending.get(campaign)


async def names(office: Office, campaign: Campaign, **wanted: str) -> list[str]:
    found = await RecipientList(office.database).page(campaign, RecipientFilter(**wanted))
    assert found.next is None
    return [each.name for each in found.items]


async def test_filters_say_who_and_why(sending: Office, ran: Campaign) -> None:
    whole = await RecipientList(sending.database).page(ran, RecipientFilter())
    assert [(each.name, each.reason) for each in whole.items] == [
        ("Anna Hansen", ""),
        ("Bo Åberg", ""),
        ("Silent", "no-sms"),
        ("Twin", "duplicate"),
        ("Stopped", "opted-out"),
    ]
    assert whole.items[0].address == member(1).phone
    assert whole.items[2].address == member(3).phone
    assert [bool(each.message_id) for each in whole.items] == [True, True, False, False, False]
    for wanted, who in (
        ({"state": "sent"}, ["Anna Hansen", "Bo Åberg"]),
        ({"state": "submitted"}, ["Anna Hansen", "Bo Åberg"]),
        ({"state": "skipped"}, ["Silent", "Twin", "Stopped"]),
        ({"state": "skipped", "reason": "opted-out"}, ["Stopped"]),
        ({"reason": "no-sms"}, ["Silent"]),
        ({"state": "waiting"}, []),
        ({"state": "delivered"}, []),
        ({"variant": "da"}, ["Bo Åberg"]),
        ({"variant": ""}, ["Anna Hansen"]),
        ({"search": "åBERG"}, ["Bo Åberg"]),
        ({"search": "20000001"}, ["Anna Hansen", "Twin"]),
        ({"phone": "+4520000001"}, ["Anna Hansen", "Twin"]),
        ({"phone": "+4520000001", "state": "skipped"}, ["Twin"]),
        ({"search": "%"}, []),
        ({"state": "'; drop"}, []),
    ):
        assert await names(sending, ran, **wanted) == who, wanted


async def test_a_failed_sms_tells_why(sending: Office, ran: Campaign) -> None:
    failed = update(messages).where(messages.c.to_number == member(1).phone)
    failed = failed.values(state="failed", reason="unreachable", cause="absent")
    await sending.database.write(alone(lambda connection: connection.execute(failed).rowcount), None)
    (anna,) = (await RecipientList(sending.database).page(ran, RecipientFilter(state="failed"))).items
    assert (anna.name, anna.reason, anna.cause) == ("Anna Hansen", "unreachable", "absent")
    assert await names(sending, ran, reason="unreachable") == ["Anna Hansen"]
    assert await names(sending, ran, state="failed", reason="rejected") == []


async def test_pages_go_on_where_they_ended_and_end(
    sending: Office, ran: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipients = RecipientList(sending.database)
    cursor, seen = None, []
    while True:
        found = await recipients.page(ran, RecipientFilter(), cursor=cursor, size=2)
        seen += [each.name for each in found.items]
        cursor = found.next
        if cursor is None:
            break
    assert seen == ["Anna Hansen", "Bo Åberg", "Silent", "Twin", "Stopped"]
    with pytest.raises(BadValue):
        await recipients.page(ran, RecipientFilter(), cursor="nonsense")
    # A look that has no time for all of it comes back with nothing and goes on from there.
    monkeypatch.setattr(sql, "WINDOW", 1)
    monkeypatch.setattr("campaigns.recipient_list.LOOKS", 2)
    found = await recipients.page(ran, RecipientFilter(search="stopped"))
    assert (found.items, found.next is None) == ((), False)
    assert [each.name async for each in recipients.rows(ran, RecipientFilter(search="stopped"))] == ["Stopped"]
    assert [each.name async for each in recipients.rows(ran, RecipientFilter())] == seen


async def test_a_deleted_contact_stays_in_the_list_without_a_name(sending: Office, ran: Campaign) -> None:
    contacts = Contacts(sending.database, sending.clock)
    first: ListedRecipient = (await RecipientList(sending.database).page(ran, RecipientFilter())).items[0]
    await contacts.remove(ran.org_id, [first.contact_id])
    found = (await RecipientList(sending.database).page(ran, RecipientFilter(state="sent"))).items
    assert [(each.name, each.address) for each in found] == [("", member(1).phone), ("Bo Åberg", member(2).phone)]


async def test_those_of_a_cancelled_campaign_by_e_mail_stand_as_their_mails_do(
    office: Office, account: Account
) -> None:
    office.audience.list = [replace(member(1), email="A@firm.example"), member(2)]
    campaign = await office.campaign(account, channel=Channel.EMAIL, subjects={"": "Hej"})
    await office.run(campaign)
    found = await RecipientList(office.database).page(campaign_of_mail := await office.get(campaign), RecipientFilter())
    assert [(each.address, each.state, each.reason) for each in found.items] == [
        ("a@firm.example", "queued", ""),
        ("", "skipped", "no-address"),
    ]
    queued = await RecipientList(office.database).page(campaign_of_mail, RecipientFilter(state="queued"))
    assert len(queued.items) == 1
    await office.do(campaign, Deed.CANCEL)


async def test_any_page_is_a_walk_along_the_primary_key(sending: Office, ran: Campaign) -> None:
    """What the databases say of the queries: no sort, and no walk over all messages or contacts."""
    for wanted in (RecipientFilter(), RecipientFilter(state="failed"), RecipientFilter(search="anna")):
        query = sql.rows_query(ran.id, Channel.SMS, wanted, 1).where(sql.CONTACT > 7).order_by(sql.CONTACT).limit(51)
        plan = await sending.database.read(partial(_plan, query=query))
        if "SEARCH" in plan:  # SQLite
            assert "SEARCH campaign_recipients USING PRIMARY KEY (campaign_id=? AND contact_id>?)" in plan
            assert "SCAN" not in plan
            assert "TEMP B-TREE" not in plan


def _plan(connection: Connection, query: Select[Any]) -> str:
    compiled = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.execute(text(f"{word} {compiled}".replace(":", "\\:")))
    return "\n".join(str(row[-1]) for row in rows)
