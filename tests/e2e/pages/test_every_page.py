"""Every page and every dialog of the site's own routes: usable by everybody, light and dark, small, and from here alone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from campaigns.contacts import Contacts
from campaigns.imports.imports import Imports
from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.store.opening import open_database
from tests.api.conftest import Firm
from tests.api.test_tenants import PAGES
from tests.gateway_process import Gateway, wait_for
from tests.node_packages import NODE, node_with
from tests.visitors import NARROW, WIDE, House, Visitor, follow
from web.identity.identity import make_identity
from web.identity.model import LinkKind
from web.identity.roles import Role

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.proves("no page loads from elsewhere")]

PHONE, IN_DOUBT = "+4530643064", "+4520999907"
LONG = "bartholomaeus.schlegelmilch-oberhummer.kundenservice@abteilung-nord.vertriebsgesellschaft.example"
LONGEST = 100_000
"""Bytes of a page's HTML."""
GRAVE = {"serious", "critical"}
FILES = re.compile(r"\.(png|zip|csv|vcf|json)$")
ELSEWHERE = {
    "/sign-in/sso": "leads to a provider of other people",
    "/sign-in/sso/back": "is where that provider sends people back to",
    "/sign-in/code": "is asked for with half a session: below",
    "/sign-in/second-factor": "is asked for with half a session",
}
"""Pages that cannot simply be asked for, and why."""
PARTS = {
    "/attention/count",
    "/write/accounts",
    "/groups/{group_id}/count",
    "/campaigns/accounts",
    "/campaigns/people",
    "/campaigns/{campaign_id}/live",
}
"""What only a script asks for: no page of its own."""
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.outerHTML.slice(0, 120))"""
"""What sticks out of a window that would have to be scrolled sideways."""
PHONES = "/sim"
"""Stands beside the site."""
PATHS = sorted(
    path
    for method, path in (*PAGES, ("GET", PHONES))
    if method == "GET" and not FILES.search(path) and path not in ELSEWHERE and path not in PARTS
)


@dataclass
class Guests:
    """One visitor of each kind, and what the addresses of pages name."""

    operator: Visitor
    owner: Visitor
    employee: Visitor
    stranger: Visitor
    samples: dict[tuple[str, str], str]
    queries: dict[str, str]
    """What stands behind the question mark, for pages that are nothing without."""
    axe: str

    def address(self, path: str) -> str:
        """The path of a page. Raises KeyError for a parameter without a sample."""
        subject = path.split("/")[1]

        def sample(name: re.Match[str]) -> str:
            special = self.samples.get((path, name[1]))
            return quote(special or self.samples[subject, name[1]], safe="")

        return re.sub(r"{(\w+)}", sample, path) + self.queries.get(path, "")

    async def open(self, path: str) -> tuple[Visitor, bytes]:
        """Let whoever it is for look at a page, and give its HTML."""
        if path == PHONES:
            guests = [self.operator]
        elif path.startswith(("/sign-in", "/forgotten", "/link")):
            guests = [self.stranger]
        elif path.startswith("/mine"):
            guests = [self.employee]
        else:
            guests = [self.owner, self.operator]
        for guest in guests:
            guest.complaints.clear()
            guest.answers.clear()
            answer = await guest.page.goto(f"{guest.base}{path}")
            assert answer is not None
            if answer.status == 200:
                return guest, await answer.body()
        raise AssertionError(f"{path} was answered {answer.status}: {await answer.text()}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guests(gateway: Gateway, browser: Browser, require: Callable[[str], str]) -> AsyncIterator[Guests]:
    node_with(require, "axe-core")
    house = House.of(gateway, browser)
    firm = house.firm
    message = firm.send(PHONE, text="Hej Anders, din bil er klar – hent den før kl. 17").body["messages"][0]["id"]
    doubtful = firm.send(IN_DOUBT).body["messages"][0]["id"]
    firm.client.post("/accounts", {"key": firm.key_id, "email": LONG})
    firm.client.call("PUT", "/optouts/+4530643002")
    firm.client.call("PUT", "/email-optouts/vera@customer.example")
    own = json.loads(gateway.run("number", "give", "--org", firm.name, "--to", "info@firm.example", "--json"))["number"]
    gateway.run("keyword", "add", own, "TILBUD", "--to", "salg@firm.example")
    campaign = gateway.run(
        "campaign", "create", LONG, "--account", firm.email, "--text", "Hej {{ name }}", "--where", ""
    )
    webhook = firm.client.post("/webhooks", {"url": "https://hooks.example.com/"}).body["webhook"]["id"]
    filter_text = "has: phone and (created > today - 30 or not (name ~ 'x' or name in (Anna, Bo)))"
    group = firm.client.post("/groups", {"name": "Regulars", "filter": filter_text}).body["id"]
    firm.client.post("/groups", {"name": "Regulars of ours", "filter": "group: Regulars"})
    listed = firm.client.post("/groups", {"name": "Invited"}).body["id"]
    gateway.sms(PHONE)
    gateway.text(PHONE, firm.number, "Tak, jeg kommer kl. 15")
    gateway.text(PHONE, "+45609946999998", "Er der nogen?")
    wait_for(lambda: firm.client.get(f"/messages/{doubtful}").body["state"] == "unknown", "the lost answer")
    wait_for(lambda: firm.client.get("/incoming").body["items"], "the answer")
    contact = _contact(firm)
    person, invitation, own_link, uploaded = await _people(house)
    made = Guests(
        operator=await house.visit(Role.OPERATOR),
        owner=await house.visit(Role.OWNER),
        employee=await house.visit(),
        stranger=await house.visit(),
        samples={
            ("accounts", "account_id"): firm.account_id,
            ("campaigns", "campaign_id"): campaign.strip(),
            ("conversations", "account_id"): firm.account_id,
            ("conversations", "phone"): PHONE,
            ("keys", "key_id"): firm.key_id,
            ("messages", "message_id"): message,
            ("numbers", "number"): own,
            ("webhooks", "webhook_id"): webhook,
            ("optouts", "phone"): "+4530643002",
            ("imports", "import_id"): uploaded,
            ("people", "person_id"): person,
            ("link", "token"): invitation,
            ("groups", "group_id"): group,
            ("/groups/{group_id}/add", "group_id"): listed,
            ("attention", "verdict"): "sent",
            ("attention", "message_id"): doubtful,
            ("contacts", "contact_id"): contact,
            ("contacts", "key"): "city",
            ("contacts", "kind"): "order",
            ("contacts", "number"): "1",
        },
        queries={"/optouts/emails/remove": f"?org={house.org_id}&address=vera@customer.example"},
        axe=(NODE / "node_modules/axe-core/axe.min.js").read_text(),
    )
    page = await made.operator.goto("/attention")
    hand = await page.locator("a[href$='/hand']").first.get_attribute("href")
    assert hand is not None
    made.samples["/attention/{message_id}/hand", "message_id"] = hand.split("/")[2]
    page = await made.owner.goto("/imports/new")
    table = {"name": "contacts.csv", "mimeType": "text/csv", "buffer": b"Name,Phone\nAnders And,+4530643064\n"}
    await page.get_by_label("Table").set_input_files([table])
    await page.get_by_role("button", name="Look at it first").click()
    await page.wait_for_url(re.compile(r"/imports/(?!new)\w+"))
    made.samples["imports", "import_id"] = page.url.split("/")[4].partition("?")[0]
    page = await made.employee.goto(f"/link/{own_link}")
    await page.get_by_role("main").get_by_role("button").click()
    yield made
    await house.leave()


def _contact(firm: Firm) -> str:
    """A contact with one of everything, and a field of each kind."""
    fields = [("city", "text", ""), ("age", "number", ""), ("born", "date", ""), ("member", "yes_no", "")]
    for name, kind, of in (*fields, ("total", "number", "order")):
        firm.client.post("/contacts/fields", {"name": name, "label": name.title(), "type": kind, "kind": of})
    phones = [{"value": PHONE, "label": "work"}, {"value": "+4530643002"}]
    form = {"name": "Anders And", "phones": phones, "emails": [{"value": LONG}], "tags": ["VIP"], "no_sms": True}
    values = {"city": "Aarhus", "age": 37, "born": "1988-12-24", "member": True}
    contact = firm.client.post("/contacts", {**form, "attributes": values}).body["id"]
    agreed = {"purpose": "newsletter", "how": "the form on the website", "wording": "Yes, write to me."}
    firm.client.post(f"/contacts/{contact}/consents", agreed)
    firm.client.post(f"/contacts/{contact}/objects", {"kind": "order", "ref": "A-1", "fields": {"total": 99.5}})
    return str(contact)


async def _people(house: House) -> tuple[str, str, str, str]:
    """The id of a person, the tokens of an invitation and of an employee's link to their account; and an import."""
    keyring = Keyring.load(house.gateway.folder / "brevdue.secret")
    database = await open_database(f"sqlite:///{house.gateway.folder / 'brevdue.db'}")
    try:
        identity = make_identity(database, keyring, SystemClock(), house.url)
        org_id, firm = house.org_id, house.firm
        person = await identity.people.create("rita@firm.example", Role.READER, org_id, name="Rita Reader")
        invited = await identity.links.make(
            LinkKind.INVITATION, org_id=org_id, email="new@firm.example", role=Role.SENDER
        )
        own = await identity.links.make(LinkKind.SIGN_IN, org_id=org_id, account_id=firm.account_id, email=firm.email)
        clock = SystemClock()
        imports = Imports(database, Contacts(database, clock), clock)
        return person.id, invited, own, (await imports.upload(org_id, "people.csv", _table())).id
    finally:
        await database.close()


async def _table() -> AsyncIterator[bytes]:
    yield b"Name;Phone;City\nAnna;30643061;Aarhus\nBo;12;Odense\n"


@pytest.mark.proves("axe", "page weight", "a phone's window")
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_is_for_everybody(guests: Guests, path: str):
    visitor, html = await guests.open(guests.address(path))
    assert len(html) < LONGEST
    await look(visitor, guests.axe)
    assert visitor.complaints == []


@pytest.mark.proves("axe")
async def test_what_appears_by_and_by_is_for_everybody(guests: Guests):
    visitor, _ = await guests.open("/write")
    page = visitor.page
    await page.get_by_label("Text").fill(f"{'Vi holder lukket mellem jul og nytår. ' * 3}♥ [1]")
    await expect(page.get_by_role("button", name="Take the cheaper text")).to_be_visible()
    await look(visitor, guests.axe)
    await page.get_by_label("From account").fill("nobody@firm.example")
    await page.get_by_label("To phones").fill("123")
    await follow(page.get_by_role("button", name="Send"))
    await expect(page.get_by_role("alert")).to_be_visible()
    await look(visitor, guests.axe)


@pytest.mark.proves("axe")
async def test_a_dialog_with_a_mistake_in_it_is_for_everybody(guests: Guests):
    visitor, _ = await guests.open("/accounts")
    page = visitor.page
    dialog = page.get_by_role("dialog")
    await page.get_by_role("link", name="Open an account").click()
    await dialog.get_by_label("E-mail").fill("anna@@firm")
    await dialog.locator("form").evaluate("form => form.noValidate = true")
    await dialog.get_by_role("button", name="Open the account").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await look(visitor, guests.axe)
    await dialog.get_by_label("E-mail").fill("bo@firm.example")
    await dialog.get_by_role("button", name="Open the account").click()
    await expect(dialog.get_by_role("heading", name="The account is open")).to_be_visible()
    await look(visitor, guests.axe)


async def look(visitor: Visitor, axe: str) -> None:
    """What axe finds grave, light and dark, and whether the page is as wide as a phone's window."""
    page = visitor.page
    await page.evaluate(axe)
    found = await faults(page, {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    await page.emulate_media(color_scheme="dark")  # for the phones
    await page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    dark = await faults(page, {"runOnly": ["color-contrast"]})
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    wide = await page.evaluate(WIDER)
    await page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    await page.emulate_media(color_scheme="light")
    assert (found, dark, wide) == ([], [], [])


async def faults(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds serious or critical, each with the element and the reason."""
    result = await page.evaluate("options => axe.run(document, {...options, resultTypes: ['violations']})", options)
    return [
        f"{fault['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for fault in result["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
