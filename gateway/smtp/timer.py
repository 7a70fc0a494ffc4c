"""Whose turn it is in one SMTP session, and whether that side has taken too long.

In: phases, as the session enters them. Out: one call with the Refusal that ends the session. Promises: the client's
silence, a message that trickles or stops half-way, and a session without end are all cut; the time that the gateway
itself takes is never held against the client. A session notes when its turn began and is looked at when something
could be overdue; all sessions share the one timer of a wheel, since a timer each would cost more than their mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from gateway.errors import Refusal, too_busy
from gateway.settings import SmtpSettings
from gateway.smtp.limits import MessageMemory
from gateway.smtp.wire import SmtpReader

DATA_SPELL = 60.0
"""Seconds of DATA over which its rate is measured, again and again: fast at first does not pay for slow later."""

RATE_UNIT = 60_000
"""Bytes for each of which, once held, `[smtp] min_data_rate` is asked for: at 100 bytes per second a message that comes
evenly has ten minutes, however big (RFC 5321 §4.5.3.2.6), and one that is big and stops is gone in two."""

_LOOK_AGAIN = 1.0
_TICK_LEAST, _TICK_MOST = 0.01, 0.5


class Phase(Enum):
    """Who has to do something next: that is whose time is measured."""

    CLIENT = auto()
    """The client: a command, its side of a handshake, or reading our replies."""
    MESSAGE = auto()
    """The client: a message after 354."""
    SERVER = auto()
    """We do."""
    CLOSING = auto()
    """The client: reading our last reply."""


class TimerWheel:
    """Looks at each of many timers soon after it is due: one tick late at most."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: SmtpSettings) -> None:
        self.now: Callable[[], float] = loop.time
        self._loop = loop
        shortest = min(limits.command_timeout, limits.session_timeout, DATA_SPELL)
        self._tick = min(max(shortest / 20, _TICK_LEAST), _TICK_MOST)
        self._slots: dict[int, set[SessionTimer]] = {}
        self._timers = 0
        self._turned_to = 0
        self._handle: asyncio.TimerHandle | None = None

    def put(self, timer: SessionTimer, at: float) -> int:
        """Look at the timer at this time (monotonic, seconds); gives the slot where it is."""
        slot = int(at / self._tick) + 1
        timers = self._slots.get(slot)
        if timers is None:
            timers = self._slots[slot] = set()
        timers.add(timer)
        self._timers += 1
        if self._handle is None:
            self._turned_to = int(self._loop.time() / self._tick)
            self._wind()
        return slot

    def take(self, timer: SessionTimer, slot: int) -> None:
        """Do not look at the timer any more."""
        timers = self._slots.get(slot)
        if timers is not None and timer in timers:
            timers.remove(timer)
            self._timers -= 1

    def slot_of(self, at: float) -> int:
        """Where a timer that is due at this time would be."""
        return int(at / self._tick) + 1

    def _wind(self) -> None:
        self._handle = self._loop.call_at((self._turned_to + 1) * self._tick, self._turn)

    def _turn(self) -> None:
        now = self._loop.time()
        to = int(now / self._tick)
        for slot in range(self._turned_to + 1, to + 1):
            due = self._slots.pop(slot, None)
            if due:
                self._timers -= len(due)
                for timer in due:
                    timer.look(now)
        self._turned_to = to
        if self._timers:
            self._wind()
        else:
            self._handle = None
            self._slots.clear()


class Timed(Protocol):
    """What a timer needs of its session."""

    def overdue(self, refusal: Refusal) -> None:
        """The client has taken too long."""

    def abort(self) -> None:
        """The client has had time enough to read the last reply."""


class SessionTimer:
    """The clock of one session (monotonic, seconds)."""

    __slots__ = (
        "_began", "_closed_at", "_ends_at", "_limits", "_memory", "_reader", "_received", "_session", "_slot", "_wheel",
        "phase",
    )  # fmt: skip

    def __init__(self, wheel: TimerWheel, limits: SmtpSettings, reader: SmtpReader, session: Timed) -> None:
        self._wheel = wheel
        self._limits = limits
        self._reader = reader
        self._session: Timed | None = session
        self.phase = Phase.SERVER
        self._began = wheel.now()
        self._received = 0
        self._memory: MessageMemory | None = None
        self._ends_at = self._began + limits.session_timeout
        self._closed_at = 0.0
        self._slot = wheel.put(self, min(self._ends_at, self._began + limits.command_timeout))

    def enter(self, phase: Phase) -> None:
        """It is this side's turn from now on, unless the session is closing."""
        if self.phase is Phase.CLOSING:
            return
        self.phase = phase
        self._began = self._wheel.now()
        self._received = self._reader.received

    def enter_message(self, memory: MessageMemory) -> None:
        """The client sends a message from now on, and has this memory for it."""
        self._memory = memory
        self.enter(Phase.MESSAGE)
        self._look_by(self._next_look(self._began))

    def close_within(self, seconds: float) -> None:
        """The client has so long to read the last reply."""
        if self._session is None:
            return
        self.phase = Phase.CLOSING
        self._closed_at = self._wheel.now() + seconds
        self._look_by(self._closed_at)

    def cancel(self) -> None:
        """The session is over."""
        self._session = None
        self._wheel.take(self, self._slot)

    @property
    def session_over(self) -> bool:
        """Whether the session has lasted as long as it may."""
        return self._wheel.now() >= self._ends_at

    def look(self, now: float) -> None:
        """Tell the session if something is overdue; look again when something could be."""
        if self._session is None:
            return
        if self.phase is Phase.CLOSING and now >= self._closed_at:
            self._session.abort()
            return
        refusal = self._overdue(now)
        if refusal is not None:
            self._session.overdue(refusal)
        if self._session is not None:
            self._slot = self._wheel.put(self, max(self._next_look(now), now))

    def _look_by(self, at: float) -> None:
        """Look at this time at the latest."""
        if self._wheel.slot_of(at) < self._slot:
            self._wheel.take(self, self._slot)
            self._slot = self._wheel.put(self, at)

    def _next_look(self, now: float) -> float:
        match self.phase:
            case Phase.CLIENT:
                return min(self._ends_at, self._began + self._limits.command_timeout)
            case Phase.MESSAGE:
                return min(self._ends_at, self._began + DATA_SPELL)
            case Phase.SERVER:
                return now + min(_LOOK_AGAIN, self._limits.command_timeout)
            case Phase.CLOSING:
                return self._closed_at

    def _overdue(self, now: float) -> Refusal | None:
        if self.phase is Phase.SERVER or self.phase is Phase.CLOSING:
            return None
        if now >= self._ends_at:
            return session_too_long()
        took = now - self._began
        if self.phase is Phase.CLIENT:
            silent = took >= self._limits.command_timeout
            return Refusal(421, "4.4.2", "you were silent for too long", cause="silent") if silent else None
        if took < DATA_SPELL:
            return None
        if self._reader.received - self._received < took * self._rate():
            return Refusal(421, "4.4.2", "your mail comes too slowly", cause="slow data")
        self.enter(Phase.MESSAGE)  # the next spell
        return None

    def _rate(self) -> float:
        """Bytes per second that the message has to come with: the more it holds, the more."""
        held = self._memory.held if self._memory else 0
        return self._limits.min_data_rate * max(1.0, held / RATE_UNIT)


def session_too_long() -> Refusal:
    """The session has lasted `[smtp] session_timeout`."""
    return too_busy("this session took too long")
