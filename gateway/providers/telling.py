"""What providers tell, read the same way by every adapter: refusals, causes, statuses, times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from gateway.errors import Outcome
from gateway.providers.http_call import Answer
from gateway.sms import ReportStatus, SubmitResult

_MAX_CAUSE = 200
_MILLISECONDS = 100_000_000_000
"""A Unix time beyond this (the year 5138) is in milliseconds."""


def discreet(words: str, hidden: Iterable[str]) -> str:
    """A provider's own words on one line, without what must not be read in a log: secrets, the text of a message."""
    for each in hidden:
        if each.strip():
            words = words.replace(each, "…")
    return " ".join(words.split())[:_MAX_CAUSE]


def by_status(answer: Answer, words: str, now: float) -> SubmitResult:
    """What a refusal means by its HTTP status; `words` are the provider's, discreet already."""
    outcome = answer.outcome
    return SubmitResult(
        outcome,
        cause=": ".join(filter(None, (answer.phrase, words))),
        public_text=answer.phrase if outcome is Outcome.PERMANENT else "",
        retry_after=answer.pause(now) if outcome is Outcome.TEMPORARY else None,
    )


def unclear(answer: Answer, why: str) -> SubmitResult:
    """A 2xx that does not say that it has taken a message."""
    return SubmitResult(Outcome.UNKNOWN, cause=f"{answer.phrase}: {why}")


def status_of(word: str, statuses: Mapping[str, ReportStatus], cause: str) -> tuple[ReportStatus, str]:
    """A delivery status in our words, and its cause; one that is not known is kept and shown, and never guessed at."""
    if (status := statuses.get(word)) is not None:
        return status, cause
    return ReportStatus.ACCEPTED, f"unknown status '{word[:60]}' {cause}".strip()


def moment(written: str | None, now: float) -> float:
    """A time as providers write it: Unix seconds or milliseconds, or ISO 8601 (UTC where it says nothing else)."""
    if not written:
        return now
    try:
        seconds = float(written)
    except ValueError:
        try:
            read = datetime.fromisoformat(written.strip())
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return now
    seconds = seconds / 1000 if seconds > _MILLISECONDS else seconds
    return seconds if 0 < seconds < _MILLISECONDS else now
