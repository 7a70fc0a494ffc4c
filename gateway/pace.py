"""How fast messages may begin at one provider: parts a second, for it and for each number that they leave from. Pure.

In: parts and times (seconds of one monotonic clock). Out: whether there is a turn, or how long until there is. What is
begun at once is never more than `BURST` seconds of the pace, beside one message; whoever takes more parts than were
free makes the next one wait for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.sms import OutgoingSms, Priority

BURST = 0.05
"""Seconds of the pace that may be saved up."""
_SLACK = 0.01
"""Seconds after which what is due by one clock is so by another."""
_REMEMBERED = 10_000
"""Numbers after which those without anything to remember are looked for."""
Turns = tuple[str, Priority]
"""Who waits for the turns of a number: its dialogs, or its campaigns."""


class Pace:
    """The turns of one name; `rate` is in parts a second."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = -math.inf

    def room(self, now: float) -> int:
        """Parts that may begin now."""
        if self._next > now:
            return 0
        return 1 + int((now - max(self._next, now - BURST)) / self._gap)

    def take(self, parts: int, now: float) -> None:
        """Begin so many parts."""
        self._next = max(self._next, now - BURST) + parts * self._gap

    def wait(self, now: float) -> float:
        """Seconds until it is worth looking again: until half of what can be saved up is free."""
        return max(self._next + max(BURST / 2 - self._gap, 0.0) - now, 0.0)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may begin at one moment, for a transaction that finds out what there is. Times are seconds from then."""

    parts: int | None = None
    """Parts in all; None for any number."""
    gap: float = 0.0
    """Seconds that a part takes of its number's turns; 0 where numbers have no pace."""
    turns: Mapping[str, float] | None = None
    """When numbers have their next turn; those that are not there have one now."""
    promised: Mapping[Turns, float] | None = None
    """Until when the turns of a number are promised already."""

    def sift(self, messages: Sequence[OutgoingSms]) -> Sifted:
        """Who of these may begin, in order. The first may always be of more parts than are left."""
        turns, promised = {**(self.turns or {})}, {**(self.promised or {})}
        left = math.inf if self.parts is None else self.parts
        go: list[OutgoingSms] = []
        later: list[tuple[OutgoingSms, float]] = []
        for place, message in enumerate(messages):
            number, parts = sender_of(message), message.text.parts
            wait = turns.get(number, -BURST)
            if self.gap and wait > 0:
                who = (number, message.priority)
                until = max(promised.get(who, 0.0), wait)
                later.append((message, until))
                promised[who] = until + parts * self.gap
                continue
            if left <= 0:
                return Sifted(tuple(go), tuple(later), len(messages) - place)
            left -= parts
            turns[number] = max(wait, -BURST) + parts * self.gap
            go.append(message)
        return Sifted(tuple(go), tuple(later), 0)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a budget allows."""

    go: tuple[OutgoingSms, ...]
    later: tuple[tuple[OutgoingSms, float], ...]
    """Whose number has no turn, and in how many seconds it has one that nobody else was promised."""
    left: int
    """Messages that were not looked at any more: they wait as they are."""


class Paces:
    """The paces of one provider. Rates are in parts a second; 0 for as fast as the window allows."""

    def __init__(self, rate: float, rate_per_number: float) -> None:
        self._all = Pace(rate) if rate else None
        self._gap = 1 / rate_per_number if rate_per_number else 0.0
        self._turns: dict[str, float] = {}
        self._promised: dict[Turns, float] = {}

    def __bool__(self) -> bool:
        return self._all is not None or self._gap > 0

    def take(self, messages: Sequence[OutgoingSms], now: float) -> bool:
        """Begin these messages, all or none; whether they may."""
        if len(messages) == 1:
            turn = self._turns.get(sender_of(messages[0]), now)
            if turn > now or self.room(now) < 1:
                return False
        elif len(self.budget(now).sift(messages).go) < len(messages):
            return False
        self.begun(messages, now)
        return True

    def room(self, now: float) -> float:
        """Messages that may begin now at most, whatever number they are from."""
        return math.inf if self._all is None else self._all.room(now)

    def wait(self, now: float, *, more: bool) -> float:
        """Seconds until a turn comes that somebody waits for: whoever was promised one, or `more` of anybody."""
        turns = [max(self._turns.get(number, now) - now, BURST) + _SLACK for number, _ in self._promised]
        if more and self._all is not None:
            turns.append(self._all.wait(now))
        return min(turns, default=math.inf)

    def budget(self, now: float) -> Budget:
        """What may begin now."""
        parts = None if self._all is None else self._all.room(now)
        if not self._gap:
            return Budget(parts)
        self._forget(now)
        return Budget(
            parts,
            self._gap,
            {number: at - now for number, at in self._turns.items()},
            {who: until - now for who, until in self._promised.items()},
        )

    def begun(self, messages: Sequence[OutgoingSms], now: float) -> None:
        """Count what has begun."""
        if self._all is not None:
            self._all.take(sum(message.text.parts for message in messages), now)
        if self._gap:
            for message in messages:
                number = sender_of(message)
                self._turns[number] = max(self._turns.get(number, 0.0), now - BURST) + message.text.parts * self._gap
            if len(self._turns) > _REMEMBERED:
                self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget the numbers that have saved up all that they may."""
        self._turns = {number: at for number, at in self._turns.items() if at > now - BURST}
        self._promised = {who: until for who, until in self._promised.items() if until > now}

    def promise(self, later: Sequence[tuple[OutgoingSms, float]], now: float) -> None:
        """Count what was told when to come back, in seconds from now."""
        for message, seconds in later:
            who = (sender_of(message), message.priority)
            until = now + seconds + message.text.parts * self._gap
            self._promised[who] = max(self._promised.get(who, 0.0), until)


def sender_of(message: OutgoingSms) -> str:
    """What stands as sender on the phone."""
    return message.sender or message.from_number
