"""What SMTP sessions have in common: the door they came in by, and what all of them share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from gateway.errors import Refusal
from gateway.maillog import Event, note
from gateway.model import Listener
from gateway.settings import GatewaySettings
from gateway.smtp.hooks import EdgeHooks
from gateway.smtp.limits import ConnectionLimits, MemoryPool
from gateway.smtp.timer import TimerWheel
from gateway.tls import ServerCertificate

if TYPE_CHECKING:
    from gateway.smtp.conversation import Conversation

_OF_ONE_SESSION = {"_smtp_methods", "_auth_methods", "_closed", "_drain_waiters", "_strong_reader", "_stream_reader_wr"}


@dataclass(frozen=True, slots=True)
class Door:
    """One listener: its name, what kind of peer it describes, and what it asks of clients."""

    name: str
    listener: Listener
    implicit_tls: bool = False
    login_required: bool = False
    unix_socket: bool = False


@dataclass(slots=True)
class Edge:
    """What all sessions share."""

    settings: GatewaySettings
    hooks: EdgeHooks
    certificate: ServerCertificate | None
    connections: ConnectionLimits
    memory: MemoryPool
    wheel: TimerWheel = field(init=False)
    """Made when the doors open: it belongs to a loop."""
    sessions: set[Conversation] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while there are no sessions, nor anything in hand for clients that are gone."""
    stopping: bool = False
    refusals_unlogged: int = 0
    refusal_logged_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.empty.set()

    def library_state(self, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
        """Give what aiosmtpd's constructor sets up for a session.

        It looks for hooks, commands and mechanisms among all attributes, which costs more than a mail does, and finds
        the same every time: so it runs once for each door. What belongs to one session alone is left out.
        """
        settings = self.settings
        library = SMTP(
            self.hooks,
            data_size_limit=settings.smtp.max_size,
            enable_SMTPUTF8=True,
            hostname=settings.mail.hostname,
            loop=loop,
        )
        return {name: value for name, value in vars(library).items() if name not in _OF_ONE_SESSION}

    def enter(self, session: Conversation) -> None:
        """A session begins."""
        self.sessions.add(session)
        self.empty.clear()

    def leave(self, session: Conversation) -> None:
        """A session is over."""
        self.sessions.discard(session)
        if not self.sessions:
            self.empty.set()

    def note_turned_away(self, ip: str, refusal: Refusal, now: float) -> None:
        """Log a refused connection, at most one line a second: a flood must not become a flood of lines."""
        if now - self.refusal_logged_at < 1.0:
            self.refusals_unlogged += 1
            return
        note(Event.CONNECTION_REFUSED, ip=ip, cause=refusal.cause, unlogged_before=self.refusals_unlogged)
        self.refusal_logged_at, self.refusals_unlogged = now, 0


class LastWord(Exception):
    """A refusal after which the connection ends."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
