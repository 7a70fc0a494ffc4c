"""The generic HTTP provider in a running gateway: mail becomes a request, a call becomes a mail, a report arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.acme import Acme
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

RECIPE = Path(__file__).parents[2] / "conf/providers/json.toml"
PHONE = "+4530643064"
SECRET = "0123456789abcdef"
POOL = '[[pool]]\nprovider = "acme"\nrange = "+45609946000000..+45609946000099"\n'


@pytest.fixture
def acme() -> Iterator[Acme]:
    server = Acme()
    yield server
    server.close()


def call(gateway: Gateway, *events: dict[str, str], key: str = "signing-key-of-acme", secret: str = SECRET) -> int:
    """What the provider's call is answered."""
    body = json.dumps({"events": events}).encode()
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}/in/acme/{secret}",
        body,
        {"Content-Type": "application/json", "X-Acme-Signature": f"sha256={signature}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def configured(acme: Acme, **more: str) -> str:
    """The recipe with this test's server and secrets, and `more` of its lines replaced."""
    recipe = RECIPE.read_text()
    changes = {
        **more,
        "https://api.acme.example/v1/messages": acme.url,
        'token = "change-me"': 'token = "token-of-acme"',
        'key = "change-me"': 'key = "signing-key-of-acme"',
        'secret = "change-me-0123456789"': f'secret = "{SECRET}"',
    }
    for written, here in changes.items():
        assert written in recipe
        recipe = recipe.replace(written, here)
    return recipe + POOL


@pytest.fixture
def gateway(tmp_path: Path, acme: Acme) -> Iterator[Gateway]:
    with Gateway(tmp_path, configured(acme)) as running:
        yield running


def state(gateway: Gateway, name: str) -> Callable[[], list[Any]]:
    return lambda: json.loads(gateway.run("message", "list", "--state", name, "--json"))


@pytest.mark.proves("D7", "generic HTTP provider", "replayed webhook", "duplicates count once")
def test_there_and_back(gateway: Gateway, acme: Acme):
    key = gateway.key()
    number = gateway.account(key)
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Hej Anders, \u20ac 5 for en øl?"))
    request = wait_for(lambda: acme.requests and acme.requests[0], "the request")
    assert (request["path"], request["authorization"]) == ("/v1/messages", "Bearer token-of-acme")
    assert (request["from"], request["to"], request["text"]) == (number, PHONE[1:], "Hej Anders, € 5 for en øl?")
    assert request["callback"] == f"http://127.0.0.1:8025/in/acme/{SECRET}"

    report = {"message": "acme-1", "status": "delivered", "to": PHONE[1:]}
    wait_for(state(gateway, "submitted"), "submitted")
    assert call(gateway, report) == 200
    assert wait_for(state(gateway, "delivered"), "delivered")

    sms = {"id": "mo-1", "from": PHONE[1:], "to": number[1:], "text": "Ja tak æøå 😀", "received": "1764000000"}
    assert [call(gateway, sms), call(gateway, sms)] == [200, 200]
    (answer,) = gateway.mails(1, PHONE[-8:-6])
    assert "Ja tak æøå 😀" in answer.get_content()
    assert call(gateway, sms | {"id": "mo-2", "text": "En til"}) == 200
    assert len(gateway.mails(2)) == 2


@pytest.mark.proves("forged webhook", "one flipped bit")
def test_what_nothing_proves_has_no_effect(gateway: Gateway):
    key = gateway.key()
    number = gateway.account(key)
    sms = {"id": "mo-1", "from": PHONE, "to": number, "text": "Hej", "received": "1764000000"}
    assert call(gateway, sms, key="another key") == 403
    assert call(gateway, sms, secret=SECRET[:-1] + "0") == 403
    assert call(gateway, {"id": "mo-1"}) == 400
    assert call(gateway, sms) == 200
    assert len(gateway.mails(1)) == 1
    refused = [line["cause"] for line in gateway.events("webhook-refused")]
    assert len(refused) == 3
    log = gateway.log.read_text()
    for secret in ("signing-key-of-acme", "token-of-acme", SECRET[:-1]):
        assert secret not in log


@pytest.mark.proves("provider lies")
def test_two_hundred_with_an_error_inside_is_told_to_the_sender(gateway: Gateway, acme: Acme):
    key = gateway.key()
    gateway.account(key)
    acme.answers = [(200, {"error": {"code": "bad-number", "message": "no such number token-of-acme"}})]
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Hej"))
    (report,) = gateway.mails(1)
    assert report.get_content_type() == "multipart/report"
    assert "5.1.3" in report.as_string()
    assert "token-of-acme" not in gateway.log.read_text()


@pytest.mark.proves("never sent again blindly", "provider hangs")
def test_a_report_with_our_id_tells_what_became_of_a_message_without_an_answer(tmp_path: Path, acme: Acme):
    acme.silent.set()
    lines = {
        'token = "change-me"\n': 'token = "change-me"\ntimeout = 0.5\n',
        'id = "/messages/*/id"\n': "",
        'id = "message"\n': 'id = "reference"\n',
    }
    with Gateway(tmp_path, configured(acme, **lines)) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Hej"))
        (line,) = wait_for(lambda: gateway.events("sms-unknown"), "unknown")
        assert line["cause"] == "no answer in time"
        assert call(gateway, {"reference": acme.requests[0]["reference"], "status": "delivered"}) == 200
        wait_for(state(gateway, "delivered"), "delivered")
        assert len(acme.requests) == 1


@pytest.mark.proves("stored before answered")
def test_what_was_answered_200_survives_a_kill(gateway: Gateway):
    key = gateway.key()
    number = gateway.account(key)
    sms = {"from": PHONE, "to": number, "received": "1764000000"}
    taken = [f"mo-{n}" for n in range(20) if call(gateway, sms | {"id": f"mo-{n}", "text": f"nummer {n}."}) == 200]
    gateway.stop(signal.SIGKILL)
    gateway.start()
    assert [call(gateway, sms | {"id": ref, "text": f"nummer {ref[3:]}."}) for ref in taken] == [200] * 20
    texts = [next(word for word in m.get_content().split("\n") if "nummer" in word) for m in gateway.mails(20)]
    assert sorted(texts) == sorted(f"nummer {n}." for n in range(20))
