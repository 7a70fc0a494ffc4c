"""The conversation with one SMTP or LMTP client: lines are obeyed, replies written, and every end is told.

A subclass of aiosmtpd's protocol that keeps its state, its commands' and hooks' names and its session, and replaces
what a hostile client could wear out: the command loop, time limits and the end. What arrives is obeyed at once, where
it arrives; only a command that has to wait for somebody else goes on in a task, and such a task is never cancelled.
Promises: a session that is told to end is told why, a reply is written as soon as nothing more of the client's is
waiting to be obeyed, and what was begun for a client is finished without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, Self, TypeVar, cast

from aiosmtpd.smtp import SMTP, Session

from gateway.errors import Refusal, internal_fault, shutting_down, too_busy
from gateway.maillog import Event, fault
from gateway.model import Listener, Peer
from gateway.settings import SmtpSettings
from gateway.smtp.doors import Door, Edge, LastWord
from gateway.smtp.hooks import Transaction
from gateway.smtp.limits import MessageMemory, client_key, within
from gateway.smtp.timer import Phase, SessionTimer, session_too_long
from gateway.smtp.wire import READ_AHEAD, MessageReader, SmtpReader

MAX_LINE = 2048
"""Bytes of a command line: RFC 5321 §4.5.3.1.4 promises 512, extensions add 600."""

MAX_ERRORS = 20
"""Lines that are no commands, or make no sense, before a session ends."""

MAX_REPLIES_HELD = 4096
"""Bytes of replies that may wait while a pipelining client's commands are obeyed."""

LINGER = 1.0
"""Seconds in which a client that is still talking can read why it was cut off."""

CLOSING_TIME = 5.0
"""Seconds in which the client's side has to close as well."""

Work = Coroutine[Any, Any, None]
"""What is left of a command that has to wait for somebody else."""

T = TypeVar("T")


class Conversation(SMTP):
    """What a connection is once it is open; `EdgeSession` opens it."""

    COMMANDS: ClassVar[frozenset[str]] = frozenset()
    greeting_protocol: ClassVar[str] = "ESMTP"

    # the same for every session behind a door
    edge: ClassVar[Edge]
    door: ClassVar[Door]
    loop: asyncio.AbstractEventLoop
    hostname: str
    _limits: ClassVar[SmtpSettings]
    _greeting: ClassVar[bytes]

    # the session's own; what most sessions never change stands here
    envelope: Transaction
    session: Session
    transport: asyncio.Transport | None
    _timer: SessionTimer
    login: str | None = None
    unknown_recipients = 0
    """Recipients that do not exist, in all transactions."""
    _errors = 0
    _ip, _port = "", 0
    _client: str | None = None
    _admitted = False
    _ended = False
    """Whether the last reply is written, or was begun."""
    _gone = False
    """Whether the connection is no more."""
    _task: asyncio.Task[None] | None = None
    _message: MessageReader | None = None
    """The message that the client is sending."""
    _peer: Peer | None = None
    _is_own_relay: bool | None = None
    _reading_paused = False
    _writing_paused = False
    _proxy_header: asyncio.StreamReader | None = None
    _awaited: asyncio.Future[Any] | None = None
    """What the client has to do before the task can go on."""

    @classmethod
    def behind(cls, door: Door, edge: Edge, loop: asyncio.AbstractEventLoop) -> type[Self]:
        """Give the class of the sessions behind a door: it holds once what is the same for all of them."""
        greeting = f"220 {edge.settings.mail.hostname} {cls.greeting_protocol} ready\r\n"
        shared = {
            "edge": edge,
            "door": door,
            "_limits": edge.settings.smtp,
            "_greeting": greeting.encode(),
            "_ehlo_replies": {},
        }
        return cast("type[Self]", type(cls.__name__, (cls,), {**edge.library_state(loop), **shared}))

    def __init__(self) -> None:
        self._input = SmtpReader()
        self._replies = b""
        self._busy = True
        """Whether what arrives has to wait: for the greeting, or for a task."""

    # --- commands and replies --------------------------------------------------------------------------------------

    def _begin(self, work: Work) -> None:
        self._busy = True
        self._timer.enter(Phase.SERVER)
        self._task = self.loop.create_task(self._work(work))

    def _go_on(self) -> None:
        """Obey what has come."""
        self._busy = True
        work = self._obey_waiting()
        if work is not None:
            self._begin(work)

    async def _work(self, work: Work) -> None:
        """Do what has to be waited for, then go on with what came meanwhile."""
        next_work: Work | None = work
        try:
            while next_work is not None:
                try:
                    await next_work
                except Exception as error:
                    self._failed(error)
                next_work = self._obey_waiting()
        finally:
            self._task = None
            if self._gone:
                self.edge.leave(self)

    def _obey_waiting(self) -> Work | None:
        """Obey line by line until something has to be waited for: give that, or None where it is the client's turn."""
        obeyed = self._timer.phase is Phase.SERVER
        while not (self._ended or self._writing_paused):
            try:
                if self._message is not None:
                    message = self._message.read(self._input)
                    if message is None:
                        break
                    return self.take_message(message)
                self._check_may_go_on()
                line = self._input.line(MAX_LINE)
                if line is None:
                    break
                obeyed = True
                work = self.obey(line)
            except Exception as error:
                self._failed(error)
                continue
            if work is not None:
                return work
            if len(self._replies) > MAX_REPLIES_HELD:
                self.flush()
        self._await_client(obeyed=obeyed)
        return None

    def obey(self, line: bytes) -> Work | None:
        """Do what one command line says; give what of it has to wait for somebody else."""
        raise NotImplementedError

    def take_message(self, message: bytes | Refusal) -> Work:
        """Give what has to be done with a message that has come to its end."""
        raise NotImplementedError

    def _check_may_go_on(self) -> None:
        if self.edge.stopping:
            raise LastWord(shutting_down())
        if self._timer.session_over:
            raise LastWord(session_too_long())

    def _await_client(self, *, obeyed: bool) -> None:
        """It is the client's turn; its time is measured anew if it has said something whole."""
        if self._ended:
            return
        self.flush()
        if self._input.ended and not self._writing_paused:
            self._close()
            return
        if obeyed and self._message is None:
            self._timer.enter(Phase.CLIENT)
        self._busy = False
        self._read_on()

    def _read_on(self) -> None:
        if self._reading_paused and len(self._input.buffer) <= READ_AHEAD and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()

    def say(self, status: str) -> None:
        """Put one reply line in the queue."""
        self._replies += status.encode() + b"\r\n"

    def flush(self) -> None:
        """Write the replies that wait."""
        if self._replies and self.transport is not None:
            self.transport.write(self._replies)
        self._replies = b""

    async def next_line(self, limit: int) -> bytes:
        """Wait for a line that is no command. Raises EOFError where the session ends first."""
        self.flush()
        self._timer.enter(Phase.CLIENT)
        while (line := self._input.line(limit)) is None:
            if self._input.ended:
                raise EOFError
            await self._until(self.loop.create_future())
        self._timer.enter(Phase.SERVER)
        return line

    async def _until(self, awaited: asyncio.Future[T]) -> T:
        """Wait for the client's doing. Raises EOFError where the session ends first."""
        self._awaited = awaited
        if self._ended:
            awaited.cancel()
        try:
            return await awaited
        except asyncio.CancelledError:
            raise EOFError from None
        finally:
            self._awaited = None

    def _wait_no_more(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()

    def _failed(self, error: Exception) -> None:
        """Answer what a command raised."""
        if isinstance(error, Refusal):
            self._refuse(error)
        elif isinstance(error, LastWord):
            self.end(error.refusal)
        elif isinstance(error, (OSError, EOFError)):  # the peer went away, or its TLS failed
            self._close()
        else:
            fault(Event.SESSION_FAULT, error, ip=self._ip)
            if self.session.host_name:
                self.say(internal_fault().smtp_reply)
            else:
                self.end(internal_fault())

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.code == 421:
            self.end(refusal)
            return
        self.say(refusal.smtp_reply)
        if refusal.code in {500, 501, 502, 504, 553, 555}:
            self._errors += 1
            if self._errors >= MAX_ERRORS and not self.ours:
                self.end(too_busy("too many errors"))

    @property
    def own_relay(self) -> bool:
        """Whether the organisation's own mail server is there: nobody else speaks LMTP or is in `[trust] networks`."""
        if self._is_own_relay is None:
            self._is_own_relay = self.door.listener is Listener.LMTP or within(
                self._ip, self.edge.settings.trust.networks
            )
        return self._is_own_relay

    @property
    def ours(self) -> bool:
        """Whether errors are forgiven: a relay of ours, whose errors are other people's, or somebody signed in."""
        return self.login is not None or self.own_relay

    def begin_message(self) -> None:
        """Read a message from here on."""
        memory = self.message_memory()
        self._message = MessageReader(self._limits.max_size, memory)
        self._timer.enter_message(memory)

    def message_memory(self) -> MessageMemory:
        """Memory for one message, in the name of who signed in, or else of the client's address."""
        return MessageMemory(self.edge.memory, self.login or client_key(self._ip), own_relay=self.own_relay)

    def _drop_message(self) -> None:
        if self._message is not None:
            self._message.memory.give_back()
            self._message = None

    def peer(self) -> Peer:
        """Describe the client as it stands now."""
        if self._peer is None:
            self._peer = Peer(
                ip=self._ip,
                port=self._port,
                helo=self.session.host_name or "",
                listener=self.door.listener,
                tls=self.session.ssl is not None,
                login=self.login,
            )
        return self._peer

    # --- the end ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End now if the client has nothing under way; else after the reply to what it has."""
        if self._timer.phase is Phase.CLIENT:
            self.overdue(shutting_down())

    def overdue(self, refusal: Refusal) -> None:
        """End now."""
        if not self._ended:
            self.end(refusal)

    def end(self, refusal: Refusal) -> None:
        """Say why, and close."""
        self.say(refusal.smtp_reply)
        self._close()

    def _close(self) -> None:
        """Write what is left and close, letting a client that is still talking read it first.

        Closing a socket with unread input resets it, and the reset can overtake the reply.
        """
        transport = self.transport
        if transport is None or self._ended:
            return
        self._ended = self._busy = True
        unread = bool(self._input.take_all()) or self._timer.phase is Phase.MESSAGE
        talking = unread and not self._input.ended
        self._input.deaf = True
        self._read_on()
        self._drop_message()
        self.flush()
        if talking and self._tls_protocol is None and transport.can_write_eof():
            transport.write_eof()
            self._timer.close_within(LINGER)
        else:
            transport.close()
            self._timer.close_within(CLOSING_TIME)
        self._wait_no_more()

    def abort(self) -> None:
        """Close without a word: the time for it is over."""
        if self.transport is not None:
            self.transport.abort()
