"""Opt-outs by hand: searched, added, removed after a question, each organisation's its own."""

from __future__ import annotations

import re

import pytest

from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import PHONE, came

pytestmark = pytest.mark.proves("opt-outs by hand")
REMOVAL = f"/optouts/{PHONE}/remove"


def phones(page: str) -> list[str]:
    """The phones of a list, in its order."""
    return re.findall(r'<span class="number">[^<]+<button[^>]+data-copy="(\+\d+)"', page)


async def test_a_stop_is_on_the_list_and_is_taken_off_after_a_question(house: House):
    assert "Nobody has said STOP" in await house.owner.get("/optouts")
    await came(house.site, house.account.number, "STOP")
    page = await house.owner.get("/optouts")
    assert phones(page) == [PHONE]
    question = re.search(r'href="(/optouts/[^"]+/remove\?[^"]+)"', page)
    assert question is not None
    assert "own wish" in await house.owner.get(question[1].replace("&amp;", "&"))
    assert phones(await house.owner.get("/optouts")) == [PHONE]
    await house.owner.post(REMOVAL, org=house.org.id)
    assert phones(await house.owner.get("/optouts")) == []
    assert ("optout.remove", {}) in await house.site.audited(house.org.id)
    await house.owner.post(REMOVAL, 404, org=house.org.id)


async def test_a_phone_is_added_by_hand_once(house: House):
    assert "A phone that wants no SMS" in await house.owner.get("/optouts/new")
    wrong = await house.owner.post("/optouts/new", 422, phone="<abc>")
    assert 'id="e-phone"' in wrong
    assert 'value="&lt;abc&gt;"' in wrong
    await house.owner.post("/optouts/new", phone="30 64 30 64")
    assert "gets no more SMS" in (listed := await house.owner.get("/optouts"))
    assert phones(listed) == [PHONE]
    await house.owner.post("/optouts/new", phone=PHONE)
    assert "was on the list already" in await house.owner.get("/optouts")
    assert ("optout.add", {}) in await house.site.audited(house.org.id)


async def test_an_operator_says_whose_list_it_is(house: House):
    assert house.other_org.id in await house.operator.get("/optouts/new")
    assert 'id="e-org"' in await house.operator.post("/optouts/new", 422, phone=PHONE)
    await house.operator.post("/optouts/new", phone=PHONE, org=house.other_org.id)
    assert phones(await house.operator.get("/optouts")) == [PHONE]
    assert phones(await house.owner.get("/optouts")) == []


@pytest.mark.proves("paging")
async def test_the_list_is_searched_and_goes_on(house: House):
    added = [f"+4530{number:06}" for number in range(60)]
    for phone in added:
        await house.owner.post("/optouts/new", phone=phone)
    first = await house.owner.get("/optouts")
    ahead = re.search(r'rel="next" href="([^"]+)"', first)
    assert ahead is not None
    second = await house.owner.get(ahead[1].replace("&amp;", "&"))
    assert phones(first) + phones(second) == added[::-1]
    assert phones(await house.owner.get("/optouts?q=00%2000%2031")) == ["+4530000031"]
    assert "Nothing found" in await house.owner.get("/optouts?q=999")
    assert "<html" not in await house.owner.get("/optouts", **{"HX-Request": "true"})


@pytest.mark.proves("tenants")
async def test_another_organisations_list_is_not_there(house: House):
    await house.operator.post("/optouts/new", phone=PHONE, org=house.other_org.id)
    await house.owner.get(f"{REMOVAL}?org={house.other_org.id}", 404)
    await house.owner.post(REMOVAL, 404, org=house.other_org.id)
    await house.owner.post("/optouts/new", phone="30640000", org=house.other_org.id)
    assert phones(await house.operator.get("/optouts?q=30640000")) == ["+4530640000"]
    assert phones(await house.owner.get("/optouts")) == ["+4530640000"], "on the only list that is there for it"
    assert phones(await house.operator.get("/optouts?q=643064")) == [PHONE]


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_and_changes_nothing(house: House):
    await house.owner.post("/optouts/new", phone=PHONE)
    page = await house.reader.get("/optouts")
    assert phones(page) == [PHONE]
    assert "/optouts/new" not in page
    assert "/remove" not in page
    await house.reader.get("/optouts/new", 403)
    await house.reader.post("/optouts/new", 403, phone="30640000")
    await house.reader.get(REMOVAL, 403)
    await house.reader.post(REMOVAL, 403)
    assert phones(await house.owner.get("/optouts")) == [PHONE]


# --- mail addresses ------------------------------------------------------------------------------------------------

EMAILS = "/optouts/emails"
VERA = "vera@customer.example"


def addresses(page: str) -> list[str]:
    """The addresses of a list, in its order."""
    return re.findall(r'<td class="long">([^<]+)</td>', page)


async def test_an_address_is_added_by_hand_once_and_taken_off_after_a_question(house: House):
    assert "Nobody has unsubscribed" in await house.owner.get(EMAILS)
    assert f'href="{EMAILS}"' in await house.owner.get("/optouts")
    wrong = await house.owner.post(f"{EMAILS}/new", 422, address="<b>@")
    assert 'id="e-address"' in wrong
    assert 'value="&lt;b&gt;@"' in wrong
    await house.owner.post(f"{EMAILS}/new", address="Vera@Customer.example")
    page = await house.owner.get(EMAILS)
    assert "gets no more e-mails" in page
    assert addresses(page) == [VERA]
    assert "noted by hand" in page
    await house.owner.post(f"{EMAILS}/new", address=VERA)
    assert "was on the list already" in await house.owner.get(EMAILS)
    assert addresses(await house.owner.get(f"{EMAILS}?q=CUSTOMER.ex")) == [VERA]
    assert "Nothing found" in await house.owner.get(f"{EMAILS}?q=%25")
    question = re.search(rf'href="({EMAILS}/remove\?[^"]+)"', page)
    assert question is not None
    assert "own wish" in await house.owner.get(question[1].replace("&amp;", "&"))
    assert addresses(await house.owner.get(EMAILS)) == [VERA]
    await house.owner.post(f"{EMAILS}/remove", address=VERA, org=house.org.id)
    assert addresses(await house.owner.get(EMAILS)) == []
    await house.owner.post(f"{EMAILS}/remove", 404, address=VERA)
    deeds = await house.site.audited(house.org.id)
    assert deeds.count(("optout.add-address", {})) == 1
    assert deeds.count(("optout.remove-address", {})) == 1


@pytest.mark.proves("tenants")
async def test_another_organisations_addresses_are_not_there(house: House):
    await house.operator.post(f"{EMAILS}/new", address=VERA, org=house.other_org.id)
    assert addresses(await house.owner.get(EMAILS)) == []
    await house.owner.get(f"{EMAILS}/remove?address={VERA}&org={house.other_org.id}", 404)
    await house.owner.post(f"{EMAILS}/remove", 404, address=VERA, org=house.other_org.id)
    assert addresses(await house.operator.get(EMAILS)) == [VERA]


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_at_addresses_and_changes_nothing(house: House):
    await house.owner.post(f"{EMAILS}/new", address=VERA)
    page = await house.reader.get(EMAILS)
    assert addresses(page) == [VERA]
    assert f"{EMAILS}/new" not in page
    await house.reader.get(f"{EMAILS}/new", 403)
    await house.reader.post(f"{EMAILS}/new", 403, address="bo@customer.example")
    await house.reader.get(f"{EMAILS}/remove?address={VERA}", 403)
    await house.reader.post(f"{EMAILS}/remove", 403, address=VERA)
    assert addresses(await house.owner.get(EMAILS)) == [VERA]
