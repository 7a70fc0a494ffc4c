"""Whose turn it is in one SMTP session, and whether that side has taken too long.

In: phases, as the session enters them. Out: one call with the Refusal that ends the session. Promises: the client's
silence, a message that trickles or stops half-way, and a session without end are all cut; the time that the gateway
itself takes is never held against the client. One timer per session that looks again when something could be overdue,
instead of one restarted with every command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

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


class Phase(Enum):
    """Who has to do something next: that is whose time is measured."""

    CLIENT = auto()
    """The client: a command, its side of a handshake, or reading our replies."""
    MESSAGE = auto()
    """The client: a message after 354."""
    SERVER = auto()
    """We do."""


class SessionTimer:
    """The clock of one session (monotonic, seconds)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: SmtpSettings,
        reader: SmtpReader,
        overdue: Callable[[Refusal], None],
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._reader = reader
        self._tell = overdue
        self.phase = Phase.SERVER
        self._began = loop.time()
        self._received = 0
        self._memory: MessageMemory | None = None
        self._ends_at = self._began + limits.session_timeout
        self.handle = loop.call_at(self._next_look(self._began), self._look)

    def enter(self, phase: Phase) -> None:
        """It is this side's turn from now on."""
        self.phase = phase
        self._began = self._loop.time()
        self._received = self._reader.received

    def enter_message(self, memory: MessageMemory) -> None:
        """The client sends a message from now on, and has this memory for it."""
        self._memory = memory
        self.enter(Phase.MESSAGE)
        if not self.handle.cancelled():
            self.handle.cancel()
            self.handle = self._loop.call_at(self._next_look(self._began), self._look)

    def cancel(self) -> None:
        """The session is over."""
        self.handle.cancel()

    @property
    def session_over(self) -> bool:
        """Whether the session has lasted as long as it may."""
        return self._loop.time() >= self._ends_at

    def _look(self) -> None:
        now = self._loop.time()
        refusal = self._overdue(now)
        if refusal is not None:
            self._tell(refusal)
            return
        self.handle = self._loop.call_at(max(self._next_look(now), now + 0.01), self._look)

    def _next_look(self, now: float) -> float:
        silent_at = self._began + self._limits.command_timeout
        match self.phase:
            case Phase.CLIENT:
                return min(self._ends_at, silent_at)
            case Phase.MESSAGE:
                return min(self._ends_at, self._began + DATA_SPELL)
            case Phase.SERVER:
                return now + min(_LOOK_AGAIN, self._limits.command_timeout)

    def _overdue(self, now: float) -> Refusal | None:
        if self.phase is Phase.SERVER:
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
