"""Short links of a campaign: sent, followed through the door, counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from campaigns.groups import Groups
from campaigns.model import Audience, Draft, Point
from campaigns.short_codes import LENGTH
from campaigns.short_links import Followed, ShortLinks
from campaigns.store import contact_sql
from campaigns.store.behaviour_sql import BEHAVIOURS
from campaigns.store.link_schema import campaign_links, link_clicks
from gateway.model import Account
from gateway.store.schema import messages
from tests.integration.campaigns.conftest import CODES, Office
from tests.integration.campaigns.test_campaigns import Bureau, draft
from web.app import make_app
from web.server import WebServer
from web.short_links import MISSES

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
BASE = "https://s.example/"


class Street:
    """A bureau, and the door at which its links are followed."""

    def __init__(self, bureau: Bureau, links: ShortLinks, url: str, client: aiohttp.ClientSession) -> None:
        self.bureau = bureau
        self.links = links
        self.url = url
        self.client = client

    async def follow(self, code: str, method: str = "GET", **headers: str) -> aiohttp.ClientResponse:
        answer = await self.client.request(
            method, f"{self.url}/l/{code}", headers={"User-Agent": PHONE} | headers, allow_redirects=False
        )
        await answer.read()
        return answer

    async def codes(self) -> dict[str, list[str]]:
        """The codes that each phone has got."""
        rows = await self.bureau.office.rows(messages)
        return {
            row["to_number"]: [word[len(BASE) :][:LENGTH] for word in row["text"].split() if word.startswith(BASE)]
            for row in rows
        }

    async def clicks(self) -> list[tuple[int, int, int, int]]:
        """Link, contact, clicks and people of every row."""
        await self.links.stop()
        rows = await self.bureau.office.rows(link_clicks)
        return sorted((row["link_id"], row["contact_id"], row["clicks"], row["people"]) for row in rows)


@pytest.fixture
async def street(office: Office, account: Account) -> AsyncIterator[Street]:
    links = ShortLinks(office.database, CODES, office.clock)
    server = WebServer(make_app(checks=(), simulators={}, region="DK", short_links=links), "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession() as client:
        yield Street(Bureau(office, account), links, f"http://127.0.0.1:{server.port}", client)
    await server.stop()
    await links.stop()


@pytest.mark.proves("campaign: short links", "campaign: clicks", "campaign: estimate")
async def test_a_click_is_the_contacts_and_leads_where_the_text_says(street: Street) -> None:
    bureau = street.bureau
    first, second = await bureau.contacts(draft(1), draft(2))
    text = "Hej {{ first_name }}, se https://firm.dk/forår?a=1 og https://firm.dk/?n={{ name }}."
    campaign = await bureau.create(text, short_links=True)
    estimate = (await bureau.estimate(campaign))[-1]
    checked = await bureau.campaigns.check(campaign.org_id, campaign.id, first)
    await bureau.run(campaign)
    rows = await bureau.office.rows(messages)
    assert estimate.parts == sum(row["parts"] for row in rows)
    assert checked.text is not None
    assert checked.text.text in {row["text"] for row in rows}
    codes = await street.codes()
    assert {len(code) for of_phone in codes.values() for code in of_phone} == {LENGTH}
    plain, named = codes["+4520000001"]
    answer = await street.follow(plain)
    assert (answer.status, answer.headers["Location"]) == (302, "https://firm.dk/for%C3%A5r?a=1")
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (await street.follow(named)).headers["Location"] == "https://firm.dk/?n=Name1%20Hansen"
    for _ in range(2):
        await street.follow(plain)
    assert await street.clicks() == [(1, first, 3, 1), (2, first, 1, 1)]
    figures = await bureau.campaigns.figures(await bureau.campaigns.get(None, campaign.id))
    assert figures.clicked == 1
    assert [(each.clicks, each.people) for each in figures.links] == [(3, 1), (1, 1)]
    groups = Groups(bureau.office.database, bureau.office.clock, BEHAVIOURS)
    assert await groups.count(campaign.org_id, Audience(filter='clicked:"Spring"')) == 1
    assert await groups.count(campaign.org_id, Audience(filter='not clicked:"spring"')) == 1
    assert second not in {row[1] for row in await street.clicks()}


@pytest.mark.proves("campaign: clicks")
async def test_machines_are_led_and_not_counted(street: Street) -> None:
    await street.bureau.contacts(draft(1))
    await street.bureau.run(await street.bureau.create("Se https://firm.dk/a", short_links=True))
    [[code]] = (await street.codes()).values()
    for method, headers in (
        ("HEAD", {}),
        ("GET", {"User-Agent": "WhatsApp/2.23"}),
        ("GET", {"Sec-Purpose": "prefetch"}),
    ):
        answer = await street.follow(code, method, **headers)
        assert (answer.status, answer.headers["Location"]) == (302, "https://firm.dk/a")
    assert await street.clicks() == []


@pytest.mark.proves("campaign: short links")
async def test_what_is_no_code_leads_nowhere_and_who_tries_waits(street: Street) -> None:
    await street.bureau.contacts(draft(1))
    campaign = await street.bureau.create("Se https://firm.dk/a", short_links=True)
    await street.bureau.run(campaign)
    [[code]] = (await street.codes()).values()
    wrong = ["", "x", code[:-1], code + "A", code.swapcase(), CODES.code(1, 2), CODES.code(2, 1), CODES.code(0, 0)]
    wrong += ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%00" * 9]
    for each in wrong:
        answer = await street.follow(each)
        assert answer.status == 404, each
        assert "Location" not in answer.headers
    for _ in range(MISSES):
        await street.follow("xxxxxxxxx")
    answer = await street.follow(code)
    assert (answer.status, "Retry-After" in answer.headers) == (429, True)


@pytest.mark.proves("campaign: short links")
async def test_contacts_cannot_choose_where_a_link_leads(street: Street) -> None:
    evil = Draft("@evil.example/ \\\\evil\r\nLocation: x", phones=(Point("+4520000001"),))
    await street.bureau.contacts(evil)
    await street.bureau.run(await street.bureau.create("Se https://firm.dk/{{ name }} nu", short_links=True))
    [[code]] = (await street.codes()).values()
    target = (await street.follow(code)).headers["Location"]
    assert target.startswith("https://firm.dk/@evil.example/%20%5C%5Cevil")
    assert not set(target) & set("\r\n \\")


@pytest.mark.proves("campaign: short links", "campaign: clicks")
async def test_after_a_contact_is_deleted_its_link_leads_on_and_its_clicks_are_nobodys(street: Street) -> None:
    bureau = street.bureau
    first, second = await bureau.contacts(draft(1), draft(2))
    campaign = await bureau.create("Se https://firm.dk/a", short_links=True)
    await bureau.run(campaign)
    codes = await street.codes()
    for phone in ("+4520000001", "+4520000001", "+4520000002"):
        await street.follow(codes[phone][0])
    assert await street.clicks() == [(1, first, 2, 1), (1, second, 1, 1)]
    await bureau.office.database.write(contact_sql.remove, contact_sql.Removal(campaign.org_id, [first, second], 1.0))
    assert await street.clicks() == [(1, 0, 3, 2)]
    assert (await street.follow(codes["+4520000001"][0])).headers["Location"] == "https://firm.dk/a"
    figures = await bureau.campaigns.figures(await bureau.campaigns.get(None, campaign.id))
    assert figures.clicked == 2


@pytest.mark.proves("campaign: clicks")
async def test_nothing_is_counted_before_it_begins_and_a_stranger_is_nobody(street: Street) -> None:
    bureau = street.bureau
    first, second = await bureau.contacts(draft(1), draft(2, phones=()))
    campaign = await bureau.create("Se https://firm.dk/a", short_links=True)
    await street.follow(CODES.code(1, first & 0xFFFFFFFF))
    assert await street.clicks() == []
    await bureau.run(campaign)
    await street.follow(CODES.code(1, second & 0xFFFFFFFF))  # it has no phone and got none
    assert await street.clicks() == [(1, 0, 1, 0)]


@pytest.mark.proves("campaign: clicks")
async def test_however_often_it_is_clicked_it_is_one_row_and_few_writes(street: Street) -> None:
    [contact] = await street.bureau.contacts(draft(1))
    await street.bureau.run(await street.bureau.create("Se https://firm.dk/a", short_links=True))
    for _ in range(5000):
        street.links.clicked(Followed("https://firm.dk/a", 1, contact))
    await asyncio.sleep(0)
    for _ in range(5000):
        street.links.clicked(Followed("https://firm.dk/a", 1, contact))
    assert await street.clicks() == [(1, contact, 10_000, 1)]


@pytest.mark.proves("campaign: short links")
async def test_links_keep_their_numbers_while_a_draft_is_changed(street: Street) -> None:
    bureau = street.bureau
    campaign = await bureau.create("Se https://firm.dk/a", short_links=True)
    texts = {"": "Se https://firm.dk/b og https://firm.dk/a", "da": "https://firm.dk/c"}
    changed = replace((await bureau.campaigns.get(None, campaign.id)).content, texts=texts)
    await bureau.campaigns.edit(campaign.org_id, campaign.id, changed)
    found = await bureau.campaigns.get(None, campaign.id)
    assert dict(found.links) == {"https://firm.dk/a": 1, "https://firm.dk/b": 2, "https://firm.dk/c": 3}
    await bureau.campaigns.delete(campaign.org_id, campaign.id)
    assert await bureau.office.rows(campaign_links) == []
    await bureau.create("https://firm.dk/d", short_links=True)
    assert [row["id"] for row in await bureau.office.rows(campaign_links)] == [4]


async def test_without_the_wish_links_stay_as_they_are(street: Street) -> None:
    await street.bureau.contacts(draft(1))
    await street.bureau.run(await street.bureau.create("Se https://firm.dk/a"))
    assert [row["text"] for row in await street.bureau.office.rows(messages)] == ["Se https://firm.dk/a"]
    assert await street.bureau.office.rows(campaign_links) == []
