"""Signatures against the vendors' own libraries, both ways; and what a flipped bit is worth."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import nexmo
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator
from vonage_http_client.auth import Auth

from gateway.providers.base import Forged, Unreadable, WebhookRequest
from gateway.providers.signatures import Method, is_twilio, is_vonage, twilio_signature, vonage_signature
from gateway.providers.twilio import TwilioProvider
from gateway.providers.vonage import VonageProvider
from gateway.sms import InboundSms
from tests.providers import table_twilio, table_vonage
from tests.providers.door import Sink
from tests.providers.peer import Peer
from tests.providers.table_twilio import PUBLIC, SECRET, TOKEN

FORM = "application/x-www-form-urlencoded"
URL = f"{PUBLIC}/{SECRET}"
URLS = st.sampled_from(
    [URL, f"{URL}?a=b&c=%C3%A6", "https://sms.example.com:443/in", "https://sms.example.com:8443/in?x", "http://h/i"]
)
PAIRS = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=8)
ODD = [("Body", "Ja & nej = 😀\n\r\t+%"), ("a", ""), ("a", "1"), ("a", "1"), ("A", "\x00"), ("æ", "þ\u2028")]
FIELDS = st.dictionaries(st.text(min_size=1).filter(lambda name: name not in {"sig", "timestamp"}), st.text())
KEYS = st.text(min_size=1, max_size=64)


def twilio(**more: Any) -> TwilioProvider:
    options = {"account_sid": table_twilio.ACCOUNT, "auth_token": TOKEN, "webhook": {"secret": SECRET}}
    provider = TwilioProvider("twilio", options | more)
    provider.listen_at(PUBLIC)
    return provider


def vonage(method: Method) -> VonageProvider:
    options = {"api_key": "abcd1234", "api_secret": "x", "webhook": {"secret": SECRET}}
    return VonageProvider("vonage", options | {"signature_secret": "s", "signature_method": method.value})


# --- Twilio --------------------------------------------------------------------------------------------------------


@given(URLS, PAIRS, KEYS, st.sampled_from([("sha1", "HMAC_SHA1"), ("sha256", "HMAC_SHA256")]))
@example(URL, ODD, TOKEN, ("sha1", "HMAC_SHA1"))
@pytest.mark.proves("signature parity")
def test_twilio_and_we_sign_alike(url: str, pairs: list[tuple[str, str]], key: str, digest: tuple[str, str]):
    ours, theirs = digest
    validator = RequestValidator(key)
    assert validator.validate(url, MultiDict(pairs), twilio_signature(key, url, pairs, ours), theirs)
    made = validator.compute_signature(url, MultiDict(pairs), theirs)
    settings = f"key=webhooks_sharedkey_1,algorithm={theirs}" if theirs != "HMAC_SHA1" else ""
    assert is_twilio(made, settings, key, url, pairs)
    assert not is_twilio(made, settings, key + "x", url, pairs)
    assert not is_twilio(made, settings, key, url, [*pairs, ("another", "")])


@pytest.mark.parametrize(
    "url", [URL, f"{URL}?a=b", f"https://sms.example.com:443/in/twilio/{SECRET}", "https://sms.example.com:8443/x"]
)
@pytest.mark.parametrize(
    "signed", [URL, f"https://sms.example.com:443/in/twilio/{SECRET}", "https://sms.example.com/x"]
)
@pytest.mark.proves("signature parity")
def test_twilio_takes_an_address_with_and_without_its_port_as_we_do(url: str, signed: str):
    made = twilio_signature(TOKEN, signed, ODD)
    assert is_twilio(made, "", TOKEN, url, ODD) == RequestValidator(TOKEN).validate(url, MultiDict(ODD), made)


@pytest.mark.parametrize(
    "settings", ["", "key=k", "algorithm=", "algorithm=hmac_sha256", "algorithm=HMAC_SHA1", "algorithm=NONE", "x,y=,"]
)
@pytest.mark.proves("signature parity", "forged webhook")
def test_an_algorithm_that_is_not_known_proves_nothing(settings: str):
    made = twilio_signature(TOKEN, URL, ODD, "sha256" if "256" in settings else "sha1")
    assert is_twilio(made, settings, TOKEN, URL, ODD) == ("NONE" not in settings)


@given(st.dictionaries(st.text(min_size=1), st.text()))
@pytest.mark.proves("signature parity")
def test_a_form_that_twilio_has_signed_is_taken(fields: dict[str, str]):
    said = {**fields, "MessageSid": "SM1", "Body": "Hej", "From": "+4530643064", "To": "+45609946000001"}
    made = RequestValidator(TOKEN).compute_signature(URL, said)
    headers = {"content-type": FORM, "x-twilio-signature": made}
    (event,) = twilio().events(WebhookRequest("POST", SECRET, "", headers, urlencode(said).encode(), ""), 0.0)
    assert isinstance(event, InboundSms)
    assert event.text.startswith("Hej")


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
@pytest.mark.proves("signature parity")
def test_json_that_twilio_has_signed_is_taken(fields: dict[str, Any]):
    body = json.dumps(fields | {"MessageSid": "SM1", "Body": "Hej", "From": "+4530643064", "To": "+4560"})
    query = f"bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    made = RequestValidator(TOKEN).compute_signature(f"{URL}?{query}", {})
    assert RequestValidator(TOKEN).validate(f"{URL}?{query}", body, made)
    headers = {"content-type": "application/json", "x-twilio-signature": made}
    assert twilio().events(WebhookRequest("POST", SECRET, query, headers, body.encode(), ""), 0.0)
    with pytest.raises(Forged):
        twilio().events(WebhookRequest("POST", SECRET, query, headers, body.encode() + b" ", ""), 0.0)
    without = {**headers, "x-twilio-signature": RequestValidator(TOKEN).compute_signature(URL, {})}
    with pytest.raises(Forged):
        twilio().events(WebhookRequest("POST", SECRET, "", without, body.encode(), ""), 0.0)


@pytest.mark.proves("forged webhook", "one flipped bit")
def test_a_call_of_twilio_with_one_flipped_bit():
    provider, request = twilio(), table_twilio.CONTRACT.heard[0].request
    assert provider.events(request, 0.0)
    signed = request.headers["x-twilio-signature"].encode()
    for flipped in flips(signed):
        headers = {**request.headers, "x-twilio-signature": flipped.decode("latin-1")}
        with pytest.raises(Forged):
            provider.events(WebhookRequest("POST", SECRET, "", headers, request.body, ""), 0.0)
    for flipped in flips(base64.b64decode(signed)):
        headers = {**request.headers, "x-twilio-signature": base64.b64encode(flipped).decode()}
        with pytest.raises(Forged):
            provider.events(WebhookRequest("POST", SECRET, "", headers, request.body, ""), 0.0)
    said = pairs_of(request.body)
    for flipped in flips(request.body):
        if pairs_of(flipped) == said:
            continue  # the hexadecimal digits of %2B may be written either way
        with pytest.raises(Forged):
            provider.events(WebhookRequest("POST", SECRET, "", request.headers, flipped, ""), 0.0)


@pytest.mark.proves("forged webhook")
def test_who_does_not_know_its_address_takes_nothing():
    provider = TwilioProvider("twilio", {"account_sid": table_twilio.ACCOUNT, "auth_token": TOKEN})
    with pytest.raises(Forged):
        provider.admit(SECRET, "")
    with pytest.raises(Forged):
        provider.events(table_twilio.CONTRACT.heard[0].request, 0.0)


@pytest.mark.proves("signature parity")
def test_calls_may_be_signed_with_a_key_of_their_own():
    provider = twilio(webhook={"secret": SECRET, "key": "shared"})
    fields = {"MessageSid": "SM1", "MessageStatus": "sent"}
    made = RequestValidator("shared").compute_signature(URL, fields, "HMAC_SHA256")
    settings = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}
    headers = {"content-type": FORM, "x-twilio-signature": made} | settings
    assert provider.events(WebhookRequest("POST", SECRET, "", headers, urlencode(fields).encode(), ""), 0.0)
    with pytest.raises(Forged):
        twilio().events(WebhookRequest("POST", SECRET, "", headers, urlencode(fields).encode(), ""), 0.0)


# --- Vonage --------------------------------------------------------------------------------------------------------


def theirs(secret: str, method: Method) -> tuple[Any, Any]:
    """What signs and what checks at Vonage; the plain MD5 only its library of old knows."""
    if method is Method.MD5_HASH:
        client = nexmo.Client(key="abcd1234", signature_secret=secret)
        return client.signature, client.check_signature
    auth = Auth(api_key="abcd1234", signature_secret=secret, signature_method=method.value)
    return auth.sign_params, auth.check_signature


@pytest.mark.parametrize("method", Method)
@given(FIELDS, KEYS)
@example({"text": "Ja & nej = 😀\n", "a&b": "=", "æ": "", "A": "\x00"}, "secret")
@pytest.mark.proves("signature parity")
def test_vonage_and_we_sign_alike(method: Method, fields: dict[str, str], secret: str):
    sign, check = theirs(secret, method)
    said = {**fields, "timestamp": "1764000000"}
    assert check({**said, "sig": vonage_signature(secret, method, said)})
    made = sign(dict(said))
    assert is_vonage(secret, method, {**said, "sig": made})
    assert is_vonage(secret, method, {**said, "sig": made.upper()})
    assert not is_vonage(secret + "x", method, {**said, "sig": made})
    assert not is_vonage(secret, method, {**said, "sig": made, "another": ""})


@pytest.mark.parametrize("method", Method)
@pytest.mark.proves("forged webhook", "one flipped bit")
def test_a_call_of_vonage_with_one_flipped_bit(method: Method):
    fields = {**table_vonage.PART, "timestamp": "1764000000", "nonce": "n"}
    signed = {**fields, "sig": vonage_signature("s", method, fields)}
    provider = vonage(method)

    def call(body: bytes) -> Sequence[Any]:
        return provider.events(WebhookRequest("POST", SECRET, "", {"content-type": FORM}, body, ""), 0.0)

    assert call(urlencode(signed).encode())
    for flipped in flips(bytes.fromhex(signed["sig"])):
        with pytest.raises(Forged):
            call(urlencode({**signed, "sig": flipped.hex()}).encode())
    body = urlencode(signed).encode()
    for flipped in flips(body):
        if meaning(flipped) == meaning(body):
            continue  # the digits of %2B and of the signature may be written either way
        with pytest.raises(Forged):
            call(flipped)


@pytest.mark.parametrize("method", Method)
@pytest.mark.proves("signature parity")
async def test_vonage_takes_what_we_sign(method: Method, peer: Peer):
    options = {"url": peer.url, "api_key": "abcd1234", "api_secret": "x", "sign": True}
    provider = VonageProvider("v", options | {"signature_secret": "s", "signature_method": method.value})
    peer.script = [table_vonage.answer(table_vonage.taken())]
    await provider.start(Sink())
    try:
        await provider.submit(table_vonage.sms("Ja & nej = 😀"))
    finally:
        await provider.stop()
    said = table_vonage.form_of(peer.requests[0])
    assert "api_secret" not in said
    assert theirs("s", method)[1](dict(said))


NAMES = st.sampled_from([*table_vonage.PART, *table_vonage.delivered(), "data", "client-ref", "timestamp"])
SAID = st.text() | st.sampled_from(
    ["true", "1", "2", "2511241600", "1764000000", "delivered", "1e400", "-1", "nan", "²"]
)


@given(st.dictionaries(NAMES, SAID | st.integers() | st.booleans() | st.none() | st.lists(st.text()), min_size=5))
@pytest.mark.proves("provider contract")
def test_whatever_vonage_says_is_read_or_refused(fields: dict[str, Any]):
    options = {"api_key": "abcd1234", "api_secret": "x", "webhook": {"secret": SECRET, "signed": False}}
    for request in (table_vonage.document(fields), table_vonage.form(fields), table_vonage.get(fields)):
        try:
            events = VonageProvider("v", options).events(request, 0.0)
        except Unreadable:
            continue
        assert all(event.ref for event in events)
        parts = [event.part for event in events if isinstance(event, InboundSms) and event.part is not None]
        assert all(part.ref and 1 <= part.number <= part.total for part in parts)


def test_calls_that_are_not_signed_need_to_be_allowed():
    options = {"api_key": "abcd1234", "api_secret": "x", "webhook": {"secret": SECRET, "signed": False}}
    request = table_vonage.form(table_vonage.COMING)
    assert VonageProvider("v", options).events(request, 0.0)
    with pytest.raises(Unreadable):
        VonageProvider("v", options).events(table_vonage.form({"keyword": "JA"}), 0.0)


# --- bits ----------------------------------------------------------------------------------------------------------


def flips(data: bytes) -> list[bytes]:
    """The data with one bit flipped, each in turn."""
    return [data[:at] + bytes([byte ^ 1 << bit]) + data[at + 1 :] for at, byte in enumerate(data) for bit in range(8)]


def pairs_of(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def meaning(body: bytes) -> Mapping[str, str]:
    """What the signature is about, by Vonage's rules."""
    said = {name: value.replace("&", "_").replace("=", "_") for name, value in reversed(pairs_of(body))}
    return said | {"sig": said.get("sig", "").lower()}
