"""SMS.ru."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, WebhookRequest
from gateway.providers.smsru import SmsRuProvider
from gateway.sms import DeliveryReport, OutgoingSms, ReportStatus, SubmitResult
from tests.providers.contract import NOW, NUMBER, PHONE, Batch, Contract, Heard, Question, Submit, form_of, sms
from tests.providers.peer import Answer, Fault, Request

API_ID, SECRET = "11111111-2222-3333-4444-555555555555", "0123456789abcdef"
LONG = "Увидимся " * 30
AT = 1764000000.0
TO = PHONE[1:]
LOST, ODD = Outcome.UNKNOWN, "it does not speak of this message"


def make(url: str) -> SmsRuProvider:
    options = {"url": url, "api_id": API_ID, "temporary": [299], "webhook": {"secret": SECRET}}
    return SmsRuProvider("smsru", options)


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/sms/send")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    return form_of(request)


def answer(sms: Mapping[str, Any] | None = None, code: int = 100, text: str = "") -> Answer:
    document = {"status": "OK" if code == 100 else "ERROR", "status_code": code, "balance": 4122.56}
    return Answer(200, json.dumps(document | ({"sms": sms} if sms is not None else {"status_text": text})))


def taken(ref: str, **more: Any) -> Mapping[str, Any]:
    return {"status": "OK", "status_code": 100, "sms_id": ref} | more


def refused(code: int, text: str = "") -> Mapping[str, Any]:
    return {"status": "ERROR", "status_code": code, "status_text": text}


def to(number: int, text: str = "Hej", phone: int | None = None) -> OutgoingSms:
    return sms(text, number=number, to=f"+453064306{number if phone is None else phone}")


def got(ref: str) -> SubmitResult:
    return SubmitResult(Outcome.ACCEPTED, (ref,))


def call(*entries: str, api_id: str = API_ID, path: str = SECRET, start: int = 0, **more: str) -> WebhookRequest:
    fields = {f"data[{number}]": entry for number, entry in enumerate(entries, start)}
    fields["hash"] = hashlib.sha256((api_id + "".join(entries)).encode()).hexdigest()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return WebhookRequest("POST", path, "", headers, urlencode(fields | more).encode(), "127.0.0.1")


def report(status: str) -> WebhookRequest:
    return call(f"sms_status\n201523-1000007\n{status}\n1764000000")


def told(ref: str, status: ReportStatus, cause: str, at: float = AT) -> DeliveryReport:
    return DeliveryReport("smsru", ref, status, at, "", cause)


MIXED = call(
    "sms_status\n201523-1\n103\n1764000000",
    "test\n1764000000",
    "callcheck_status\n201523-9\n401\n1764000000",
    "sms_status\n201523-2\n104\n1764000000",
    *(f"sms_status\n201523-{n}\n103\n1764000000" for n in range(3, 12)),
    start=1,
)
STATUS = {
    "sms": {
        "201523-1": {"status": "OK", "status_code": 103, "cost": "3.80"},
        "201523-2": {"status": "ERROR", "status_code": -1},
    }
}

CONTRACT = Contract(
    name="smsru",
    make=make,
    said=said,
    secrets=(API_ID, SECRET),
    answer=(200, "100"),
    carried=lambda request: sum(name.startswith("to[") for name in form_of(request)),
    submits=(
        Submit("success", answer({TO: taken("201523-1000007")}), Outcome.ACCEPTED, refs=("201523-1000007",), sent={f"to[{TO}]": "Hej Anders", "from": NUMBER[1:], "api_id": API_ID, "json": "1"}),
        Submit("unicode", answer({TO: taken("201523-1000007", cost="3.80")}), Outcome.ACCEPTED, text='Привет & "😀"\n=', refs=("201523-1000007",), price=Money(380000, "RUB"), sent={f"to[{TO}]": 'Привет & "😀"\n='}),
        Submit("several parts", answer({TO: taken("201523-1000007")}), Outcome.ACCEPTED, text=LONG, refs=("201523-1000007",), sent={f"to[{TO}]": LONG}),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("throttled", answer({TO: refused(231, "too many alike")}), Outcome.TEMPORARY, retry_after=60.0, cause="231 too many alike"),
        Submit("out of service", answer(code=220), Outcome.TEMPORARY, cause="220"),
        Submit("no money", answer(code=201, text=f"no money for {API_ID}"), Outcome.TEMPORARY, retry_after=600.0, cause="201 no money for …"),
        Submit("wrong api_id", answer(code=200, text="wrong api_id"), Outcome.TEMPORARY, cause="200 wrong api_id"),
        Submit("unknown sender", answer(code=204), Outcome.TEMPORARY),
        Submit("our limit", answer(code=206), Outcome.TEMPORARY),
        Submit("one of yours", answer({TO: refused(299)}), Outcome.TEMPORARY),
        Submit("bad number", answer({TO: refused(202, "Hej Anders")}), Outcome.PERMANENT, reason="bad-number", cause="202 …"),
        Submit("too long", answer({TO: refused(205)}), Outcome.PERMANENT, reason="text"),
        Submit("no way there", answer({TO: refused(207)}), Outcome.PERMANENT, reason="not-allowed"),
        Submit("stop list", answer({TO: refused(209)}), Outcome.PERMANENT, reason="opted-out"),
        Submit("too many to this phone", answer({TO: refused(230)}), Outcome.PERMANENT, reason="limit"),
        Submit("the same today", answer({TO: refused(232)}), Outcome.PERMANENT, reason="limit"),
        Submit("some other refusal", answer({TO: refused(298, "new")}), Outcome.PERMANENT, reason="rejected", cause="298 new"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("server fault", answer(code=500, text="repeat it"), Outcome.UNKNOWN, cause="500 repeat it"),
        Submit("server fault", answer({TO: refused(500)}), Outcome.UNKNOWN, cause="500"),
        Submit("malformed body", Answer(200, "100\n201523-1000007\nbalance=52.54"), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("malformed body", Answer(200, b"\xff{"), Outcome.UNKNOWN),
        Submit("missing id", answer({TO: {"status": "OK", "status_code": 100}}), Outcome.UNKNOWN, cause="no id"),
        Submit("missing id", answer({}), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", Answer(200, '{"status_code": 100, "sms": []}'), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", Answer(200, "null"), Outcome.UNKNOWN, cause=ODD),
    ),
    batches=(
        Batch("all taken", (to(1), to(2)), (answer({"4530643062": taken("12"), "4530643061": taken("11")}),), (got("11"), got("12"))),
        Batch(
            "one fails",
            (to(1), to(2), to(3)),
            (answer({"4530643061": taken("11"), "4530643062": refused(209), "4530643063": refused(231)}),),
            (got("11"), SubmitResult(Outcome.PERMANENT, cause="209", reason="opted-out"), SubmitResult(Outcome.TEMPORARY, cause="231", retry_after=60.0)),
        ),
        Batch("not spoken of", (to(1), to(2)), (answer({"4530643062": taken("12")}),), (SubmitResult(LOST, cause=ODD), got("12"))),
        Batch("refused as a whole", (to(1), to(2)), (answer(code=201),), (SubmitResult(Outcome.TEMPORARY, cause="201", retry_after=600.0),) * 2),
        Batch(
            "refused as a whole",
            (to(1), to(2)),
            (answer(code=202), answer({"4530643061": taken("11"), "4530643062": refused(202)})),
            (got("11"), SubmitResult(Outcome.PERMANENT, cause="202", reason="bad-number")),
            carried=(2, 1, 1),
        ),
        Batch("throttled as a whole", (to(1), to(2)), (Answer(429),), (SubmitResult(Outcome.TEMPORARY, cause="HTTP 429"),) * 2),
        Batch("cut off", (to(1), to(2)), (Fault.RESET,), (SubmitResult(LOST, cause="no answer"),) * 2),
        Batch(
            "a phone twice",
            (to(1, "Et"), to(2), to(3, "To", 1), to(4, "Tre", 1)),
            (answer({"4530643061": taken("11"), "4530643062": taken("12")}), answer({"4530643061": taken("13")}), answer({"4530643061": refused(231)})),
            (got("11"), got("12"), got("13"), SubmitResult(Outcome.TEMPORARY, cause="231", retry_after=60.0)),
            carried=(2, 1, 1),
        ),
    ),
    questions=(
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), Answer(200, json.dumps({"status_code": 100, "sms": {TO: {"status_code": 100, "cost": "3.80", "sms": 1}}})), Money(380000, "RUB"), "/sms/cost", {f"to[{TO}]": "Hej", "from": NUMBER[1:]}),
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), answer({TO: refused(207)}), Unreachable),
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), answer(code=200), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"status": "OK", "status_code": 100, "balance": 4122.56}'), Money(412256000, "RUB"), "/my/balance", {"api_id": API_ID}),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"status_code": 100}'), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Fault.RESET, Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, '{"status_code": 100}'), None, "/auth/check"),
        Question(Capability.PING, lambda it: it.ping(), answer(code=301), Unreachable),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["201523-1", "201523-2", "201523-3"]), Answer(200, json.dumps({"status_code": 100} | STATUS)), [DeliveryReport("smsru", "201523-1", ReportStatus.DELIVERED, NOW, PHONE, "103")], "/sms/status", {"sms_id": "201523-1,201523-2,201523-3"}),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Answer(500), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["201523-1"]), Answer(500), Unreachable),
    ),
    statuses={
        "100": ReportStatus.ACCEPTED,
        "101": ReportStatus.ACCEPTED,
        "102": ReportStatus.ACCEPTED,
        "103": ReportStatus.DELIVERED,
        "104": ReportStatus.EXPIRED,
        "105": ReportStatus.FAILED,
        "106": ReportStatus.FAILED,
        "107": ReportStatus.FAILED,
        "108": ReportStatus.FAILED,
        "110": ReportStatus.DELIVERED,
        "150": ReportStatus.FAILED,
        "199": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("report", report("103"), told("201523-1000007", ReportStatus.DELIVERED, "103")),
        Heard("report", report("199"), told("201523-1000007", ReportStatus.ACCEPTED, "unknown status '199' 199")),
        Heard("report", call("sms_status\n201523-1\n103"), told("201523-1", ReportStatus.DELIVERED, "103", NOW)),
        Heard("several", MIXED, told("201523-1", ReportStatus.DELIVERED, "103"), more=(
            told("201523-2", ReportStatus.EXPIRED, "104"),
            *(told(f"201523-{n}", ReportStatus.DELIVERED, "103") for n in range(3, 12)),
        )),
        Heard("forged", call("sms_status\n201523-1\n103\n1", api_id=API_ID[:-1] + "4"), status=403),
        Heard("forged", call("sms_status\n201523-1\n103\n1", hash=""), status=403),
        Heard("forged", call("sms_status\n201523-1\n103\n1", hash="þ"), status=403),
        Heard("forged", call("sms_status\n201523-1\n103\n1", **{"data[1]": "sms_status\n201523-2\n103\n1"}), status=403),
        Heard("forged", call("sms_status\n201523-1\n103\n1", path=SECRET[:-1] + "0"), status=403),
        Heard("forged", WebhookRequest("GET", SECRET, "data[0]=sms_status%0A1%0A103%0A1", {}, b"", ""), status=403),
        Heard("unreadable", call(), status=400),
        Heard("unreadable", call("sms_status\n201523-1"), status=400),
        Heard("unreadable", call("sms_status\n\n103\n1"), status=400),
        Heard("unreadable", call(*["test\n1"] * 1001), status=400),
    ),
)  # fmt: skip
