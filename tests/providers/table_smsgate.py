"""The generic provider as `conf/providers/smsgate.toml` configures it: a modem, or a phone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.errors import Outcome
from gateway.providers.base import Capability, WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from tests.providers.contract import ID, NOW, NUMBER, PHONE, Contract, Heard, Submit, json_of
from tests.providers.peer import Answer, Request
from tests.providers.table_json import SECRET, options

RECIPE = Path(__file__).parents[2] / "conf/providers/smsgate.toml"
PASSWORD = "password-of-the-modem"
LONG = "Vi ses " * 60
AT = 1764000000.0
TAKEN = Answer(
    202,
    json.dumps(
        {"id": ID, "deviceId": "d", "state": "Pending", "recipients": [{"phoneNumber": PHONE, "state": "Pending"}]}
    ),
)


def make(url: str) -> HttpProvider:
    made = options(f"{url}/api/v1/messages", RECIPE, password=PASSWORD)
    provider = HttpProvider("modem", made)
    assert Capability.IDEMPOTENT in provider.capabilities
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/api/v1/messages")
    assert request.headers["authorization"].startswith("Basic ")
    return json_of(request)


def call(
    event: str, path: str = SECRET, client: str = "127.0.0.1", query: str | None = None, **payload: Any
) -> WebhookRequest:
    body = {"deviceId": "d", "event": event, "id": "Ey6ECgOkVVFjz3CL48B8C", "webhookId": "w", "payload": payload}
    to = f"to={quote(NUMBER, safe='')}" if query is None else query
    return WebhookRequest("POST", path, to, {"content-type": "application/json"}, json.dumps(body).encode(), client)


def report(event: str) -> WebhookRequest:
    return call(
        event, messageId=ID, phoneNumber=PHONE, sender=NUMBER, simNumber=1, deliveredAt="2025-11-24T17:00:00.000+01:00"
    )


RECEIVED = {
    "messageId": "abc123",
    "phoneNumber": PHONE,
    "sender": PHONE,
    "simNumber": 1,
    "receivedAt": "2025-11-24T17:00:00.000+01:00",
}
MO = InboundSms("modem", "Ey6ECgOkVVFjz3CL48B8C", PHONE, NUMBER, "Ja tak 😀", AT)

CONTRACT = Contract(
    name="smsgate",
    make=make,
    said=said,
    secrets=(PASSWORD, SECRET),
    submits=(
        Submit("success", TAKEN, Outcome.ACCEPTED, refs=(ID,), sent={"id": ID, "phoneNumbers": [PHONE], "textMessage": {"text": "Hej Anders"}, "withDeliveryReport": True}),
        Submit("known already", Answer(409, '{"message": "message with such ID already exists"}'), Outcome.ACCEPTED, refs=(ID,)),
        Submit("unicode", TAKEN, Outcome.ACCEPTED, text='Привет "😀"\n', refs=(ID,), sent={"textMessage": {"text": 'Привет "😀"\n'}}),
        Submit("several parts", TAKEN, Outcome.ACCEPTED, text=LONG, refs=(ID,), sent={"textMessage": {"text": LONG}}),
        Submit("throttled", Answer(429, "", {"Retry-After": "17"}), Outcome.TEMPORARY, retry_after=17.0),
        Submit("wrong password", Answer(401, json.dumps({"message": f"{PASSWORD} is wrong"})), Outcome.TEMPORARY, cause="HTTP 401 Unauthorized: … is wrong"),
        Submit("bad request", Answer(400, '{"message": "invalid phone numbers"}'), Outcome.PERMANENT, cause="HTTP 400 Bad Request: invalid phone numbers"),
        Submit("server fault", Answer(500, '{"message": "database is locked"}'), Outcome.UNKNOWN, refs=(ID,), cause="database is locked"),
        Submit("malformed body", Answer(202, '{"id":'), Outcome.ACCEPTED, refs=(ID,)),
        Submit("missing id", Answer(202, "{}"), Outcome.ACCEPTED, refs=(ID,)),
    ),
    statuses={
        "sms:sent": ReportStatus.ACCEPTED,
        "sms:delivered": ReportStatus.DELIVERED,
        "sms:failed": ReportStatus.FAILED,
        "sms:cancelled": ReportStatus.FAILED,
    },
    report=report,
    heard=(
        Heard("incoming", call("sms:received", message="Ja tak 😀", **RECEIVED), MO),
        Heard("report", call("sms:failed", messageId=ID, phoneNumber=PHONE, reason="RESULT_NO_SERVICE"), DeliveryReport("modem", ID, ReportStatus.FAILED, NOW, PHONE, "RESULT_NO_SERVICE")),
        Heard("forged", call("sms:received", path=SECRET[:-1] + "0", message="x", **RECEIVED), status=403),
        Heard("forged", call("sms:received", client="192.0.2.1", message="x", **RECEIVED), status=403),
        Heard("unreadable", call("sms:received", query="", message="x", **RECEIVED), status=400),
        Heard("unreadable", call("system:ping", health={}), status=400),
    ),
)  # fmt: skip
