"""Infobip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, WebhookRequest
from gateway.providers.infobip import InfobipProvider
from gateway.sms import DeliveryReport, InboundSms, LateAnswer, OutgoingSms, ReportStatus, SubmitResult
from tests.providers.contract import ID, NOW, NUMBER, PHONE, Batch, Contract, Heard, Question, Submit, json_of, sms
from tests.providers.peer import Answer, Fault, Request

KEY, SECRET = "key-of-infobip", "0123456789abcdef"
LONG = "Vi ses " * 60
AT = 1764000000.0
DONE = "2025-11-24T16:00:00.000+0000"
LOST, ODD = Outcome.UNKNOWN, "it does not speak of this message"


def make(url: str) -> InfobipProvider:
    provider = InfobipProvider("infobip", {"url": url, "api_key": KEY, "webhook": {"secret": SECRET}})
    provider.listen_at("https://sms.example.com/in/infobip")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/sms/3/messages")
    assert request.headers["authorization"] == f"App {KEY}"
    (message,) = json_of(request)["messages"]
    return message


def status(group: int, name: str, words: str = "") -> Mapping[str, Any]:
    return {"groupId": group, "groupName": "whatever", "id": 7, "name": name, "description": words}


def one(ref: str, group: int = 1, name: str = "PENDING_ACCEPTED", words: str = "", parts: int = 1) -> Mapping[str, Any]:
    known = {"details": {"messageCount": parts}} if parts else {}
    return {"messageId": ref, "status": status(group, name, words), "destination": PHONE[1:]} | known


def answer(*messages: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps({"bulkId": "b1", "messages": messages}))


def refused(group: int, name: str, words: str = "") -> Answer:
    return answer(one(ID, group, name, words))


def to(number: int, text: str = "Hej", phone: int | None = None) -> OutgoingSms:
    return sms(text, number=number, to=f"+453064306{number if phone is None else phone}")


def own(number: int) -> str:
    return sms(number=number).id


def got(number: int, parts: int | None = 1) -> SubmitResult:
    return SubmitResult(Outcome.ACCEPTED, (own(number),), parts=parts)


def lost(number: int, cause: str) -> SubmitResult:
    return SubmitResult(LOST, (own(number),), cause=cause)


def call(*results: Any, path: str = SECRET, body: bytes | None = None) -> WebhookRequest:
    content = json.dumps({"results": results}).encode() if body is None else body
    return WebhookRequest("POST", path, "", {"content-type": "application/json"}, content, "127.0.0.1")


def delivered(group: int = 3, **more: Any) -> Mapping[str, Any]:
    price = {"pricePerMessage": 0.0123, "currency": "EUR"}
    return {
        "bulkId": "b1", "messageId": ID, "to": PHONE[1:], "doneAt": DONE, "messageCount": 3, "price": price,
        "status": status(group, "NAME"), "error": {"groupId": 0, "name": "NO_ERROR"},
    } | more  # fmt: skip


def report(group: str) -> WebhookRequest:
    return call(delivered(int(group)))


MESSAGE = {
    "messageId": "mo-1", "from": PHONE[1:], "to": NUMBER[1:], "text": "Ja tak 😀\nAnders", "cleanText": "tak",
    "keyword": "JA", "receivedAt": "2025-11-24T16:00:00.0000000+00:00", "smsCount": 2,
}  # fmt: skip
MO = InboundSms("infobip", "mo-1", PHONE[1:], NUMBER[1:], "Ja tak 😀\nAnders", AT)
SEEN = DeliveryReport("infobip", ID, ReportStatus.DELIVERED, AT, PHONE[1:], "NAME", Money(3690, "EUR"))
LOG = json.dumps({"results": [delivered(destination=PHONE[1:]), delivered(messageId="another")]})

CONTRACT = Contract(
    name="infobip",
    make=make,
    said=said,
    secrets=(KEY, SECRET),
    carried=lambda request: len(json.loads(request.body)["messages"]),
    submits=(
        Submit("success", answer(one(ID)), Outcome.ACCEPTED, refs=(ID,), parts=1, sent={
            "sender": NUMBER[1:], "destinations": [{"to": PHONE[1:], "messageId": ID}], "content": {"text": "Hej Anders"},
            "webhooks": {"delivery": {"url": f"https://sms.example.com/in/infobip/{SECRET}"}, "contentType": "application/json"},
        }),
        Submit("success", answer(one(ID, 0, "MESSAGE_ACCEPTED", parts=0)), Outcome.ACCEPTED, refs=(ID,)),
        Submit("unicode", answer(one(ID)), Outcome.ACCEPTED, text='Привет, "😀"\n', refs=(ID,), parts=1, sent={"content": {"text": 'Привет, "😀"\n'}}),
        Submit("several parts", answer(one(ID, parts=3)), Outcome.ACCEPTED, text=LONG, refs=(ID,), parts=3, sent={"content": {"text": LONG}}),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("throttled", refused(5, "REJECTED_FLOODING_FILTER"), Outcome.TEMPORARY, retry_after=60.0, cause="REJECTED_FLOODING_FILTER"),
        Submit("no money", refused(5, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"), Outcome.TEMPORARY, retry_after=600.0, cause="Not enough credits"),
        Submit("wrong key", Answer(401, json.dumps({"requestError": {"serviceException": {"messageId": "UNAUTHORIZED", "text": f"Invalid {KEY}"}}})), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: Invalid …"),
        Submit("bad request", Answer(400, json.dumps({"errorCode": "E400", "description": "Bad", "violations": [{"property": "to", "violation": "is Hej Anders"}]})), Outcome.PERMANENT, cause="HTTP 400 Bad Request: Bad is …"),
        Submit("bad number", refused(5, "REJECTED_INVALID_DESTINATION"), Outcome.PERMANENT, reason="bad-number"),
        Submit("stop list", refused(5, "REJECTED_DESTINATION", "blacklisted"), Outcome.PERMANENT, reason="opted-out", cause="REJECTED_DESTINATION blacklisted"),
        Submit("no such sender", refused(5, "REJECTED_SENDER"), Outcome.PERMANENT, reason="not-allowed"),
        Submit("some other refusal", refused(5, "REJECTED_SOMEHOW"), Outcome.PERMANENT, reason="rejected"),
        Submit("undeliverable", refused(2, "UNDELIVERABLE_NOT_DELIVERED"), Outcome.PERMANENT, reason="unreachable"),
        Submit("a group by its name", answer({"messageId": ID, "status": {"groupName": "Pending"}}), Outcome.ACCEPTED, refs=(ID,)),
        Submit("unknown group", refused(9, "NEW"), Outcome.UNKNOWN, refs=(ID,), cause="unknown status NEW"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, refs=(ID,), cause="HTTP 500"),
        Submit("server fault", Answer(503, "<html>"), Outcome.UNKNOWN, refs=(ID,), cause="HTTP 503"),
        Submit("malformed body", Answer(200, '{"messages": [{'), Outcome.UNKNOWN, refs=(ID,), cause="cannot be read"),
        Submit("missing id", answer(), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
        Submit("missing id", answer(one("another")), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
        Submit("missing id", Answer(200, '{"messages": [7, null, {"messageId": {}}]}'), Outcome.UNKNOWN, refs=(ID,), cause=ODD),
    ),
    batches=(
        Batch("all taken", (to(1), to(2, LONG)), (answer(one(own(2), parts=3), one(own(1))),), (got(1), got(2, 3))),
        Batch("one fails", (to(1), to(2)), (answer(one(own(1)), one(own(2), 5, "REJECTED_NETWORK")),), (got(1), SubmitResult(Outcome.PERMANENT, cause="REJECTED_NETWORK", reason="not-allowed"))),
        Batch("not spoken of", (to(1), to(2)), (answer(one(own(2))),), (lost(1, ODD), got(2))),
        Batch("refused as a whole", (to(1), to(2)), (Answer(403),), (SubmitResult(Outcome.TEMPORARY, cause="HTTP 403"),) * 2),
        Batch("refused as a whole", (to(1), to(2)), (Answer(400), answer(one(own(1)), one(own(2)))), (got(1), got(2)), carried=(2, 1, 1)),
        Batch("throttled as a whole", (to(1), to(2)), (Answer(429, "", {"Retry-After": "3"}),), (SubmitResult(Outcome.TEMPORARY, cause="HTTP 429", retry_after=3.0),) * 2),
        Batch("cut off", (to(1), to(2)), (Fault.HALF_HEAD,), (lost(1, "no answer"), lost(2, "no answer"))),
        Batch("server fault", (to(1), to(2)), (Answer(500),), (lost(1, "HTTP 500"), lost(2, "HTTP 500"))),
        Batch("a phone twice", (to(1), to(2, "Igen", 1)), (answer(one(own(1)), one(own(2))),), (got(1), got(2))),
    ),
    questions=(
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"balance": 47.79532, "currency": "EUR"}'), Money(4779532, "EUR"), "/account/1/balance"),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, "{}"), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(404), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, "{}"), None, "/account/1/balance"),
        Question(Capability.PING, lambda it: it.ping(), Answer(401, KEY), Unreachable),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Answer(200, LOG), [LateAnswer("infobip", ID, ID, NOW), SEEN], f"/sms/3/logs?messageId={ID}"),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [ID]), Answer(200, LOG), [LateAnswer("infobip", ID, ID, NOW), SEEN]),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Answer(200, '{"results": []}'), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Fault.SILENCE, Unreachable),
    ),
    statuses={
        "0": ReportStatus.ACCEPTED,
        "1": ReportStatus.ACCEPTED,
        "2": ReportStatus.FAILED,
        "3": ReportStatus.DELIVERED,
        "4": ReportStatus.EXPIRED,
        "5": ReportStatus.FAILED,
        "6": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", call(MESSAGE), MO),
        Heard("incoming", call(MESSAGE | {"text": "", "receivedAt": None}), InboundSms("infobip", "mo-1", PHONE[1:], NUMBER[1:], "", NOW)),
        Heard("report", call(delivered()), SEEN),
        Heard("report", call(delivered(2, error={"name": "EC_ABSENT_SUBSCRIBER"}, price=None)), DeliveryReport("infobip", ID, ReportStatus.FAILED, AT, PHONE[1:], "NAME EC_ABSENT_SUBSCRIBER")),
        Heard("report", call(delivered(messageCount=None)), DeliveryReport("infobip", ID, ReportStatus.DELIVERED, AT, PHONE[1:], "NAME")),
        Heard("several", call(delivered(), MESSAGE), SEEN, more=(MO,)),
        Heard("forged", call(MESSAGE, path=SECRET[:-1] + "0"), status=403),
        Heard("forged", call(MESSAGE, path=""), status=403),
        Heard("unreadable", call(), status=400),
        Heard("unreadable", call({"messageId": "x"}), status=400),
        Heard("unreadable", call(MESSAGE, {"status": {}}), status=400),
        Heard("unreadable", call(7), status=400),
        Heard("unreadable", call(body=b"\xff["), status=400),
        Heard("unreadable", call(body=b"{}"), status=400),
        Heard("unreadable", call(*[MESSAGE] * 1001), status=400),
    ),
)  # fmt: skip
