"""How fast a message centre may be asked: parts a second, and a rest when it says that it is too much. Pure.

Times are seconds of one monotonic clock.
"""

from __future__ import annotations

import math

PATIENCE = 15.0
"""Seconds that a message may wait for its turn here; one that would wait longer goes back with the time of its turn."""
_AHEAD = 3.0
"""Seconds of work, counted in messages of one part, that are worth having at hand where a pace is set."""
_AGAIN = 1.0
"""Seconds that one who is sent away stays away at least."""
FIRST_REST, LONGEST_REST = 1.0, 30.0
_SPREAD = 0.001
"""Seconds between those who are sent away where no pace is set."""


class Pace:
    """The turns of one provider. `rate` is in parts a second; 0 for as fast as the window allows."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self._promised = 0.0
        self._rest_until = 0.0
        self._rest = FIRST_REST

    def window(self, most: int) -> int:
        """How many messages may wait or be under way at once, of the `most` that the binds can carry."""
        return min(most, math.ceil(_AHEAD / self._gap)) if self._gap else most

    def turn(self, parts: int, now: float) -> float | None:
        """Take a turn for `parts` parts: seconds until it comes, at most `PATIENCE`; None where none comes so soon."""
        if not self._gap and self._rest_until <= now:
            return 0.0
        wait = max(self._next - now, 0.0)
        if wait > PATIENCE or self._rest_until > now:
            return None
        self._next = now + wait + parts * self._gap
        return wait

    def later(self, parts: int, now: float) -> float:
        """Seconds after which somebody who goes without a turn may ask again.

        Each is told a time behind the one before, so that they do not come back all at once.
        """
        earliest = max(self._next, self._rest_until, now + _AGAIN)
        self._promised = max(self._promised, earliest) + parts * max(self._gap, _SPREAD)
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
