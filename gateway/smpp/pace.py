"""How long a message centre is left alone when it says that it is too much. Pure.

How many parts a second it is asked at all is the lane's business (`gateway.pace`). Times are seconds of one monotonic
clock.
"""

from __future__ import annotations

_AGAIN = 1.0
"""Seconds that one who is sent away stays away at least."""
FIRST_REST, LONGEST_REST = 1.0, 30.0
_SPREAD = 0.001
"""Seconds between those who are sent away."""


class Pace:
    """The rests of one provider."""

    def __init__(self) -> None:
        self._promised = 0.0
        self._rest_until = 0.0
        self._rest = FIRST_REST

    def rests(self, now: float) -> bool:
        """Whether nothing may be sent at the moment."""
        return self._rest_until > now

    def later(self, parts: int, now: float) -> float:
        """Seconds after which somebody who was sent away may ask again.

        Each is told a time behind the one before, so that they do not come back all at once.
        """
        earliest = max(self._rest_until, now + _AGAIN)
        self._promised = max(self._promised, earliest) + parts * _SPREAD
        return self._promised - now

    def slow_down(self, now: float) -> None:
        """The message centre complained. Complaints within one rest are one; the next one makes a longer rest."""
        if now < self._rest_until:
            return
        self._rest_until = now + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)

    def went_well(self, now: float) -> None:
        """The message centre took something: after the rest, the next complaint makes a short one again."""
        if now >= self._rest_until:
            self._rest = FIRST_REST
