"""So many a minute, for each of many names: a rate with a burst (pure, in memory).

In: a name (a client's address, an account) and the time. Out: how long that name has to wait. Promises: a name that
waits as told gets through, whoever asks meanwhile under another name; memory is bounded however many names there are;
nothing runs while nobody asks; a clock that steps back makes nobody wait longer than a whole burst takes.
"""

from __future__ import annotations

_NOTHING = 0.001
"""Seconds that are no wait but what arithmetic with large times leaves."""


class Rate:
    """A leaky bucket for each name: `burst` at once, then one every `seconds`."""

    MANY = 50_000
    """Names that are remembered at the same time; the emptiest half is forgotten when there are more."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._seconds = seconds
        self._full = (burst - 1) * seconds
        self._empty_at: dict[str, float] = {}

    def wait(self, name: str, now: float) -> float:
        """Seconds until the name may have one more; 0 when it may now."""
        wait = self._level(name, now) - self._full
        return wait if wait > _NOTHING else 0.0

    def count(self, name: str, now: float) -> None:
        """The name has one more, whether or not it may."""
        level = min(self._level(name, now), self._full)
        if name not in self._empty_at and len(self._empty_at) >= self.MANY:
            self._forget(now)
        self._empty_at[name] = now + level + self._seconds

    def take(self, name: str, now: float) -> float:
        """Count one and give 0; or, where the name has to wait, count nothing and give the seconds."""
        wait = self.wait(name, now)
        if not wait:
            self.count(name, now)
        return wait

    def left(self, name: str, now: float) -> tuple[int, float]:
        """How many more the name may have now, and the seconds until it may have a whole burst again."""
        level = self._level(name, now)
        return int((self._full + self._seconds - level + _NOTHING) // self._seconds), level

    def _level(self, name: str, now: float) -> float:
        """Seconds until the name's bucket is empty."""
        return min(max(0.0, self._empty_at.get(name, now) - now), self._full + self._seconds)

    def _forget(self, now: float) -> None:
        """Forget whose bucket is empty, and where that is not enough, whose is the emptiest."""
        live = {name: at for name, at in self._empty_at.items() if at > now}
        if len(live) > self.MANY // 2:
            fullest = sorted(live.items(), key=lambda entry: entry[1], reverse=True)
            live = dict(fullest[: self.MANY // 2])
        self._empty_at = live
