"""What every adapter of an HTTP provider must list, and the values that a list is made of.

A module `tests/providers/table_*.py` holds one `CONTRACT`; `test_contract.py` runs every row of every table against a
real server. A table that lacks a case fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gateway.errors import Outcome
from gateway.providers.base import Provider, WebhookRequest
from gateway.sms import DeliveryReport, InboundSms, OutgoingSms, ReportStatus
from gateway.sms_text import measure
from tests.providers.peer import Answer, Fault, Request

NUMBER, PHONE = "+45609946000001", "+4530643064"
ID = "01KAZ3NDEKTSV4RRFFQ69G5FAV.1"

SUBMITS = ("success", "unicode", "several parts", "throttled", "server fault", "malformed body", "missing id")
"""Cases of submit that each table answers in its provider's own words."""
WEBHOOKS = ("incoming", "forged", "unreadable")


def sms(text: str = "Hej Anders", attempts: int = 0) -> OutgoingSms:
    """A message as the dispatcher hands it over."""
    return OutgoingSms(ID, "org", "account", "key", NUMBER, PHONE, measure(text), "acme", attempts=attempts)


@dataclass(frozen=True)
class Submit:
    """A message, the answer that comes, and what must follow."""

    case: str
    answer: Answer | Fault
    outcome: Outcome
    text: str = "Hej Anders"
    refs: tuple[str, ...] = ()
    reason: str = ""
    retry_after: float | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)
    """What `Contract.said` must find in the request."""
    cause: str = ""
    """Words that the cause must hold."""


@dataclass(frozen=True)
class Heard:
    """A call of the provider, and the event that it must become; `status` of the answer where it is refused."""

    case: str
    request: WebhookRequest
    event: InboundSms | DeliveryReport | None = None
    status: int = 200


@dataclass(frozen=True)
class Contract:
    """One adapter's table."""

    name: str
    make: Callable[[str], Provider]
    """Makes the adapter for a server's address."""
    said: Callable[[Request], Mapping[str, Any]]
    """What a request says, by the provider's names."""
    submits: tuple[Submit, ...]
    heard: tuple[Heard, ...] = ()
    statuses: Mapping[str, ReportStatus] = field(default_factory=dict)
    """Every delivery status of the provider, one row each."""
    report: Callable[[str], WebhookRequest] | None = None
    """The call that reports a status on the message of the first row."""
    answer: tuple[int, str] = (200, "")
    """What the provider wants to read when a call was taken."""
    secrets: tuple[str, ...] = ()
    """What must stand in no cause and no log."""


def query_of(request: Request) -> dict[str, str]:
    """The query's fields."""
    return {name: value[0] for name, value in parse_qs(urlsplit(request.target).query, keep_blank_values=True).items()}


def form_of(request: Request) -> dict[str, str]:
    """The form's fields."""
    return {name: value[0] for name, value in parse_qs(request.body.decode(), keep_blank_values=True).items()}


def json_of(request: Request) -> Mapping[str, Any]:
    """The JSON document."""
    document: Mapping[str, Any] = json.loads(request.body)
    return document
