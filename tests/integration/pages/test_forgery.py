"""What another site's page makes a browser send, or an address that is only looked at, changes nothing.

Both for every page that there is, by the site's own routes.
"""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection, select

from gateway.store.tables import all_tables
from tests.integration.pages.conftest import House
from tests.places import Place, places
from tests.site import Browser
from web.identity.model import LinkKind
from web.identity.roles import Role
from web.store.schema import sessions


def changing(house: House) -> list[Place]:
    """Every page that does something."""
    found = [place for place in places(house.site.rooms) if place.method != "GET"]
    assert len(found) > 40
    return found


def path_of(house: House, place: Place) -> str:
    """The address, with something that is there wherever there is a sample."""
    samples = {"account_id": house.account.id, "key_id": house.key.id, "number": house.account.number}
    return re.sub(r"{(\w+)[^}]*}", lambda name: samples.get(name[1], "simulator"), place.path)


async def status_of(browser: Browser, method: str, path: str, data: Any = None, **headers: str) -> int:
    """What is answered."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    async with browser.http.request(method, path, data=data, headers=said, allow_redirects=False) as answer:
        return answer.status


async def stored(house: House) -> dict[str, list[Any]]:
    """All that is kept, but for when sessions were last used."""

    def read(connection: Connection) -> dict[str, list[Any]]:
        return {
            table.name: sorted(
                map(repr, connection.execute(select(*(each for each in table.c if each is not sessions.c.seen_at))))
            )
            for table in all_tables().sorted_tables
        }

    return await house.site.rooms.database.read(read)


@pytest.mark.proves("CSRF")
async def test_no_page_takes_a_form_that_is_not_ours(house: House):
    others = await house.reader.csrf()
    stranger = await house.site.stranger.csrf()
    before = await stored(house)
    for place in changing(house):
        path = path_of(house, place)
        for token in ("", others, stranger, "0" * 64, "\u00e6"):
            fields = {"csrf": token} | dict.fromkeys(place.in_form, "x")
            assert await status_of(house.owner, place.method, path, fields) == 403, (place, token)
        assert await status_of(house.owner, place.method, path, {}, X_CSRF_Token=others) == 403, place
        for kind in ("application/json", "text/plain"):
            body = b'{"csrf": "x"}'
            assert await status_of(house.owner, place.method, path, body, Content_Type=kind) == 403, place
    assert await stored(house) == before


@pytest.mark.proves("CSRF")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_browser_that_says_whose_page_sends_is_believed(house: House, site: str):
    """Even with the right token: it may have leaked, and a neighbour's subdomain is not us."""
    token = await house.owner.csrf()
    before = await stored(house)
    for place in changing(house):
        path = path_of(house, place)
        headers = {"X_CSRF_Token": token, "Sec_Fetch_Site": site}
        assert await status_of(house.owner, place.method, path, {}, **headers) == 403, place
    assert await stored(house) == before


@pytest.mark.proves("looking changes nothing")
async def test_no_page_that_is_only_looked_at_changes_anything(house: House):
    """Links are opened by mail scanners, by browsers ahead of time, and by pictures in others' pages."""
    token = await house.site.identity.links.make(
        LinkKind.INVITATION, org_id=house.org.id, email="x@firm.example", role=Role.READER
    )
    employee = await house.site.employee(house.account)
    before = await stored(house)
    for place in places(house.site.rooms):
        if place.method != "GET":
            continue
        path = path_of(house, place).replace("/link/simulator", f"/link/{token}")
        query = "?" + "&".join(f"{name}=x" for name in place.in_query)
        for browser in (house.operator, house.owner, employee, house.site.stranger):
            for method, asked in (("GET", path), ("GET", path + query), ("HEAD", path)):
                assert await status_of(browser, method, asked) < 500, place
    after = await stored(house)
    assert all(".export" in note for note in after.pop("audit") if note not in before["audit"]), "who took data out"
    assert after == {name: rows for name, rows in before.items() if name != "audit"}


@pytest.mark.proves("sessions")
async def test_a_session_is_never_one_that_a_browser_brought(house: House):
    """Whoever planted a cookie before somebody signed in holds nothing afterwards (fixation), nor after signing out."""
    person = await house.site.identity.people.create(
        "dora@firm.example", Role.READER, house.org.id, password="four words that nobody knows"
    )
    planted = "f" * 64
    async with aiohttp.ClientSession(house.site.url, cookie_jar=aiohttp.DummyCookieJar()) as http:
        cookies = {"brevdue": planted, "visit": "planted"}
        async with http.get("/sign-in", cookies=cookies) as answer:
            csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', await answer.text())[0]
        fields = {"csrf": csrf, "email": person.email, "password": "four words that nobody knows"}
        async with http.post("/sign-in", data=fields, cookies=cookies, allow_redirects=False) as answer:
            assert answer.status == 303
            mine = answer.cookies["brevdue"].value
        assert re.fullmatch("[0-9a-f]{64}", mine)
        assert mine != planted
        assert await house.site.identity.sessions.actor_of(planted) is None
        assert await house.site.identity.sessions.actor_of(mine) is not None
        async with http.get("/me", cookies={"brevdue": mine}) as answer:
            csrf = re.findall(r'"X-CSRF-Token": "([0-9a-f]+)"', await answer.text())[0]
        async with http.post("/sign-out", data={"csrf": csrf}, cookies={"brevdue": mine}, allow_redirects=False):
            pass
        assert await house.site.identity.sessions.actor_of(mine) is None


@pytest.mark.proves("cookies")
async def test_no_cookie_is_read_by_scripts_or_sent_by_others(house: House):
    async with house.site.stranger.http.get("/sign-in") as answer:
        said = answer.headers.getall("Set-Cookie")
    assert said
    for cookie in said:
        assert re.search(r"; HttpOnly\b.*; Path=/; SameSite=lax", cookie), cookie


@pytest.mark.proves("looking changes nothing")
async def test_a_form_that_came_in_an_address_does_nothing(house: House):
    """Fields count where the form is, and never from the query."""
    token = await house.owner.csrf()
    path = f"/accounts/{house.account.id}/close?csrf={token}"
    assert await status_of(house.owner, "POST", path) == 403
    account = await house.site.accounts.account(house.account.id)
    assert account is not None
    assert account.closed_at is None
