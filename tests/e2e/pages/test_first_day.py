"""The first day: from the link that the command line prints to a number that a phone's camera reads, in one browser."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.camera import decoded
from tests.gateway_process import Gateway
from tests.visitors import WIDE, Visitor, follow, led_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "four words that do not belong together"


@pytest.mark.proves("first start", "D4", "D6", "D7", "D13")
async def test_from_nothing_to_a_number(gateway: Gateway, browser: Browser):
    context = await browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, locale="en-GB")
    operator = Visitor(context, await context.new_page(), f"http://127.0.0.1:{gateway.http_port}")
    page = await operator.goto(urlsplit(gateway.run("admin", "link").splitlines()[0]).path)
    dialog = page.get_by_role("dialog")
    await page.get_by_label("E-mail").fill("root@gateway.example")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password, again").fill(PASSWORD)
    await page.get_by_role("button", name="Go on").click()

    menu = page.get_by_role("navigation", name="Menu")
    await follow(menu.get_by_role("link", name="Organisations"))
    await page.get_by_role("link", name="New organisation").click()
    await dialog.get_by_label("Name").fill("Firma A/S")
    await dialog.get_by_label("Country").select_option("DK")
    await dialog.get_by_role("button", name="Make it").click()
    await expect(page.get_by_role("cell", name="Firma A/S")).to_be_visible()

    await follow(menu.get_by_role("link", name="Keys"))
    await page.get_by_role("link", name="Make a key").first.click()
    await dialog.get_by_label("Label").fill("Reception")
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(dialog).to_contain_text(re.compile("[0-9a-f]{32}@sms.example.com"))
    await dialog.get_by_role("link", name="Done").click()

    await follow(menu.get_by_role("link", name="Accounts"))
    await expect(page.get_by_text("No accounts yet")).to_be_visible()
    await page.get_by_role("link", name="Open an account").first.click()
    await dialog.get_by_label("E-mail").fill("anna@firm.example")
    await dialog.get_by_role("button", name="Open the account").click()
    await expect(dialog.get_by_role("heading", name="The account is open")).to_be_visible()
    number = str(await dialog.locator("[data-copy]").first.get_attribute("data-copy"))
    assert re.fullmatch(r"\+\d{8,15}", number)
    assert await decoded(page) == f"sms:{number}"
    async with led_on(page):
        await page.keyboard.press("Escape")

    row = page.get_by_role("row").filter(has_text="anna@firm.example")
    await expect(row).to_contain_text("Reception")
    await row.get_by_role("link", name="Close account").click()
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    await dialog.get_by_role("button", name="Close the account").click()
    await expect(page.get_by_role("status")).to_contain_text("anna@firm.example is closed")
    await expect(row).to_have_count(0)
    await context.close()
    assert operator.complaints == []
