"""What proves vendors' calls, and what vendors' options refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Forged, NotAvailable, Provider, Unreadable, WebhookRequest
from gateway.providers.batches import BatchingVendor
from gateway.providers.cpsms import CpsmsOptions, CpsmsProvider
from gateway.providers.gatewayapi import GatewayApiOptions, GatewayApiProvider
from gateway.providers.http_call import Answer as HttpAnswer
from gateway.providers.infobip import InfobipOptions, InfobipProvider
from gateway.providers.smsru import SmsRuOptions, SmsRuProvider
from gateway.sms import OutgoingSms, ReportStatus, SubmitResult
from tests.providers.contract import NUMBER, PHONE, form_of, json_of, sms
from tests.providers.door import Sink, door
from tests.providers.peer import Answer, Peer, Request

SECRET, KEY = "0123456789abcdef", "key-of-gatewayapi-0123456789-0123456789"
CLAIMS = {"id": 421, "msisdn": 4530643064, "time": 1764000000, "status": "DELIVERED"}
DOOR = {"webhook": {"secret": SECRET}}
GATEWAYAPI = {"token": "x", "webhook": {"secret": SECRET, "key": KEY}}


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims: Mapping[str, Any] = CLAIMS, key: str = KEY, header: Mapping[str, Any] | None = None) -> str:
    """A JWT by the letter of RFC 7515, without any library."""
    head = {"typ": "JWT", "alg": "HS256"} if header is None else header
    signed = f"{url64(json.dumps(head).encode())}.{url64(json.dumps(claims).encode())}"
    return f"{signed}.{url64(hmac.digest(key.encode(), signed.encode(), 'sha256'))}"


def signed(written: str, body: bytes = b"{}") -> WebhookRequest:
    return WebhookRequest("POST", SECRET, "", {"x-gwapi-signature": written}, body, "127.0.0.1")


def gatewayapi(**more: Any) -> GatewayApiProvider:
    return GatewayApiProvider("gatewayapi", GATEWAYAPI | more)


@pytest.mark.proves("forged webhook")
def test_a_token_that_is_made_by_hand():
    (event,) = gatewayapi().events(signed(token()), 0.0)
    assert (event.provider, event.at) == ("gatewayapi", 1764000000.0)


@pytest.mark.proves("forged webhook", "one flipped bit")
def test_a_token_with_one_flipped_bit():
    provider = gatewayapi()
    parts = [base64.urlsafe_b64decode(part + "===") for part in token().split(".")]
    for place, part in enumerate(parts):
        for bit in range(len(part) * 8):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            written = ".".join(url64(bytes(flipped) if at == place else each) for at, each in enumerate(parts))
            with pytest.raises(Forged):
                provider.events(signed(written), 0.0)


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "..",
        "....",
        "þ",
        token(header={"alg": "none"}),
        token(header={"typ": "JWT", "alg": "hs256"}),
        token(header={"typ": "JWT"}),
        token(header={"alg": "HS256", "crit": ["b64"], "b64": False}),
        token().rpartition(".")[0] + ".",
        token(key=KEY[:-1]),
        "A" * 100_000,
        "a.b.c",
        url64(b"[" * 50_000) + ".e30.e30",
    ],
)
@pytest.mark.proves("forged webhook")
def test_tokens_that_prove_nothing(written: str):
    with pytest.raises(Forged):
        gatewayapi().events(signed(written, json.dumps(CLAIMS).encode()), 0.0)


@pytest.mark.parametrize(
    "claims", [{}, {"id": None, "msisdn": 1, "status": "DELIVERED"}, CLAIMS | {"status": {}}, {"id": "x" * 5000}]
)
def test_signed_nonsense_is_unreadable(claims: Mapping[str, Any]):
    with pytest.raises(Unreadable):
        gatewayapi().events(signed(token(claims)), 0.0)


@pytest.mark.proves("forged webhook", "one flipped bit")
def test_a_hash_with_one_flipped_bit():
    provider = SmsRuProvider("smsru", {"api_id": "x"} | DOOR)
    entries = ["sms_status\n201523-1\n103\n1764000000", "sms_status\n201523-2\n104\n1764000000"]
    digest = hashlib.sha256(("x" + "".join(entries)).encode()).digest()

    def call(digest: bytes) -> WebhookRequest:
        fields = {f"data[{n}]": entry for n, entry in enumerate(entries)} | {"hash": digest.hex()}
        return WebhookRequest("POST", SECRET, "", {}, urlencode(fields).encode(), "127.0.0.1")

    assert len(provider.events(call(digest), 0.0)) == 2
    for bit in range(len(digest) * 8):
        flipped = bytearray(digest)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Forged):
            provider.events(call(bytes(flipped)), 0.0)


def test_without_a_hash_where_the_account_has_none():
    provider = SmsRuProvider("smsru", {"api_id": "x", "webhook": {"secret": SECRET, "signed": False}})
    body = urlencode({"data[0]": "sms_status\n201523-1\n103\n1764000000"}).encode()
    assert len(provider.events(WebhookRequest("POST", SECRET, "", {}, body, ""), 0.0)) == 1


def without_door() -> list[Provider]:
    return [
        GatewayApiProvider("gatewayapi", {"token": "x"}),
        SmsRuProvider("smsru", {"api_id": "x"}),
        InfobipProvider("infobip", {"api_key": "x", "url": "https://x.api.infobip.com"}),
        CpsmsProvider("cpsms", {"user": "x", "key": "x"}),
    ]


@pytest.mark.parametrize("provider", without_door(), ids=lambda provider: provider.name)
async def test_who_shall_not_call_us_is_not_told_where_and_not_heard(provider: Any, peer: Peer):
    provider.listen_at("https://sms.example.com/in/x")
    assert provider.callback == ""
    assert provider.validity == math.inf
    assert Capability.INBOUND not in provider.capabilities
    await provider.start(Sink())
    async with door(provider) as http, http.post(f"/in/{provider.name}/{SECRET}", data={"id": "1"}) as answer:
        assert answer.status == 403
    with pytest.raises(Forged):
        await provider.hear(signed(token()))
    await provider.stop()


async def test_cpsms_without_a_price_for_a_point_tells_no_money(peer: Peer):
    peer.script = [Answer(200, '{"credit": "12"}')]
    provider = CpsmsProvider("cpsms", {"user": "x", "key": "x", "url": peer.url})
    assert Capability.BALANCE not in provider.capabilities
    await provider.start(Sink())
    with pytest.raises(NotAvailable):
        await provider.balance()
    await provider.stop()


async def test_our_id_survives_in_an_address(peer: Peer):
    """An id is letters, digits and a dot today; whatever it becomes, it comes back as it left."""
    peer.script = [Answer(200, json.dumps({"success": [{"to": PHONE[1:], "cost": 1}]}))]
    provider = CpsmsProvider("cpsms", {"user": "x", "key": "x", "url": peer.url} | DOOR)
    provider.listen_at("https://sms.example.com/in/cpsms")
    await provider.start(Sink())
    odd = "a&b=c?d#e%f/ø+ 1"
    message = sms()
    result = await provider.submit(OutgoingSms(odd, "o", "a", "k", NUMBER, PHONE, message.text, "cpsms"))
    await provider.stop()
    assert result.refs == (odd,)
    address = json_of(peer.requests[0])["dlr_url"]
    assert address.startswith(f"https://sms.example.com/in/cpsms/{SECRET}?id=")
    for appended in ("?status=1", "&status=1"):
        query = (address + appended).partition("?")[2]
        (report,) = provider.events(WebhookRequest("GET", SECRET, query, {}, b"", ""), 0.0)
        assert (report.ref, report.status) == (odd, ReportStatus.DELIVERED)


@pytest.mark.proves("batches")
async def test_one_sender_in_a_call_of_sms_ru(peer: Peer):
    """Employees send from numbers of their own: their calls leave side by side."""

    def take(request: Request) -> Answer:
        phones = [name[3:-1] for name in form_of(request) if name.startswith("to[")]
        told = {phone: {"status": "OK", "status_code": 100, "sms_id": f"201523-{phone}"} for phone in phones}
        return Answer(200, json.dumps({"status": "OK", "status_code": 100, "sms": told}))

    peer.script = [take]
    messages = [replace(sms(number=n, to=f"+453064306{n}"), from_number=f"+4560994600000{n % 3}") for n in range(1, 8)]
    for options, calls in (({}, 3), ({"sender": "Firma"}, 1)):
        provider = SmsRuProvider("smsru", {"api_id": "x", "url": peer.url} | options)
        await provider.start(Sink())
        results = await provider.submit_many(messages)
        await provider.stop()
        assert [result.refs for result in results] == [(f"201523-453064306{n}",) for n in range(1, 8)]
        senders = [form_of(request)["from"] for request in peer.requests]
        assert len(senders) == len(set(senders)) == calls
        peer.requests.clear()


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (GatewayApiProvider, {}, "'token' is missing"),
        (GatewayApiProvider, {"tokn": "x", "token": "x"}, "there is no option 'tokn': did you mean 'token'?"),
        (GatewayApiProvider, {"token": "x", "url": "gatewayapi.com"}, "'url' must begin with http:// or https://"),
        (
            GatewayApiProvider,
            {"token": "x", "connections": 41},
            "'connections': input should be less than or equal to 40",
        ),
        (GatewayApiProvider, {"token": "x"} | DOOR, "'webhook.key' is missing"),
        (GatewayApiProvider, {"token": "x", "webhook": {"secret": SECRET, "key": "short"}}, "at least 32 characters"),
        (SmsRuProvider, {"api_id": "x", "batch": 101}, "'batch': input should be less than or equal to 100"),
        (SmsRuProvider, {"api_id": ""}, "'api_id' must not be empty"),
        (InfobipProvider, {"api_key": "x"}, "'url' is missing"),
        (InfobipProvider, {"api_key": "x", "url": "https://x", "balance_path": "balance"}, "'balance_path'"),
        (CpsmsProvider, {"user": "a:b", "key": "x"}, "'user'"),
        (CpsmsProvider, {"user": "a", "key": "x", "point_price": 0}, "'point_price': input should be greater than 0"),
    ],
)
@pytest.mark.proves("settings explain themselves")
def test_options_explain_themselves(make: Any, options: dict[str, Any], sentence: str):
    with pytest.raises(ValueError) as error:
        make("x", options)
    assert sentence in str(error.value)
    assert "short" not in str(error.value)


def test_what_a_point_is_worth():
    provider = CpsmsProvider("cpsms", {"user": "x", "key": "x", "point_price": 0.39, "currency": "EUR"})
    assert provider._worth("1.6") == Money(62400, "EUR")
    assert provider._worth("many") is None


def shown(kind: str) -> dict[str, Any]:
    """The commented block of a kind in conf/brevdue.toml."""
    lines = (Path(__file__).parents[2] / "conf/brevdue.toml").read_text().splitlines()
    start = lines.index(f'#   kind = "{kind}"') - 2
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("#   "))
    text = "\n".join(line[4:] for line in lines[start:end] if "ca_file" not in line)
    (table,) = tomllib.loads(text)["provider"]
    return {name: said for name, said in table.items() if name not in {"name", "kind"}}


@pytest.mark.parametrize(
    ("make", "model", "kind"),
    [
        (GatewayApiProvider, GatewayApiOptions, "gatewayapi"),
        (SmsRuProvider, SmsRuOptions, "smsru"),
        (InfobipProvider, InfobipOptions, "infobip"),
        (CpsmsProvider, CpsmsOptions, "cpsms"),
    ],
)
def test_the_shipped_examples_are_good_and_show_the_defaults(make: Any, model: Any, kind: str):
    options = shown(kind)
    make(kind, options)
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert set(options) == set(fields) - {"ca_file"}
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    without = {"webhook", "ca_file", "point_price"}
    assert {name: options[name] for name in defaults if name not in without} == {
        name: list(said) if isinstance(said, tuple) else said for name, said in defaults.items() if name not in without
    }
    text = (Path(__file__).parents[2] / "docs/providers.md").read_text()
    for name in set(fields) - {"webhook"}:
        assert f"`{name}`" in text


# --- whatever comes ------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["id", "ids", "details", "messages", "recipients", "msisdn", "parts", "usage", "total_cost", "currency", "countries", "status", "status_code", "sms", "4530643064", "sms_id", "cost", "messageId", "groupId", "name", "results", "price", "pricePerMessage", "messageCount", "success", "error", "errorCode", "errMsg", "to", "code", "message", "from", "text", "receiver", "credit", "balance"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip
VENDORS: dict[str, Any] = {
    "gatewayapi": GatewayApiProvider("gatewayapi", GATEWAYAPI),
    "smsru": SmsRuProvider("smsru", {"api_id": "x", "webhook": {"secret": SECRET, "signed": False}}),
    "infobip": InfobipProvider("infobip", {"api_key": "x", "url": "https://x.api.infobip.com"} | DOOR),
    "cpsms": CpsmsProvider("cpsms", {"user": "x", "key": "x", "point_price": 1} | DOOR),
}


@pytest.mark.parametrize("kind", VENDORS)
@given(document=JSON, status=st.sampled_from([200, 201, 207, 400, 401, 402, 429, 500]))
def test_any_answer_has_a_meaning(kind: str, document: Any, status: int):
    vendor, answer = VENDORS[kind], HttpAnswer(status, json.dumps(document))
    messages = [sms(), sms(number=2, to="+4530643065")]
    if not isinstance(vendor, BatchingVendor):
        results = [vendor._read(message, answer) for message in messages]
    else:
        read = vendor.read(messages, answer)
        results = [read] if isinstance(read, SubmitResult) else list(read)
        assert isinstance(read, SubmitResult) or len(results) == 2
    for result in results:
        assert (result.outcome is Outcome.ACCEPTED) == bool(result.refs) or result.outcome is Outcome.UNKNOWN
        assert result.outcome is not Outcome.ACCEPTED or 200 <= status < 300


@pytest.mark.parametrize("kind", VENDORS)
@given(document=JSON, body=st.binary(max_size=200), query=st.text(max_size=50))
def test_any_call_is_read_or_refused(kind: str, document: Any, body: bytes, query: str):
    claims = document if isinstance(document, dict) else {"id": document, "msisdn": document}
    headers = {"x-gwapi-signature": token(claims)}
    form = urlencode({"data[0]": f"sms_status\n{query}\n{query}", "id": query, "status": query}, errors="replace")
    for content in (json.dumps({"results": [document]}).encode(), body, form.encode()):
        try:
            events = VENDORS[kind].events(WebhookRequest("POST", SECRET, query, headers, content, ""), 0.0)
        except (Forged, Unreadable):
            continue
        assert all(event.ref for event in events)
