"""The page of the phones in a real browser: live, inert, and usable with keys alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, async_playwright, expect

from gateway.providers.simulator import SimulatorProvider
from gateway.sms import InboundEvent, InboundSms, OutgoingSms
from gateway.sms_text import measure
from gateway.store.database import StoreUnavailableError
from tests.ports import free_port
from tests.visitors import NARROW, QUIET, WIDE
from web.app import make_app
from web.server import WebServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = "+45609946000001"
PHONE = "+4530643064"


class Desk:
    """A simulator, its web server, and pages that look at it."""

    def __init__(self, path: Path, browser: Browser) -> None:
        self.path = path
        self.browser = browser
        self.port = free_port()
        self.error: Exception | None = None
        self.sent: list[InboundSms] = []
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Open, at the same port each time."""
        self.simulator = SimulatorProvider("simulator", {"path": str(self.path), "report_delay": 0})
        await self.simulator.start(self._take)
        self.server = WebServer(
            make_app(checks=(), simulators={"simulator": self.simulator}, region="DK"), "127.0.0.1", self.port
        )
        await self.server.start()

    async def stop(self) -> None:
        """Close the gateway; pages stay open."""
        await self.server.stop()
        await self.simulator.stop()

    async def close(self) -> None:
        """Close everything."""
        for context in self._contexts:
            await context.close()
        await self.stop()

    async def _take(self, events: Sequence[InboundEvent]) -> None:
        if self.error is not None:
            raise self.error
        self.sent += [event for event in events if isinstance(event, InboundSms)]

    async def receive(self, text: str, phone: str = PHONE, sender: str = OURS) -> None:
        """Let a phone receive an SMS."""
        ident = f"M{next(self._numbers)}.1"
        await self.simulator.submit(OutgoingSms(ident, "o", "a", "k", sender, phone, measure(text), "simulator"))

    async def look(self, size: tuple[int, int] = WIDE, where: str = "", zone: str = "Europe/Copenhagen") -> Page:
        """Open the page; whatever it complains about or fetches from elsewhere is noted."""
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, timezone_id=zone, locale="en-GB"
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", self._note_request)
        await page.goto(f"http://127.0.0.1:{self.port}/sim{where}")
        await expect(page.get_by_text("live", exact=True)).to_be_visible()
        return page

    def _note_request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith(f"http://127.0.0.1:{self.port}/"):
            self.complaints.append(f"fetched {url}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(require: Callable[[str], str]) -> AsyncIterator[Browser]:
    """Debian's Chromium; none is ever downloaded."""
    path = require("chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(browser: Browser, tmp_path: Path) -> AsyncIterator[Desk]:
    """An empty simulator; at the end no page may have complained about anything."""
    made = Desk(tmp_path / "journal.jsonl", browser)
    await made.start()
    yield made
    await made.close()
    assert made.complaints == []


def bubbles(page: Page) -> Locator:
    return page.get_by_role("log").locator(".bubble")


def answer_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Answer")


async def soon(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen within twenty seconds")


@pytest.mark.proves("D2")
async def test_the_answer_box_scrolls_only_where_it_is_full(desk):
    await desk.receive("Hej")
    page = await desk.look()
    box = answer_box(page)
    await expect(box).to_have_css("overflow-y", "hidden")
    await box.fill("en\nto")
    await expect(box).to_have_css("overflow-y", "hidden")
    await box.fill("linje\n" * 40)
    await expect(box).to_have_css("overflow-y", "auto")


@pytest.mark.proves("D8")
async def test_the_first_message_appears_without_a_reload(desk):
    page = await desk.look()
    await expect(page.get_by_role("heading", name="The phones are waiting")).to_be_visible()
    await expect(page.get_by_text("None has received anything yet.")).to_be_visible()
    await page.evaluate("window.untouched = true")
    await desk.receive("Hej Anna\n\nVi ses kl. 10")
    await expect(page.get_by_role("heading", name="+45 30643064")).to_be_visible()
    await expect(bubbles(page)).to_have_text(["Hej Anna\n\nVi ses kl. 10"], use_inner_text=True)
    await expect(page.get_by_role("log").get_by_text("From +45 609946000001")).to_be_visible()
    await expect(page.get_by_role("heading", name="The phones are waiting")).to_be_hidden()
    await desk.receive("Og en til")
    await expect(bubbles(page)).to_have_count(2)
    await expect(page.get_by_role("link", name="Og en til")).to_have_attribute("aria-current", "true")
    assert await page.evaluate("window.untouched") is True


@pytest.mark.proves("D2")
async def test_an_answer_reaches_the_gateway(desk):
    await desk.receive("Passer det?")
    page = await desk.look()
    box = answer_box(page)
    await expect(box).to_be_focused()
    await box.press_sequentially("JA tak")
    await box.press("Shift+Enter")
    await box.press_sequentially("Hilsen Bo")
    await box.press("Enter")
    await expect(bubbles(page)).to_have_text(["Passer det?", "JA tak\nHilsen Bo"], use_inner_text=True)
    await expect(box).to_have_value("")
    (sms,) = desk.sent
    assert (sms.from_number, sms.to_number) == (PHONE, OURS)
    assert sms.text == "JA tak\nHilsen Bo"


async def test_nothing_is_sent_without_a_text(desk):
    await desk.receive("Passer det?")
    page = await desk.look()
    await answer_box(page).fill("  \n ")
    await answer_box(page).press("Enter")
    await answer_box(page).fill("nu")
    await page.get_by_role("button", name="Send").click()
    await soon(lambda: bool(desk.sent))
    assert [sms.text for sms in desk.sent] == ["nu"]


async def test_an_answer_goes_to_whom_a_person_chooses(desk):
    await desk.receive("fra den ene", sender=OURS)
    await desk.receive("fra den anden", sender="+45609946000002")
    page = await desk.look()
    numbers = page.get_by_role("combobox", name="To")
    await expect(numbers).to_have_value("+45609946000002")
    await numbers.select_option(OURS)
    await desk.receive("mere fra den anden", sender="+45609946000002")
    await expect(bubbles(page)).to_have_count(3)
    await answer_box(page).fill("til den ene")
    await answer_box(page).press("Enter")
    await soon(lambda: bool(desk.sent))
    assert desk.sent[0].to_number == OURS


async def test_an_answer_that_is_not_taken_stays_in_the_box(desk):
    await desk.receive("Passer det?")
    page = await desk.look()
    desk.error = StoreUnavailableError("away")
    await answer_box(page).fill("JA")
    await answer_box(page).press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("cannot store anything right now, try again later")
    await expect(answer_box(page)).to_have_value("JA")
    assert "503" in desk.complaints.pop()
    desk.error = None
    await answer_box(page).press("Enter")
    await expect(answer_box(page)).to_have_value("")
    await expect(page.get_by_role("alert")).to_be_hidden()


HOSTILE = [
    "<svg onload=alert(1)>",
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "\"'></textarea><iframe srcdoc='<script>alert(3)</script>'>",
    "{{7*7}} ${7*7} javascript:alert(4)",
    "http://127.0.0.1:1/x",
]


@pytest.mark.proves("inert texts")
async def test_hostile_texts_are_only_texts(desk):
    for text in HOSTILE[:3]:
        await desk.receive(text)
    page = await desk.look()
    for text in HOSTILE[3:]:
        await desk.receive(text)
    await expect(bubbles(page)).to_have_text(HOSTILE, use_inner_text=True)
    assert await page.locator("main svg, main iframe, main script, main .bubble *, #phones img").count() == 0
    await desk.receive(HOSTILE[0], "+4520304050")
    await expect(page.locator("#phones .last").first).to_have_text(HOSTILE[0])
    await page.get_by_role("link", name="+45 20304050").click()
    await expect(bubbles(page)).to_have_text([HOSTILE[0]])


async def test_inline_script_would_not_run_either(desk):
    page = await desk.look()
    await page.evaluate(
        "() => { const image = new Image(); image.setAttribute('onerror', 'window.ran = 1');"
        " image.src = 'static/none.png'; document.body.append(image); }"
    )
    for expected in ("Content Security Policy", "404"):  # the handler that was refused, the picture that is not there
        await soon(lambda words=expected: any(words in complaint for complaint in desk.complaints))
    assert await page.evaluate("window.ran") is None
    desk.complaints.clear()


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_long_texts_and_odd_writing_stay_within_the_window(desk, size):
    texts = [
        "x" * 1500,
        "https://example.com/" + "a" * 400,
        "שלום, מחר ב-10:30",
        "👩‍👩‍👧‍👦" * 60,
        "a\n" * 40 + "b",
        "\u202e" * 20 + "nil",
    ]
    for text in texts:
        await desk.receive(text)
    page = await desk.look(size, f"#{PHONE}")
    await expect(bubbles(page)).to_have_count(len(texts))
    assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
    log = page.get_by_role("log")
    assert await log.evaluate("log => log.scrollWidth <= log.clientWidth")
    assert await log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 2")
    await expect(bubbles(page).nth(2)).to_have_css("direction", "rtl")
    await expect(answer_box(page)).to_be_in_viewport()


async def test_small_print_and_times_in_the_viewers_zone(desk):
    await desk.receive("kort")
    await desk.receive("x" * 200)
    await desk.receive("🎉")
    await desk.receive("ш" * 100)
    shown = {}
    for zone in ("Asia/Tokyo", "America/New_York"):
        page = await desk.look(zone=zone)
        feet = page.get_by_role("log").locator(".foot")
        await expect(feet).to_have_count(4)
        shown[zone] = await feet.all_inner_texts()
        assert [foot.partition(" · ")[2] for foot in shown[zone]] == ["", "2 SMS", "1 SMS · Unicode", "2 SMS · Unicode"]
    assert shown["Asia/Tokyo"][0][:5] != shown["America/New_York"][0][:5]


async def test_an_unread_phone_has_a_dot_until_it_is_opened(desk):
    await desk.receive("først")
    page = await desk.look(where=f"#{PHONE}")
    await expect(bubbles(page)).to_have_text(["først"])
    await desk.receive("til en anden", "+4520304050")
    other = page.get_by_role("link", name="+45 20304050 (not read)")
    await expect(other).to_be_visible()
    await expect(page).to_have_title("(1) Phones · Brevdue")
    await expect(page.locator("#news")).to_have_text("New SMS on +45 20304050: til en anden")
    assert await page.locator("#phones .number").all_text_contents() == ["+45 20304050 (not read)", "+45 30643064"]
    await other.click()
    await expect(bubbles(page)).to_have_text(["til en anden"])
    await expect(page).to_have_title("Phones · Brevdue")
    await page.reload()
    await expect(page.locator("#phones li")).to_have_count(2)
    await expect(page.locator("#phones .unread")).to_have_count(0)


async def test_a_press_counts_though_an_sms_comes_in_its_midst(desk):
    await desk.receive("et")
    await desk.receive("to", "+4520304050")
    page = await desk.look(where=f"#{PHONE}")
    await page.get_by_role("link", name="+45 20304050").hover()
    await page.mouse.down()
    await desk.receive("tre", "+4520304051")
    await expect(page.locator("#news")).to_have_text("New SMS on +45 20304051: tre")
    await page.wait_for_timeout(300)  # the list is painted by now, if it is
    await page.mouse.up()
    await expect(bubbles(page)).to_have_text(["to"])
    await expect(page.locator("#phones li")).to_have_count(3)


async def test_a_draft_belongs_to_its_phone(desk):
    await desk.receive("et")
    await desk.receive("to", "+4520304050")
    page = await desk.look(where=f"#{PHONE}")
    await answer_box(page).fill("halv")
    await page.get_by_role("link", name="+45 20304050").click()
    await expect(answer_box(page)).to_have_value("")
    await expect(bubbles(page)).to_have_text(["to"])
    await page.get_by_role("link", name="+45 30643064").click()
    await expect(answer_box(page)).to_have_value("halv")


@pytest.mark.proves("D2")
async def test_a_new_phone_writes_first_with_keys_alone(desk):
    page = await desk.look()
    button = page.get_by_role("button", name="New phone", exact=True)
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(
        page.get_by_role("textbox", name="From, the phone").or_(page.get_by_label("From, the phone"))
    ).to_be_focused()
    await page.keyboard.type("30 64 30 64")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("with its country code")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("0045 30-64-30-64")
    await page.keyboard.press("Tab")
    await page.keyboard.type("+45 609946000001")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Hvornår har I åbent?")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(bubbles(page)).to_have_text(["Hvornår har I åbent?"])
    (sms,) = desk.sent
    assert (sms.from_number, sms.to_number, sms.text) == (PHONE, OURS, "Hvornår har I åbent?")


LATE_EVENTS = """
window.EventSource = class extends EventSource {
  set onmessage(hear) { super.onmessage = (event) => setTimeout(() => hear(event), 700); }
};
"""


@pytest.mark.proves("D2")
async def test_an_sms_that_is_read_before_it_is_heard_of_stands_there_once(desk):
    page = await desk.look()
    await page.add_init_script(LATE_EVENTS)
    await page.reload()
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    await desk.receive("et")
    await page.evaluate(f"location.hash = '{PHONE}'")
    await expect(bubbles(page)).to_have_text(["et"])
    await desk.receive("to")
    await expect(bubbles(page)).to_have_text(["et", "to"])


@pytest.mark.proves("D2")
async def test_a_new_phone_that_is_told_twice_to_send_sends_one(desk):
    page = await desk.look()

    told_twice = asyncio.Event()

    async def held(route: Route) -> None:
        await told_twice.wait()
        await route.continue_()

    await page.route("**/sim/inbound", held)
    await page.get_by_role("button", name="New phone", exact=True).click()
    await page.get_by_label("Text", exact=True).fill("Hej")
    await page.get_by_label("From, the phone").fill(PHONE)
    await page.get_by_label("To, one of your numbers").fill(OURS)
    await page.keyboard.press("Control+Enter")
    await page.keyboard.press("Control+Enter")
    told_twice.set()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(bubbles(page)).to_have_text(["Hej"])
    await desk.receive("svar")
    await expect(bubbles(page)).to_have_text(["Hej", "svar"])
    assert len(desk.sent) == 1


async def test_keys_move_through_the_list_and_open_a_phone(desk):
    await desk.receive("et")
    await desk.receive("to", "+4520304050")
    page = await desk.look()
    await expect(answer_box(page)).to_be_focused()  # the page opens the latest phone and waits for an answer to it
    await page.get_by_role("link", name="+45 20304050").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("link", name="+45 30643064")).to_be_focused()
    await desk.receive("mere", "+4520304050")
    await expect(page.get_by_role("link", name="mere")).to_be_visible()
    await expect(page.get_by_role("link", name="+45 30643064")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(bubbles(page)).to_have_text(["et"])


async def test_a_phone_sized_window_shows_the_list_or_the_phone(desk):
    await desk.receive("Hej")
    page = await desk.look(NARROW)
    link = page.get_by_role("link", name="+45 30643064")
    await expect(link).to_be_visible()
    await expect(page.get_by_role("log")).to_be_hidden()
    await link.click()
    await expect(bubbles(page)).to_have_text(["Hej"])
    await expect(link).to_be_hidden()
    await page.get_by_role("link", name="Back to the phones").click()
    await expect(link).to_be_visible()
    await page.go_back()
    await expect(bubbles(page)).to_have_text(["Hej"])


async def test_the_table_of_magic_numbers_opens(desk):
    await desk.receive("Hej", "+4530999906")
    page = await desk.look()
    await expect(page.get_by_role("rowheader", name="999901")).to_be_hidden()
    await page.get_by_text("Numbers that fail on purpose").click()
    await expect(page.get_by_role("row", name="999901 refused: no such subscriber")).to_be_visible()
    await expect(page.locator(".handset header")).to_contain_text("accepted, delivered, never a report")


@pytest.mark.proves("D8")
async def test_a_restart_of_the_gateway_is_seen_and_caught_up(desk):
    await desk.receive("før")
    page = await desk.look()
    await expect(bubbles(page)).to_have_text(["før"])
    await desk.stop()
    await expect(page.get_by_text("connection lost, trying again")).to_be_visible()
    await answer_box(page).fill("imens")
    await answer_box(page).press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    await desk.start()
    await desk.receive("mens ingen så det")
    await expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=10_000)
    await expect(bubbles(page)).to_have_text(["før", "mens ingen så det"])
    await expect(answer_box(page)).to_have_value("imens")
    assert all("ERR_" in words for words in desk.complaints)
    desk.complaints.clear()


async def test_many_at_once_leave_the_page_calm(desk):
    page = await desk.look()
    for number in range(300):
        await desk.receive(f"nr. {number}", f"+45203{number:05}")
    await expect(page.locator("#phones li")).to_have_count(200)
    await expect(page.locator("#phones .last").first).to_have_text("nr. 299")


async def shades(page: Page) -> tuple[int, int]:
    """Lightness of paper and ink on the handset, 0 to 255."""
    read: Awaitable[list[list[int]]] = page.locator(".handset h2").evaluate(
        "h => [getComputedStyle(h.closest('.handset')).backgroundColor, getComputedStyle(h).color]"
        ".map(c => c.match(/\\d+/g).slice(0, 3).map(Number))"
    )
    paper, ink = await read
    return sum(paper) // 3, sum(ink) // 3


async def test_dark_where_the_viewer_likes_it_dark(desk):
    await desk.receive("Hej")
    page = await desk.look()
    await expect(bubbles(page)).to_have_count(1)
    paper, ink = await shades(page)
    assert paper > 200
    assert ink < 80
    await page.emulate_media(color_scheme="dark")
    paper, ink = await shades(page)
    assert paper < 60
    assert ink > 200
