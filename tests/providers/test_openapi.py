"""What we say to Twilio and Vonage, and what our tables let them answer, by the vendors' own OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability
from gateway.providers.http_call import basic
from gateway.providers.places import parse_json, value
from gateway.providers.twilio import TwilioProvider
from gateway.providers.vonage import VonageProvider
from tests.openapi import document, prism
from tests.providers import table_twilio, table_vonage
from tests.providers.contract import NOW, PHONE, Contract, Question, Submit, sms
from tests.providers.door import Sink
from tests.providers.peer import Answer, Peer
from tests.providers.test_contract import started

Require = Callable[[str], str]
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
ASKED = ("/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json", "/2010-04-01/Accounts/{AccountSid}/Balance.json")
TEXTS = ("Hej Anders", 'Привет & "😀"\n=', "Vi ses " * 60)


@pytest.fixture(scope="module")
def twilio_spec() -> Any:
    """Twilio's document, with the paths alone that we know, for it has two hundred.

    Its own examples of a page of messages have relative addresses where it wants absolute ones.
    """
    spec = document("twilio/twilio_api_v2010.json")
    page = spec["paths"][MESSAGES]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    for name in ("first_page_uri", "next_page_uri", "previous_page_uri", "uri"):
        del page[name]["format"]
    return spec | {"paths": {path: spec["paths"][path] for path in (MESSAGES, *ASKED)}}


@pytest.fixture(scope="module")
def vonage_spec() -> Any:
    """Vonage's documents as one, with paths from the host on.

    An answer may be of either form, for an error has no field that a success has not; and the credentials of the
    account's API stand in a header, as in the vendor's client libraries of today.
    """
    spec, account = document("vonage/sms.yml"), document("vonage/account.yml")
    path = spec["paths"]["/{format}"]
    for answers in path["post"]["responses"]["200"]["content"].values():
        answers["schema"] = {"anyOf": answers["schema"]["oneOf"]}
    balance = account["paths"]["/account/get-balance"]
    names = [parameter["$ref"].rpartition("/")[2] for parameter in balance["get"].pop("parameters")]
    assert names == ["api_key_for_auth", "api_secret_for_auth"]
    del balance["servers"]
    schemas = spec["components"]["schemas"] | account["components"]["schemas"]
    paths = {"/sms/{format}": path, "/account/get-balance": balance}
    return {**spec, "servers": [{"url": "/"}], "paths": paths, "components": {"schemas": schemas}}


@pytest.fixture(scope="module")
def twilio_mock(require: Require, twilio_spec: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism(require, twilio_spec, tmp_path_factory.mktemp("twilio")) as url:
        yield url


@pytest.fixture(scope="module")
def vonage_mock(require: Require, vonage_spec: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prism(require, vonage_spec, tmp_path_factory.mktemp("vonage")) as url:
        yield url


async def posted(url: str, form: Mapping[str, str], user: str | None = None) -> tuple[int, str]:
    headers = {} if user is None else {"Authorization": basic(user, "x")}
    async with aiohttp.ClientSession() as http, http.post(url, data=form, headers=headers) as answer:
        return answer.status, await answer.text()


def twilio(url: str, **more: Any) -> TwilioProvider:
    options = {"url": url, "account_sid": table_twilio.ACCOUNT, "auth_token": "x", "webhook": {"secret": "x" * 16}}
    provider = TwilioProvider("twilio", options | more)
    provider.listen_at("https://sms.example.com/in/twilio")
    return provider


def vonage(url: str, **more: Any) -> VonageProvider:
    options = {"url": url, "api_key": "abcd1234", "api_secret": "abcdef0123456789", "signature_secret": "s"}
    provider = VonageProvider("vonage", options | {"webhook": {"secret": "x" * 16}} | more)
    provider.listen_at("https://sms.example.com/in/vonage")
    return provider


# --- what we say ---------------------------------------------------------------------------------------------------

SERVICE = {"messaging_service": "MG0123456789abcdef0123456789abcdef"}
KEYS = {"api_key": "SK0123456789abcdef0123456789abcdef", "api_secret": "x"}


@pytest.mark.parametrize(
    "more", [{}, {"ttl": 36000}, {"sender": "Firma"}, SERVICE, SERVICE | {"service_chooses": True}, KEYS], ids=str
)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.proves("vendor's OpenAPI")
async def test_twilio_understands_what_we_send(twilio_mock: str, more: Mapping[str, Any], text: str):
    provider = twilio(twilio_mock, **more)
    await provider.start(Sink())
    try:
        result = await provider.submit(sms(text))
    finally:
        await provider.stop()
    assert (result.outcome, result.parts) == (Outcome.ACCEPTED, 1), result.cause
    assert result.refs == ("SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",)


@pytest.mark.proves("vendor's OpenAPI")
async def test_twilio_understands_what_we_ask(twilio_mock: str):
    provider = twilio(twilio_mock)
    await provider.start(Sink())
    try:
        assert isinstance(await provider.balance(), Money)
        await provider.ping()
        (event,) = await provider.look_up(sms(), [table_twilio.SID])
    finally:
        await provider.stop()
    assert event.ref == table_twilio.SID


@pytest.mark.parametrize(
    ("form", "user"),
    [
        ({"From": "+4560", "Body": "Hej"}, "AC"),
        ({"To": PHONE, "Body": "Hej", "ValidityPeriod": "a day"}, "AC"),
        ({"To": PHONE, "Body": "Hej", "MessagingServiceSid": "MG1"}, "AC"),
        ({"To": PHONE, "Body": "Hej"}, None),
    ],
)
@pytest.mark.proves("vendor's OpenAPI")
async def test_twilio_refuses_what_is_wrong(twilio_mock: str, form: Mapping[str, str], user: str | None):
    path = MESSAGES.replace("{AccountSid}", table_twilio.ACCOUNT)
    status, text = await posted(f"{twilio_mock}{path}", form, user)
    assert status == (401 if user is None else 422), text


@pytest.mark.parametrize("more", [{}, {"ttl": 20}, {"ttl": 259200}, {"sender": "Firma"}], ids=str)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.proves("vendor's OpenAPI")
async def test_vonage_understands_what_we_send(vonage_mock: str, more: Mapping[str, Any], text: str):
    provider = vonage(vonage_mock, **more)
    await provider.start(Sink())
    try:
        result = await provider.submit(sms(text))
    finally:
        await provider.stop()
    assert (result.outcome, result.refs) == (Outcome.ACCEPTED, ("0A0000000123ABCD1",)), result.cause
    assert (result.parts, result.price) == (1, Money(3330, "EUR"))


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1"])
@pytest.mark.proves("vendor's OpenAPI")
async def test_vonage_understands_what_we_sign(vonage_mock: str, method: str):
    """Of `sig` the document takes at most 60 characters, which the longer methods pass at the vendor's own library."""
    provider = vonage(vonage_mock, sign=True, signature_method=method)
    await provider.start(Sink())
    try:
        assert (await provider.submit(sms())).outcome is Outcome.ACCEPTED
    finally:
        await provider.stop()


@pytest.mark.proves("vendor's OpenAPI")
async def test_vonage_understands_what_we_ask(vonage_mock: str):
    provider = vonage(vonage_mock)
    await provider.start(Sink())
    try:
        assert isinstance(await provider.balance(), Money)
        await provider.ping()
    finally:
        await provider.stop()


RIGHT = {"api_key": "abcd1234", "api_secret": "abcdef0123456789", "from": "Firma", "to": "4530643064", "text": "Hej"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({}, 200), ({"to": "3064"}, 422), ({"type": "gsm"}, 422), ({"ttl": "1"}, 422), ({"api_key": "short"}, 422)],
)
@pytest.mark.proves("vendor's OpenAPI")
async def test_vonage_refuses_what_is_wrong(vonage_mock: str, wrong: Mapping[str, str], status: int):
    assert (await posted(f"{vonage_mock}/sms/json", RIGHT | wrong))[0] == status


# --- what our tables let them answer -------------------------------------------------------------------------------


ODD = {"an odd count", "missing id", "malformed body"}
"""Answers that no vendor means to give."""


def rows(contract: Contract, able: Collection[Capability]) -> list[Submit | Question]:
    """Rows whose answers the vendor means to give and its document describes: what succeeds."""
    asked = [row for row in contract.questions if row.case in able and not isinstance(row.told, type)]
    meant = [row for row in (*contract.submits, *asked) if row.case not in ODD and isinstance(row.answer, Answer)]
    return [row for row in meant if row.answer.status in {200, 201}]


async def through(contract: Contract, row: Submit | Question, url: str, peer: Peer) -> None:
    """Run a row with Prism in between: the same must follow, for an answer that does not fit becomes HTTP 500."""
    assert isinstance(row.answer, Answer)
    peer.script = [Answer(row.answer.status, row.answer.body, {"Content-Type": "application/json"})]
    async with started(contract, url) as provider:
        if isinstance(row, Question):
            assert await row.ask(provider) == row.told
            return
        result = await provider.submit(sms(row.text))
    assert (result.outcome, result.refs, result.price) == (row.outcome, row.refs, row.price), (row.case, result.cause)


@pytest.fixture(autouse=True)
def _it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.mark.proves("vendor's OpenAPI")
async def test_twilio_may_answer_as_its_table_says(require: Require, twilio_spec: Any, tmp_path: Path, peer: Peer):
    contract = table_twilio.CONTRACT
    meant = rows(contract, {Capability.BALANCE, Capability.LOOKUP})
    assert len(meant) > 8
    with prism(require, twilio_spec, tmp_path, peer.url) as url:
        for row in meant:
            await through(contract, row, url, peer)
        wrong = Submit("wrong", table_twilio.taken(num_segments=1), Outcome.UNKNOWN)
        await through(contract, wrong, url, peer)  # a number where the document has a text


@pytest.mark.proves("vendor's OpenAPI")
async def test_vonage_may_answer_as_its_table_says(require: Require, vonage_spec: Any, tmp_path: Path, peer: Peer):
    contract = table_vonage.CONTRACT
    contract = replace(contract, make=lambda url: vonage(url, ttl=14400))
    meant = rows(contract, {Capability.BALANCE})
    assert len(meant) > 20
    with prism(require, vonage_spec, tmp_path, peer.url) as url:
        for row in meant:
            await through(contract, row, url, peer)
        wrong = Submit("wrong", table_vonage.answer(table_vonage.taken(status=0)), Outcome.UNKNOWN)
        await through(contract, wrong, url, peer)


@pytest.mark.proves("vendor's OpenAPI")
def test_statuses_are_those_of_the_documents(twilio_spec: Any, vonage_spec: Any):
    named = twilio_spec["components"]["schemas"]["message_enum_status"]["enum"]
    assert set(named) == set(table_twilio.CONTRACT.statuses) - {"a new one"}
    receipt = vonage_spec["components"]["schemas"]["DeliveryReceipt"]["properties"]
    assert set(receipt["status"]["x-possible-values"]) == set(table_vonage.CONTRACT.statuses) - {"a new one"}
    assert set(table_vonage.delivered()) <= set(receipt)
    message = vonage_spec["components"]["schemas"]["InboundMessage"]["properties"]
    assert set(table_vonage.PART) <= set(message)
    codes = {value_of(row) for row in table_vonage.CONTRACT.submits}
    assert set(vonage_spec["x-errors"]) - {"11", "22", "23", "32"} <= codes


def value_of(row: Submit) -> str:
    """The status that a row's answer has."""
    document = parse_json(row.answer.body) if isinstance(row.answer, Answer) else None
    return value(document, ("messages", "0", "status")) or ""
