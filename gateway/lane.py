"""One provider's lane: how many messages may be under way to it at once, and when the next may start.

In: reservations, beginnings and ends. Out: whether there is room. No I/O and no clock: times are seconds of one
monotonic clock, and passed in.

A reservation is made before the commit that begins an attempt, so that what is committed as being submitted can leave
at once. The lane is the provider's circuit breaker as well. One that takes nothing is asked by one message at a time,
ever more seldom, until it takes one: the others wait unspoiled in the spool, or go another way where there is one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Self

from gateway.errors import Outcome
from gateway.pace import Budget, Paces
from gateway.sms import OutgoingSms, Priority
from gateway.store.spool_items import Departure

PATIENCE = 5
"""Temporary outcomes in a row before a lane is closed to all but a probe; or unknown ones, before it is avoided."""
PROBE_SECONDS = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Pauses between probes; the last one repeats."""
KEPT = 8
"""Campaigns leave one part in so many of the window free: a dialog that comes need not wait for their answers."""
POLL_SECONDS = 1.0
"""How often the spool is asked at least: other processes put messages there too."""


class Lane:
    """The room at one provider. `window` counts messages, not parts."""

    def __init__(self, provider: str, window: int, rate: float = 0.0, rate_per_number: float = 0.0) -> None:
        """Rates are in parts a second; 0 for as fast as the window allows."""
        self.provider = provider
        self.window = window
        self._kept = window // KEPT
        self.taken = 0
        """Messages reserved or under way."""
        self.behind = False
        """Whether dialog messages wait in the spool: then none goes past them."""
        self.more = False
        """Whether messages of any kind may wait in the spool that are due."""
        self.wake = asyncio.Event()
        """Set when it is worth asking the spool."""
        self._paces = Paces(rate, rate_per_number)
        self._paced = bool(self._paces)
        self._failed = 0
        self._doubtful = 0
        self._probe_at = -math.inf

    @property
    def closed(self) -> bool:
        """Whether nothing but probes may go."""
        return self._failed >= PATIENCE

    @property
    def sick(self) -> bool:
        """Whether the breaker is open: it takes nothing, or leaves everything in doubt. Then others are better."""
        return self._failed >= PATIENCE or self._doubtful >= PATIENCE

    def rests(self, now: float) -> bool:
        """Whether a message that could go another way had better; False while a probe is due."""
        return self.sick and (self.behind or self.taken > 0 or now < self._probe_at)

    def reserve(self, messages: Sequence[OutgoingSms], now: float) -> bool:
        """Take room for messages that are about to be committed; False where they have to wait in the spool."""
        count = len(messages)
        if self.behind or self.taken + count > self.window:
            return False
        if self.closed and (count > 1 or self.rests(now)):
            return False
        if self._paced and not self._paces.take(messages, now):
            return False
        self.taken += count
        return True

    def draw(self, now: float) -> int:
        """Take room for messages that wait in the spool; the number of them.

        What campaigns leave free is taken only where dialogs wait: else it is for those that come meanwhile.
        """
        if self.closed:
            room = 1 if now >= self._probe_at and self.taken == 0 else 0
        else:
            room = max(0, self.window - self.taken - (0 if self.behind else self._kept))
            if self._paced:
                room = int(min(room, self._paces.room(now)))
        self.taken += room
        return room

    def for_campaigns(self, room: int) -> int:
        """How much of the room that was just taken messages of campaigns may use."""
        return room if self.closed else max(0, room - max(0, self.taken + self._kept - self.window))

    def budget(self, now: float) -> Budget | None:
        """What may begin of the messages that are drawn; None where no pace is set."""
        return self._paces.budget(now) if self._paced else None

    def drawn(self, departure: Departure, now: float) -> None:
        """What a draw found: what begins, and whether others are due as well."""
        self.more = departure.more
        self.behind = departure.more and (not departure.go or departure.go[-1].priority is Priority.DIALOG)
        if self._paced:
            self._paces.begun(departure.go, now)
            self._paces.promise(departure.later, now)

    def pause(self, now: float) -> float:
        """Seconds until the spool is worth asking again, where nothing happens before."""
        return min(self._paces.wait(now, more=self.more), POLL_SECONDS) if self._paced else POLL_SECONDS

    def give_back(self, count: int) -> None:
        """Return room that was not needed."""
        self.taken -= count
        if self.more and self.taken <= self.window // 2:
            self.wake.set()

    def wait(self, priority: Priority = Priority.DIALOG) -> None:
        """A message went into the spool, to be drawn in its turn."""
        self.more = True
        self.behind |= priority is Priority.DIALOG
        if self.taken <= self.window // 2:
            self.wake.set()

    def ended(self, outcome: Outcome, now: float) -> bool:
        """An attempt is over: its room is free, and what became of it says whether the provider takes anything.

        True where it takes messages again after it took none.
        """
        was_closed = self.closed
        if outcome is Outcome.TEMPORARY:
            self._failed += 1
        elif outcome is Outcome.UNKNOWN:
            self._doubtful += 1
        else:
            self._failed = self._doubtful = 0
        if self.sick and outcome in {Outcome.TEMPORARY, Outcome.UNKNOWN}:
            probes = max(self._failed, self._doubtful) - PATIENCE
            self._probe_at = now + PROBE_SECONDS[min(probes, len(PROBE_SECONDS) - 1)]
        self.give_back(1)
        return was_closed and not self.closed


Shares = Sequence[tuple[Lane | None, Sequence[OutgoingSms]]]
"""Messages by their lanes; None where no such provider is configured."""


def shares_of(messages: Sequence[OutgoingSms], lanes: Mapping[str, Lane]) -> Shares:
    """Sort messages by their lanes."""
    first = messages[0].provider
    if len(messages) == 1 or all(message.provider == first for message in messages):
        return ((lanes.get(first), messages),)
    return [
        (lanes.get(provider), [message for message in messages if message.provider == provider])
        for provider in dict.fromkeys(message.provider for message in messages)
    ]


def take_room(shares: Shares, now: float) -> bool:
    """Take room in every lane, or in none."""
    for place, (lane, messages) in enumerate(shares):
        if lane is None or not lane.reserve(messages, now):
            for held, theirs in shares[:place]:
                if held is not None:
                    held.give_back(len(theirs))
            return False
    return True


class Reservation:
    """Room at providers while a commit is under way; what is not used by the end of the block is given back."""

    def __init__(
        self,
        messages: Sequence[OutgoingSms],
        shares: Shares,
        begin: Callable[[Lane, Sequence[OutgoingSms]], None],
        *,
        granted: bool,
    ) -> None:
        """`granted` says that room is taken for all of them; `begin` submits messages that have room."""
        self.messages = tuple(messages)
        """What shall be committed: each with the provider that it leaves by."""
        self.granted = granted
        """Whether the messages may leave with their commit."""
        self._shares = shares
        self._begin = begin
        self._held = granted

    def __enter__(self) -> Self:
        return self

    def committed(self, new: Container[str]) -> None:
        """Messages with these ids are committed: they leave now where there is room, else they wait in the spool."""
        self._held = False
        for lane, share in self._shares:
            if lane is None:
                continue
            messages = [message for message in share if message.id in new]
            if self.granted and len(messages) < len(share):
                lane.give_back(len(share) - len(messages))
            if messages and self.granted:
                self._begin(lane, messages)
            elif messages:
                lane.wait(messages[0].priority)

    def __exit__(self, *_: object) -> None:
        if self._held:
            for lane, share in self._shares:
                if lane is not None:
                    lane.give_back(len(share))
