"""The generic provider as `conf/providers/jasmin.toml` configures it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.errors import Outcome
from gateway.providers.base import WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.sms import DeliveryReport, InboundSms, ReportStatus
from tests.providers.contract import NOW, NUMBER, PHONE, Contract, Heard, Submit, form_of
from tests.providers.peer import Answer, Request
from tests.providers.table_json import SECRET, options

RECIPE = Path(__file__).parents[2] / "conf/providers/jasmin.toml"
PASSWORD = "pass-of-jasmin"
REF = "07033084-5cfd-4812-90a4-e4d24ffb6e3d"
LONG = "Vi ses " * 60
TAKEN = Answer(200, f'Success "{REF}"')


def make(url: str) -> HttpProvider:
    made = options(f"{url}/send", RECIPE)
    made["form"] = made["form"] | {"password": PASSWORD}
    provider = HttpProvider("jasmin", made)
    provider.listen_at("https://sms.example.com/in/jasmin")
    return provider


def said(request: Request) -> Mapping[str, Any]:
    assert (request.method, request.target) == ("POST", "/send")
    return form_of(request)


def call(path: str = SECRET, client: str = "127.0.0.1", **fields: Any) -> WebhookRequest:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "text/plain"}
    return WebhookRequest("POST", path, "", headers, urlencode(fields).encode(), client)


def message(octets: bytes, coding: int | str | None, **more: Any) -> WebhookRequest:
    """A message from a phone: its octets as they are, and in hexadecimal."""
    fields = {
        "id": "mo-1",
        "from": PHONE[1:],
        "to": NUMBER[1:],
        "origin-connector": "smsc",
        "content": octets,
        "binary": octets.hex(),
    }
    return call(**fields | ({} if coding is None else {"coding": coding}) | more)


def mo(text: str) -> InboundSms:
    return InboundSms("jasmin", "mo-1", PHONE[1:], NUMBER[1:], text, NOW)


def report(status: str) -> WebhookRequest:
    """Its donedate is no time that anybody could read, and is not read."""
    return call(id=REF, id_smsc="2567", message_status=status, level="2", donedate="1311022338", err="001", text="Hej")


CONTRACT = Contract(
    name="jasmin",
    make=make,
    said=said,
    secrets=(PASSWORD, SECRET),
    answer=(200, "ACK/Jasmin"),
    submits=(
        Submit("success", TAKEN, Outcome.ACCEPTED, refs=(REF,), text="På [@] €", sent={
            "username": "brevdue", "password": PASSWORD, "from": NUMBER[1:], "to": PHONE[1:], "coding": "0", "dlr": "yes", "dlr-level": "3",
            "dlr-method": "POST", "dlr-url": f"https://sms.example.com/in/jasmin/{SECRET}", "hex-content": "500f201b3c001b3e201b65",
        }),
        Submit("unicode", TAKEN, Outcome.ACCEPTED, text="Да 😀", refs=(REF,), sent={"coding": "8", "hex-content": "041404300020d83dde00"}),
        Submit("several parts", TAKEN, Outcome.ACCEPTED, text=LONG, refs=(REF,), sent={"hex-content": LONG.encode().hex()}),
        Submit("throttled", Answer(429), Outcome.TEMPORARY),
        Submit("throttled", Answer(403, 'Error "User throughput exceeded"'), Outcome.TEMPORARY, cause="HTTP 403 Forbidden: User throughput exceeded"),
        Submit("wrong password", Answer(403, f'Error "Authentication failure for {PASSWORD}"'), Outcome.TEMPORARY, cause="Authentication failure for …"),
        Submit("no route", Answer(412, 'Error "No route found"'), Outcome.TEMPORARY, retry_after=60.0, cause="No route found"),
        Submit("bad request", Answer(400, "Error \"Argument [to] has an invalid value: [b'x'].\""), Outcome.PERMANENT, cause="has an invalid value"),
        Submit("server fault", Answer(500, 'Error "Cannot send submit_sm"'), Outcome.UNKNOWN, cause="Cannot send submit_sm"),
        Submit("server fault", Answer(503, 'Error "InterceptorPB not connected !"'), Outcome.UNKNOWN),
        Submit("malformed body", Answer(200, b"\xff\x00"), Outcome.UNKNOWN, cause="no id"),
        Submit("missing id", Answer(200, 'Success ""'), Outcome.UNKNOWN, cause="no id"),
    ),
    statuses={
        "ESME_ROK": ReportStatus.ACCEPTED,
        "ACCEPTD": ReportStatus.ACCEPTED,
        "ENROUTE": ReportStatus.ACCEPTED,
        "UNKNOWN": ReportStatus.ACCEPTED,
        "DELIVRD": ReportStatus.DELIVERED,
        "EXPIRED": ReportStatus.EXPIRED,
        "UNDELIV": ReportStatus.FAILED,
        "REJECTD": ReportStatus.FAILED,
        "DELETED": ReportStatus.FAILED,
        "ESME_RINVDSTADR": ReportStatus.FAILED,
        "ESME_RINVSRCADR": ReportStatus.FAILED,
        "ESME_RINVMSGLEN": ReportStatus.FAILED,
        "ESME_RSUBMITFAIL": ReportStatus.FAILED,
        "ESME_RTHROTTLED": ReportStatus.ACCEPTED,
    },
    report=report,
    heard=(
        Heard("incoming", message("Да 😀".encode("utf-16-be"), 8), mo("Да 😀")),
        Heard("incoming", message(b"P\x0f \x00 \x1b\x65", 0), mo("På @ €")),
        Heard("incoming", message(b"Hej", None), mo("Hej")),
        Heard("incoming", message("på".encode("latin-1"), 3), mo("på")),
        Heard("incoming", message(b"Hej", 0, binary="not hex"), mo("Hej")),
        Heard("incoming", message(b"Hej", "many"), mo("Hej")),
        Heard("report", report("UNDELIV"), DeliveryReport("jasmin", REF, ReportStatus.FAILED, NOW, "", "001")),
        Heard("forged", call(path=SECRET[:-1] + "0", id=REF, message_status="DELIVRD"), status=403),
        Heard("forged", call(client="192.0.2.1", id=REF, message_status="DELIVRD"), status=403),
        Heard("unreadable", call(id=REF), status=400),
    ),
)  # fmt: skip
