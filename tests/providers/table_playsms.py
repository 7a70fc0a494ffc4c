"""The generic provider as `conf/providers/playsms.toml` configures it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.providers.base import WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.sms import InboundSms
from tests.providers.contract import NUMBER, PHONE, Contract, Heard, Submit, form_of
from tests.providers.peer import Answer, Request
from tests.providers.table_json import SECRET, options

RECIPE = Path(__file__).parents[2] / "conf/providers/playsms.toml"
TOKEN = "token-of-playsms"
LONG = "Vi ses " * 60


def make(url: str) -> HttpProvider:
    made = options(f"{url}/playsms/index.php?app=ws", RECIPE)
    made["form"] = made["form"] | {"h": TOKEN}
    return HttpProvider("playsms", made)


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/playsms/index.php?app=ws")
    return form_of(request)


def entry(status: str = "OK", error: str = "0", ref: str | None = "30") -> Answer:
    data = {"status": status, "error": error, "smslog_id": ref, "queue": "afb5", "to": PHONE}
    return Answer(200, json.dumps({"data": [data], "error_string": None}))


def error(code: str, words: str) -> Answer:
    return Answer(200, json.dumps({"status": "ERR", "error": code, "error_string": words, "timestamp": 1}))


def call(method: str = "GET", path: str = SECRET, client: str = "127.0.0.1", **fields: str) -> WebhookRequest:
    """By its own account it calls with GET; older releases put the query into a form."""
    written = urlencode(fields)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if method == "POST":
        return WebhookRequest("POST", path, "", headers, written.encode(), client)
    return WebhookRequest("GET", path, written, {}, b"", client)


MESSAGE = {"from": PHONE, "to": NUMBER, "text": "Ja tak & æøå 😀", "at": "2025-11-24 16:00:00"}


def mo() -> InboundSms:
    provider = make("http://127.0.0.1:1")
    assert provider._webhooks is not None
    (event,) = provider._webhooks.read(call(**MESSAGE), 0.0)
    assert isinstance(event, InboundSms)
    return InboundSms("playsms", event.ref, PHONE, NUMBER, MESSAGE["text"], 1764000000.0)


CONTRACT = Contract(
    name="playsms",
    make=make,
    said=said,
    secrets=(TOKEN, SECRET),
    submits=(
        Submit("success", entry(), Outcome.ACCEPTED, refs=("30",), sent={"u": "brevdue", "h": TOKEN, "op": "pv", "from": NUMBER, "to": PHONE, "msg": "Hej Anders", "unicode": "0", "nofooter": "1"}),
        Submit("unicode", entry(), Outcome.ACCEPTED, text='Привет & "😀"\n', refs=("30",), sent={"msg": 'Привет & "😀"\n', "unicode": "1"}),
        Submit("several parts", entry(), Outcome.ACCEPTED, text=LONG, refs=("30",), sent={"msg": LONG}),
        Submit("throttled", Answer(429), Outcome.TEMPORARY),
        Submit("wrong token", error("100", f"authentication failed {TOKEN}"), Outcome.TEMPORARY, retry_after=60.0, cause="authentication failed …"),
        Submit("wrong address", error("106", "webservice token not allowed from this IP address"), Outcome.TEMPORARY, retry_after=60.0),
        Submit("no credit", error("103", "not enough credit"), Outcome.TEMPORARY, retry_after=600.0),
        Submit("no credit", entry("ERR", "103", None), Outcome.TEMPORARY, retry_after=600.0),
        Submit("not sent", entry("ERR", "200", None), Outcome.TEMPORARY, retry_after=600.0),
        Submit("no destination", entry("ERR", "201", None), Outcome.PERMANENT, reason="bad-number"),
        Submit("some other error", error("102", "one or more field empty"), Outcome.PERMANENT, reason="rejected", cause="one or more field empty"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("malformed body", Answer(200, "<html>PHP Warning"), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("missing id", entry(ref=None), Outcome.UNKNOWN, cause="no id"),
    ),
    heard=(
        Heard("incoming", call(**MESSAGE), mo()),
        Heard("incoming", call("POST", **MESSAGE), mo()),
        Heard("forged", call(path=SECRET[:-1] + "0", **MESSAGE), status=403),
        Heard("forged", call(client="192.0.2.1", **MESSAGE), status=403),
        Heard("unreadable", call(**{"from": PHONE, "to": NUMBER}), status=400),
        Heard("unreadable", call(**{name: said for name, said in MESSAGE.items() if name != "at"}), status=400),
    ),
)  # fmt: skip
