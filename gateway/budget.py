"""So many a minute, and no more: for what strangers can make us do."""

from __future__ import annotations

from gateway.model import Clock


class Budget:
    """A bucket that holds `limit` tokens and fills up again within `seconds`."""

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._rate = limit / seconds
        self._clock = clock
        self._left = float(limit)
        self._seen = clock.now()

    def spend(self) -> bool:
        """Take a token; False when none is left. A clock that steps back fills nothing and takes nothing."""
        now = self._clock.now()
        self._left = min(self._limit, self._left + max(0.0, now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
