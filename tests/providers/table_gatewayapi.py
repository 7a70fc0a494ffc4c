"""GatewayAPI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, WebhookRequest
from gateway.providers.gatewayapi import GatewayApiProvider
from gateway.sms import DeliveryReport, InboundSms, OutgoingSms, ReportStatus, SubmitResult
from tests.providers.contract import ID, NOW, NUMBER, PHONE, Batch, Contract, Heard, Question, Submit, json_of, sms
from tests.providers.peer import Answer, Fault, Request

TOKEN, SECRET = "token-of-gatewayapi", "0123456789abcdef"
KEY = "key-of-gatewayapi-0123456789-0123456789"
LONG = "Vi ses " * 60
AT = 1764000000.0
LOST, ODD = Outcome.UNKNOWN, "the answer has no id"


def make(url: str) -> GatewayApiProvider:
    """One connection: calls come in the order of the answers."""
    options = {"url": url, "token": TOKEN, "webhook": {"secret": SECRET, "key": KEY}, "connections": 1}
    provider = GatewayApiProvider("gatewayapi", options)
    provider.listen_at("https://sms.example.com/in/gatewayapi")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/rest/mtsms")
    assert request.headers["authorization"] == "Basic dG9rZW4tb2YtZ2F0ZXdheWFwaTo="
    (message,) = json_of(request)
    return message


def taken(
    *phones: tuple[str, int, int], cost: float | None = None, countries: Mapping[str, int] | None = None
) -> Answer:
    """Ids and parts by phone, without its plus."""
    usage = {"currency": "DKK", "total_cost": cost, "countries": countries or {"DK": 1}} if cost else {}
    messages = [
        {"id": ref, "recipients": [{"country": "DK", "msisdn": int(phone), "parts": parts}]}
        for phone, ref, parts in phones
    ]
    document = {"ids": [ref for _, ref, _ in phones], "usage": usage, "details": {"messages": messages}}
    return Answer(200, json.dumps(document))


def error(code: str, message: str) -> str:
    return json.dumps({"code": code, "incident_uuid": "d8127429", "message": message, "variables": []})


def to(number: int, text: str = "Hej", phone: int | None = None) -> OutgoingSms:
    return sms(text, number=number, to=f"+453064306{number if phone is None else phone}")


def got(ref: str, parts: int | None = 1, price: int | None = None) -> SubmitResult:
    return SubmitResult(Outcome.ACCEPTED, (ref,), parts=parts, price=None if price is None else Money(price, "DKK"))


def call(claims: Mapping[str, Any], key: str = KEY, path: str = SECRET, algorithm: str = "HS256") -> WebhookRequest:
    token = jwt.encode(dict(claims), key, algorithm=algorithm)
    headers = {"content-type": "application/json", "x-gwapi-signature": token}
    return WebhookRequest("POST", path, "", headers, json.dumps(claims).encode(), "127.0.0.1")


def report(status: str) -> WebhookRequest:
    return call({"id": 421, "msisdn": int(PHONE[1:]), "time": AT, "status": status, "userref": ID})


MESSAGE = {
    "id": 77,
    "msisdn": int(PHONE[1:]),
    "receiver": int(NUMBER[1:]),
    "message": "Ja tak 😀\nAnders",
    "senttime": AT,
}
GOOD = call(MESSAGE)
BODY_LIES = WebhookRequest(
    "POST", SECRET, "message=x", GOOD.headers, json.dumps(MESSAGE | {"message": "Nej"}).encode(), ""
)
FOUND = [{"id": 421, "recipients": [
    {"msisdn": int(PHONE[1:]), "dsnstatus": "UNDELIVERABLE", "dsnerror": "no such phone", "dsnerrorcode": "0x0b", "dsntime": AT},
    {"msisdn": 4530643065, "dsnstatus": "DELIVERED", "dsntime": AT},
]}]  # fmt: skip
MO = InboundSms("gatewayapi", "77", PHONE[1:], NUMBER[1:], MESSAGE["message"], AT)

CONTRACT = Contract(
    name="gatewayapi",
    make=make,
    said=said,
    secrets=(TOKEN, KEY, SECRET),
    carried=lambda request: len(json.loads(request.body)),
    submits=(
        Submit("success", taken((PHONE[1:], 421, 1), cost=0.12), Outcome.ACCEPTED, refs=("421",), parts=1, price=Money(12000, "DKK"), sent={
            "sender": NUMBER[1:], "recipients": [{"msisdn": PHONE[1:]}], "message": "Hej Anders", "encoding": "UTF8", "max_parts": 1,
            "userref": ID, "callback_url": f"https://sms.example.com/in/gatewayapi/{SECRET}", "class": "standard",
        }),
        Submit("unicode", taken((PHONE[1:], 421, 1), cost=0.12), Outcome.ACCEPTED, text='Привет, "😀"\n', refs=("421",), parts=1, price=Money(12000, "DKK"), sent={"message": 'Привет, "😀"\n', "encoding": "UCS2"}),
        Submit("several parts", taken((PHONE[1:], 421, 3), cost=0.36), Outcome.ACCEPTED, text=LONG, refs=("421",), parts=3, price=Money(36000, "DKK"), sent={"message": LONG, "max_parts": 3}),
        Submit("without details", Answer(200, '{"ids": [421], "usage": {"currency": "EUR", "total_cost": 0.0163}}'), Outcome.ACCEPTED, refs=("421",), price=Money(1630, "EUR")),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("wrong token", Answer(401, error("0x0200", f"{TOKEN} is wrong")), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: 0x0200 … is wrong"),
        Submit("forbidden address", Answer(403, error("0x0213", "Unauthorized IP-address: %1")), Outcome.TEMPORARY, cause="HTTP 403 Forbidden: 0x0213 Unauthorized IP-address: %1"),
        Submit("bad request", Answer(400, error("0x0109", "Invalid msisdn: Hej Anders")), Outcome.PERMANENT, cause="HTTP 400 Bad Request: 0x0109 Invalid msisdn: …"),
        Submit("unprocessable", Answer(422), Outcome.PERMANENT, cause="HTTP 422"),
        Submit("server fault", Answer(500, error("0x0000", "exception")), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("server fault", Answer(503), Outcome.UNKNOWN, cause="HTTP 503"),
        Submit("request time-out", Answer(408), Outcome.UNKNOWN),
        Submit("redirected", Answer(302, "", {"Location": "http://127.0.0.1:1/"}), Outcome.UNKNOWN),
        Submit("malformed body", Answer(200, '{"ids": [421'), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("malformed body", Answer(200, "[" * 60_000), Outcome.UNKNOWN),
        Submit("missing id", Answer(200, '{"ids": []}'), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", Answer(200, "[]"), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", Answer(200, '{"ids": [null, {}, " "], "details": {"messages": [7, {"recipients": 3}]}}'), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", taken(("4599999999", 9, 1)), Outcome.UNKNOWN, cause=ODD),
    ),
    batches=(
        Batch("all taken", (to(1), to(2), to(3, LONG)), (taken(("4530643062", 12, 1), ("4530643061", 11, 1), ("4530643063", 13, 3), cost=0.60),), (got("11", 1, 12000), got("12", 1, 12000), got("13", 3, 36000))),
        Batch("two countries", (to(1), to(2)), (taken(("4530643061", 11, 1), ("4530643062", 12, 1), cost=0.5, countries={"DK": 1, "SE": 1}),), (got("11"), got("12"))),
        Batch("without details", (to(1), to(2)), (Answer(200, '{"ids": [11, 12], "usage": {"currency": "DKK", "total_cost": 0.24, "countries": {"DK": 2}}}'),), (got("11", None), got("12", None))),
        Batch("not spoken of", (to(1), to(2), to(3)), (taken(("4530643061", 11, 1), ("4530643063", 13, 1)),), (got("11"), SubmitResult(LOST, cause=ODD), got("13"))),
        Batch("not spoken of", (to(1), to(2)), (Answer(200, '{"ids": [11]}'),), (SubmitResult(LOST, cause=ODD),) * 2),
        Batch(
            "one fails",
            (to(1), to(2)),
            (Answer(422, error("0x0109", "Invalid msisdn")), taken(("4530643061", 11, 1)), Answer(422, error("0x0109", "Invalid msisdn"))),
            (got("11"), SubmitResult(Outcome.PERMANENT, cause="0x0109 Invalid msisdn")),
            carried=(2, 1, 1),
        ),
        Batch("refused as a whole", (to(1), to(2)), (Answer(401),), (SubmitResult(Outcome.TEMPORARY, cause="HTTP 401"),) * 2),
        Batch("throttled as a whole", (to(1), to(2)), (Answer(429, "", {"Retry-After": "9"}),), (SubmitResult(Outcome.TEMPORARY, cause="HTTP 429", retry_after=9.0),) * 2),
        Batch("cut off", (to(1), to(2)), (Fault.HALF_BODY,), (SubmitResult(LOST, cause="no answer"),) * 2),
        Batch("server fault", (to(1), to(2)), (Answer(502),), (SubmitResult(LOST, cause="HTTP 502"),) * 2),
        Batch(
            "a phone twice",
            (to(1), to(2, "Igen", 1), to(3)),
            (taken(("4530643061", 11, 1), ("4530643063", 13, 1)), taken(("4530643061", 12, 1))),
            (got("11"), got("12"), got("13")),
            carried=(2, 1),
        ),
        Batch(
            "a phone twice",
            (to(1), to(2, "Igen", 1)),
            (Fault.CLOSE, taken(("4530643061", 12, 1))),
            (SubmitResult(LOST, cause="no answer"), got("12")),
            carried=(1, 1),
        ),
    ),
    questions=(
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"credit": 1234.56, "currency": "DKK", "id": 1}'), Money(123456000, "DKK"), "/rest/me"),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"credit": null}'), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(401, TOKEN), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Fault.SILENCE, Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, "{}"), None, "/rest/me"),
        Question(Capability.PING, lambda it: it.ping(), Answer(403), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, "<html>"), Unreachable),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["421"]), Answer(200, json.dumps(FOUND)), [DeliveryReport("gatewayapi", "421", ReportStatus.FAILED, AT, PHONE[1:], "0x0b no such phone")], "/rest/mtsms/421"),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["421"]), Answer(404), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["4/2?1"]), Answer(404), [], "/rest/mtsms/4%2F2%3F1"),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Answer(500), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), ["421"]), Answer(500), Unreachable),
    ),
    statuses={
        "DELIVERED": ReportStatus.DELIVERED,
        "EXPIRED": ReportStatus.EXPIRED,
        "UNDELIVERABLE": ReportStatus.FAILED,
        "REJECTED": ReportStatus.FAILED,
        "DELETED": ReportStatus.FAILED,
        "SKIPPED": ReportStatus.FAILED,
        "UNKNOWN": ReportStatus.ACCEPTED,
        "SCHEDULED": ReportStatus.ACCEPTED,
        "BUFFERED": ReportStatus.ACCEPTED,
        "ENROUTE": ReportStatus.ACCEPTED,
        "ACCEPTED": ReportStatus.ACCEPTED,
        "INVENTED": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", GOOD, MO),
        Heard("incoming", BODY_LIES, MO),
        Heard("incoming", call({k: v for k, v in MESSAGE.items() if k != "senttime"}), InboundSms("gatewayapi", "77", PHONE[1:], NUMBER[1:], MESSAGE["message"], NOW)),
        Heard("incoming", call(MESSAGE | {"receiver": 451204, "message": ""}), InboundSms("gatewayapi", "77", PHONE[1:], "451204", "", AT)),
        Heard("report", report("DELIVERED"), DeliveryReport("gatewayapi", "421", ReportStatus.DELIVERED, AT, PHONE[1:])),
        Heard("report", call({"id": 421, "msisdn": int(PHONE[1:]), "time": AT, "status": "EXPIRED", "error": "too late", "code": "0x02"}), DeliveryReport("gatewayapi", "421", ReportStatus.EXPIRED, AT, PHONE[1:], "0x02 too late")),
        Heard("report", report("INVENTED"), DeliveryReport("gatewayapi", "421", ReportStatus.ACCEPTED, AT, PHONE[1:], "unknown status 'INVENTED'")),
        Heard("forged", call(MESSAGE, key=KEY[::-1]), status=403),
        Heard("forged", call(MESSAGE, algorithm="HS512", key=KEY * 2), status=403),
        Heard("forged", call(MESSAGE, algorithm="HS384", key=KEY * 2), status=403),
        Heard("forged", call(MESSAGE, algorithm="none", key=""), status=403),
        Heard("forged", call(MESSAGE, path=SECRET[:-1] + "0"), status=403),
        Heard("forged", WebhookRequest("POST", SECRET, "", {}, GOOD.body, ""), status=403),
        Heard("forged", WebhookRequest("POST", SECRET, "", {"x-gwapi-signature": "a.b"}, GOOD.body, ""), status=403),
        Heard("unreadable", call({"id": 77}), status=400),
        Heard("unreadable", call({"id": 77, "msisdn": 4530643064}), status=400),
        Heard("unreadable", call({"msisdn": 4530643064, "status": "DELIVERED"}), status=400),
        Heard("unreadable", call({"id": {}, "msisdn": [], "status": "DELIVERED"}), status=400),
    ),
)  # fmt: skip
