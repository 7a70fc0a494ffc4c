"""People in front of a real browser, at a gateway that runs as its users run it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from playwright import async_api, sync_api
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request, Response

from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.store.opening import open_database
from tests.api.conftest import Firm, firm
from tests.gateway_process import Gateway
from web.identity.identity import make_identity
from web.identity.roles import Role

WIDE, NARROW = (1280, 800), (390, 780)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Chromium talks to nobody but us."""
BOUND = "new Promise((bound) => setTimeout(bound))"
"""On a page that is loaded: htmx begins in a timer that its script has set, and one that is set later ends later."""

# Beside other tests a browser takes its time. Set here, where every file with a browser comes by.
async_api.expect.set_options(timeout=20_000)
sync_api.expect.set_options(timeout=20_000)


@asynccontextmanager
async def led_on(page: Page) -> AsyncIterator[None]:
    """What is done inside leads to another page, or to the same anew. At the end its scripts listen.

    Playwright itself waits for a page to begin: who acts on what stands there already may not be heard.
    """
    await page.wait_for_load_state()  # or the page that is left would be taken for the other
    async with page.expect_event("load"):  # htmx writes addresses anew: not each navigation leads to a page
        yield
    await page.evaluate(BOUND)


async def follow(locator: Locator) -> None:
    """Click on what leads to another page, and wait until its scripts listen."""
    async with led_on(locator.page):
        await locator.click()


class Visitor:
    """Somebody with a browser of their own. What its pages complain about or fetch from elsewhere is noted."""

    def __init__(self, context: BrowserContext, page: Page, base: str) -> None:
        self.context = context
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        self.answers: list[Response] = []
        """Whatever was fetched, pages and files."""
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note_console)
        page.on("dialog", self._note_dialog)
        context.on("request", self._note_request)
        context.on("response", self._note_response)

    def _note_console(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {said.text}")

    async def _note_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a script opened a dialog: {dialog.message}")
        await dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", "data:")):
            self.complaints.append(f"fetched {request.url}")

    def _note_response(self, response: Response) -> None:
        self.answers.append(response)

    def complaints_but(self, *expected: str) -> list[str]:
        """Complaints without those that a test wants, each named by a part of it."""
        return [each for each in self.complaints if not any(part in each for part in expected)]

    async def goto(self, path: str) -> Page:
        """Open a page of the gateway."""
        await self.page.goto(f"{self.base}{path}")
        return self.page

    async def csrf(self) -> str:
        """The token of the page that is open."""
        return str(await self.page.locator("input[name=csrf]").first.get_attribute("value"))

    async def post(self, path: str, **fields: str) -> int:
        """The status of a form that is sent with the right token, from no page of ours."""
        form = {"csrf": await self.csrf(), **fields}
        answer = await self.context.request.post(f"{self.base}{path}", form=form, max_redirects=0)
        return answer.status


@dataclass
class House:
    """A gateway with one organisation, and the browser that all its visitors share."""

    gateway: Gateway
    browser: Browser
    firm: Firm
    org_id: str
    visitors: list[Visitor] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def of(cls, gateway: Gateway, browser: Browser, name: str = "Firma A/S", email: str = "anna@firm.example") -> Self:
        """Make the organisation, with a key and an account."""
        made = firm(gateway, name, email)
        purses = made.client.get("/spend").body["purses"]
        org_id = next(each["id"] for each in purses if each["whose"] == "organisation")
        return cls(gateway, browser, made, str(org_id))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.gateway.http_port}"

    async def token(self, role: Role, language: str = "en", email: str = "") -> str:
        """The session of a new person."""
        keyring = Keyring.load(self.gateway.folder / "brevdue.secret")
        database = await open_database(f"sqlite:///{self.gateway.folder / 'brevdue.db'}")
        try:
            identity = make_identity(database, keyring, SystemClock(), self.url)
            count = next(self._numbers)
            org_id = None if role is Role.OPERATOR else self.org_id
            made = await identity.people.create(email or f"{role}{count}@firm.example", role, org_id, language=language)
            return await identity.sessions.start(made, "127.0.0.1", "Chromium")
        finally:
            await database.close()

    async def visit(
        self,
        role: Role | None = None,
        *,
        size: tuple[int, int] = WIDE,
        language: str = "en",
        dark: bool = False,
        email: str = "",
    ) -> Visitor:
        """Open a browser, signed in where a role is named."""
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale={"en": "en-GB", "da": "da-DK"}[language],
            timezone_id="Europe/Copenhagen",
            reduced_motion="reduce",  # colours do not change by and by
        )
        if role is not None:
            token = await self.token(role, language, email)
            await context.add_cookies([{"name": "brevdue", "value": token, "url": self.url}])
        self.visitors.append(Visitor(context, await context.new_page(), self.url))
        return self.visitors[-1]

    async def leave(self) -> None:
        """Close the browsers of all visitors; what they complained about is kept."""
        for each in self.visitors:
            await each.context.close()
