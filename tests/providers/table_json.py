"""The generic provider as `conf/providers/json.toml` configures it."""

from __future__ import annotations

import hashlib
import hmac
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.errors import Outcome
from gateway.providers.base import WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from tests.providers.contract import ID, NUMBER, PHONE, Contract, Heard, Submit, json_of
from tests.providers.peer import Answer, Request

RECIPE = Path(__file__).parents[2] / "conf/providers/json.toml"
TOKEN, KEY, SECRET = "token-of-acme", "signing-key-of-acme", "0123456789abcdef"
LONG = "Vi ses " * 60
AT = 1764000000.0


def options(url: str, recipe: Path = RECIPE, **more: Any) -> dict[str, Any]:
    """A recipe's options, with a test's server and secrets."""
    table = dict(tomllib.loads(recipe.read_text())["provider"][0])
    del table["name"], table["kind"]
    table["webhook"] = table["webhook"] | {"secret": SECRET}
    return table | {"url": url} | more


def make(url: str) -> HttpProvider:
    made = options(f"{url}/v1/messages", token=TOKEN)
    made["webhook"]["signature"] = made["webhook"]["signature"] | {"key": KEY}
    return HttpProvider("acme", made)


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    return json_of(request)


def ids(*names: str) -> str:
    return json.dumps({"messages": [{"id": name, "status": "accepted"} for name in names]})


def error(code: str, message: str = "") -> str:
    return json.dumps({"error": {"code": code, "message": message}})


def call(*events: Mapping[str, Any], key: str = KEY, path: str = SECRET, **more: Any) -> WebhookRequest:
    body = json.dumps({"events": events}).encode()
    headers = {
        "content-type": "application/json",
        "x-acme-signature": f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}",
    }
    fields = {"method": "POST", "query": "", "client": "127.0.0.1"} | more
    return WebhookRequest(path=path, headers=fields.pop("headers", headers), body=fields.pop("body", body), **fields)


def report(status: str) -> WebhookRequest:
    return call({"message": "a1", "status": status, "to": PHONE[1:], "at": AT, "error": "0x17"})


MESSAGE = {
    "id": "mo-1",
    "from": PHONE[1:],
    "to": NUMBER[1:],
    "text": "Ja tak 😀\nAnders",
    "received": "2025-11-24T16:00:00Z",
}
GOOD = call(MESSAGE)

CONTRACT = Contract(
    name="json",
    make=make,
    said=said,
    secrets=(TOKEN, KEY, SECRET),
    submits=(
        Submit(
            "success",
            Answer(200, ids("a1")),
            Outcome.ACCEPTED,
            refs=("a1",),
            sent={"from": NUMBER, "to": PHONE[1:], "text": "Hej Anders", "reference": ID},
        ),
        Submit(
            "unicode",
            Answer(201, ids("a1")),
            Outcome.ACCEPTED,
            text='Привет, "Андерс" \\ {to} 😀\n\t…',
            refs=("a1",),
            sent={"text": 'Привет, "Андерс" \\ {to} 😀\n\t…'},
        ),
        Submit("several parts", Answer(200, ids("a1", "a2", "a3")), Outcome.ACCEPTED, text=LONG, refs=("a1", "a2", "a3"), sent={"text": LONG}),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("throttled", Answer(200, error("throttled")), Outcome.TEMPORARY, retry_after=60.0),
        Submit("no credit", Answer(402, error("no-credit")), Outcome.TEMPORARY, retry_after=60.0),
        Submit("wrong token", Answer(401, error("auth", f"{TOKEN} is wrong")), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: … is wrong"),
        Submit("server fault", Answer(500, "oops"), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("server fault", Answer(503), Outcome.UNKNOWN, cause="HTTP 503"),
        Submit("server fault", Answer(599, ids("a1")), Outcome.UNKNOWN, refs=("a1",)),
        Submit("error inside 200", Answer(200, error("bad-number", f"no such number: Hej Anders {SECRET}")), Outcome.PERMANENT, reason="bad-number", cause="HTTP 200 OK: no such number: … …"),
        Submit("opted out", Answer(200, error("opted-out")), Outcome.PERMANENT, reason="opted-out"),
        Submit("some other error", Answer(200, error("nonsense")), Outcome.PERMANENT, reason="rejected"),
        Submit("one part throttled", Answer(200, json.dumps({"messages": [{"id": "a1", "status": "accepted"}, {"id": "a2", "status": "throttled"}]})), Outcome.UNKNOWN, text=LONG, refs=("a1", "a2"), cause="only some parts"),
        Submit("all parts throttled", Answer(200, json.dumps({"messages": [{"status": "throttled"}] * 2})), Outcome.TEMPORARY, text=LONG),
        Submit("bad request", Answer(400), Outcome.PERMANENT),
        Submit("not found", Answer(404), Outcome.TEMPORARY),
        Submit("request time-out", Answer(408), Outcome.UNKNOWN),
        Submit("redirected", Answer(302, "", {"Location": "http://127.0.0.1:1/"}), Outcome.UNKNOWN),
        Submit("malformed body", Answer(200, '{"messages": [{"id"'), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("malformed body", Answer(200, b"\xff\xfe\x00"), Outcome.UNKNOWN),
        Submit("malformed body", Answer(200, "[" * 60_000), Outcome.UNKNOWN),
        Submit("missing id", Answer(200, '{"messages": []}'), Outcome.UNKNOWN, cause="no id"),
        Submit("missing id", Answer(200, '{"messages": [{"id": null}, {"id": {}}, {"id": " "}]}'), Outcome.UNKNOWN),
        Submit("id is a number", Answer(200, '{"messages": [{"id": 12345678901234567890123}]}'), Outcome.ACCEPTED, refs=("12345678901234567890123",)),
        Submit("empty", Answer(204), Outcome.UNKNOWN),
        Submit("too long", Answer(200, ids("a1") + " " * 70_000), Outcome.UNKNOWN),
    ),
    statuses={
        "queued": ReportStatus.ACCEPTED,
        "sent": ReportStatus.ACCEPTED,
        "delivered": ReportStatus.DELIVERED,
        "Delivered": ReportStatus.DELIVERED,
        "undelivered": ReportStatus.FAILED,
        "rejected": ReportStatus.FAILED,
        "expired": ReportStatus.EXPIRED,
        "invented": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", GOOD, InboundSms("acme", "mo-1", PHONE[1:], NUMBER[1:], "Ja tak 😀\nAnders", AT)),
        Heard("incoming", call(MESSAGE | {"text": ""}), InboundSms("acme", "mo-1", PHONE[1:], NUMBER[1:], "", AT)),
        Heard("incoming", call(MESSAGE | {"received": AT * 1000}), InboundSms("acme", "mo-1", PHONE[1:], NUMBER[1:], MESSAGE["text"], AT)),
        Heard("report", report("delivered"), DeliveryReport("acme", "a1", ReportStatus.DELIVERED, AT, PHONE[1:], "0x17")),
        Heard("report", report("invented"), DeliveryReport("acme", "a1", ReportStatus.ACCEPTED, AT, PHONE[1:], "unknown status 'invented' 0x17")),
        Heard("forged", call(MESSAGE, key="another"), status=403),
        Heard("forged", call(MESSAGE, path=SECRET[:-1] + "0"), status=403),
        Heard("forged", call(MESSAGE, path=""), status=403),
        Heard("forged", call(MESSAGE, path=SECRET + "/"), status=403),
        Heard("forged", call(MESSAGE, headers={"content-type": "application/json"}), status=403),
        Heard("forged", call(MESSAGE, headers=dict(GOOD.headers) | {"x-acme-signature": "sha256=zz"}), status=403),
        Heard("forged", call(MESSAGE, headers=dict(GOOD.headers) | {"x-acme-signature": GOOD.headers["x-acme-signature"][7:]}), status=403),
        Heard("forged", call(MESSAGE, body=GOOD.body.replace(b"Ja", b"Ne"), headers=GOOD.headers), status=403),
        Heard("forged", call(method="GET", body=b"", query="from=1&to=2&text=x&id=1"), status=403),
        Heard("unreadable", call({"id": "mo-1"}), status=400),
        Heard("unreadable", call({k: v for k, v in MESSAGE.items() if k != "id"}), status=400),
        Heard("unreadable", call(), status=400),
        Heard("unreadable", call(*[MESSAGE] * 1001), status=400),
    ),
)  # fmt: skip
