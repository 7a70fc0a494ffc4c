"""Vendors' recipes in a running gateway: one mail to several phones is one call; reports and answers come back."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

RECIPES = Path(__file__).parents[2] / "conf/providers"
PHONES = ("+4530643064", "+4530643065", "+4530643066")
SECRET, KEY = "0123456789abcdef", "key-of-gatewayapi-0123456789-0123456789"
Answering = Callable[[str], tuple[int, dict[str, Any]]]
"""What a request's body is answered."""


class Vendor:
    """A vendor's server; `silent` holds every answer back."""

    def __init__(self, answering: Answering) -> None:
        self.bodies: list[str] = []
        self.silent, self.closing = threading.Event(), threading.Event()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                vendor.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if vendor.silent.is_set():
                    vendor.closing.wait(20)
                    return
                status, document = answering(vendor.bodies[-1])
                answer = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def running(folder: Path, kind: str, answering: Answering, *lines: str) -> Iterator[tuple[Gateway, Vendor]]:
    """A gateway with a vendor's recipe, and the vendor; `lines` are more of its options."""
    vendor = Vendor(answering)
    url = f'url = "http://127.0.0.1:{vendor.server.server_port}"'
    recipe = (RECIPES / f"{kind}.toml").read_text()
    recipe = recipe.replace("change-me-0123456789-0123456789-0123456789", KEY).replace("change-me-0123456789", SECRET)
    recipe = recipe.replace('url = "https://change-me.api.infobip.com"\n', "")
    recipe = recipe.replace(f'kind = "{kind}"\n', "\n".join((f'kind = "{kind}"', url, *lines, "")))
    pool = f'[[pool]]\nprovider = "{kind}"\nrange = "+45609946000000..+45609946000099"\n'
    try:
        with Gateway(folder, recipe + pool) as gateway:
            yield gateway, vendor
    finally:
        vendor.close()


def call(gateway: Gateway, kind: str, body: bytes = b"", query: str = "", **headers: str) -> tuple[int, str]:
    """What the vendor's call is answered."""
    address = f"http://127.0.0.1:{gateway.http_port}/in/{kind}/{SECRET}{query}"
    request = urllib.request.Request(address, body or None, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def standing(gateway: Gateway, state: str, count: int) -> Callable[[], bool]:
    return lambda: len(json.loads(gateway.run("message", "list", "--state", state, "--json"))) == count


def to_three(gateway: Gateway) -> str:
    """One mail to three phones; the number that it comes from."""
    key = gateway.key()
    number = gateway.account(key)
    gateway.send(mail(f"{key}@{DOMAIN}", " ".join(PHONES), "Hej"))
    return number


@pytest.mark.proves("batches", "forged webhook", "duplicates count once")
def test_gatewayapi_there_and_back(tmp_path: Path):
    def answering(body: str) -> tuple[int, dict[str, Any]]:
        phones = [message["recipients"][0]["msisdn"] for message in json.loads(body)]
        messages = [{"id": 421, "recipients": [{"msisdn": int(phone), "parts": 1} for phone in phones]}]
        usage = {"countries": {"DK": len(phones)}, "currency": "DKK", "total_cost": 0.12 * len(phones)}
        return 200, {"ids": [421], "usage": usage, "details": {"messages": messages}}

    with running(tmp_path, "gatewayapi", answering) as (gateway, vendor):
        number = to_three(gateway)
        wait_for(standing(gateway, "submitted", 3), "three submitted")
        (body,) = vendor.bodies
        assert {message["recipients"][0]["msisdn"] for message in json.loads(body)} == {phone[1:] for phone in PHONES}
        assert {message["sender"] for message in json.loads(body)} == {number[1:]}

        def signed(**claims: Any) -> tuple[int, str]:
            return call(gateway, "gatewayapi", b"{}", X_Gwapi_Signature=jwt.encode(claims, KEY, algorithm="HS256"))

        phone = int(PHONES[1][1:])
        assert signed(id=421, msisdn=phone, time=1764000000, status="DELIVERED") == (200, "")
        wait_for(standing(gateway, "delivered", 1), "the one phone's message delivered, of three with one id")
        assert standing(gateway, "submitted", 2)()
        sms = {"id": 7, "msisdn": phone, "receiver": int(number[1:]), "message": "Ja tak 😀", "senttime": 1764000000}
        assert [signed(**sms), signed(**sms)] == [(200, "")] * 2
        (answer,) = gateway.mails(1)
        assert "Ja tak 😀" in answer.get_content()
        forged = jwt.encode(sms | {"id": 8}, KEY[::-1], algorithm="HS256")
        assert call(gateway, "gatewayapi", b"{}", X_Gwapi_Signature=forged)[0] == 403
        assert KEY not in gateway.log.read_text()


@pytest.mark.proves("batches", "partial failure")
def test_one_of_three_refused_by_sms_ru_is_told_to_the_sender(tmp_path: Path):
    def answering(body: str) -> tuple[int, dict[str, Any]]:
        phones = [name[3:-1] for name, _ in urllib.parse.parse_qsl(body) if name.startswith("to[")]
        told = {phone: {"status": "OK", "status_code": 100, "sms_id": f"2015-{phone}"} for phone in phones}
        told[PHONES[2][1:]] = {"status": "ERROR", "status_code": 202, "status_text": "no such number"}
        return 200, {"status": "OK", "status_code": 100, "sms": told}

    with running(tmp_path, "smsru", answering) as (gateway, vendor):
        to_three(gateway)
        wait_for(standing(gateway, "submitted", 2), "two submitted")
        (report,) = gateway.mails(1)
        assert "5.1.3" in report.as_string()
        assert PHONES[2][-4:] in report.as_string()
        assert len(vendor.bodies) == 1
        assert call(gateway, "smsru", b"data[0]=sms_status%0A1%0A103%0A1&hash=x")[0] == 403


@pytest.mark.proves("batches", "never sent again blindly")
def test_reports_of_infobip_tell_what_became_of_a_call_that_was_cut_off(tmp_path: Path):
    with running(tmp_path, "infobip", lambda _body: (500, {}), "timeout = 0.5") as (gateway, vendor):
        vendor.silent.set()
        to_three(gateway)
        wait_for(standing(gateway, "unknown", 3), "three unknown")
        (body,) = vendor.bodies
        results = [
            {"messageId": each["messageId"], "to": each["to"], "status": {"groupId": 3, "name": "DELIVERED"}}
            for message in json.loads(body)["messages"]
            for each in message["destinations"]
        ]
        assert call(gateway, "infobip", json.dumps({"results": results}).encode()) == (200, "")
        wait_for(standing(gateway, "delivered", 3), "three delivered")
        assert len(vendor.bodies) == 1


@pytest.mark.proves("reports")
def test_cpsms_reports_at_the_address_that_it_was_told(tmp_path: Path):
    def answering(body: str) -> tuple[int, dict[str, Any]]:
        return 207, {"success": [{"to": json.loads(body)["to"], "cost": 1}]}

    with running(tmp_path, "cpsms", answering) as (gateway, vendor):
        to_three(gateway)
        wait_for(standing(gateway, "submitted", 3), "three submitted")
        for body, status in zip(vendor.bodies, ("1", "3", "2"), strict=True):
            query = f"?{urllib.parse.urlsplit(json.loads(body)['dlr_url']).query}&status={status}"
            assert call(gateway, "cpsms", query=f"{query}&receiver={json.loads(body)['to']}") == (200, "")
        wait_for(standing(gateway, "delivered", 1), "one delivered")
        wait_for(standing(gateway, "failed", 1), "one failed")
        assert standing(gateway, "submitted", 1)()
