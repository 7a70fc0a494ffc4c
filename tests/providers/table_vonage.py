"""Vonage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, NotAvailable, Unreachable, WebhookRequest
from gateway.providers.signatures import Method, vonage_signature
from gateway.providers.vonage import VonageProvider
from gateway.sms import DeliveryReport, InboundPart, InboundSms, LateAnswer, ReportStatus
from tests.providers.contract import ID, NOW, NUMBER, PHONE, Contract, Heard, Question, Submit, form_of, sms
from tests.providers.peer import Answer, Fault, Request

KEY, ACCOUNT, SIGNING, SECRET = "abcd1234", "secret-of-vonage", "signature-secret-of-vonage", "0123456789abcdef"
LONG = "Vi ses " * 60
AT = 1764000000.0
METHOD = Method.SHA512
FORM = "application/x-www-form-urlencoded"
DLR = "0A0000000123ABCD1"
ODD = "it does not speak of this message"


def make(url: str) -> VonageProvider:
    options = {"url": url, "api_key": KEY, "api_secret": ACCOUNT, "webhook": {"secret": SECRET}, "ttl": 14400}
    provider = VonageProvider("vonage", options | {"signature_secret": SIGNING, "signature_method": METHOD.value})
    provider.listen_at("https://sms.example.com/in/vonage")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/sms/json")
    assert request.headers["content-type"] == FORM
    return form_of(request)


def taken(ref: str | None = DLR, price: str | None = "0.03330000", **more: Any) -> Mapping[str, Any]:
    return {
        "to": PHONE[1:], "message-id": ref, "status": "0", "remaining-balance": "3.14159265", "message-price": price,
        "network": "23801", "client-ref": ID,
    } | more  # fmt: skip


def refused(status: str, text: str = "") -> Mapping[str, Any]:
    return {"status": status, "error-text": text}


def answer(*parts: Any) -> Answer:
    return Answer(200, json.dumps({"message-count": str(len(parts)), "messages": parts}))


def sign(fields: Mapping[str, str], secret: str = SIGNING) -> Mapping[str, str]:
    signed = {**fields, "timestamp": fields.get("timestamp", "1764000000"), "nonce": "aaaaaaaa-bbbb-cccc-dddd"}
    return signed | {"sig": vonage_signature(secret, METHOD, signed).upper()}


def form(fields: Mapping[str, str], path: str = SECRET) -> WebhookRequest:
    return WebhookRequest("POST", path, "", {"content-type": FORM}, urlencode(fields).encode(), "127.0.0.1")


def get(fields: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest("GET", SECRET, urlencode(fields), {}, b"", "127.0.0.1")


def document(fields: Any, body: bytes | None = None) -> WebhookRequest:
    content = json.dumps(fields).encode() if body is None else body
    return WebhookRequest("POST", SECRET, "", {"content-type": "application/json"}, content, "127.0.0.1")


def delivered(status: str = "delivered", **more: str) -> Mapping[str, str]:
    return {
        "msisdn": PHONE[1:], "to": NUMBER[1:], "network-code": "23801", "messageId": DLR, "price": "0.03330000",
        "status": status, "scts": "2511241600", "err-code": "0", "api-key": KEY,
        "message-timestamp": "2025-11-24 16:00:07",
    } | more  # fmt: skip


def report(status: str) -> WebhookRequest:
    return form(sign(delivered(status)))


def seen(status: ReportStatus, cause: str, price: int | None = 3330, at: float = AT) -> DeliveryReport:
    money = None if price is None else Money(price, "EUR")
    return DeliveryReport("vonage", DLR, status, at, PHONE[1:], cause, money)


COMING = {
    "api-key": KEY, "msisdn": PHONE[1:], "to": NUMBER[1:], "messageId": "0A0000000123ABCD2",
    "text": "Ja tak 😀 & =\nAnders", "type": "unicode", "keyword": "JA", "message-timestamp": "2025-11-24 16:00:00",
}  # fmt: skip
PART = COMING | {"concat": "true", "concat-ref": "1", "concat-total": "3", "concat-part": "2"}
UNNAMED = {name: said for name, said in COMING.items() if name != "messageId"}


def mo(text: str = COMING["text"], part: InboundPart | None = None, at: float = AT) -> InboundSms:
    return InboundSms("vonage", COMING["messageId"], PHONE[1:], NUMBER[1:], text, at, part)


def cost(**more: Any) -> Answer:
    networks = [{"type": "mobile", "price": "0.0350", "currency": "EUR", "mcc": "238", "mnc": "01"}]
    said = {"countryCode": "DK", "currency": "EUR", "defaultPrice": "0.0333", "networks": networks}
    return Answer(200, json.dumps(said | more))


CONTRACT = Contract(
    name="vonage",
    make=make,
    said=said,
    secrets=(ACCOUNT, SIGNING, SECRET),
    submits=(
        Submit("success", answer(taken()), Outcome.ACCEPTED, refs=(DLR,), parts=1, price=Money(3330, "EUR"), sent={
            "api_key": KEY, "api_secret": ACCOUNT, "from": NUMBER[1:], "to": PHONE[1:], "text": "Hej Anders", "type": "text",
            "client-ref": ID, "ttl": "14400000", "callback": f"https://sms.example.com/in/vonage/{SECRET}", "sig": None,
        }),
        Submit("unicode", answer(taken()), Outcome.ACCEPTED, text='Привет & "😀"\n=', refs=(DLR,), parts=1, price=Money(3330, "EUR"), sent={"text": 'Привет & "😀"\n=', "type": "unicode"}),
        Submit("several parts", answer(taken("a1"), taken("a2"), taken("a3", "0.04")), Outcome.ACCEPTED, text=LONG, refs=("a1", "a2", "a3"), parts=3, price=Money(10660, "EUR"), sent={"text": LONG, "client-ref": f"{ID}-3"}),
        Submit("several parts, a price is not told", answer(taken("a1"), taken("a2", None)), Outcome.ACCEPTED, refs=("a1", "a2"), parts=2),
        Submit("a part fails alone", answer(taken("a1"), refused("6", "Hej Anders"), taken("a3")), Outcome.UNKNOWN, refs=("a1", "", "a3"), parts=2, price=Money(6660, "EUR"), cause="2 of 3 parts taken (ids a1, a3); another: 6 …"),
        Submit("a part is throttled alone", answer(taken("a1"), refused("1", "Throttled")), Outcome.UNKNOWN, refs=("a1", ""), parts=1, price=Money(3330, "EUR"), cause="1 of 2 parts taken (ids a1); another: 1 Throttled"),
        Submit("all parts fail", answer(refused("33"), refused("33")), Outcome.PERMANENT, reason="not-in-use", cause="33"),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("throttled", answer(refused("1", "Throughput Rate Exceeded")), Outcome.TEMPORARY, retry_after=5.0, cause="1 Throughput Rate Exceeded"),
        Submit("throttled", answer(refused("10")), Outcome.TEMPORARY, retry_after=30.0),
        Submit("all parts are throttled", answer(refused("1"), refused("1")), Outcome.TEMPORARY, retry_after=5.0),
        Submit("no money", answer(refused("9", "Quota Exceeded")), Outcome.TEMPORARY, retry_after=600.0, cause="9 Quota Exceeded"),
        Submit("wrong secret", answer(refused("4", f"Bad Credentials {ACCOUNT}")), Outcome.TEMPORARY, retry_after=600.0, cause="4 Bad Credentials …"),
        Submit("wrong secret", Answer(401, json.dumps({"error_title": "Unauthorized"})), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: Unauthorized"),
        Submit("wrong signature", answer(refused("14", SIGNING)), Outcome.TEMPORARY, retry_after=600.0, cause="14 …"),
        Submit("account suspended", answer(refused("8")), Outcome.TEMPORARY, retry_after=600.0),
        Submit("missing fields", answer(refused("2", "Missing to param")), Outcome.PERMANENT, reason="rejected", cause="2 Missing to param"),
        Submit("bad fields", answer(refused("3")), Outcome.PERMANENT, reason="rejected"),
        Submit("bad number", answer(refused("6")), Outcome.PERMANENT, reason="bad-number"),
        Submit("barred", answer(refused("7")), Outcome.PERMANENT, reason="not-allowed"),
        Submit("too long", answer(refused("12")), Outcome.PERMANENT, reason="text"),
        Submit("no such sender", answer(refused("15")), Outcome.PERMANENT, reason="not-allowed"),
        Submit("demo account", answer(refused("29")), Outcome.PERMANENT, reason="not-allowed"),
        Submit("not in use", answer(refused("33")), Outcome.PERMANENT, reason="not-in-use"),
        Submit("some other refusal", answer(refused("98", "new")), Outcome.PERMANENT, reason="rejected", cause="98 new"),
        Submit("bad request", Answer(400), Outcome.PERMANENT, cause="HTTP 400"),
        Submit("server fault", answer(refused("5", "Internal Error")), Outcome.UNKNOWN, cause="5 Internal Error"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("server fault", Answer(503, "<html>"), Outcome.UNKNOWN, cause="HTTP 503"),
        Submit("malformed body", Answer(200, '{"messages": [{'), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("malformed body", Answer(200, b"\xff{"), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("missing id", answer(taken(None)), Outcome.UNKNOWN, cause="a part has no id"),
        Submit("missing id", answer(taken("a1"), taken(" ")), Outcome.UNKNOWN, refs=("a1", ""), parts=2, price=Money(6660, "EUR"), cause="2 of 2 parts taken (ids a1); another: a part has no id"),
        Submit("missing id", answer(taken(""), taken("")), Outcome.UNKNOWN, parts=2, price=Money(6660, "EUR"), cause="2 of 2 parts taken; another"),
        Submit("missing id", answer(), Outcome.UNKNOWN, cause=ODD),
        Submit("missing id", answer(taken("a1"), {}), Outcome.UNKNOWN, refs=("a1", ""), parts=1, price=Money(3330, "EUR"), cause=ODD),
        Submit("missing id", Answer(200, '{"messages": 7}'), Outcome.UNKNOWN, cause=ODD),
    ),
    questions=(
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), cost(), Money(3330, "EUR"), "/account/get-pricing/outbound/sms?country=DK"),
        Question(Capability.PRICE, lambda it: it.price(sms(LONG).text, PHONE, NUMBER), cost(), Money(9990, "EUR")),
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), cost(defaultPrice=None), NotAvailable),
        Question(Capability.PRICE, lambda it: it.price(sms("Hej").text, PHONE, NUMBER), Answer(401, ACCOUNT), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"value": 10.28, "autoReload": false}'), Money(1028000, "EUR"), "/account/get-balance"),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, "{}"), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, "<value>10.28</value>"), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, '{"value": 10.28}'), None, "/account/get-balance"),
        Question(Capability.PING, lambda it: it.ping(), Answer(401, ACCOUNT), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Fault.SILENCE, Unreachable),
    ),
    statuses={
        "accepted": ReportStatus.ACCEPTED,
        "buffered": ReportStatus.ACCEPTED,
        "unknown": ReportStatus.ACCEPTED,
        "delivered": ReportStatus.DELIVERED,
        "expired": ReportStatus.EXPIRED,
        "failed": ReportStatus.FAILED,
        "rejected": ReportStatus.FAILED,
        "a new one": ReportStatus.ACCEPTED,
    },
    report=report,
    answer=(200, ""),
    heard=(
        Heard("incoming", form(sign(COMING)), mo()),
        Heard("incoming by GET", get(sign(COMING)), mo()),
        Heard("incoming as JSON", document(sign(COMING)), mo()),
        Heard("incoming", form(sign(COMING | {"text": ""})), mo("")),
        Heard("incoming", document(sign(COMING | {"timestamp": "1764000007"})), mo(at=AT + 7)),
        Heard("a part", form(sign(PART)), mo(part=InboundPart("1", 3, 2))),
        Heard("a part that belongs nowhere", form(sign(PART | {"concat-part": "4"})), mo()),
        Heard("a part that belongs nowhere", form(sign(PART | {"concat-total": "x"})), mo()),
        Heard("a part that belongs nowhere", form(sign(PART | {"concat-ref": ""})), mo()),
        Heard("a binary message", form(sign({name: said for name, said in COMING.items() if name != "text"} | {"data": "0A0B", "type": "binary"})), mo("0A0B")),
        Heard("report", form(sign(delivered())), seen(ReportStatus.DELIVERED, "delivered")),
        Heard("report by GET", get(sign(delivered())), seen(ReportStatus.DELIVERED, "delivered")),
        Heard("report", form(sign(delivered("failed", **{"err-code": "9"}))), seen(ReportStatus.FAILED, "failed 9")),
        Heard("report", form(sign(delivered("odd"))), seen(ReportStatus.ACCEPTED, "unknown status 'odd' odd")),
        Heard("report", form(sign(delivered(price="", scts="2513241600"))), seen(ReportStatus.DELIVERED, "delivered", None, AT + 7)),
        Heard("report", form(sign(delivered(scts="", **{"message-timestamp": ""}))), seen(ReportStatus.DELIVERED, "delivered", at=NOW)),
        Heard("report with our own id", form(sign(delivered(**{"client-ref": ID}))), seen(ReportStatus.DELIVERED, "delivered"), more=(LateAnswer("vonage", ID, DLR, NOW),)),
        Heard("report with our own id, on one of three parts", form(sign(delivered(**{"client-ref": f"{ID}-3"}))), seen(ReportStatus.DELIVERED, "delivered")),
        Heard("an address that is only tried", WebhookRequest("GET", SECRET, "", {}, b"", "127.0.0.1"), None),
        Heard("forged", form(sign(COMING, SIGNING[:-1])), status=403),
        Heard("forged", form(COMING), status=403),
        Heard("forged", form(sign(COMING) | {"sig": "þ"}), status=403),
        Heard("forged", form(sign(COMING) | {"text": "Nej"}), status=403),
        Heard("forged", form(sign(COMING) | {"extra": ""}), status=403),
        Heard("forged", form(sign(COMING), path=SECRET[:-1] + "0"), status=403),
        Heard("forged", document([], b"["), status=403),
        Heard("forged", WebhookRequest("POST", SECRET, urlencode(sign(COMING)), {"content-type": FORM}, b"", ""), status=403),
        Heard("unreadable", form(sign({})), status=400),
        Heard("unreadable", form(sign(UNNAMED)), status=400),
        Heard("unreadable", form(sign({"messageId": "1", "msisdn": PHONE[1:]})), status=400),
        Heard("unreadable", form(sign(COMING | {"msisdn": ""})), status=400),
        Heard("unreadable", form({f"a{number}": "" for number in range(300)}), status=400),
    ),
)  # fmt: skip
