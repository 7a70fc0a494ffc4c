"""When a message is tried again. Pure.

A dialog message leaves by the provider that owns the account's number, since only there does the answer come back.
"""

from __future__ import annotations

from gateway.errors import Outcome
from gateway.sms import MessageState, OutgoingSms, SubmitResult

RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
"""Pauses between attempts; the last one repeats."""
GIVE_UP_AFTER = 24 * 3600.0
"""Seconds after which an SMS has outlived its use."""


def after_attempt(message: OutgoingSms, result: SubmitResult, now: float) -> tuple[MessageState, float]:
    """Where an outcome leaves a message, and when it is due again (`now` where it is not).

    Temporary means known not to have been taken: only then is it queued again. Unknown stays unknown.
    """
    match result.outcome:
        case Outcome.ACCEPTED:
            return MessageState.SUBMITTED, now
        case Outcome.UNKNOWN:
            return MessageState.UNKNOWN, now
        case Outcome.PERMANENT:
            return MessageState.FAILED, now
        case Outcome.TEMPORARY:
            pause = result.retry_after or RETRY_SECONDS[min(message.attempts, len(RETRY_SECONDS) - 1)]
            if now + pause > message.created_at + GIVE_UP_AFTER:
                return MessageState.FAILED, now
            return MessageState.QUEUED, now + pause
