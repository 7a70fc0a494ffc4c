"""What Twilio's statuses, error codes, counts and prices mean. Pure.

Source: twilio.com/docs/messaging/api/message-resource and /docs/api/errors (2025). Uncertain: which refusals pass by
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.http_call import Answer
from gateway.providers.places import value
from gateway.providers.telling import by_status
from gateway.sms import ReportStatus, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("queued", "accepted", "scheduled", "sending", "sent", "receiving"), ReportStatus.ACCEPTED),
    **dict.fromkeys(("received", "partially_delivered"), ReportStatus.ACCEPTED),
    **dict.fromkeys(("delivered", "read"), ReportStatus.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), ReportStatus.FAILED),
}
EXPIRED = "30036"
"""The code of a message that was not sent within its ValidityPeriod."""
_TEMPORARY: Mapping[str, float] = {
    **dict.fromkeys(("14107", "20429", "21611", "30001", "30022"), 60.0),
    **dict.fromkeys(("20003", "20005", "21609", "21703", "21705", "30002", "63038"), 600.0),
}
"""Refusals that pass, and how many seconds to wait: a full queue, an account or an address that is not in order."""
_REASONS: Mapping[str, str] = {
    **dict.fromkeys(("21211", "21217", "21265", "21266", "21401", "21421", "21614", "21635"), "bad-number"),
    "21610": "opted-out",
    **dict.fromkeys(("21212", "21408", "21606", "21612", "21659", "21660", "30004", "30032"), "not-allowed"),
    **dict.fromkeys(("21602", "21605", "21617", "21619"), "text"),
    **dict.fromkeys(("30003", "30006"), "unreachable"),
    "30005": "not-in-use",
}
"""What the sender is told; "rejected" where the code is not among these."""


def refused(answer: Answer, code: str, words: str, now: float) -> SubmitResult:
    """What a refusal means: by its code where that says more than the HTTP status."""
    said = by_status(answer, words, now)
    if said.outcome is Outcome.UNKNOWN:
        return said
    if code in _TEMPORARY:
        return SubmitResult(Outcome.TEMPORARY, cause=said.cause, retry_after=said.retry_after or _TEMPORARY[code])
    if code in _REASONS or said.outcome is Outcome.PERMANENT:
        return SubmitResult(Outcome.PERMANENT, (), said.cause, reason_of(code), f"refused with {code or answer.phrase}")
    return said


def reason_of(code: str) -> str:
    """What the sender is told."""
    return _REASONS.get(code, "rejected")


def count_of(document: Any) -> int | None:
    """Segments; none are named before a messaging service has chosen the sender."""
    count = value(document, ("num_segments",)) or ""
    return int(count) or None if count.isascii() and count.isdecimal() and len(count) < 4 else None


def price_of(document: Any) -> Money | None:
    """What a message took: Twilio writes it below zero."""
    price = Money.of(value(document, ("price",)), value(document, ("price_unit",)))
    return price and Money(abs(price.thousandths), price.currency)
