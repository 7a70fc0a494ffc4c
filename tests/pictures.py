"""`make pictures`: the pages that README.md shows, of a gateway with a workshop's people in it, into docs/images."""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from campaigns.model import Draft, Point
from campaigns.store.contact_sql import Change, store
from gateway.store.opening import open_database
from tests.gateway_process import Gateway, wait_for
from tests.visitors import QUIET, House
from web.identity.roles import Role

FOLDER = Path(__file__).parent.parent / "docs" / "images"
HEAVIEST = 120_000
"""Bytes of a picture."""
PEOPLE = ("bente.krogh", "camilla.holm", "frederik.lund", "jens.oestergaard", "mette.dam", "soeren.bach", "ulla.friis")
CUSTOMERS = {
    "30643064": (
        "Hej Anders. Din bil er klar, og du kan hente den fra kl. 15. Regningen er på 2.450 kr. Hilsen Anna",
        ("Super, tak! Kan jeg komme kl. 17.30 i stedet?", "Det er fint, vi har åbent til 18.", "Perfekt, så ses vi"),
    ),
    "20417733": ("Hej Lise, bremserne er skiftet. Skal vi også tage vinterdækkene?", ("Ja tak, gerne.",)),
    "51882209": ("Husk din tid til serviceeftersyn i morgen kl. 8.00.", ("OK", "Vi glæder os.")),
    "28460912": ("Hej Omar, reservedelen kommer først på torsdag. Vi ringer.", ()),
}


async def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder, Gateway(Path(folder)) as gateway:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            house = House.of(gateway, browser, "Nordhavn Autoværksted", "anna@nordhavn.example")
            await asyncio.to_thread(live, house)
            anna = await house.visit(Role.OWNER, email="lone.skov@nordhavn.example")
            page = await anna.goto("/accounts?sort=email")
            await page.reload()  # in the zone that the first page has told
            await accounts(page)
            await page.goto(f"{house.url}/conversations/{house.firm.account_id}/+4530643064")
            await keep(page, "conversation")
            await page.goto(f"{house.url}/write?account={house.firm.email}")
            await write(page)
            await campaign(page, house)
            await house.leave()
            await browser.close()


def live(house: House) -> None:
    """Open accounts, and let customers write back and forth with them."""
    firm, gateway = house.firm, house.gateway
    firm.client.call("PATCH", f"/keys/{firm.key_id}", {"label": "Reception"})
    others = [
        firm.client.post("/accounts", {"key": firm.key_id, "email": f"{name}@nordhavn.example"}).body for name in PEOPLE
    ]
    for number, other in enumerate(others):
        for each in range(number * 5 % 7):
            firm.client.post("/messages", {"account": other["id"], "to": [f"2120{number}{each}11"], "text": "Hej"})
        if number % 3 == 0:
            gateway.sms(f"+452120{number}011") if number * 5 % 7 else None
            gateway.text(f"+452120{number}011", other["number"], "Tak for det")
    for phone, (first, rest) in CUSTOMERS.items():
        say(house, phone, first)
        for turn, text in enumerate(rest):
            if turn % 2:
                say(house, phone, text)
            else:
                gateway.text(f"+45{phone}", firm.number, text)
                wait_for(lambda text=text: text in [each["text"] for each in came(house)], text)
    wait_for(lambda: all(each["state"] == "delivered" for each in went(house)), "all reports")


def say(house: House, phone: str, text: str) -> None:
    """Let Anna write, until the phone has it."""
    house.firm.send(phone, text=text)
    wait_for(lambda: text in [each["text"] for each in house.gateway.phone(f"+45{phone}")], text)


def came(house: House) -> list[dict[str, str]]:
    """What came in."""
    return list(house.firm.client.get("/incoming").body["items"])


def went(house: House) -> list[dict[str, str]]:
    """What went out."""
    return list(house.firm.client.get("/messages").body["items"])


async def accounts(page: Page) -> None:
    """The list, with the QR code of an account over it."""
    row = page.get_by_role("row").filter(has_text="camilla.holm")
    await row.get_by_role("link", name="QR code").click()
    await expect(page.get_by_role("dialog").locator("img.qr")).to_be_visible()
    await keep(page, "accounts")


async def write(page: Page) -> None:
    """The page to write, with a character that makes everything dearer."""
    await page.get_by_label("To phones").fill("30 64 30 64, 20 41 77 33")
    await page.get_by_label("Text").fill(
        "Kære kunde. Vi holder lukket mellem jul og nytår og åbner igen mandag den 4. januar kl. 7.30. Glædelig jul ♥"
    )
    await expect(page.get_by_role("button", name="Take the cheaper text")).to_be_visible()
    await keep(page, "write")


async def campaign(page: Page, house: House) -> None:
    """What one contact would get, and a campaign that has left."""
    names = {"Anders Holm": "+4530643064", "Lise Krogh": "+4520417733", "Omar Bach": "+4528460912"}
    database = await open_database(f"sqlite:///{house.gateway.folder / 'brevdue.db'}")
    try:
        drafts = [Draft(name, phones=(Point(phone),)) for name, phone in names.items()]
        await database.write(store, Change(house.org_id, time.time(), drafts))
    finally:
        await database.close()
    text = 'Hej {{ first_name | default: "kunde" }}! Nu er det tid til vinterdæk. Hilsen Anna'
    account = ("--account", house.firm.email, "--where", "")
    made = house.gateway.run("campaign", "create", "Vinterdæk", *account, "--text", text).strip()
    await before(page, house, made)
    await page.goto(f"{house.url}/campaigns/{made}/check")
    await page.get_by_role("link", name="Lise Krogh").click()
    await expect(page.locator("#message")).to_contain_text("Hej Lise!")
    await keep(page, "campaign-check")
    house.gateway.run("campaign", "start", made)
    await page.goto(f"{house.url}/campaigns/{made}")
    await expect(page.locator("#figures").get_by_role("status")).to_have_text("finished")
    await expect(page.get_by_text("Delivered over time").first).to_be_visible()
    delivered = page.locator("#figures dt", has_text="delivered").locator("xpath=following-sibling::dd[1]")
    await expect(delivered).to_have_text(str(len(names)))
    await keep(page, "campaign")


TABLE = """Navn;Mobil;E-mail;By;Bil
Anders Holm;30643064;anders@kunde.example;Aarhus;Volvo V60
Lise Krogh;20417733;lise@kunde.example;Risskov;Skoda Fabia
Omar Bach;28460912;;Aarhus;VW Golf
Tove Lind;12;tove@kunde.example;Viby;Toyota Yaris
"""


async def before(page: Page, house: House, campaign_id: str) -> None:
    """Contacts from a table, a group of them, and the form of a campaign."""
    await page.goto(f"{house.url}/imports/new")
    await page.get_by_label("Table").set_input_files(
        [{"name": "kunder.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}]
    )
    await page.get_by_role("button", name="Look at it first").click()
    await expect(page.get_by_label("Mobil")).to_be_visible()
    await keep(page, "import")
    await page.goto(f"{house.url}/groups/build")
    await page.get_by_label("Name of the group").fill("Kunder med mobil")
    await page.locator("#text").fill("has: phone and (name ~ Holm or name ~ Krogh)")
    await expect(page.locator("#counted .great")).to_have_text("2")
    await keep(page, "group")
    await page.goto(f"{house.url}/campaigns/{campaign_id}/edit")
    await expect(page.locator("#members")).to_contain_text("contacts")
    await keep(page, "campaign-form")


async def keep(page: Page, name: str) -> None:
    """A picture of the window, in as many colours as it may weigh."""
    await page.wait_for_load_state("load")  # a page that is told of changes never rests
    await page.wait_for_function("[...document.images].every(image => image.complete)")
    await page.evaluate("document.activeElement.blur()")
    shot = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    for colours in (256, 128, 64, 32):
        content = io.BytesIO()
        shot.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            content, "PNG", optimize=True
        )
        if content.tell() < HEAVIEST:
            break
    (FOLDER / f"{name}.png").write_bytes(content.getvalue())


if __name__ == "__main__":
    asyncio.run(main())
