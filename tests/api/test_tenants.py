"""The tenant matrix: every operation of the API and every page, for whoever must not see what it shows.

It is made of the OpenAPI document and of the site's own routes. A route with a parameter that has no sample here fails:
say how to get another organisation's, or, with the reason, why there is none.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from campaigns.contacts import Contacts
from campaigns.imports.imports import Imports
from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.scopes import KEY_SCOPES, Scope
from gateway.store import directory_sql
from gateway.store.database import Database
from gateway.store.opening import open_database
from tests.api.conftest import Answer, Client, Firm
from tests.gateway_process import Gateway, wait_for
from web.api.document import document
from web.api.routing import scope_of
from web.desk.desk import Desk
from web.identity.identity import make_identity
from web.identity.model import LinkKind, Passkey, Person
from web.identity.roles import Role
from web.pages.cookies import Cookies
from web.site import SiteParts, make_site
from web.store import passkey_sql

pytestmark = pytest.mark.proves("tenant matrix")

OPERATIONS = [(path, method, how) for path, methods in document()["paths"].items() for method, how in methods.items()]
NAMES = [f"{method} {path}" for path, method, _ in OPERATIONS]
WITH_ID = [each for each in OPERATIONS if "{" in each[0]]
OWN_PUT = {"/optouts/{phone}", "/email-optouts/{address}"}
"""PUT makes it the caller's own: a phone or an address is nobody's."""


# --- another organisation's things ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Things:
    """What an organisation has, by the parameter that names it and the subject it stands under."""

    samples: dict[tuple[str, str], str]

    def path(self, template: str) -> str:
        """The path of a thing. Raises KeyError where a parameter has no sample."""
        subject = template.split("/")[1]
        return re.sub(r"{(\w+)}", lambda found: quote(self.samples[subject, found[1]], safe=""), template)


@pytest.fixture(scope="module")
def things(gateway: Gateway, other: Firm) -> Things:
    """What the other organisation has."""
    phone = "+4530643001"
    message = other.send(phone).body["messages"][0]["id"]
    gateway.sms(phone)
    gateway.text(phone, other.number, "Hemmeligt")
    (incoming,) = wait_for(lambda: other.client.get("/incoming").body["items"], "the answer")
    other.client.call("PUT", "/optouts/+4530643002")
    other.client.call("PUT", "/email-optouts/vera@customer.example")
    own = gateway.run("number", "give", "--org", other.name, "--to", "info@other.example", "--json")
    webhook = other.client.post("/webhooks", {"url": "https://hooks.example.com/"}).body["webhook"]["id"]
    other.send("+4530643001")
    doubt = other.send("+4520999907").body["messages"][0]["id"]
    wait_for(lambda: other.client.get(f"/messages/{doubt}").body["state"] == "unknown", "an SMS in doubt", 40)
    called = f"/webhooks/{webhook}/calls"
    call = wait_for(lambda: other.client.get(called).body["items"], "a call")[0]["id"]
    campaign = gateway.run("campaign", "create", "Spring", "--account", other.email, "--text", "Hej", "--json")
    contact = _contact(other)
    group = other.client.post("/groups", {"name": "Hemmeligt", "filter": "has: phone"}).body["id"]
    return Things(
        {
            ("imports", "import_id"): other.client.post("/imports", b"Name\nHemmeligt\n").body["id"],
            ("campaigns", "campaign_id"): json.loads(campaign)["id"],
            ("messages", "message_id"): message,
            ("incoming", "message_id"): incoming["id"],
            ("conversations", "account_id"): other.account_id,
            ("conversations", "phone"): phone,
            ("accounts", "account_id"): other.account_id,
            ("keys", "key_id"): other.key_id,
            ("optouts", "phone"): "+4530643002",
            ("email-optouts", "address"): "vera@customer.example",
            ("organisation-numbers", "phone"): json.loads(own)["number"],
            ("organisation-numbers", "word"): "SALG",
            ("attention", "message_id"): doubt,
            ("webhooks", "webhook_id"): webhook,
            ("webhooks", "call_id"): call,
            ("contacts", "contact_id"): contact,
            ("contacts", "key"): "shoe_size",
            ("contacts", "kind"): "boat",
            ("contacts", "number"): "1",
            ("contacts", "tag"): "sailor",
            ("contacts", "purpose"): "regatta-news",
            ("groups", "group_id"): group,
            ("groups", "contact_id"): contact,
        }
    )


def _contact(other: Firm) -> str:
    """A contact with one of everything that can belong to it."""
    for name, kind in (("shoe_size", ""), ("sail", "boat")):
        other.client.post("/contacts/fields", {"name": name, "label": name, "type": "text", "kind": kind})
    form = {"name": "Hemmeligt", "phones": [{"value": "+4530643009"}], "tags": ["sailor"]}
    contact = other.client.post("/contacts", form).body["id"]
    agreed = {"purpose": "regatta-news", "how": "on paper", "wording": "Yes"}
    other.client.post(f"/contacts/{contact}/consents", agreed)
    other.client.post(f"/contacts/{contact}/objects", {"kind": "boat", "fields": {"sail": "red"}})
    return str(contact)


def fitting(client: Client, how: dict[str, Any], method: str, path: str) -> Answer:
    """A call that holds what the operation wants, by its own examples."""
    schema = how.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is not None and "anyOf" in schema:  # a body that may be left out
        schema = schema["anyOf"][0]
    body = None if schema is None else _example(schema["$ref"].rpartition("/")[2])
    wanted = [each for each in how.get("parameters", ()) if each["in"] == "query" and each.get("required")]
    query = "&".join(f"{each['name']}=x" for each in wanted)
    return client.call(method.upper(), f"{path}?{query}" if query else path, body)


def _example(name: str) -> dict[str, Any]:
    properties = document()["components"]["schemas"][name]["properties"]
    shown = {field: how["examples"][0] for field, how in properties.items() if "examples" in how}
    return {field: value for field, value in shown.items() if value is not None and field != "key"}


@pytest.mark.parametrize(("path", "method", "how"), WITH_ID, ids=[f"{method} {path}" for path, method, _ in WITH_ID])
def test_another_organisations_thing_is_not_there(
    acme: Firm, other: Firm, things: Things, path: str, method: str, how: dict[str, Any]
):
    try:
        named = things.path(path)
    except KeyError as missing:
        pytest.fail(f"{path} has a parameter without a sample: add {missing} to `things`")
    if path.startswith(("/optouts", "/email-optouts")) and method == "put":
        assert path in OWN_PUT
        return
    stolen = fitting(acme.client, how, method, named)
    assert (stolen.status, stolen.code) == (404, "not-found")
    never = fitting(acme.client, how, method, re.sub(r"[0-9A-Z]{26}|\d{10,15}", "01KB0V3Y8QF6ZC5RCA3N4M7T2E", named))
    if "+" not in named and "%2B" not in named:
        assert stolen.body == never.body, "what is another's looks like what never was"


def test_what_is_there_for_its_own(other: Firm, things: Things):
    """The samples are real: whoever they belong to sees them."""
    for path, method, _ in WITH_ID:
        if method == "get":
            assert other.client.get(things.path(path)).status == 200, path


def test_what_a_call_names_elsewhere_is_not_there_either(acme: Firm, other: Firm):
    for name in (other.email, other.number, other.account_id):
        for answer in (
            acme.client.post("/messages", {"account": name, "to": ["30643003"], "text": "Hej"}),
            acme.client.post("/messages/count", {"account": name, "to": ["30643003"], "text": "Hej"}),
            acme.client.get(f"/messages?account={quote(name)}"),
            acme.client.get(f"/incoming?account={quote(name)}"),
            acme.client.get(f"/conversations?account={quote(name)}"),
            acme.client.get(f"/spend?account={quote(name)}"),
        ):
            assert (answer.status, answer.code) == (404, "not-found")
    opened = acme.client.post("/accounts", {"key": other.key_id, "email": "mole@acme.example"})
    moved = acme.client.call("PATCH", f"/accounts/{acme.account_id}", {"key": other.key_id})
    assert (opened.code, moved.code) == ("not-found", "not-found")


def test_no_list_holds_anything_of_another(acme: Firm, other: Firm, things: Things):
    marks = {other.account_id, other.key_id, other.email, other.number, "Hemmeligt", *things.samples.values()}
    marks -= {"+4530643001", "+4530643002", "1"}
    for path, method, _how in OPERATIONS:
        if method == "get" and "{" not in path:
            shown = acme.client.get(f"{path}?account={acme.email}" if path == "/conversations" else path)
            assert shown.status == 200
            assert not [mark for mark in marks if mark in shown.content.decode()], path


# --- without a key, without the scope ------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "method", "how"), OPERATIONS, ids=NAMES)
def test_nothing_is_answered_without_a_key(
    gateway: Gateway, things: Things, path: str, method: str, how: dict[str, Any]
):
    answer = fitting(Client(gateway), how, method, things.path(path))
    assert (answer.status, answer.code) == (401, "no-key")


@pytest.fixture(scope="module")
def without(gateway: Gateway, other: Firm) -> dict[Scope, Client]:
    """Keys of the organisation that may do all but one thing."""
    made = {}
    for scope in {scope_of(how) for _, _, how in OPERATIONS}:
        subject = scope.partition(":")[0]
        held = [
            each
            for each in KEY_SCOPES
            if each != scope and not (scope.endswith(":read") and each == f"{subject}:write")
        ]
        made[scope] = Client(gateway, other.client.post("/keys", {"kind": "rest", "scopes": held}).body["secret"])
    return made


@pytest.mark.parametrize(("path", "method", "how"), OPERATIONS, ids=NAMES)
def test_nothing_is_done_without_its_scope(
    without: dict[Scope, Client], things: Things, path: str, method: str, how: dict[str, Any]
):
    answer = fitting(without[scope_of(how)], how, method, things.path(path))
    assert (answer.status, answer.code) == (403, "scope-missing")
    assert f'scope="{scope_of(how)}"' in answer.headers["www-authenticate"]


def test_nothing_of_the_other_organisation_was_changed_by_all_that(other: Firm, things: Things):
    account = other.client.get(f"/accounts/{other.account_id}").body
    assert (account["closed_at"], account["email"]) == (None, other.email)
    key = other.client.get(f"/keys/{other.key_id}").body
    assert (key["label"], key["paused_at"], key["secrets"]) == ("Sales", None, 1)
    assert other.client.get("/optouts/+4530643002").status == 200


# --- pages ---------------------------------------------------------------------------------------------------------


async def _nobody(_token: str, _peer: str) -> None:
    return None


class _NoDesk:
    """In the place of desks that nothing is asked of."""

    def __getattr__(self, _name: str) -> None:
        return None


def _pages() -> list[tuple[str, str]]:
    """Every page, as (method, path)."""
    cookies = Cookies(secure=False, digest=lambda text, _purpose: text)
    parts = SiteParts(desk=cast("Desk", _NoDesk()), api=FastAPI(), cookies=cookies, actor_of=_nobody, phones=True)
    found = (
        (method, context.path)
        for context in iter_route_contexts(make_site(parts).routes)
        for method in getattr(context, "methods", None) or ()
    )
    return sorted({(method, path) for method, path in found if method != "HEAD"}, key=lambda page: page[::-1])


PAGES = _pages()
OPEN_PAGES = re.compile(r"/(sign-in|sign-out|link|password|language|welcome|forgotten)\b")
"""What a stranger may see: the way in."""
READERS_OWN = re.compile(r"/(sign-in|sign-out|link|password|language|welcome|forgotten|profile|me)\b")
"""What a reader may change: what is theirs alone."""
EMPLOYEES = re.compile(r"/mine\b")
"""What is there for employees alone, who see one account, their own, and name none."""
OWN_LISTS = {"/messages", "/messages.csv", "/conversations"}
"""Lists that employees see as well: of their own account."""
ASKING = {"/providers/{name}/ask": "asks a provider something; providers are the whole gateway's, and nothing changes"}
"""What a reader may send although it is no GET."""
OPERATORS_PAGES = {
    r"/organisations\b": "shows no organisation's things to another: a person of one is told that it is not theirs",
    r"/(providers|routes)\b(?!/{name}/ask)": "are the whole gateway's",
    r"/numbers/{number}/(release|take)$": "are for who runs the gateway, whatever number is named",
}
"""Pages that answer 403 whoever's thing they name, and why."""
EVERYBODYS = {"/providers/{name}/ask": "providers are the whole gateway's"}


def _is_for_operators(path: str) -> bool:
    return any(re.match(pattern, path) for pattern in OPERATORS_PAGES)


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser."""

    gateway: Gateway
    token: str = ""
    csrf: str = ""

    async def ask(self, method: str, path: str) -> tuple[int, str]:
        """The status, and where to."""
        status, where, _ = await self.look(method, path)
        return status, where

    async def look(self, method: str, path: str) -> tuple[int, str, str]:
        """The same, and what is shown."""
        headers = {"X-CSRF-Token": self.csrf} | ({"Cookie": f"brevdue={self.token}"} if self.token else {})
        url = f"http://127.0.0.1:{self.gateway.http_port}{path}"
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, url, headers=headers, allow_redirects=False) as answer,
        ):
            shown = (await answer.read()).decode(errors="replace")
            return answer.status, answer.headers.get("Location", ""), shown


@dataclass(frozen=True)
class People:
    """An owner of one organisation; a reader of the other, and what the other has of people."""

    owner: Visitor
    reader: Visitor
    employee: Visitor
    """Of the other organisation as well, with an account of their own, signed in by a mailed link."""
    samples: dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def people(gateway: Gateway, acme: Firm, other: Firm) -> People:
    """Those who look at pages."""
    return asyncio.run(_people(gateway, acme, other))


async def _people(gateway: Gateway, acme: Firm, other: Firm) -> People:
    keyring = Keyring.load(gateway.folder / "brevdue.secret")
    database = await open_database(f"sqlite:///{gateway.folder / 'brevdue.db'}")
    try:
        identity = make_identity(database, keyring, SystemClock(), "http://127.0.0.1")

        async def person(firm_of: Firm, role: Role) -> tuple[Person, Visitor]:
            org_id = await _org_id(firm_of)
            email = f"{role}@{firm_of.email.partition('@')[2]}"
            made = await identity.people.create(email, role, org_id, password="correct horse battery")
            token = await identity.sessions.start(made, "127.0.0.1", "test")
            return made, Visitor(gateway, token, keyring.digest(token, "csrf"))

        _, owner = await person(acme, Role.OWNER)
        _, reader = await person(other, Role.READER)
        their_owner, _ = await person(other, Role.OWNER)
        org_id = await _org_id(other)
        token = await identity.links.make(
            LinkKind.INVITATION, org_id=org_id, email="new@other.example", role=Role.OWNER
        )
        link = await identity.links.look(token)
        passkey = Passkey("dGhlaXJz", their_owner.id, "", 0, "phone", SystemClock().now())
        assert await database.write(passkey_sql.put, passkey)
        (session,) = await identity.sessions.list_sessions(person_id=their_owner.id)
        olga = other.client.post("/accounts", {"key": other.key_id, "email": "olga@other.example"}).body["id"]
        account = await database.read(lambda connection: directory_sql.account(connection, olga))
        assert account is not None
        held = await identity.sessions.start(account, "127.0.0.1", "test")
        uploaded = await _import(database, org_id)
        return People(
            owner,
            reader,
            Visitor(gateway, held, keyring.digest(held, "csrf")),
            {
                ("people", "person_id"): their_owner.id,
                ("people", "link_id"): link.id,
                ("imports", "import_id"): uploaded,
                ("me", "session_id"): session.id,
                ("me", "passkey_id"): passkey.id,
            },
        )
    finally:
        await database.close()


async def _import(database: Database, org_id: str) -> str:
    async def content() -> AsyncIterator[bytes]:
        yield b"Name;Phone\nHemmeligt;30643001\n"

    clock = SystemClock()
    return (await Imports(database, Contacts(database, clock), clock).upload(org_id, "x.csv", content())).id


async def _org_id(firm_of: Firm) -> str:
    purses = firm_of.client.get("/spend").body["purses"]
    return str(next(each["id"] for each in purses if each["whose"] == "organisation"))


@pytest.fixture(scope="module")
def page_things(things: Things, people: People) -> Things:
    """What the other organisation has, by the names that pages give it."""
    numbers = {("numbers", "number"): things.samples["organisation-numbers", "phone"]}
    return Things(things.samples | numbers | people.samples | PAGE_SAMPLES)


PAGE_SAMPLES: dict[tuple[str, str], str] = {
    ("attention", "verdict"): "sent",
    ("providers", "name"): "simulator",
    ("link", "token"): "0" * 64,
}
"""Samples of pages' parameters that are nobody's, or need not be there."""


def _named(things: Things, path: str) -> str:
    try:
        return things.path(path)
    except KeyError as missing:
        pytest.fail(f"the page {path} has a parameter without a sample: add {missing} to `page_things`")


def _names(pages: list[tuple[str, str]]) -> list[str]:
    return [f"{method} {path}" for method, path in pages]


@pytest.mark.parametrize(("method", "path"), PAGES, ids=_names(PAGES))
async def test_a_stranger_is_sent_to_sign_in(gateway: Gateway, page_things: Things, method: str, path: str):
    if OPEN_PAGES.match(path):
        return
    status, where = await Visitor(gateway).ask(method, _named(page_things, path))
    assert status == 303
    assert where.startswith("/sign-in")


CHANGING = [(method, path) for method, path in PAGES if method != "GET"]


@pytest.mark.parametrize(("method", "path"), CHANGING, ids=_names(CHANGING))
async def test_a_reader_changes_nothing(people: People, page_things: Things, method: str, path: str):
    if READERS_OWN.match(path) or EMPLOYEES.match(path) or path in ASKING:
        return
    status, _ = await people.reader.ask(method, _named(page_things, path))
    assert status == 403


@pytest.mark.parametrize(("method", "path"), PAGES, ids=_names(PAGES))
async def test_an_employee_sees_nothing_of_a_colleague(
    people: People, page_things: Things, other: Firm, method: str, path: str
):
    if READERS_OWN.match(path) or (EMPLOYEES.match(path) and method != "GET"):
        return
    status, where, shown = await people.employee.look(method, _named(page_things, path))
    if path == "/":
        assert where == "/mine"
        return
    if path in OWN_LISTS or EMPLOYEES.match(path):
        assert not [mark for mark in (other.email, other.number[1:], "Hemmeligt") if mark in shown]
        return
    assert status in {403, 404}


THEIRS = [(method, path) for method, path in PAGES if "{" in path]


@pytest.mark.parametrize(("method", "path"), THEIRS, ids=_names(THEIRS))
async def test_another_organisations_page_is_not_there(people: People, page_things: Things, method: str, path: str):
    if OPEN_PAGES.match(path) or path in EVERYBODYS:
        return
    status, _ = await people.owner.ask(method, _named(page_things, path))
    assert status == (403 if _is_for_operators(path) else 404)
