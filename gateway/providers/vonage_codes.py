"""What Vonage's statuses, prices and times mean. Pure.

An answer has an entry for each part. Where some were taken and others not, it is unknown what the phone shows, and
sending all again would send some twice. Then the ids of the parts that went stand in their places.
Source: Vonage's OpenAPI of the SMS API, with the list of its errors; developer.vonage.com/en/messaging/sms (2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.http_call import Answer
from gateway.providers.places import items, value
from gateway.providers.telling import discreet, unclear
from gateway.sms import ReportStatus, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("accepted", "buffered", "unknown"), ReportStatus.ACCEPTED),
    "delivered": ReportStatus.DELIVERED,
    "expired": ReportStatus.EXPIRED,
    **dict.fromkeys(("failed", "rejected"), ReportStatus.FAILED),
}
_TAKEN, _INTERNAL = "0", "5"
_TEMPORARY: Mapping[str, float] = {
    "1": 5.0,
    "10": 30.0,
    **dict.fromkeys(("4", "8", "9", "11", "14", "23", "32"), 600.0),
}
"""Refusals that pass, and how many seconds to wait: a throttle, too many connections, an account not in order."""
_REASONS: Mapping[str, str] = {
    "6": "bad-number",
    **dict.fromkeys(("7", "15", "22", "29"), "not-allowed"),
    "12": "text",
    "33": "not-in-use",
}
"""What the sender is told; "rejected" where the code is not among these."""


def meaning(document: Any, answer: Answer, currency: str, hidden: Sequence[str]) -> SubmitResult:
    """What an answer says of a message; `hidden` must not stand in the cause."""
    parts = [(value(part, ("status",)) or "", part) for part in items(document, ("messages", "*"))]
    taken = [part for code, part in parts if code == _TAKEN]
    refused = [(code, part) for code, part in parts if code != _TAKEN]
    places = tuple((value(part, ("message-id",)) or "").strip() if code == _TAKEN else "" for code, part in parts)
    refs = tuple(filter(None, places))
    if parts and len(refs) == len(parts):
        return SubmitResult(Outcome.ACCEPTED, refs, parts=len(parts), price=_sum(taken, currency))
    code, why = next(((code, value(part, ("error-text",)) or "") for code, part in refused), ("", "a part has no id"))
    if not parts or (refused and not code):
        why = "it does not speak of this message"
    cause = discreet(f"{code} {why}", hidden)
    if taken and len(parts) > 1:
        ids = f" (ids {', '.join(refs)})" if refs else ""
        cause = f"{len(taken)} of {len(parts)} parts taken{ids}; another: {cause}"
        where = places if refs else ()
        return SubmitResult(Outcome.UNKNOWN, where, cause, parts=len(taken), price=_sum(taken, currency))
    return _refusal(code, cause) if code else unclear(answer, cause)


def _refusal(code: str, cause: str) -> SubmitResult:
    """A message of which nothing was taken."""
    if code == _INTERNAL:
        return SubmitResult(Outcome.UNKNOWN, cause=cause)
    if code in _TEMPORARY:
        return SubmitResult(Outcome.TEMPORARY, cause=cause, retry_after=_TEMPORARY[code])
    return SubmitResult(Outcome.PERMANENT, (), cause, _REASONS.get(code, "rejected"), f"refused with {code}")


def _sum(taken: Sequence[Any], currency: str) -> Money | None:
    """What the parts take together; None where one does not say."""
    prices = [Money.of(value(part, ("message-price",)), currency) for part in taken]
    known = [price for price in prices if price is not None]
    if not known or len(known) < len(prices):
        return None
    return sum(known[1:], known[0])


def scts(written: str) -> float | None:
    """The time of a report, as YYMMDDHHMM; None where that cannot be read."""
    if not (written.isascii() and written.isdecimal() and len(written) == 10):
        return None
    try:
        return datetime.strptime(written, "%y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
