"""SMS Dialog in a real browser: open an account, its QR code, close, pause, a table, 390 pixels, and without scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from gateway.model import ApiKey, Organisation
from gateway.store.opening import open_database
from tests.camera import decoded
from tests.site import Site, serving
from tests.visitors import NARROW, QUIET, WIDE, led_on
from web.identity.roles import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Visit:
    """An owner at the site. Whatever a page complains about, or fetches from elsewhere, is noted."""

    def __init__(self, site: Site, browser: Browser, org: Organisation, key: ApiKey) -> None:
        self.site = site
        self.browser = browser
        self.org = org
        self.key = key
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def look(
        self,
        path: str,
        *,
        size: tuple[int, int] = WIDE,
        token: str = "",
        scripts: bool = True,
    ) -> Page:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self._contexts.append(context)
        token = token or await self.site.token(Role.OWNER, self.org.id)
        await context.add_cookies([{"name": "brevdue", "value": token, "url": self.site.url}])
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("request", self._note)
        await page.goto(f"{self.site.url}{path}")
        return page

    def _note(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith(f"{self.site.url}/"):
            self.complaints.append(f"fetched {url}")

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(require: Callable[[str], str]) -> AsyncIterator[Browser]:
    """Debian's Chromium; none is ever downloaded."""
    path = require("chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, tmp_path: Path) -> AsyncIterator[Visit]:
    database = await open_database(f"sqlite:///{tmp_path / 'brevdue.db'}")
    async with serving(database, tmp_path) as site:
        made = Visit(site, browser, *await site.organisation("Acme"))
        yield made
        await made.close()
    await database.close()
    assert [each for each in made.complaints if "422" not in each] == []  # a form that was refused is no fault


@pytest.mark.proves("D4", "D7")
async def test_an_account_is_opened_and_its_code_read_from_the_screen(visit: Visit):
    page = await visit.look("/accounts")
    await page.get_by_role("link", name="Open an account").first.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("E-mail")).to_be_focused()
    await dialog.get_by_label("E-mail").fill("anna@@firm")
    await dialog.locator("form").evaluate("form => form.noValidate = true")
    await dialog.get_by_role("button", name="Open the account").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await expect(dialog.get_by_label("E-mail")).to_have_value("anna@@firm")
    await dialog.get_by_label("E-mail").fill("anna@firm.example")
    await dialog.get_by_label("E-mail").press("Enter")
    await expect(dialog.get_by_role("heading", name="The account is open")).to_be_visible()
    account = await visit.site.accounts.account_of(visit.key.id, "anna@firm.example")
    assert account is not None
    assert await decoded(page) == f"sms:{account.number}"
    await dialog.get_by_role("button", name=f"Copy {account.number}").click()
    assert await page.evaluate("navigator.clipboard.readText()") == account.number
    async with led_on(page):
        await page.keyboard.press("Escape")
    row = page.get_by_role("row", name="anna@firm.example")
    await row.get_by_role("link", name="QR code").click()
    await expect(dialog.locator("img.qr")).to_be_visible()
    assert await decoded(page) == f"sms:{account.number}"
    async with page.expect_download() as download:
        await dialog.get_by_role("link", name="Fetch QR package").click()
    assert (await download.value).suggested_filename == f"qr-sms-{account.number[1:]}.zip"


@pytest.mark.proves("D13")
async def test_an_account_is_closed_with_a_question_first(visit: Visit):
    account = await visit.site.accounts.open_account(visit.key.id, "anna@firm.example")
    page = await visit.look("/accounts")
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Close account").click()
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await page.get_by_role("link", name="Close account").click()
    await dialog.get_by_role("button", name="Close the account").click()
    await expect(page.get_by_role("status")).to_have_text(re.compile("anna@firm.example is closed"))
    closed = await visit.site.accounts.account(account.id)
    assert closed is not None
    assert closed.closed_at is not None


@pytest.mark.proves("D14")
async def test_a_key_is_paused_and_resumed(visit: Visit):
    await visit.site.accounts.open_account(visit.key.id, "anna@firm.example")
    page = await visit.look("/keys")
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Pause", exact=True).click()
    await expect(dialog).to_contain_text("1 account rests")
    await dialog.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("Paused since")).to_be_visible()
    await page.goto(f"{visit.site.url}/accounts")
    await expect(page.get_by_role("cell", name="anna@firm.example Paused")).to_be_visible()
    await page.goto(f"{visit.site.url}/keys/{visit.key.id}")
    await page.get_by_role("link", name="End the pause").click()
    await dialog.get_by_role("button", name="End the pause").click()
    await expect(page.get_by_role("status")).to_contain_text("works again")
    await expect(page.get_by_text("Paused since")).to_be_hidden()


@pytest.mark.proves("D4")
async def test_a_dialog_opens_after_going_back(visit: Visit):
    await visit.site.accounts.open_account(visit.key.id, "anna@firm.example")
    page = await visit.look("/accounts")
    row = page.get_by_role("row", name="anna@firm.example")
    await page.get_by_label("State").select_option("Closed")
    await expect(row).to_have_count(0)
    await page.go_back()
    await expect(row).to_have_count(1)
    dialog = page.get_by_role("dialog")
    await row.get_by_role("link", name="QR code").click()
    await expect(dialog.locator("img.qr")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await row.get_by_role("link", name="QR code").click()
    await expect(dialog.locator("img.qr")).to_be_visible()


@pytest.mark.proves("D6")
async def test_the_list_is_searched_as_one_types_and_sorted_by_its_heads(visit: Visit):
    for number in range(60):
        await visit.site.accounts.open_account(visit.key.id, f"e{number:02}@firm.example")
    page = await visit.look("/accounts")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(40)
    await page.get_by_role("link", name="Next").click()
    await expect(rows).to_have_count(20)
    await page.go_back()
    await expect(rows).to_have_count(40)
    head = page.get_by_role("columnheader", name="E-mail and key")
    await page.get_by_role("link", name="E-mail and key").click()
    await expect(head).to_have_attribute("aria-sort", "ascending")
    await page.get_by_role("link", name="E-mail and key").click()
    await expect(head).to_have_attribute("aria-sort", "descending")
    await expect(rows.first).to_contain_text("e59@firm.example")
    await page.get_by_role("searchbox").press_sequentially("e5")
    await expect(rows).to_have_count(10)
    await expect(rows.first).to_contain_text("e59@firm.example")
    await expect(head).to_have_attribute("aria-sort", "descending")
    await page.get_by_label("State").select_option("Closed")
    await expect(page.get_by_text("Nothing found")).to_be_visible()
    assert "state=closed" in page.url


@pytest.mark.proves("bulk opening")
async def test_a_table_becomes_accounts(visit: Visit, tmp_path: Path):
    table = tmp_path / "people.csv"
    table.write_text("E-mail;Name\nbo@firm.example;Bo\nno address;X\n", encoding="utf-16")
    page = await visit.look("/accounts")
    await page.get_by_role("link", name="Open many").click()
    await page.get_by_label("Table").set_input_files(table)
    await page.get_by_role("button", name="Look at it first").click()
    await page.get_by_role("button", name="Open 1 account").click()
    await expect(page.get_by_role("row", name=re.compile("bo@firm.example opened"))).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("no address refused"))).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download the report").click()
    assert "bo@firm.example,opened," in Path(await (await download.value).path()).read_text(encoding="utf-8-sig")


@pytest.mark.proves("D4", "D13")
async def test_everything_works_without_scripts(visit: Visit):
    page = await visit.look("/accounts", scripts=False)
    await page.get_by_role("link", name="Open an account").first.click()
    await page.get_by_label("E-mail").fill("anna@firm.example")
    await page.get_by_role("button", name="Open the account").click()
    await page.get_by_role("link", name="Show the account").click()
    await expect(page.get_by_role("heading", name="anna@firm.example")).to_be_visible()
    await page.get_by_role("link", name="Close").click()
    await page.get_by_role("button", name="Close the account").click()
    await expect(page.get_by_role("status")).to_contain_text("is closed")


@pytest.mark.proves("D6")
async def test_nothing_is_wider_than_a_phone(visit: Visit):
    name = "bartholomaeus.schlegelmilch-oberhummer.kundenservice@abteilung-nord.vertriebsgesellschaft.example"
    account = await visit.site.accounts.open_account(visit.key.id, name)
    await visit.site.accounts.mark_mailbox(account.id, f"550 5.1.1 {'x' * 200}")
    await visit.site.accounts.label_key(visit.key, "w" * 100)
    page = await visit.look("/accounts", size=NARROW)
    for path in (
        "/accounts",
        f"/accounts/{account.id}",
        "/keys",
        f"/keys/{visit.key.id}",
        "/numbers",
        "/accounts/bulk",
    ):
        await page.goto(f"{visit.site.url}{path}")
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW[0], (path, wide)


@pytest.mark.proves("employees see their own")
async def test_an_employee_closes_their_own_account(visit: Visit):
    account = await visit.site.accounts.open_account(visit.key.id, "anna@firm.example")
    token = await visit.site.identity.sessions.start(account, "127.0.0.1", "tests")
    page = await visit.look("/mine", size=NARROW, token=token)
    await expect(page.get_by_role("heading", name="Mit nummer")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    await page.get_by_role("link", name="Luk min konto").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("button.btn-danger").click()
    await expect(dialog.locator("a.btn-primary")).to_be_visible()
    closed = await visit.site.accounts.account(account.id)
    assert closed is not None
    assert closed.closed_at is not None
