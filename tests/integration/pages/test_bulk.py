"""Opening many accounts from a table: what would happen, what happened, and nothing twice (D4)."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import aiohttp
import pytest

from gateway.store.database import Database
from tests.integration.pages.conftest import House
from tests.site import Browser, serving
from web.desk.sheets import MAX_BYTES
from web.identity.roles import Role

TABLE = "Navn;E-mail\nAnna;anna@firm.example\nBo;bo@firm.example\nX;no address\nIgen;BO@firm.example\nTom;\nDå;då@firm.example\n"


async def look(browser: Browser, key_id: str, table: bytes, status: int = 200) -> str:
    """Send a file."""
    form = aiohttp.FormData()
    form.add_field("csrf", await browser.csrf())
    form.add_field("key", key_id)
    form.add_field("file", io.BytesIO(table), filename="table.csv")
    return await browser.send("/accounts/bulk", form, status)


def counts(page: str) -> list[str]:
    return re.findall(r"<dd[^>]*>(\d+)</dd>", page)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<textarea name="{name}" hidden>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.proves("bulk opening")
async def test_a_table_is_looked_at_first_and_then_opened(house: House):
    before = await house.site.accounts.count_accounts()
    plan = await look(house.owner, house.key.id, TABLE.encode("cp1252"))
    assert counts(plan) == ["2", "1", "3"]
    assert "Open 2 accounts" in plan
    assert "the same address as in line 3" in plan
    assert house.account.number[3:] in plan
    assert await house.site.accounts.count_accounts() == before
    lines = hidden(plan, "lines")
    report = await house.owner.post("/accounts/bulk/open", 200, key=house.key.id, lines=lines)
    assert counts(report) == ["2", "1", "3"]
    opened = await house.site.accounts.account_of(house.key.id, "då@firm.example")
    assert opened is not None
    log = await house.site.audited()
    assert [action for action, _ in log] == ["account.open", "account.open"]
    again = await house.owner.post("/accounts/bulk/open", 200, key=house.key.id, lines=lines)
    assert counts(again) == ["0", "3", "3"]
    assert (await house.site.accounts.count_accounts()).number == before.number + 2


@pytest.mark.proves("bulk opening")
async def test_the_report_is_kept_as_a_file_without_formulas(house: House):
    table = b"email\n=cmd|'/c calc'!A1@firm.example\nbo@firm.example\n"
    lines = hidden(await look(house.owner, house.key.id, table), "lines")
    page = await house.owner.post("/accounts/bulk/open", 200, key=house.key.id, lines=lines)
    file = await house.owner.post("/accounts/bulk/report.csv", 200, report=hidden(page, "report"))
    opened = await house.site.accounts.account_of(house.key.id, "bo@firm.example")
    assert opened is not None
    assert f"3,bo@firm.example,opened,'{opened.number}," in file
    assert "2,'=cmd" in file
    await house.owner.post("/accounts/bulk/report.csv", 422, report="[1]")
    await house.reader.post("/accounts/bulk/report.csv", 403, report="[]")


@pytest.mark.proves("bulk opening")
async def test_a_pool_that_runs_dry_is_told_line_by_line(database: Database, tmp_path: Path):
    async with serving(database, tmp_path, "+45609946000000..+45609946000001") as site:
        org, key = await site.organisation()
        owner = await site.person(Role.OWNER, org.id)
        table = "".join(f"e{number}@firm.example\n" for number in range(5)).encode()
        lines = hidden(await look(owner, key.id, table), "lines")
        page = await owner.post("/accounts/bulk/open", 200, key=key.id, lines=lines)
        assert counts(page) == ["2", "0", "3"]
        assert page.partition("<table")[2].count("no free phone number") == 3


@pytest.mark.proves("bulk opening")
async def test_what_is_no_table_is_told_beside_the_field(house: House):
    for table in (b"", b"no addresses here\n", b"a" * (MAX_BYTES + 1)):
        assert 'id="e-file"' in await look(house.owner, house.key.id, table, 422)
    assert "choose a file first" in await house.owner.post("/accounts/bulk", 422, key=house.key.id)
    await house.owner.post("/accounts/bulk/open", 422, key=house.key.id, lines="forged")


@pytest.mark.proves("tenants")
async def test_another_organisations_key_is_not_there(house: House):
    await look(house.owner, house.other_key.id, TABLE.encode(), 404)
    await house.owner.post("/accounts/bulk/open", 404, key=house.other_key.id, lines="1 x@firm.example")
    assert not await house.site.audited()


@pytest.mark.proves("readers change nothing")
async def test_a_reader_opens_nothing(house: House):
    await house.reader.get("/accounts/bulk", 403)
    await look(house.reader, house.key.id, TABLE.encode(), 403)
    await house.reader.post("/accounts/bulk/open", 403, key=house.key.id, lines="1 x@firm.example")
    await house.owner.send("/accounts/bulk/open", {"key": house.key.id, "lines": "1 x@firm.example"}, 403)
    assert not await house.site.audited()
