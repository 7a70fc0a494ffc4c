"""The generic provider as `conf/providers/kannel.toml` configures it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.providers.base import WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from tests.providers.contract import ID, NUMBER, PHONE, Contract, Heard, Submit, query_of
from tests.providers.peer import Answer, Request
from tests.providers.table_json import AT, SECRET, options

RECIPE = Path(__file__).parents[2] / "conf/providers/kannel.toml"
PASSWORD = "password-of-kannel"
LONG = "Vi ses " * 60


def make(url: str) -> HttpProvider:
    made = options(f"{url}/cgi-bin/sendsms", RECIPE)
    made["query"] = made["query"] | {"password": PASSWORD}
    provider = HttpProvider("kannel", made)
    provider.listen_at("https://sms.example.com/in/kannel")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert request.method == "GET"
    assert request.target.startswith("/cgi-bin/sendsms?username=brevdue&password=")
    assert "content-type" not in request.headers
    return query_of(request)


def call(path: str = SECRET, client: str = "127.0.0.1", **fields: Any) -> WebhookRequest:
    return WebhookRequest("GET", path, urlencode(fields), {"host": "127.0.0.1:8025"}, b"", client)


def report(status: str) -> WebhookRequest:
    return call(id=ID, status=status, at="1764000000", cause="")


MESSAGE = {"from": PHONE, "to": NUMBER, "text": "Ja tak & æøå + 😀", "id": "7d9b", "at": "1764000000"}

CONTRACT = Contract(
    name="kannel",
    make=make,
    said=said,
    secrets=(PASSWORD, SECRET),
    submits=(
        Submit(
            "success",
            Answer(202, "0: Accepted for delivery"),
            Outcome.ACCEPTED,
            refs=(ID,),
            sent={
                "password": PASSWORD,
                "from": NUMBER,
                "to": PHONE,
                "text": "Hej Anders",
                "charset": "UTF-8",
                "coding": "0",
                "dlr-mask": "19",
                "dlr-url": f"https://sms.example.com/in/kannel/{SECRET}?id={ID}&status=%d&at=%T&cause=%A",
            },
        ),
        Submit("success", Answer(202, "3: Queued for later delivery"), Outcome.ACCEPTED, refs=(ID,)),
        Submit(
            "unicode",
            Answer(202, "Sent."),
            Outcome.ACCEPTED,
            text="Привет & 100 % + 😀\n=",
            refs=(ID,),
            sent={"text": "Привет & 100 % + 😀\n=", "coding": "2"},
        ),
        Submit("several parts", Answer(202, "Sent."), Outcome.ACCEPTED, text=LONG, refs=(ID,), sent={"text": LONG}),
        Submit("throttled", Answer(503, "Temporal failure, try again later."), Outcome.TEMPORARY),
        Submit("throttled", Answer(429), Outcome.TEMPORARY),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, refs=(ID,)),
        Submit("server fault", Answer(503, "<html>nginx</html>"), Outcome.UNKNOWN, refs=(ID,)),
        Submit("malformed body", Answer(202, b"\xff\x00"), Outcome.ACCEPTED, refs=(ID,)),
        Submit("missing id", Answer(202, ""), Outcome.ACCEPTED, refs=(ID,)),
        Submit(
            "wrong password",
            Answer(403, f"Authorization failed for sendsms {PASSWORD}"),
            Outcome.TEMPORARY,
            cause="HTTP 403 Forbidden: Authorization failed for sendsms …",
        ),
        Submit(
            "blacklisted",
            Answer(403, "Number(s) has/have been denied by white- and/or black-lists."),
            Outcome.PERMANENT,
            reason="not-allowed",
        ),
        Submit("bad request", Answer(400, "Missing receiver number, rejected"), Outcome.PERMANENT),
    ),
    statuses={
        "1": ReportStatus.DELIVERED,
        "2": ReportStatus.FAILED,
        "4": ReportStatus.ACCEPTED,
        "8": ReportStatus.ACCEPTED,
        "16": ReportStatus.FAILED,
        "32": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", call(**MESSAGE), InboundSms("kannel", "7d9b", PHONE, NUMBER, MESSAGE["text"], AT)),
        Heard("report", report("16"), DeliveryReport("kannel", ID, ReportStatus.FAILED, AT)),
        Heard("forged", call(path=SECRET[:-1] + "0", **MESSAGE), status=403),
        Heard("forged", call(client="192.0.2.1", **MESSAGE), status=403),
        Heard("forged", call(client="", **MESSAGE), status=403),
        Heard("unreadable", call(), status=400),
        Heard("unreadable", call(**{f"x{n}": "1" for n in range(300)}), status=400),
    ),
)
