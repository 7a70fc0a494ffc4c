"""What every adapter of an HTTP provider must list, and the values that a list is made of.

A module `tests/providers/table_*.py` holds one `CONTRACT`; `test_contract.py` runs every row of every table against a
real server. A table that lacks a case fails.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Provider, WebhookRequest
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, OutgoingSms, ReportStatus, SubmitResult
from gateway.sms_text import measure
from tests.providers.peer import Answer, Fault, Request

NUMBER, PHONE = "+45609946000001", "+4530643064"
ID = "01KAZ3NDEKTSV4RRFFQ69G5FAV.1"
NOW = 1764003600.0
"""What time it is."""

SUBMITS = ("success", "unicode", "several parts", "throttled", "server fault", "malformed body", "missing id")
"""Cases of submit that each table answers in its provider's own words."""
WEBHOOKS = ("incoming", "forged", "unreadable")
BATCHES = ("one fails", "not spoken of", "refused as a whole", "throttled as a whole", "cut off", "a phone twice")
"""Cases of several messages in one call."""
QUESTIONS = (Capability.PRICE, Capability.BALANCE, Capability.PING, Capability.LOOKUP)
"""What can be asked beside sending; each that is declared has a row with an answer, and one without."""


def sms(text: str = "Hej Anders", attempts: int = 0, number: int = 1, to: str = PHONE) -> OutgoingSms:
    """A message as the dispatcher hands it over: the `number`th of its mail."""
    mail = ID.removesuffix("1")
    return OutgoingSms(f"{mail}{number}", "org", "account", "key", NUMBER, to, measure(text), "acme", attempts=attempts)


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
    parts: int | None = None
    price: Money | None = None


@dataclass(frozen=True)
class Batch:
    """Several messages, the answers that their calls get in turn, and the result of each message."""

    case: str
    messages: tuple[OutgoingSms, ...]
    answers: tuple[Answer | Fault, ...]
    results: tuple[SubmitResult, ...]
    """A cause is the words that the cause must hold."""
    carried: tuple[int, ...] = ()
    """Messages in each call; all in one where it is not said."""


@dataclass(frozen=True)
class Question:
    """Something asked beside sending, the answer that comes, and what must be told: a value, or an exception's kind."""

    case: Capability
    ask: Callable[[Any], Awaitable[Any]]
    answer: Answer | Fault
    told: Any = None
    target: str = ""
    """What the request's target must be."""
    said: Mapping[str, Any] = field(default_factory=dict)
    """What the form must hold."""


@dataclass(frozen=True)
class Heard:
    """A call of the provider, and what it must become; `status` of the answer where it is refused."""

    case: str
    request: WebhookRequest
    event: InboundSms | DeliveryReport | None = None
    status: int = 200
    more: tuple[InboundEvent, ...] = ()
    """Events beside the first."""


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
    batches: tuple[Batch, ...] = ()
    carried: Callable[[Request], int] = lambda _request: 1
    """How many messages a request carries."""
    questions: tuple[Question, ...] = ()
    secrets: tuple[str, ...] = ()
    """What must stand in no cause and no log."""


def repeated(contract: Contract) -> Heard:
    """A call that a provider may repeat."""
    return next(row for row in contract.heard if row.event is not None)


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
