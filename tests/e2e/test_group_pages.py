"""A group in a browser: built line by line with a live count, written as text, filled by hand, by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from campaigns.contacts import Contacts
from campaigns.model import Attribute, AttributeType, Draft, LinkedObject, Point
from gateway.model import SystemClock
from gateway.store.opening import open_database
from tests.e2e.pages.conftest import browser, gateway, house, shared_house  # noqa: F401 - fixtures
from tests.visitors import NARROW, House, follow
from web.identity.roles import Role

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.proves("group pages", "C11")]


async def fill(house: House) -> None:  # noqa: F811
    """Thirty people, some with an order."""
    database = await open_database(f"sqlite:///{house.gateway.folder / 'brevdue.db'}")
    try:
        contacts, org_id = Contacts(database, SystemClock()), house.org_id
        for attribute in (
            Attribute("city", "City", AttributeType.TEXT),
            Attribute("age", "Age", AttributeType.NUMBER),
            Attribute("visited", "Last visit", AttributeType.DATE),
            Attribute("size", "Size", AttributeType.CHOICE, ("S", "XL")),
            Attribute("total", "Total", AttributeType.NUMBER, kind="order"),
        ):
            await contacts.define(org_id, attribute)
        for n in range(30):
            values: dict[str, str | float | bool] = {"city": "Aarhus" if n % 2 else "Odense", "age": 20 + n}
            tags = frozenset({"vip"} if n % 3 == 0 else {"new"})
            draft = Draft(f"Person {n}", phones=(Point(f"+453064{n:04}"),), attributes=values, tags=tags)
            made = await contacts.add(org_id, draft)
            if n % 5 == 0:
                await contacts.link(org_id, made, LinkedObject("order", {"total": n * 100}))
    finally:
        await database.close()


async def told(page: Page, count: int, text: str) -> None:
    await expect(page.locator("#counted .great")).to_have_text(str(count))
    await expect(page.locator("#text")).to_have_value(text)


async def test_a_group_is_built_counted_and_saved(house: House):  # noqa: F811
    await fill(house)
    anna = await house.visit(Role.OWNER)
    page = await anna.goto("/groups")
    await follow(page.get_by_role("link", name="New group by conditions").first)
    await page.get_by_label("Name of the group").fill("Grown up")
    await page.get_by_label("What it is about").select_option("age")
    await page.get_by_label("How it is compared").select_option(">=")
    await page.get_by_label("What it is compared with").press_sequentially("40")
    await told(page, 10, "age >= 40")
    await page.get_by_role("button", name="Conditions in brackets").click()
    await page.get_by_label("What it is about").nth(1).select_option("tag:")
    await page.get_by_label("What it is compared with").nth(1).fill("vop")
    await expect(page.get_by_role("alert")).to_contain_text("did you mean vip")
    await page.get_by_label("What it is compared with").nth(1).fill("vip")
    await told(page, 3, "age >= 40 and tag: vip")
    await page.get_by_role("button", name="Condition", exact=True).first.click()
    await page.get_by_label("What it is about").nth(2).select_option("city")
    await page.get_by_label("What it is compared with").nth(2).fill("Odense")
    await told(page, 7, "age >= 40 and (tag: vip or city = Odense)")
    await expect(page.locator(".first-found li")).to_have_count(7)
    await page.get_by_role("button", name="About one order").last.click()
    await page.get_by_label("What it is about").nth(3).select_option("total")
    await page.get_by_label("How it is compared").nth(3).select_option("<")
    await page.get_by_label("What it is compared with").nth(3).fill("2001")
    await page.get_by_label("How the conditions are bound").nth(2).select_option("not all")
    await told(page, 6, "age >= 40 and (tag: vip or city = Odense) and not order: (total < 2001)")
    await page.get_by_role("button", name="Save the group").click()
    await expect(page.get_by_role("heading", name="Grown up")).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("Person 24")
    page = await anna.goto("/groups")
    await expect(page.get_by_role("row", name="Grown up")).to_contain_text("6")


async def test_text_becomes_lines_and_what_is_wrong_is_shown_in_it(house: House):  # noqa: F811
    anna = await house.visit(Role.OWNER, size=NARROW, dark=True)
    page = await anna.goto("/groups/build")
    text = page.locator("#text")
    await text.fill("visited > today - 90 or size in (S, XL) or not city ~ ens and age < 22")
    await expect(page.get_by_label("What it is about")).to_have_count(4)
    await expect(page.get_by_label("How the day is meant")).to_have_value("ago")
    await expect(page.get_by_label("XL")).to_be_checked()
    await expect(page.locator("#counted .great")).to_have_text("1")
    await text.press_sequentially(" andd")
    await expect(page.locator(".filter-mistake mark")).to_have_text("andd")
    await expect(text).to_be_focused()
    await page.get_by_role("button", name="Back to the conditions").click()
    await expect(text).to_have_value("visited > today - 90 or size in (S, XL) or not city ~ ens and age < 22")
    await expect(page.locator(".filter-mistake")).to_have_count(0)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= NARROW[0]


async def test_it_is_built_by_keyboard_alone(house: House):  # noqa: F811
    anna = await house.visit(Role.OWNER)
    page = await anna.goto("/groups/build")
    await page.get_by_label("Name of the group").focus()
    await page.keyboard.type("By keys")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Age")
    await expect(page.get_by_label("How it is compared")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("25")
    await told(page, 1, "age = 25")
    await page.get_by_role("button", name="Save the group").press("Enter")
    await expect(page.get_by_role("heading", name="By keys")).to_be_visible()


async def test_a_list_is_filled_and_a_used_group_asks_before_it_goes(house: House):  # noqa: F811
    anna = await house.visit(Role.OWNER)
    page = await anna.goto("/groups")
    await page.get_by_role("link", name="New list").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Invited")
    await follow(dialog.get_by_role("button", name="Make the list"))
    await follow(page.get_by_role("link", name="Add contacts").first)
    await page.get_by_label("Search by name, phone or address").fill("Person 7")
    await page.get_by_label("Person 7").check()
    await page.get_by_role("button", name="Add those that are ticked").click()
    await expect(page.get_by_role("row", name="Person 7")).to_be_visible()
    here = page.url
    await page.goto(f"{anna.base}/groups/build")
    await page.get_by_label("Name of the group").fill("Around")
    await page.locator("#text").fill("group: invited")
    await expect(page.locator("#counted .great")).to_have_text("1")
    await page.get_by_role("button", name="Save the group").click()
    await expect(page.get_by_role("heading", name="Around")).to_be_visible()
    await page.goto(here)
    await page.get_by_role("link", name="Remove").click()
    await expect(dialog).to_contain_text("Around")
    await dialog.get_by_role("button", name="Keep it").click()
    await page.get_by_role("button", name="Take Person 7 away").click()
    await expect(page.get_by_role("main")).to_contain_text("Nobody is in this group yet")
