"""A campaign in a browser: written with a macro, looked at, started, answered; and one that is stopped in the middle."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial

import pytest
from playwright.async_api import Page, expect

from campaigns.model import Draft, Point
from campaigns.store.contact_sql import Change, store
from gateway.store.opening import open_database
from tests.e2e.pages.conftest import browser, gateway, house, shared_house
from tests.gateway_process import wait_for
from tests.visitors import House, follow
from web.identity.roles import Role

__all__ = ["browser", "gateway", "house", "shared_house"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.proves("no page loads from elsewhere")]

PEOPLE = {"Anders Holm": "+4530643071", "Lise Krogh": "+4530643072", "Omar Bach": "+4530643073"}
CROWD = 40


async def fill(house: House, people: dict[str, str]) -> None:
    """Put contacts into the organisation's book."""
    database = await open_database(f"sqlite:///{house.gateway.folder / 'brevdue.db'}")
    try:
        drafts = [Draft(name, phones=(Point(phone),)) for name, phone in people.items()]
        await database.write(store, Change(house.org_id, time.time(), drafts))
    finally:
        await database.close()


async def soon(look: Callable[[], object], what: str) -> None:
    """Wait for something outside the browser, without keeping the browser from being heard."""
    await asyncio.to_thread(wait_for, look, what, 20)


async def write(page: Page, name: str, text: str, **limits: str) -> None:
    """Fill in the form for everybody, and save it."""
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label(re.compile("account|Responsible", re.IGNORECASE)).first.fill("anna@firm.example")
    await page.get_by_label("What they get").fill(text)
    await page.get_by_label("Everybody").check()
    for label, value in limits.items():
        await page.locator(f"input[name={label}]").fill(value)
    await expect(page.locator("#members")).to_contain_text(re.compile(r"[1-9]\d* contacts"))
    await page.get_by_role("button", name="Save and check").click()
    await page.wait_for_url(re.compile("/check$"))


async def start(page: Page) -> None:
    """From the page that checks, by way of the estimate, until it has started."""
    await page.get_by_role("link", name="Estimate").click()
    await page.get_by_role("link", name="Start …").click()
    await follow(page.get_by_role("button", name=re.compile("Start: ")))
    await expect(page.get_by_role("heading", name="SMS by state")).to_be_visible()


def figure(page: Page, name: str) -> object:
    return page.locator("#figures dt", has_text=name).locator("xpath=following-sibling::dd[1]")


@pytest.mark.proves("C7", "C9", "C10", "C12")
async def test_a_campaign_is_written_checked_started_and_answered(house: House):
    await fill(house, PEOPLE)
    sender = await house.visit(Role.OWNER)
    page = await sender.goto("/campaigns/new")
    await write(page, "Spring", 'Hej {{ first_name | default: "du" }}! Vi ses den 3. maj')
    await page.get_by_role("link", name="Lise Krogh").click()
    await expect(page.locator("#message")).to_have_text("Hej Lise! Vi ses den 3. maj")
    await start(page)
    await expect(page.locator("#figures").get_by_role("status")).to_have_text("finished")
    await expect(page.get_by_role("link", name="Pause …")).to_have_count(0)
    for name, phone in PEOPLE.items():
        await soon(partial(house.gateway.phone, phone), name)
        assert [each["text"] for each in house.gateway.phone(phone)] == [f"Hej {name.split()[0]}! Vi ses den 3. maj"]
    house.gateway.text(PEOPLE["Lise Krogh"], house.firm.number, "Vi kommer tre")
    [mail] = await asyncio.to_thread(house.gateway.mails, 1, "30643072")
    assert mail["To"] == house.firm.email
    assert "Vi kommer tre" in mail.get_content()
    await expect(figure(page, "Phones that have answered")).to_have_text("1")


@pytest.mark.proves("campaign: pause")
async def test_a_slow_campaign_is_paused_and_goes_on(house: House):
    crowd = {f"Contact {n}": f"+45306440{n:02}" for n in range(CROWD)}
    await fill(house, crowd)
    sender = await house.visit(Role.OWNER)
    page = await sender.goto("/campaigns/new")
    await write(page, "Slow", "Hej", per_minute="120")
    await start(page)
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Pause …").click()
    await follow(dialog.get_by_role("button", name="Pause"))
    status = page.locator("#figures").get_by_role("status")
    await expect(status).to_have_text("paused")
    got = sum(len(house.gateway.phone(phone)) for phone in crowd.values())
    assert got < CROWD
    await page.get_by_role("link", name="Go on …").click()
    await dialog.get_by_role("button", name="Go on").click()
    await expect(status).to_have_text("finished", timeout=60_000)
    phones = crowd.values()
    await soon(lambda: all(house.gateway.phone(phone) for phone in phones), "everybody's SMS")
    assert [len(house.gateway.phone(phone)) for phone in phones] == [1] * CROWD
