"""One provider's lane: how many messages may be under way to it at once, and when the next may start.

In: reservations, beginnings and ends. Out: whether there is room. No I/O and no clock: times are passed in.

A reservation is made before the commit that begins an attempt, so that what is committed as being submitted can leave
at once. A provider that takes nothing is asked by one message at a time, ever more seldom, until it takes one: the
others wait unspoiled in the spool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from gateway.errors import Outcome
from gateway.sms import OutgoingSms

PATIENCE = 5
"""Temporary outcomes in a row before a lane is closed to all but a probe."""
PROBE_SECONDS = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Pauses between probes; the last one repeats."""


class Lane:
    """The room at one provider. `window` counts messages, not parts."""

    def __init__(self, provider: str, window: int) -> None:
        self.provider = provider
        self.window = window
        self.taken = 0
        """Messages reserved or under way."""
        self.behind = False
        """Whether dialog messages wait in the spool: then none goes past them."""
        self.more = False
        """Whether messages of any kind may wait in the spool that are due."""
        self.wake = asyncio.Event()
        """Set when it is worth asking the spool."""
        self._failed = 0
        self._probe_at = 0.0

    @property
    def closed(self) -> bool:
        """Whether nothing but probes may go."""
        return self._failed >= PATIENCE

    def reserve(self, count: int) -> bool:
        """Take room for messages that are about to be committed; False where they have to wait in the spool."""
        if self.closed or self.behind or self.taken + count > self.window:
            return False
        self.taken += count
        return True

    def draw(self, now: float) -> int:
        """Take all room there is, for messages that wait in the spool; the number of them."""
        room = self.window - self.taken
        if self.closed:
            room = 1 if now >= self._probe_at and self.taken == 0 else 0
        self.taken += room
        return room

    def give_back(self, count: int) -> None:
        """Return room that was not needed."""
        self.taken -= count
        if self.more and self.taken <= self.window // 2:
            self.wake.set()

    def wait(self) -> None:
        """A dialog message went into the spool, to be drawn in its turn."""
        self.behind = self.more = True
        if self.taken <= self.window // 2:
            self.wake.set()

    def ended(self, outcome: Outcome, now: float) -> bool:
        """An attempt is over: its room is free, and what became of it says whether the provider takes anything.

        True where it takes messages again after it took none.
        """
        was_closed = self.closed
        if outcome is Outcome.TEMPORARY:
            self._failed += 1
            if self.closed:
                probes = self._failed - PATIENCE
                self._probe_at = now + PROBE_SECONDS[min(probes, len(PROBE_SECONDS) - 1)]
        elif outcome is not Outcome.UNKNOWN:
            self._failed = 0
        self.give_back(1)
        return was_closed and not self.closed


class Reservation:
    """Room at a provider while a commit is under way; what is not used by the end of the block is given back."""

    def __init__(self, lane: Lane | None, room: int, begin: Callable[[Lane, Sequence[OutgoingSms]], None]) -> None:
        """`lane` is None where no such provider is configured; `begin` submits messages that have room."""
        self._lane = lane
        self._room = room
        self._begin = begin
        self.granted = room > 0
        """Whether the messages may leave with their commit."""

    def __enter__(self) -> Self:
        return self

    def committed(self, messages: Sequence[OutgoingSms]) -> None:
        """These messages are committed: they leave now where there is room, else they wait in the spool."""
        if self._lane is None or not messages:
            return
        if self.granted:
            self._room -= len(messages)
            self._begin(self._lane, messages)
        else:
            self._lane.wait()

    def __exit__(self, *_: object) -> None:
        if self._lane is not None and self._room:
            self._lane.give_back(self._room)
