"""CPSMS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, WebhookRequest
from gateway.providers.cpsms import CpsmsProvider
from gateway.sms import DeliveryReport, ReportStatus
from tests.providers.contract import ID, NOW, NUMBER, PHONE, Contract, Heard, Question, Submit, json_of
from tests.providers.peer import Answer, Fault, Request

KEY, SECRET = "key-of-cpsms", "0123456789abcdef"
LONG = "Vi ses " * 60
ODD = "it does not speak of this message"


def make(url: str) -> CpsmsProvider:
    webhook = {"secret": SECRET, "networks": ["127.0.0.0/8"]}
    options = {"url": url, "user": "firma", "key": KEY, "point_price": "0.39", "webhook": webhook}
    provider = CpsmsProvider("cpsms", options)
    provider.listen_at("https://sms.example.com/in/cpsms")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/v2/send")
    assert request.headers["authorization"] == "Basic ZmlybWE6a2V5LW9mLWNwc21z"
    return json_of(request)


def taken(cost: float | str | None = 1) -> Answer:
    return Answer(200, json.dumps({"success": [{"to": PHONE[1:], "cost": cost}]}))


def refused(code: int, message: str, status: int = 207, **more: Any) -> Answer:
    error = {"errorCode": code, "errMsg": message, "to": PHONE[1:]}
    return Answer(status, json.dumps({"error": [error]} | more))


def call(query: str, path: str = SECRET, client: str = "127.0.0.1", method: str = "GET") -> WebhookRequest:
    return WebhookRequest(method, path, query, {"host": "127.0.0.1:8025"}, b"", client)


def report(status: str) -> WebhookRequest:
    return call(urlencode({"id": ID, "status": status, "receiver": PHONE[1:]}))


def told(status: ReportStatus, cause: str) -> DeliveryReport:
    return DeliveryReport("cpsms", ID, status, NOW, PHONE[1:], cause)


CONTRACT = Contract(
    name="cpsms",
    make=make,
    said=said,
    secrets=(KEY, SECRET),
    submits=(
        Submit("success", taken(), Outcome.ACCEPTED, refs=(ID,), price=Money(39000, "DKK"), sent={
            "to": PHONE[1:], "from": NUMBER[1:], "message": "Hej Anders", "reference": ID, "format": None,
            "dlr_url": f"https://sms.example.com/in/cpsms/{SECRET}?id={ID}",
        }),
        Submit("unicode", taken(1.6), Outcome.ACCEPTED, text='Привет, "😀"\n', refs=(ID,), price=Money(62400, "DKK"), sent={"message": 'Привет, "😀"\n', "format": "UNICODE"}),
        Submit("several parts", taken("3"), Outcome.ACCEPTED, text=LONG, refs=(ID,), price=Money(117000, "DKK"), sent={"message": LONG}),
        Submit("a list in a list", Answer(200, json.dumps({"success": [[{"to": PHONE[1:], "cost": None}]]})), Outcome.ACCEPTED, refs=(ID,)),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("no credit", Answer(402, '{"error": {"code": 402, "message": "No points"}}'), Outcome.TEMPORARY, cause="HTTP 402 Payment Required: 402 No points"),
        Submit("no credit", refused(402, "No points"), Outcome.TEMPORARY, cause="HTTP 402 Payment Required: 402 No points"),
        Submit("wrong key", Answer(401, json.dumps({"error": {"code": 401, "message": f"{KEY} is wrong"}})), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: 401 … is wrong"),
        Submit("wrong address", Answer(403), Outcome.TEMPORARY, cause="HTTP 403"),
        Submit("bad number", refused(400, "Phone number length and country code do not match: Hej Anders"), Outcome.PERMANENT, cause="400 Phone number length and country code do not match: …"),
        Submit("bad number", refused(400, "No", status=400), Outcome.PERMANENT, cause="HTTP 400 Bad Request: 400 No"),
        Submit("conflict", Answer(409), Outcome.PERMANENT, cause="HTTP 409"),
        Submit("an error without code", Answer(200, '{"error": [{"errMsg": "No"}]}'), Outcome.PERMANENT, cause="No"),
        Submit("an error with a strange code", refused(200, "No"), Outcome.PERMANENT, cause="No"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, refs=(ID,), cause="HTTP 500"),
        Submit("server fault", refused(500, "Try again"), Outcome.UNKNOWN, refs=(ID,), cause="500 Try again"),
        Submit("malformed body", Answer(200, '{"success": ['), Outcome.UNKNOWN, refs=(ID,), cause="cannot be read"),
        Submit("missing id", Answer(200, '{"success": []}'), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
        Submit("missing id", Answer(200, '{"success": [{"to": "4599999999", "cost": 1}]}'), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
        Submit("missing id", Answer(200, '{"success": 7, "error": "x"}'), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
    ),
    questions=(
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"credit": "9.843,40"}'), Money(383892600, "DKK"), "/v2/creditvalue"),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"credit": null}'), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Fault.CLOSE, Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, '{"credit": "0"}'), None, "/v2/creditvalue"),
        Question(Capability.PING, lambda it: it.ping(), Answer(401, KEY), Unreachable),
    ),
    statuses={
        "1": ReportStatus.DELIVERED,
        "2": ReportStatus.FAILED,
        "3": ReportStatus.ACCEPTED,
        "4": ReportStatus.FAILED,
        "5": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("report", report("1"), told(ReportStatus.DELIVERED, "status 1")),
        Heard("report", call(f"id={ID}?status=4&receiver={PHONE[1:]}"), told(ReportStatus.FAILED, "status 4")),
        Heard("report", call(f"id={ID}&status=1&receiver={PHONE[1:]}", method="POST"), told(ReportStatus.DELIVERED, "status 1")),
        Heard("report", report("9"), told(ReportStatus.ACCEPTED, "unknown status '9' status 9")),
        Heard("forged", call(f"id={ID}&status=1", path=SECRET[:-1] + "0"), status=403),
        Heard("forged", call(f"id={ID}&status=1", client="192.0.2.1"), status=403),
        Heard("unreadable", call(f"id={ID}"), status=400),
        Heard("unreadable", call("status=1&receiver=4530643064"), status=400),
        Heard("unreadable", call("&".join(f"x{n}=1" for n in range(300))), status=400),
    ),
)  # fmt: skip
