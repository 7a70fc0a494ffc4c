"""Imports of contacts as people do them: a file with mistakes, its columns, a preview, the result, and its refused rows."""

from __future__ import annotations

import io
import re

import aiohttp
import pytest

from campaigns.groups import Groups
from campaigns.model import Audience
from tests.integration.pages.conftest import House
from tests.site import Browser
from web.identity.roles import Role

pytestmark = pytest.mark.proves("contact imports")

TABLE = "Navn;Mobil;E-mail;By\nÅse;30643061;aase@firm.example;Aarhus\nBo;12;bo@firm.example;=1+1\n"


async def send(browser: Browser, table: bytes, status: int = 303) -> str:
    """Send a file; where it leads, or the page that refuses it."""
    form = aiohttp.FormData()
    form.add_field("csrf", await browser.csrf())
    form.add_field("file", io.BytesIO(table), filename="people.csv")
    async with browser.http.post("/imports", data=form, allow_redirects=False) as answer:
        text = await answer.text()
        assert answer.status == status, text[-2000:]
        return answer.headers.get("Location", text)


async def test_a_file_with_mistakes_is_planned_and_imported(house: House):
    where = await send(house.owner, TABLE.encode("cp1252"))
    plan = await house.owner.get(where)
    assert "12 is no phone number: too short" in plan
    fields = {"column-0": "name", "column-1": "phone", "column-2": "email", "column-3": "new:text", "has_head": "yes"}
    assert "Aarhus" in await house.owner.post(f"{where}/plan", 200, **fields)
    planned = await house.owner.get(f"{where}/plan")
    assert 'name="column-0"' in planned
    assert f'action="{where}/cancel"' in planned
    await house.owner.post(f"{where}/start", 303, **fields)
    await house.site.rooms.importing.work()
    shown = await house.owner.get(where)
    assert re.findall(r"<dd[^>]*>(\d+)</dd>", shown) == ["2", "1", "0", "0", "1"]
    assert 'data-label="Lines">2</td>' in await house.owner.get("/imports"), "the head is none of them"
    _, refused = await house.owner.fetch(f"{where}/refused.csv")
    assert "12 is no phone number: too short,Bo,12,bo@firm.example,'=1+1" in refused.decode("utf-8-sig")
    danish = await house.owner.get(f"{where}/refused.csv", **{"Accept-Language": "da"})
    assert ";Bo;12;bo@firm.example;'=1+1" in danish, "as a Danish spreadsheet opens it"
    groups = Groups(house.site.rooms.database, house.site.rooms.clock)
    assert await groups.count(house.key.org_id, Audience(filter="by = Aarhus")) == 1
    assert [action for action, _ in await house.site.audited()][-2:] == ["import.upload", "import.start"]


async def test_a_large_file_comes_in_and_what_cannot_be_read_says_so(house: House):
    rows = "".join(f"N{n};{'x' * 200};n{n}@firm.example\n" for n in range(30_000))
    where = await send(house.owner, b"Name;Note;Mail\n" + rows.encode())  # 6 MB: more than any other form may hold
    assert "Import 30,000 lines" in await house.owner.get(where)  # the head is none
    assert "workbook cannot be read" in await send(house.owner, b"PK\x03\x04nothing", 422)
    assert "the file is empty" in await send(house.owner, b"", 422)


@pytest.mark.proves("other organisations")
async def test_another_organisation_s_import_is_not_there(house: House):
    where = await send(house.owner, TABLE.encode())
    other, _ = await house.site.organisation("Other")
    stranger = await house.site.person(Role.OWNER, other.id)
    await stranger.get(where, 404)
    await stranger.post(f"{where}/start", 404)
    await stranger.post(f"{where}/cancel", 404)
    await stranger.get(f"{where}/refused.csv", 404)
