"""From a table with mistakes to an answer on a card: all that somebody does who writes to many for the first time."""

from __future__ import annotations

import asyncio
import re
from functools import partial

import pytest
from playwright.async_api import Page, expect

from tests.e2e.pages.conftest import browser, gateway, house, shared_house
from tests.gateway_process import wait_for
from tests.visitors import House, follow
from web.identity.roles import Role

__all__ = ["browser", "gateway", "house", "shared_house"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = 30
"""At two a second they take long enough to be stopped in the middle."""
LISE = "+4530645500"
TABLE = "\n".join(
    [
        "Name,Phone,E-mail,Town,Tags",
        "Lise Krogh,30645500,lise@people.example,Aarhus,member",
        *(f"Member {n},306455{n:02},member{n}@people.example,Aarhus,member" for n in range(1, MEMBERS)),
        "Otto Bach,12,otto@people.example,Aarhus,member",
        "Vera Holm,,vera at people,Odense,member",
        "Guest Lund,30645599,,Odense,guest",
    ]
)


async def imported(page: Page) -> None:
    """A table is looked at, imported, and what could not be read is told."""
    await page.get_by_role("link", name="Imports").click()
    await page.get_by_role("link", name="Import a file").first.click()
    table = {"name": "members.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    await page.get_by_label("Table").set_input_files([table])
    await page.get_by_role("button", name="Look at it first").click()
    await page.wait_for_url(re.compile(r"/imports/(?!new)\w+"))
    await page.get_by_label("Town", exact=True).select_option("new:text")
    await page.get_by_role("button", name=re.compile("Import")).click()
    await expect(page.get_by_text("finished")).to_be_visible(timeout=30_000)
    figures = page.locator("dl.outcomes")
    await expect(figures).to_contain_text(re.compile(rf"new\s*{MEMBERS + 1}"))
    await expect(figures).to_contain_text(re.compile(r"refused\s*2"))
    async with page.expect_download() as taken:
        await page.get_by_role("link", name="Download the refused lines").click()
    refused = (await (await taken.value).path()).read_text("utf-8-sig")
    assert "Otto Bach" in refused
    assert "Vera Holm" in refused
    assert "Lise Krogh" not in refused


async def grouped(page: Page) -> None:
    """A group by conditions, with its count."""
    await page.get_by_role("link", name="Groups", exact=True).click()
    await follow(page.get_by_role("link", name="New group by conditions").first)
    await page.get_by_label("Name of the group").fill("Members in Aarhus")
    await page.get_by_label("What it is about").select_option("town")
    await page.get_by_label("What it is compared with").fill("Aarhus")
    await expect(page.locator("#counted .great")).to_have_text(str(MEMBERS))
    await page.get_by_role("button", name="Save the group").click()
    await expect(page.get_by_role("heading", name="Members in Aarhus")).to_be_visible()


async def written(page: Page, account: str) -> None:
    """A campaign to that group, with a field that the window puts in."""
    await page.get_by_role("link", name="Campaigns", exact=True).click()
    await follow(page.get_by_role("link", name="New campaign").first)
    await page.get_by_label("Name", exact=True).fill("Spring fair")
    await page.get_by_label("Responsible").fill(account)
    await page.get_by_label("What they get").fill("Hej ")
    await page.get_by_text("Insert a field of the contact").click()
    await page.get_by_label("Field", exact=True).select_option("first_name")
    await page.get_by_label("Where it is empty").fill("du")
    await page.get_by_role("button", name="Insert").click()
    await page.get_by_label("What they get").press("End")
    await page.get_by_label("What they get").press_sequentially("! Vi ses")
    await page.get_by_label("Members in Aarhus").first.check()
    await expect(page.locator("#members")).to_contain_text(f"{MEMBERS} contacts")
    await page.locator("input[name=per_minute]").fill("120")
    await page.get_by_role("button", name="Save and check").click()
    await page.wait_for_url(re.compile("/check$"))


async def looked_at(page: Page) -> None:
    """What one would get, and what all of it will be."""
    await page.get_by_role("searchbox").fill("Lise")
    await page.locator(".list-group").get_by_role("link", name="Lise Krogh").click()
    await expect(page.locator("#message")).to_have_text("Hej Lise! Vi ses")
    await page.get_by_role("link", name="Estimate").click()
    await page.get_by_role("link", name="Start …").click()
    await expect(page.get_by_role("button", name=f"Start: {MEMBERS} recipients")).to_be_visible(timeout=30_000)


@pytest.mark.proves("C1", "C2", "C3", "C4", "C7", "C8", "C9", "C10", "C11", "C12", "campaign: pause")
async def test_from_a_table_to_an_answer_on_a_card(house: House):
    anna = await house.visit(Role.OWNER)
    page = await anna.goto("/")
    await imported(page)
    await grouped(page)
    await written(page, house.firm.email)
    await looked_at(page)
    await follow(page.get_by_role("button", name=f"Start: {MEMBERS} recipients"))
    status = page.locator("#figures").get_by_role("status")
    dialog = page.get_by_role("dialog")
    await expect(status).to_contain_text("running")
    await asyncio.to_thread(wait_for, partial(house.gateway.phone, LISE), "the first SMS", 20)
    await page.get_by_role("link", name="Pause …").click()
    await follow(dialog.get_by_role("button", name="Pause"))
    await expect(status).to_have_text("paused")
    phones = [LISE, *(f"+45306455{n:02}" for n in range(1, MEMBERS))]
    stopped = sum(len(house.gateway.phone(phone)) for phone in phones)
    assert 0 < stopped < MEMBERS
    await page.get_by_role("link", name="Go on …").click()
    await dialog.get_by_role("button", name="Go on").click()
    await expect(status).to_have_text("finished", timeout=60_000)
    await asyncio.to_thread(wait_for, lambda: all(map(house.gateway.phone, phones)), "everybody's SMS", 20)
    assert [len(house.gateway.phone(phone)) for phone in phones] == [1] * MEMBERS
    assert not house.gateway.phone("+4530645599"), "who is not in the group gets nothing"
    await answered(house, page)


async def answered(house: House, page: Page) -> None:
    """The phone writes back: it is in the mailbox, on the campaign's page, and on the card; and may be answered there."""
    house.gateway.text(LISE, house.firm.number, "Vi kommer to")
    (mail,) = await asyncio.to_thread(house.gateway.mails, 1, "30645500")
    assert mail["To"] == house.firm.email
    assert "Vi kommer to" in mail.get_content()
    told = page.locator("#figures dt", has_text="Phones that have answered").locator("xpath=following-sibling::dd[1]")
    await expect(told).to_have_text("1", timeout=40_000)
    await follow(page.get_by_role("link", name="Contacts", exact=True))
    await page.get_by_role("searchbox").first.fill("Lise")
    await page.get_by_role("link", name="Lise Krogh").first.click()
    card = page.get_by_role("main")
    await expect(card).to_contain_text("Hej Lise! Vi ses")
    await expect(card).to_contain_text("Vi kommer to")
    await expect(card).to_contain_text("Spring fair")
