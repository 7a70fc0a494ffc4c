"""Twilio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, WebhookRequest
from gateway.providers.signatures import twilio_signature
from gateway.providers.twilio import TwilioProvider
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from tests.providers.contract import NOW, NUMBER, PHONE, Contract, Heard, Question, Submit, form_of, sms
from tests.providers.peer import Answer, Fault, Request

ACCOUNT, TOKEN, SECRET = "AC0123456789abcdef0123456789abcdef", "token-of-twilio", "0123456789abcdef"
SID, PATH = "SM00000000000000000000000000000001", f"/2010-04-01/Accounts/{ACCOUNT}"
PUBLIC = "https://sms.example.com/in/twilio"
LONG = "Vi ses " * 60
FORM = "application/x-www-form-urlencoded"


def make(url: str) -> TwilioProvider:
    options = {"url": url, "account_sid": ACCOUNT, "auth_token": TOKEN, "webhook": {"secret": SECRET}}
    provider = TwilioProvider("twilio", options | {"ttl": 14400})
    provider.listen_at(PUBLIC)
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", f"{PATH}/Messages.json")
    assert request.headers["content-type"] == FORM
    return form_of(request)


def message(**more: Any) -> Mapping[str, Any]:
    return {
        "sid": SID, "status": "queued", "num_segments": "1", "price": None, "price_unit": "USD", "to": PHONE,
        "error_code": None, "error_message": None, "account_sid": ACCOUNT, "direction": "outbound-api",
    } | more  # fmt: skip


def taken(**more: Any) -> Answer:
    return Answer(201, json.dumps(message(**more)))


def refused(code: int, text: str = "", status: int = 400) -> Answer:
    info = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(status, json.dumps({"code": code, "message": text, "more_info": info, "status": status}))


def signed(
    fields: Sequence[tuple[str, str]], *, key: str = TOKEN, url: str | None = None, query: str = "", path: str = SECRET
) -> WebhookRequest:
    where = f"{PUBLIC}/{SECRET}" + (f"?{query}" if query else "")
    headers = {"content-type": FORM, "x-twilio-signature": twilio_signature(key, url or where, fields)}
    return WebhookRequest("POST", path, query, headers, urlencode(fields).encode(), "127.0.0.1")


def told(**fields: str) -> WebhookRequest:
    return signed([*fields.items()])


def delivered(status: str = "delivered", **more: str) -> dict[str, str]:
    fields = {"SmsSid": SID, "SmsStatus": status, "MessageStatus": status, "MessageSid": SID}
    return fields | {"To": PHONE, "From": NUMBER, "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01"} | more


def report(status: str) -> WebhookRequest:
    return told(**delivered(status))


def seen(
    status: ReportStatus, cause: str, price: Money | None = None, to: str = PHONE, reason: str = ""
) -> DeliveryReport:
    return DeliveryReport("twilio", SID, status, NOW, to, cause, price, reason)


def json_call(document: Mapping[str, Any], body: bytes | None = None) -> WebhookRequest:
    content = json.dumps(document).encode()
    query = f"bodySHA256={hashlib.sha256(content).hexdigest()}"
    headers = {"content-type": "application/json"}
    headers["x-twilio-signature"] = twilio_signature(TOKEN, f"{PUBLIC}/{SECRET}?{query}", [])
    return WebhookRequest("POST", SECRET, query, headers, content if body is None else body, "127.0.0.1")


def get(fields: Mapping[str, str], key: str = TOKEN) -> WebhookRequest:
    query = urlencode(fields)
    headers = {"x-twilio-signature": twilio_signature(key, f"{PUBLIC}/{SECRET}?{query}", [])}
    return WebhookRequest("GET", SECRET, query, headers, b"", "127.0.0.1")


COMING = {
    "MessageSid": "SM00000000000000000000000000000002", "SmsSid": "SM00000000000000000000000000000002",
    "SmsStatus": "received", "AccountSid": ACCOUNT, "From": PHONE, "To": NUMBER, "Body": "Ja tak 😀 & =\nAnders",
    "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01", "FromCity": "",
}  # fmt: skip
MEDIA = [f"https://api.twilio.com/2010-04-01/Media/ME{number}" for number in (0, 1)]


def mo(text: str = COMING["Body"]) -> InboundSms:
    return InboundSms("twilio", COMING["MessageSid"], PHONE, NUMBER, text, NOW)


def looked_up(**more: Any) -> Answer:
    return Answer(200, json.dumps(message(**more)))


CONTRACT = Contract(
    name="twilio",
    make=make,
    said=said,
    secrets=(TOKEN, SECRET),
    answer=(200, "<Response/>"),
    submits=(
        Submit("success", taken(), Outcome.ACCEPTED, refs=(SID,), parts=1, sent={
            "To": PHONE, "From": NUMBER, "Body": "Hej Anders", "ValidityPeriod": "14400", "MessagingServiceSid": None,
            "StatusCallback": f"{PUBLIC}/{SECRET}",
        }),
        Submit("unicode", taken(), Outcome.ACCEPTED, text='Привет & "😀"\n=', refs=(SID,), parts=1, sent={"Body": 'Привет & "😀"\n='}),
        Submit("several parts", taken(num_segments="3"), Outcome.ACCEPTED, text=LONG, refs=(SID,), parts=3, sent={"Body": LONG}),
        Submit("a price already", taken(price="-0.00750", status="sent"), Outcome.ACCEPTED, refs=(SID,), parts=1, price=Money(750, "USD")),
        Submit("a sender is chosen later", taken(num_segments="0", status="accepted"), Outcome.ACCEPTED, refs=(SID,)),
        Submit("an odd count", taken(num_segments={}, price="N/A"), Outcome.ACCEPTED, refs=(SID,)),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("throttled", refused(20429, "Too Many Requests", 429), Outcome.TEMPORARY, retry_after=60.0, cause="HTTP 429 Too Many Requests: 20429"),
        Submit("a full queue", refused(21611, "full"), Outcome.TEMPORARY, retry_after=60.0, cause="21611 full"),
        Submit("wrong token", refused(20003, f"Authenticate {TOKEN}", 401), Outcome.TEMPORARY, retry_after=600.0, cause="HTTP 401 Unauthorized: 20003 Authenticate …"),
        Submit("no such service", refused(21703), Outcome.TEMPORARY, retry_after=600.0),
        Submit("an address of ours that it cannot use", refused(21609), Outcome.TEMPORARY, retry_after=600.0),
        Submit("a proxy's refusal", Answer(403, "<html>"), Outcome.TEMPORARY, cause="HTTP 403"),
        Submit("opted out", refused(21610, "Attempt to send to unsubscribed recipient"), Outcome.PERMANENT, reason="opted-out", cause="21610 Attempt to send to unsubscribed recipient"),
        Submit("bad number", refused(21211, "Invalid 'To': Hej Anders"), Outcome.PERMANENT, reason="bad-number", cause="21211 Invalid 'To': …"),
        Submit("no mobile", refused(21614), Outcome.PERMANENT, reason="bad-number"),
        Submit("no such sender", refused(21606), Outcome.PERMANENT, reason="not-allowed"),
        Submit("country not enabled", refused(21408, "", 403), Outcome.PERMANENT, reason="not-allowed"),
        Submit("too long", refused(21617), Outcome.PERMANENT, reason="text"),
        Submit("some other refusal", refused(21999), Outcome.PERMANENT, reason="rejected"),
        Submit("a refusal without words", Answer(400, "[]"), Outcome.PERMANENT, reason="rejected", cause="HTTP 400 Bad Request"),
        Submit("failed at once", taken(status="failed", error_code=30005, error_message="Unknown Hej Anders"), Outcome.PERMANENT, reason="not-in-use", cause="failed 30005 Unknown …"),
        Submit("server fault", Answer(500), Outcome.UNKNOWN, cause="HTTP 500"),
        Submit("server fault", refused(20500, "Internal", 503), Outcome.UNKNOWN, cause="HTTP 503 Service Unavailable: 20500 Internal"),
        Submit("malformed body", Answer(201, '{"sid": "SM'), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("malformed body", Answer(201, b"\xff{"), Outcome.UNKNOWN, cause="cannot be read"),
        Submit("missing id", taken(sid=None), Outcome.UNKNOWN, cause="no sid"),
        Submit("missing id", taken(sid=" "), Outcome.UNKNOWN, cause="no sid"),
        Submit("missing id", Answer(201, "[7]"), Outcome.UNKNOWN, cause="no sid"),
    ),
    questions=(
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, json.dumps({"account_sid": ACCOUNT, "balance": "13.572", "currency": "USD"})), Money(1357200, "USD"), f"{PATH}/Balance.json"),
        Question(Capability.BALANCE, lambda it: it.balance(), Answer(200, '{"balance": null}'), Unreachable),
        Question(Capability.BALANCE, lambda it: it.balance(), refused(20003, TOKEN, 401), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Answer(200, '{"messages": []}'), None, f"{PATH}/Messages.json?PageSize=1"),
        Question(Capability.PING, lambda it: it.ping(), Answer(401), Unreachable),
        Question(Capability.PING, lambda it: it.ping(), Fault.RESET, Unreachable),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [SID]), looked_up(status="delivered", price="-0.0079"), [seen(ReportStatus.DELIVERED, "delivered", Money(790, "USD"))], f"{PATH}/Messages/{SID}.json"),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [SID]), looked_up(status="undelivered", error_code=30003), [seen(ReportStatus.FAILED, "undelivered 30003", reason="unreachable")]),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [SID]), looked_up(status="failed", error_code=30036), [seen(ReportStatus.EXPIRED, "failed 30036")]),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [SID]), refused(20404, "not found", 404), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), []), Answer(500), []),
        Question(Capability.LOOKUP, lambda it: it.look_up(sms(), [SID]), Answer(500), Unreachable),
    ),
    statuses={
        "queued": ReportStatus.ACCEPTED,
        "accepted": ReportStatus.ACCEPTED,
        "scheduled": ReportStatus.ACCEPTED,
        "sending": ReportStatus.ACCEPTED,
        "sent": ReportStatus.ACCEPTED,
        "receiving": ReportStatus.ACCEPTED,
        "received": ReportStatus.ACCEPTED,
        "partially_delivered": ReportStatus.ACCEPTED,
        "delivered": ReportStatus.DELIVERED,
        "read": ReportStatus.DELIVERED,
        "undelivered": ReportStatus.FAILED,
        "failed": ReportStatus.FAILED,
        "canceled": ReportStatus.FAILED,
        "a new one": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", told(**COMING), mo()),
        Heard("incoming", told(**COMING | {"Body": ""}), mo("")),
        Heard("incoming by GET", get(COMING), mo()),
        Heard("incoming as JSON", json_call(COMING), mo()),
        Heard("incoming with pictures", told(**COMING | {"NumMedia": "2", "MediaUrl0": MEDIA[0], "MediaUrl1": MEDIA[1]}), mo("\n".join((COMING["Body"], *MEDIA)))),
        Heard("incoming, signed with the port", signed([*COMING.items()], url=f"https://sms.example.com:443/in/twilio/{SECRET}"), mo()),
        Heard("incoming, with a query of one's own", signed([*COMING.items()], query="MessageSid=SM9&a=b"), mo()),
        Heard("a name that comes twice", signed([*COMING.items(), ("FromCity", "Odense")]), mo()),
        Heard("report", told(**delivered()), seen(ReportStatus.DELIVERED, "delivered")),
        Heard("report", told(**delivered("undelivered", ErrorCode="30005")), seen(ReportStatus.FAILED, "undelivered 30005", reason="not-in-use")),
        Heard("report of a STOP", told(**delivered("undelivered", ErrorCode="21610")), seen(ReportStatus.FAILED, "undelivered 21610", reason="opted-out")),
        Heard("report", told(**delivered("failed", ErrorCode="30036")), seen(ReportStatus.EXPIRED, "failed 30036")),
        Heard("report", told(**delivered("odd")), seen(ReportStatus.ACCEPTED, "unknown status 'odd' odd")),
        Heard("report", told(SmsSid=SID, SmsStatus="delivered"), seen(ReportStatus.DELIVERED, "delivered", to="")),
        Heard("forged", signed([*COMING.items()], key=TOKEN[:-1]), status=403),
        Heard("forged", signed([*COMING.items()], key=""), status=403),
        Heard("forged", signed([*COMING.items()], url=f"https://sms.example.com:8443/in/twilio/{SECRET}"), status=403),
        Heard("forged", signed([*COMING.items()], url=f"http://sms.example.com/in/twilio/{SECRET}"), status=403),
        Heard("forged", signed([*COMING.items()], path=SECRET[:-1] + "0"), status=403),
        Heard("forged", WebhookRequest("POST", SECRET, "", {"content-type": FORM}, urlencode(COMING).encode(), ""), status=403),
        Heard("forged", WebhookRequest("POST", SECRET, "", told(**COMING).headers, urlencode(COMING | {"Body": "Nej"}).encode(), ""), status=403),
        Heard("forged", get(COMING, key="another"), status=403),
        Heard("forged", json_call(COMING, b"{}"), status=403),
        Heard("unreadable", told(), status=400),
        Heard("unreadable", told(MessageSid=SID), status=400),
        Heard("unreadable", told(MessageSid=SID, Body="Hej", From=PHONE), status=400),
        Heard("unreadable", told(**COMING | {"MessageSid": "", "SmsSid": ""}), status=400),
        Heard("unreadable", json_call({"MessageSid": {}}), status=400),
    ),
)  # fmt: skip
