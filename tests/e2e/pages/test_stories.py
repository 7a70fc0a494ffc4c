"""A day at Firma A/S, in a browser: an SMS is written, answered and read; a key rests; a reader looks; a phone is enough."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from playwright.async_api import Locator, Page, expect

from tests.gateway_process import wait_for
from tests.visitors import NARROW, House
from web.identity.roles import Role

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.proves("no page loads from elsewhere")]

HTML = (
    '<svg onload="document.title=`stolen`"></svg><img src=x onerror="alert(1)"><script>alert(2)</script>'
    '<a href="javascript:alert(3)">klik</a>"\'>{{7*7}}'
)


async def soon(look: Callable[[], object], what: str) -> None:
    """Wait for something outside the browser, without keeping the browser from being heard."""
    await asyncio.to_thread(wait_for, look, what, 15)


def bubbles(page: Page) -> Locator:
    return page.locator("#said .bubble .text")


@pytest.mark.proves("D2", "D12", "counting as one types")
async def test_an_sms_is_written_read_on_the_phone_and_answered(house: House):
    anna = await house.visit(Role.SENDER)
    page = await anna.goto("/write")
    await page.get_by_label("From account").fill("anna@firm.example")
    await page.get_by_label("To phones").fill("30 64 30 64")
    await page.get_by_label("Text").fill("Hej Anders, din bil er klar. Du kan hente den i morgen mellem kl. 8 og 17")
    await expect(page.locator("#count")).to_contain_text("1 SMS")
    await page.get_by_label("Text").press_sequentially(" 😀")
    await expect(page.locator("#count mark.ucs2").first).to_have_text("😀")
    await expect(page.locator("#count")).to_contain_text("leaves room for 70 characters")
    await page.get_by_role("button", name="Take the cheaper text").click()
    await expect(page.get_by_label("Text")).not_to_have_value(re.compile("😀"))
    await expect(page.locator("#count mark.ucs2")).to_have_count(0)
    await page.get_by_label("Text").fill("Hej Anders, din bil er klar")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", name="Message sent")).to_be_visible()
    await page.get_by_role("link", name="on its way").click()
    await expect(page.get_by_text("Attempt begun")).to_be_visible()

    phones = await house.visit(Role.OPERATOR)
    phone = await phones.goto("/sim")
    await expect(phone.get_by_role("log")).to_contain_text("Hej Anders, din bil er klar")
    chat = await anna.goto(f"/conversations/{house.firm.account_id}/+4530643064")
    await expect(bubbles(chat)).to_have_text(["Hej Anders, din bil er klar"])
    await chat.evaluate("window.untouched = true")
    await phone.get_by_role("textbox", name="Answer").fill("Tak, jeg kommer kl. 15")
    await phone.get_by_role("button", name="Send").click()
    await expect(bubbles(chat)).to_have_text(["Hej Anders, din bil er klar", "Tak, jeg kommer kl. 15"])
    assert await chat.evaluate("window.untouched"), "it came by itself"
    [mail] = house.gateway.mails(1, to="anna@firm.example", subject="Besked fra +45 30643064")
    assert "Tak, jeg kommer kl. 15" in mail.get_content()

    await chat.get_by_role("textbox", name="Your answer").fill("Fint, vi ses")
    await chat.get_by_role("button", name="Send").click()
    await expect(bubbles(chat).last).to_have_text("Fint, vi ses")
    await expect(phone.get_by_role("log")).to_contain_text("Fint, vi ses")


@pytest.mark.proves("D14")
async def test_a_paused_key_lets_nothing_through_until_the_pause_ends(house: House):
    owner = await house.visit(Role.OWNER)
    page = await owner.goto(f"/keys/{house.firm.key_id}")
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Pause", exact=True).click()
    await dialog.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("Paused since").first).to_be_visible()

    await page.goto(f"{house.url}/write?account=anna@firm.example")
    await page.get_by_label("To phones").fill("30643065")
    await page.get_by_label("Text").fill("Kommer ikke frem")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("paused")
    await expect(page.get_by_label("Text")).to_have_value("Kommer ikke frem")
    owner.complaints = owner.complaints_but("status of 422")
    house.gateway.text("+4530643065", house.firm.number, "Er I der?")
    await page.goto(f"{house.url}/attention")
    await expect(page.get_by_role("main")).to_contain_text("Er I der?")
    assert house.gateway.phone("+4530643065") == []
    assert not [mail for mail in house.gateway.inbox_mails() if "Er I der?" in str(mail.get_body())]

    await page.goto(f"{house.url}/keys/{house.firm.key_id}")
    await page.get_by_role("link", name="End the pause").click()
    await dialog.get_by_role("button", name="End the pause").click()
    await expect(page.get_by_text("Paused since")).to_have_count(0)
    await soon(lambda: house.gateway.mails(1, subject="Besked fra +45 30643065"), "what was held")
    await page.goto(f"{house.url}/attention")
    await expect(page.get_by_role("main")).not_to_contain_text("Er I der?")


@pytest.mark.proves("readers change nothing")
async def test_a_reader_finds_nothing_to_change_and_forges_in_vain(house: House):
    reader = await house.visit(Role.READER)
    firm = house.firm
    for path in (
        "/accounts",
        f"/accounts/{firm.account_id}",
        "/messages",
        f"/conversations/{firm.account_id}/+4530643064",
        "/optouts",
        "/attention",
    ):
        page = await reader.goto(path)
        forms = page.get_by_role("main").locator("form[method=post], [hx-post]")
        assert await forms.count() == 0, path
        deeds = page.get_by_role("main").get_by_role("link", name=re.compile("Open an|Edit|Close|Write|Pause|Add"))
        assert await deeds.count() == 0, path
    await reader.goto("/me")
    phone = f"/conversations/{firm.account_id}/+4530643064"
    for path, fields in (
        ("/write", {"account": firm.email, "phones": "30643064", "text": "Hej"}),
        (phone, {"text": "Hej"}),
        ("/accounts/new", {"email": "x@firm.example", "key": firm.key_id}),
        (f"/accounts/{firm.account_id}/close", {}),
        (f"/keys/{firm.key_id}/pause", {}),
        ("/people/invite", {"email": "x@firm.example", "role": "owner"}),
    ):
        assert await reader.post(path, **fields) == 403, path
    assert firm.client.get(f"/accounts/{firm.account_id}").body["closed_at"] is None


@pytest.mark.proves("inert texts", "CSV cells")
async def test_an_sms_full_of_html_is_text_wherever_it_is_read(house: House):
    gateway, firm = house.gateway, house.firm
    operator = await house.visit(Role.OPERATOR)
    phone, nobody = "+4530643066", "+45609946999997"
    gateway.text(phone, firm.number, HTML)
    gateway.text(phone, nobody, HTML)
    [mail] = await asyncio.to_thread(gateway.mails, 1, "Besked fra +45 30643066")
    assert [part.get_content_type() for part in mail.walk() if part.get_content_maintype() == "text"] == ["text/plain"]
    assert HTML in mail.get_content()
    incoming = next(each for each in firm.client.get("/incoming").body["items"] if each["phone"] == phone)
    for path in (
        "/",
        "/messages",
        f"/messages/{incoming['id']}",
        f"/conversations/{firm.account_id}",
        f"/conversations/{firm.account_id}/{phone}",
        "/attention",
        "/sim",
    ):
        page = await operator.goto(path)
        if path == "/":
            continue
        await expect(page.get_by_text(HTML[:20]).first).to_be_visible()
        assert await page.locator("main svg[onload], main img[src=x], main a[href^=javascript]").count() == 0, path
        assert "stolen" not in await page.title()
    answer = await operator.context.request.get(f"{house.url}/messages.csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert HTML.replace('"', '""') in await answer.text()


@pytest.mark.proves("a phone's window")
async def test_on_a_phone_the_menu_opens_and_everything_is_reached(house: House):
    owner = await house.visit(Role.OWNER, size=NARROW)
    page = await owner.goto("/accounts")
    menu = page.get_by_role("navigation", name="Menu")
    await expect(menu).to_be_hidden()
    toggle = page.get_by_role("button", name="Menu")
    await expect(toggle).to_have_attribute("aria-expanded", "false")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-expanded", "true")
    assert await page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
    await menu.get_by_role("link", name="Message log").click()
    await expect(page.get_by_role("heading", name="Message log")).to_be_visible()
    await page.goto(f"{house.url}/accounts")
    await page.get_by_role("link", name="QR code").first.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("img.qr")).to_be_visible()
    box = await dialog.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= NARROW[0]


@pytest.mark.proves("the reader's language")
async def test_a_dane_reads_danish(house: House):
    owner = await house.visit(Role.OWNER, language="da")
    page = await owner.goto("/accounts")
    await expect(page.locator("html")).to_have_attribute("lang", "da")
    await expect(page.get_by_role("heading", name="Konti")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Menu").get_by_role("link", name="Nøgler")).to_be_visible()
    opened = page.get_by_role("row").filter(has_text="anna@firm.example").locator("time").first
    await expect(opened).to_have_text(re.compile(r"^\d{1,2}\.\d{1,2}\.\d{4} \d\d\.\d\d$"))
    await page.get_by_role("link", name="Opret en konto").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("input[name=email]").fill("anna@@firm")
    await dialog.locator("form").evaluate("form => form.noValidate = true")
    await dialog.locator("button.btn-primary").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("er ikke en mailadresse")
    owner.complaints = owner.complaints_but("status of 422")


@pytest.mark.proves("page weight")
async def test_styles_and_scripts_are_fetched_once(house: House):
    owner = await house.visit(Role.OWNER)
    asked = await owner.context.new_cdp_session(owner.page)
    files: dict[str, str] = {}
    kept: set[str] = set()
    asked.on("Network.requestWillBeSent", lambda said: files.update({said["requestId"]: said["request"]["url"]}))
    asked.on("Network.requestServedFromCache", lambda said: kept.add(said["requestId"]))
    asked.on(
        "Network.responseReceived",
        lambda said: kept.update({said["requestId"]} if said["response"].get("fromDiskCache") else ()),
    )
    await asked.send("Network.enable")

    async def fetched(path: str) -> list[str]:
        """Files that came from the gateway, and not out of what the browser keeps."""
        files.clear()
        await owner.goto(path)
        await owner.page.wait_for_load_state("networkidle")
        return [url for name, url in files.items() if "/static/" in url and name not in kept]

    assert len(await fetched("/accounts")) > 4
    lengths = [int(each.headers["content-length"]) for each in owner.answers if "/static/" in each.url]
    assert sum(lengths) < 250_000, "bytes of a first visit, compressed"
    assert await fetched("/messages") == []


@pytest.mark.proves("keyboard")
async def test_everything_is_done_with_keys_alone(house: House):
    owner = await house.visit(Role.OWNER)
    page = await owner.goto("/accounts")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    page = await owner.goto("/accounts")
    wanted = await page.evaluate(REACHABLE)
    reached = []
    for _ in range(wanted + 5):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate(FOCUSED))
        if len(reached) > wanted or reached[-1]["name"] == "BODY":
            break
    there = [each["place"] for each in reached if each["name"] != "BODY"]
    assert len(set(there)) == wanted, "every link, field and button is reached"
    assert [each for each in reached if each["name"] != "BODY" and not each["seen"]] == []

    opener = page.get_by_role("link", name="Open an account")
    await opener.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("E-mail")).to_be_focused()
    for _ in range(12):
        await page.keyboard.press("Tab")
        inside = "document.activeElement === document.body || dialog.contains(document.activeElement)"
        assert await page.evaluate(
            f"(() => {{ const dialog = document.getElementById('dialog'); return {inside}; }})()"
        )
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(opener).to_be_focused()


REACHABLE = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
    .filter((each) => each.checkVisibility({visibilityProperty: true}) && !each.disabled).length"""
FOCUSED = """() => {
    const at = document.activeElement, style = getComputedStyle(at);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return {
        name: at.tagName,
        place: [...document.querySelectorAll("*")].indexOf(at),
        html: at.outerHTML.slice(0, 100),
        seen: outlined || style.boxShadow !== "none",
    };
}"""
