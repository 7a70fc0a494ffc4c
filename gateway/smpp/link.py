"""One connection to a message centre and the bind on it (SMPP v3.4 §2, §4.1-4.2, §4.11).

In: bodies of requests. Out: a future for each, with the answer or with what became of the connection; and what the
message centre asks on its own accord, as it was read. Promises: at most `window` submits are unanswered; every future
ends, at the latest when `response_timeout` is over; what was never written is told from what may have been taken; a
connection that only seems to be there is found out before more than a window of messages is lost on it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, cast

from gateway.smpp.pdu import (
    MAX_SEQUENCE,
    RESPONSE,
    SUBMIT_SM_RESP,
    Bind,
    Command,
    Frames,
    Pdu,
    Status,
    first_string,
    frame,
    write_bind,
)
from gateway.smpp.statuses import name_of

_LONGEST_GOODBYE = 20.0
"""How long a close waits for outstanding answers, however long they may take otherwise."""
_GOODBYE_SECONDS = 2.0
"""How long an answer to our unbind is waited for."""
_MAX_UNREAD = 1 << 20
"""Octets that may wait to be read by the message centre; beyond, it is not listened to either until it has."""
_MESSAGES = (Command.DELIVER_SM, Command.DATA_SM)
_LATE_ANSWERS = (SUBMIT_SM_RESP, Command.GENERIC_NACK)
_LATE = 1000
"""Submits that are remembered after their time, or a window of them: a late answer tells what became of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a link may do, and for how long: a window in PDUs, times in seconds."""

    window: int = 64
    response_timeout: float = 10.0
    enquire_link: float = 30.0


class Lost(NamedTuple):
    """What a request gets instead of an answer."""

    cause: str
    sent: bool
    """Whether its bytes may have left."""


class Part(NamedTuple):
    """What a submit is a part of."""

    message_id: str
    number: int
    """1-based."""
    total: int


class BindRefusedError(ConnectionError):
    """The message centre does not let us in."""

    def __init__(self, status: int) -> None:
        super().__init__(f"bind refused: {name_of(status)}")
        self.status = status


class _Request(NamedTuple):
    command: int
    since: float
    answer: asyncio.Future[Pdu | Lost]
    part: Part | None


class Link(asyncio.Protocol):
    """One bind. `hear` takes requests of the message centre; `lost` is called once, when all is over."""

    def __init__(
        self,
        limits: Limits,
        hear: Callable[[Link, Sequence[Pdu]], None],
        lost: Callable[[Link, str], None],
        late: Callable[[Part, Pdu], None] = lambda _part, _pdu: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._hear = hear
        self._lost = lost
        self._late = late
        self._transport: asyncio.Transport | None = None
        self._frames = Frames()
        self._out: list[bytes] = []
        self._unwritten: set[int] = set()
        self._pending: dict[int, _Request] = {}
        self._overdue: dict[int, Part] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sequence = 0
        self._heard = self._look_at = self._loop.time()
        self._silent = self._choked = self._leaving = self._probing = self._unbound = False
        self._cause = "connection closed by the message centre"
        self._sweeper: asyncio.TimerHandle | None = None
        self._can_submit = False
        self.ended: asyncio.Future[str] = self._loop.create_future()
        """Done when the connection is gone, with the reason."""

    # --- asking ----------------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether messages may be submitted, now or once there is room."""
        return self._can_submit and not self._leaving

    @property
    def room(self) -> int:
        """How many submits may leave now."""
        if not self._can_submit or self._leaving or self._silent or self._choked or self._waiters:
            return 0
        return self._limits.window - len(self._pending)

    @property
    def load(self) -> int:
        """Submits on their way or waiting; one that is under suspicion counts as full."""
        return len(self._pending) + len(self._waiters) + (self._limits.window if self._silent else 0)

    async def wait_for_room(self) -> bool:
        """Wait for a turn, first come first served. False when the link has closed meanwhile."""
        while self.open and self.room <= 0:
            turn = self._loop.create_future()
            self._waiters.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._admit()
                raise
            if self.open and not self._silent and not self._choked and len(self._pending) < self._limits.window:
                return True
        return self.open

    def submit(self, body: bytes, part: Part) -> asyncio.Future[Pdu | Lost]:
        """Send one submit_sm, in a turn that the caller has. `part` is what `late` is told, should it come to that."""
        return self._request(Command.SUBMIT_SM, body, part)

    def query(self, body: bytes) -> asyncio.Future[Pdu | Lost]:
        """Send one query_sm, in a turn that the caller has."""
        return self._request(Command.QUERY_SM, body)

    def enquire(self) -> asyncio.Future[Pdu | Lost]:
        """Ask whether the message centre is there. Where it does not say so in time, the link ends."""
        return self._request(Command.ENQUIRE_LINK)

    async def bind(self, command: Command, bind: Bind) -> str:
        """Introduce ourselves; the message centre's system_id. Raises BindRefusedError or ConnectionError."""
        answer = await self._request(command, write_bind(bind))
        if isinstance(answer, Lost):
            raise ConnectionError(answer.cause)
        if answer.status:
            raise BindRefusedError(answer.status)
        self._can_submit = command is not Command.BIND_RECEIVER
        return first_string(answer.body)

    def answer(self, pdu: Pdu, status: int = 0, body: bytes = b"") -> bool:
        """Answer a request of the message centre; False where nobody is left to read it."""
        if self.ended.done():
            return False
        self._write(frame(pdu.command | RESPONSE, pdu.sequence, body, status))
        return True

    async def close(self) -> None:
        """Wait for outstanding answers, say goodbye, and hang up."""
        self._leaving = True
        self._release_waiters()
        waiting = [request.answer for request in self._pending.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=min(self._limits.response_timeout, _LONGEST_GOODBYE))
        if not self.ended.done():
            await asyncio.wait([self._request(Command.UNBIND)], timeout=_GOODBYE_SECONDS)
        self._cause = "closed by us"
        self._hang_up()
        await asyncio.wait([self.ended], timeout=_GOODBYE_SECONDS)

    def abort(self, cause: str) -> None:
        """Drop the connection at once."""
        self._cause = cause
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()

    def _request(self, command: Command, body: bytes = b"", part: Part | None = None) -> asyncio.Future[Pdu | Lost]:
        answer: asyncio.Future[Pdu | Lost] = self._loop.create_future()
        if self.ended.done():
            answer.set_result(Lost(self._cause, sent=False))
            return answer
        sequence = self._sequence = self._sequence % MAX_SEQUENCE + 1
        while sequence in self._pending or sequence in self._overdue:
            sequence = self._sequence = self._sequence % MAX_SEQUENCE + 1
        self._pending[sequence] = _Request(command, self._loop.time(), answer, part)
        self._unwritten.add(sequence)
        self._write(frame(command, sequence, body))
        return answer

    # --- writing: what one turn of the loop makes leaves as one ------------------------------------------------------

    def _write(self, octets: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(octets)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing() or not self._out:
            return  # what a closing connection is given does not leave
        self._unwritten.clear()
        octets = b"".join(self._out)
        self._out.clear()
        self._transport.write(octets)

    def pause_writing(self) -> None:
        """The message centre does not read: nothing more is sent, and nothing taken that would have to be answered."""
        self._choked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._choked = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._admit()

    # --- reading ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; the bind comes next."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MAX_UNREAD)
        self._sweep()

    def data_received(self, data: bytes) -> None:
        """Take what was read."""
        self._heard = self._loop.time()
        self._silent = False
        requests: list[Pdu] = []
        for pdu in self._frames.feed(data):
            if pdu.command & RESPONSE:
                self._answered(pdu)
            elif pdu.command in _MESSAGES:
                requests.append(pdu)
            else:
                self._asked(pdu)
        if requests:
            self._hear(self, requests)
        if self._frames.fault is not None:
            self._write(frame(Command.GENERIC_NACK, 0, status=Status.ESME_RINVCMDLEN))
            self._cause = f"unreadable: {self._frames.fault}"
            self._hang_up()
        elif self._unbound and not self._pending:
            self._hang_up()
        self._admit()

    def _answered(self, pdu: Pdu) -> None:
        request = self._pending.get(pdu.sequence)
        if request is not None and pdu.command in (request.command | RESPONSE, Command.GENERIC_NACK):
            del self._pending[pdu.sequence]
            if request.command == Command.ENQUIRE_LINK:
                self._probing = False
            if not request.answer.done():
                request.answer.set_result(pdu)
        elif pdu.command in _LATE_ANSWERS and (part := self._overdue.pop(pdu.sequence, None)) is not None:
            self._late(part, pdu)

    def _asked(self, pdu: Pdu) -> None:
        match pdu.command:
            case Command.ENQUIRE_LINK:
                self.answer(pdu)
            case Command.UNBIND:
                self.answer(pdu)
                self._leaving = self._unbound = True
                self._cause = "unbound by the message centre"
                self._release_waiters()
            case Command.ALERT_NOTIFICATION | Command.OUTBIND:
                pass
            case _:
                self._write(frame(Command.GENERIC_NACK, pdu.sequence, status=Status.ESME_RINVCMDID))

    def connection_lost(self, exc: Exception | None) -> None:
        """All is over: every request learns whether it may have been read."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        cause = self._cause if exc is None else f"connection lost: {exc}"
        self._leaving = True
        self.ended.set_result(cause)
        for sequence, request in self._pending.items():
            if not request.answer.done():
                request.answer.set_result(Lost(cause, sent=sequence not in self._unwritten))
        self._pending.clear()
        self._release_waiters()
        self._lost(self, cause)

    # --- turns -----------------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Give free places in the window to those who wait longest."""
        if not self._waiters or self._silent or self._choked or not self.open:
            return
        free = self._limits.window - len(self._pending)
        while self._waiters and free > 0:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def _release_waiters(self) -> None:
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)

    def _hang_up(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # --- time: one look at all requests, instead of a timer for each -------------------------------------------------

    def _sweep(self) -> None:
        if self.ended.done():
            return
        now = self._loop.time()
        limit = self._limits.response_timeout
        pause = min(1.0, limit / 8, self._limits.enquire_link / 8)
        punctual = now <= self._look_at + pause
        self._look_at = now + pause
        # Whoever was held up himself reads first what has come meanwhile, and judges others at the next look.
        while punctual and self._pending:
            sequence, request = next(iter(self._pending.items()))
            if now - request.since < limit:
                break
            del self._pending[sequence]
            if not self._expire(sequence, request):
                return
        if punctual:
            self._probe(now)
        if self._unbound and not self._pending:
            self._hang_up()
        self._admit()
        self._sweeper = self._loop.call_later(pause, self._sweep)

    def _expire(self, sequence: int, request: _Request) -> bool:
        """End a request that was not answered in time; False when the link ends with it."""
        if not request.answer.done():
            request.answer.set_result(Lost(f"no answer within {self._limits.response_timeout:g} s", sent=True))
        if request.command == Command.QUERY_SM:
            return True
        if request.part is None:
            self.abort(f"no answer to {Command(request.command).name.lower()}")
            return False
        self._overdue[sequence] = request.part
        if len(self._overdue) > max(_LATE, self._limits.window):
            del self._overdue[next(iter(self._overdue))]
        return True

    def _probe(self, now: float) -> None:
        """Ask a link that says nothing whether it is there; while it owes answers, nothing more is put on it."""
        quiet = now - self._heard
        patience = self._limits.response_timeout / 2
        owing = quiet >= patience and any(now - request.since >= patience for request in self._oldest())
        # It may begin to owe while a question that was asked for its quiet alone is on its way.
        self._silent = self._silent or owing
        if self._probing or self._leaving or not (owing or quiet >= self._limits.enquire_link):
            return
        self._probing = True
        self._request(Command.ENQUIRE_LINK)

    def _oldest(self) -> Iterator[_Request]:
        """The request that waits longest, if any: they stand in the order in which they were made."""
        yield from islice(self._pending.values(), 1)
