"""The list of numbers, searched and paged, on both databases."""

from __future__ import annotations

import pytest

from gateway.accounts import Accounts
from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.registry.errors import BadValue
from gateway.registry.listings import NumberFilter, NumberState
from gateway.settings import DialogSettings, PoolSettings
from gateway.store.database import Database

pytestmark = pytest.mark.proves("web numbers")

POOL = PoolSettings(provider="simulator", range="+45609946000000..+45609946000099")


async def test_pages_searches_and_whose_they_are(database: Database):
    accounts = Accounts(database, Keyring(bytes(32)), (POOL,), DialogSettings(), SystemClock())
    one, two = [await accounts.ensure_organisation(name) for name in ("One", "Two")]
    keys = [(await accounts.create_key(each))[0] for each in (one, two)]
    opened = [await accounts.open_account(keys[n % 2].id, f"E{n}%@firm.example") for n in range(10)]
    given = await accounts.give_number(one, "Info@firm.example")
    await accounts.close_account(opened[0])
    every = sorted([each.number for each in opened] + [given.number])

    first = await accounts.page_numbers(NumberFilter(), size=4)
    second = await accounts.page_numbers(NumberFilter(), cursor=first.next, size=4)
    third = await accounts.page_numbers(NumberFilter(), cursor=second.next, size=4)
    assert [each.number for page in (first, second, third) for each in page.items] == every
    assert (first.previous, third.next) == (None, None)
    back = await accounts.page_numbers(NumberFilter(), cursor=third.previous, size=4)
    assert back.items == second.items

    async def found(**wanted: object) -> set[str]:
        page = await accounts.page_numbers(NumberFilter(**wanted))  # type: ignore[arg-type]  # any of its fields
        return {each.number for each in page.items}

    assert await found(state=NumberState.QUARANTINED) == {opened[0].number}
    assert await found(org_id=two.id) == {each.number for each in opened[1::2]}
    assert await found(org_id=one.id) == {given.number, *(each.number for each in opened[2::2])}
    assert await found(search="e3%@") == {opened[3].number}
    assert await found(search="INFO@") == {given.number}
    assert await found(search=f"+45 {opened[4].number[3:]}") == {opened[4].number}
    assert await found(search=opened[4].number, org_id=two.id) == set()
    with pytest.raises(BadValue):
        await accounts.page_numbers(NumberFilter(), cursor="nonsense")


async def test_who_of_many_has_a_number_under_a_key(database: Database):
    accounts = Accounts(database, Keyring(bytes(32)), (POOL,), DialogSettings(), SystemClock())
    key, _ = await accounts.create_key(await accounts.ensure_organisation("One"))
    other, _ = await accounts.create_key(await accounts.ensure_organisation("One"))
    here = await accounts.open_account(key.id, "Bo@firm.example")
    await accounts.open_account(other.id, "cy@firm.example")
    await accounts.close_account(await accounts.open_account(key.id, "di@firm.example"))
    asked = [f"e{n}@firm.example" for n in range(1200)]
    asked += ["bo@firm.example", "cy@firm.example", "di@firm.example"]
    assert await accounts.numbers_of(key.id, asked) == {"bo@firm.example": here.number}
