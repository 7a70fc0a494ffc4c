"""When a call is tried again, and when an endpoint is given up. Pure; all times are seconds."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.providers.http_call import Answer

_MINUTE, _HOUR = 60.0, 3600.0
DELAYS = (5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
"""Between one try and the next; after the last one nobody asks again."""
GIVE_UP_AFTER = 5 * 24 * _HOUR
"""An endpoint that has taken nothing for so long, though asked, is disabled."""
GONE = 410
"""The status by which a receiver says that it wants no calls any more (RFC 9110 §15.5.11)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one try came to: `answer`, or why there was none."""

    answer: Answer | None
    cause: str

    @property
    def status(self) -> int | None:
        """The HTTP status, where there was an answer."""
        return self.answer.status if self.answer else None

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.answer is not None and 200 <= self.answer.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == GONE


def answered(answer: Answer) -> Tried:
    """What an answer comes to; of a refusal the beginning of its text is kept, for who looks for the reason."""
    refused = not 200 <= answer.status < 300
    words = " ".join(answer.text.split())[:200] if refused else ""
    hint = " (redirections are not followed)" if 300 <= answer.status < 400 else ""
    return Tried(answer, f"{answer.phrase}{hint}{f': {words}' if words else ''}")


def next_try(attempts: int, tried: Tried, now: float, chance: float) -> float | None:
    """When to try again after so many attempts in vain; None where it was the last.

    `chance` in [0, 1) spreads over a tenth more what failed together. Retry-After makes it later, never sooner.
    """
    if attempts > len(DELAYS):
        return None
    delay = DELAYS[attempts - 1] * (1 + chance / 10)
    asked = tried.answer.pause(now) if tried.answer else None
    return now + max(delay, asked or 0.0)
