"""The pages of numbers: the pool, quarantine, organisations' numbers and their keywords."""

from __future__ import annotations

import re

import pytest

from tests.integration.pages.conftest import House


def listed(page: str) -> list[str]:
    """The numbers of the list, in its order."""
    return re.findall(r'data-copy="(\+\d+)"', page.partition('id="results"')[2])


@pytest.mark.proves("web numbers")
async def test_operators_see_the_pool_and_everybody_their_own(house: House):
    both = sorted([house.account.number, house.other_account.number])
    page = await house.operator.get("/numbers")
    assert listed(page) == both
    assert "999,998" in page
    assert "2 in use, 0 in quarantine" in page
    own = await house.reader.get("/numbers")
    assert listed(own) == [house.account.number]
    assert "999,998" not in own
    assert listed(await house.operator.get("/numbers?q=olga")) == [house.other_account.number]
    assert listed(await house.operator.get(f"/numbers?q={house.account.number[-6:]}")) == [house.account.number]
    assert "Nothing found" in await house.reader.get("/numbers?q=olga")


@pytest.mark.proves("web numbers")
async def test_a_number_is_released_from_quarantine(house: House):
    await house.site.accounts.close_account(house.account)
    assert listed(await house.operator.get("/numbers?state=resting")) == [house.account.number]
    assert house.account.number not in await house.owner.get("/numbers")
    path = f"/numbers/{house.account.number}/release"
    assert "Release this number?" in await house.operator.get(path)
    await house.owner.get(path, 403)
    await house.owner.post(path, 403)
    await house.operator.post(path)
    assert listed(await house.operator.get("/numbers")) == [house.other_account.number]
    await house.operator.post(path, 404)
    await house.operator.post(f"/numbers/{house.other_account.number}/release", 422)


@pytest.mark.proves("keywords")
async def test_an_organisation_is_given_a_number_with_keywords(house: House):
    assert 'id="e-email"' in await house.operator.post("/numbers/give", 422, org=house.org.id, email="x")
    wrong = await house.operator.post(
        "/numbers/give", 422, org=house.org.id, email="info@firm.example", number="+4512345678"
    )
    assert 'id="e-number"' in wrong
    await house.operator.post("/numbers/give", org=house.org.id, email="info@firm.example")
    (owned,) = await house.site.accounts.organisation_numbers(house.org.id)
    path = f"/numbers/{owned.number}"
    await house.owner.post(f"{path}/keyword", word="BUY", email="sales@firm.example", reply="Thanks")
    page = await house.owner.get("/numbers")
    assert "BUY" in page
    assert "sales@firm.example" in page
    assert "Thanks" in await house.owner.get(f"{path}/keyword?word=BUY")
    assert 'id="e-word"' in await house.owner.post(f"{path}/keyword", 422, word="two words", email="a@firm.example")
    await house.owner.post(f"{path}/reader", email="desk@firm.example")
    (owned,) = await house.site.accounts.organisation_numbers(house.org.id)
    assert (owned.email, [each.written for each in owned.keywords.values()]) == ("desk@firm.example", ["BUY"])
    await house.owner.post(f"{path}/keyword/remove", word="BUY")
    await house.owner.post(f"{path}/take", 403)
    await house.operator.post(f"{path}/take")
    assert not await house.site.accounts.organisation_numbers(house.org.id)
    assert [action for action, _ in await house.site.audited()] == [
        "number.give",
        "number.keyword",
        "number.reader",
        "number.keyword.remove",
        "number.take",
    ]


@pytest.mark.proves("tenants")
async def test_another_organisations_number_is_not_there(house: House):
    given = await house.site.accounts.give_number(house.other_org, "info@other.example")
    path = f"/numbers/{given.number}"
    for place in ("/keyword", "/reader"):
        await house.owner.get(f"{path}{place}", 404)
        await house.owner.post(f"{path}{place}", 404, word="BUY", email="a@firm.example")
    await house.owner.post(f"{path}/keyword/remove", 404, word="BUY")
    assert given.number not in await house.owner.get("/numbers")
    assert await house.site.accounts.organisation_numbers() == [given]


@pytest.mark.proves("readers change nothing")
async def test_a_reader_changes_no_number(house: House):
    given = await house.site.accounts.give_number(house.org, "info@firm.example")
    for place in ("give", f"{given.number}/take", f"{given.number}/reader", f"{given.number}/keyword"):
        await house.reader.get(f"/numbers/{place}", 403)
        await house.reader.post(f"/numbers/{place}", 403, word="BUY", email="a@firm.example")
    await house.reader.post(f"/numbers/{given.number}/keyword/remove", 403, word="BUY")
    await house.owner.send(f"/numbers/{given.number}/reader", {"email": "a@firm.example"}, 403)
    assert await house.site.accounts.organisation_numbers() == [given]
