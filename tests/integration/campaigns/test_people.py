"""One person among contacts: all that is kept of them is given, and after its end only what must stay is left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import String, Text, insert

from campaigns import privacy
from campaigns.contacts import Contacts
from campaigns.groups import Groups
from campaigns.model import Attribute, AttributeType, Channel, Draft, LinkedObject, Point
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.email_schema import email_bounces, email_optouts
from campaigns.store.schema import contact_imports, import_refusals
from gateway import privacy as transport
from gateway.model import Account
from gateway.privacy import StillUnderWay
from gateway.registry.errors import NotFound
from gateway.store.database import alone
from gateway.store.schema import mail_queue
from gateway.store.tables import all_tables
from tests.integration.campaigns.conftest import Office, member

PHONE, EMAIL = "+4530643064", "vera@Customer.example"
HERS, OTHERS = "+4530643099", "+4530643111"


async def everything(office: Office) -> str:
    """Every word of every table."""
    words: list[str] = []
    for table in all_tables().sorted_tables:
        names = [column.name for column in table.c if isinstance(column.type, String | Text)]
        words += [str(row[name]) for row in await office.rows(table) for name in names]
    return "\n".join(words)


async def store(office: Office, table: Any, **row: Any) -> None:
    await office.database.write(alone(lambda connection: connection.execute(insert(table).values(row)) and None), None)


@pytest.fixture
async def vera(office: Office, account: Account) -> int:
    """A contact with one of everything, in two books; who got a mail of a campaign, unsubscribed, and bounced."""
    contacts, org = Contacts(office.database, office.clock), account.org_id
    form = Draft("Vera Vest", phones=(Point(PHONE), Point(HERS)), emails=(Point(EMAIL),), tags=frozenset({"vip"}))
    vera = await contacts.add(org, form)
    await contacts.add(org, Draft("Otto Øst", phones=(Point(OTHERS),)))
    await contacts.give_consent(org, [vera], "newsletter", how="on paper", wording="Yes, write to me")
    await contacts.define(org, Attribute("total", "Total", AttributeType.NUMBER, kind="order"))
    await contacts.link(org, vera, LinkedObject("order", {}, ref="A-17"))
    groups = Groups(office.database, office.clock, {})
    group = await groups.make(await contacts.book(org), "Friends", None)
    await groups.add(org, group.id, [vera])
    elsewhere = await office.accounts.ensure_organisation("Globex", "DK", "da")
    await contacts.add(elsewhere.id, Draft("Vera at Globex", phones=(Point(PHONE),)))
    office.audience.list = [member(vera, phone=None, email=EMAIL)]
    campaign = await office.campaign(account, "Hej", channel=Channel.EMAIL, subjects={"": "Hej"})
    await office.run(campaign)
    address = EMAIL.lower()
    await store(office, email_optouts, org_id=org, address=address, since=1.0, how="page", campaign_id=campaign.id)
    await store(office, email_bounces, org_id=org, address=address, at=1.0, cause=f"5.1.1 <{address}>")
    await store(
        office, contact_imports, id="01IMPORT", org_id=org, name="x.csv", state="finished", head="[]", created_at=1.0
    )
    for line, cell in enumerate((EMAIL, "30643064", OTHERS)):
        await store(office, import_refusals, import_id="01IMPORT", line=line, why="{}", cells=json.dumps([cell]))
    return vera


async def settled(office: Office) -> None:
    """Let the mail of the campaign have left."""
    gone = mail_queue.update().values(state="sent", content=b"", settled_at=office.clock.now())
    await office.database.write(alone(lambda connection: connection.execute(gone) and None), None)


@pytest.mark.proves("person export")
async def test_all_of_a_contact_is_given(office: Office, account: Account, vera: int):
    given = await privacy.export(office.database, transport.employee(EMAIL, account.org_id), office.clock)
    json.dumps(given)
    (contact,) = given["contacts"]
    assert (contact["id"], contact["name"], contact["tags"]) == (vera, "Vera Vest", ["vip"])
    assert [each["value"] for each in contact["phones"]] == [PHONE, HERS]
    assert contact["consents"][0]["wording"] == "Yes, write to me"
    assert contact["consents"][0]["given_at"].endswith("Z")
    assert contact["objects"][0]["ref"] == "A-17"
    counts = {name: len(given[name]) for name in ("group_memberships", "campaign_recipients", "link_clicks")}
    assert counts == {"group_memberships": 1, "campaign_recipients": 1, "link_clicks": 0}
    assert [len(given[name]) for name in ("email_opt_outs", "email_bounces")] == [1, 1]


@pytest.mark.proves("person export")
async def test_by_the_phone_it_is_the_same_contact_and_no_other_organisations(
    office: Office, account: Account, vera: int
):
    within = await privacy.export(office.database, transport.phone(PHONE, account.org_id), office.clock)
    assert [each["id"] for each in within["contacts"]] == [vera]
    over_all = await privacy.export(office.database, transport.phone(PHONE), office.clock)
    assert [each["name"] for each in over_all["contacts"]] == ["Vera Vest", "Vera at Globex"]
    assert not (await privacy.export(office.database, transport.phone("+4511111111"), office.clock))["contacts"]


@pytest.mark.proves("erase")
async def test_of_an_address_only_its_opt_out_is_left(office: Office, account: Account, vera: int):
    await settled(office)
    whom = transport.employee(EMAIL, account.org_id)
    done = await privacy.erase(office.database, whom, office.clock)
    assert {name: count for name, count in done.counts.items() if count} == {
        "contacts": 1, "campaign_mails": 1, "import_rows": 1,
    }  # fmt: skip
    assert done.opt_outs_kept == 1
    (kept,) = await office.rows(email_optouts)
    assert kept["address"] == EMAIL.lower()
    (recipient,) = await office.rows(campaign_recipients)
    assert (recipient["state"], recipient["address"]) == ("sent", None)
    words = (await everything(office)).replace(EMAIL.lower(), "", 1)
    for trace in (EMAIL.lower(), EMAIL, "Vest", HERS, "A-17", "Yes, write to me"):
        assert trace not in words
    assert "Otto" in words
    assert "Vera at Globex" in words
    with pytest.raises(NotFound):
        await privacy.erase(office.database, whom, office.clock)


@pytest.mark.proves("erase")
async def test_a_phone_ends_with_its_contact(office: Office, account: Account, vera: int):
    done = await privacy.erase(office.database, transport.phone(PHONE), office.clock)
    assert {name: count for name, count in done.counts.items() if count} == {"contacts": 2, "import_rows": 1}
    words = await everything(office)
    assert PHONE[3:] not in words
    assert "Vera" not in words


@pytest.mark.proves("erase")
async def test_a_mail_that_waits_comes_first(office: Office, account: Account, vera: int):
    with pytest.raises(StillUnderWay, match="1 mails of campaigns"):
        await privacy.erase(office.database, transport.employee(EMAIL, account.org_id), office.clock)
    assert await Contacts(office.database, office.clock).find(account.org_id, vera)
