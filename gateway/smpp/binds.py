"""The binds of one provider: each is kept up by itself, so that one that is thrown out holds up no other.

In: where the message centre is and who we are. Out: the link that has least to do. A bind that fails is tried again
with growing pauses; every change of its state is one line in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import maillog
from gateway.maillog import Event
from gateway.smpp.link import BindRefusedError, Limits, Link, Part
from gateway.smpp.pdu import Bind, Command, Pdu

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before a failed bind is tried again; doubled each time."""
STEADY_SECONDS = 10.0
"""A bind that held for so long begins with the first pause again."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the message centre is, and how to come in."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    bind: Bind
    commands: Sequence[Command]
    """What is bound: a transceiver, or a transmitter and a receiver, so many times."""


class Binds:
    """All binds of one provider."""

    def __init__(
        self,
        provider: str,
        door: Door,
        limits: Limits,
        hear: Callable[[Link, Sequence[Pdu]], None],
        gone: Callable[[Link], None],
        late: Callable[[Part, Pdu], None],
    ) -> None:
        self._provider = provider
        self._door = door
        self._limits = limits
        self._hear = hear
        self._gone = gone
        self._late = late
        self._links: list[Link] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._serving: set[int] = set()
        self._stopping = asyncio.Event()
        self.tried = asyncio.Event()
        """Set when a bind that may submit has stood or failed for the first time."""
        self.next_try = 0.0
        """When (loop time) the next bind is tried, as far as is known."""
        self.fault = "no bind was tried"
        """Why the last bind that failed did."""

    def start(self) -> None:
        """Begin to keep every bind up."""
        self._keepers = [
            asyncio.create_task(self._keep(number, command), name=f"smpp-{self._provider}-{number}")
            for number, command in enumerate(self._door.commands, 1)
        ]

    async def stop(self) -> None:
        """Unbind everything; what is about to bind is given up."""
        self._stopping.set()
        for number, keeper in enumerate(self._keepers, 1):
            if number not in self._serving:
                keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def least_busy(self) -> Link | None:
        """The link that has least to do among those that messages may leave by; None while there is none."""
        links = self._links
        if len(links) == 1:
            return links[0] if links[0].open else None
        return min((link for link in links if link.open), key=lambda link: link.load, default=None)

    async def _keep(self, number: int, command: Command) -> None:
        pause = FIRST_PAUSE
        told = ""
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            link = Link(self._limits, self._hear, self._lost, self._late)
            try:
                peer = await self._connect(link, command)
            except Exception as error:  # whatever it is, the next try must come
                self.fault = cause = _words(error)
                if cause != told:
                    maillog.warn(Event.PROVIDER_STATE, provider=self._provider, bind=number, state="down", cause=cause)
                    told = cause
            else:
                maillog.note(Event.PROVIDER_STATE, provider=self._provider, bind=number, state="up", peer=peer)
                self._serving.add(number)
                self.fault = cause = await self._serve(link)
                self._serving.discard(number)
                maillog.warn(Event.PROVIDER_STATE, provider=self._provider, bind=number, state="down", cause=cause)
                told = ""
            if loop.time() - began >= STEADY_SECONDS:
                pause = FIRST_PAUSE
            await self._rest(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connect(self, link: Link, command: Command) -> str:
        """Connect and bind; what the message centre calls itself. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.response_timeout):
                await loop.create_connection(lambda: link, self._door.host, self._door.port, ssl=self._door.tls)
                return await link.bind(command, self._door.bind)
        except BaseException:
            link.abort("bind failed")
            raise
        finally:
            if command is not Command.BIND_RECEIVER:
                self.tried.set()

    async def _serve(self, link: Link) -> str:
        """Lend the link out until it ends, or a stop ends it; why it ended."""
        self._links.append(link)
        stopping = asyncio.create_task(self._stopping.wait())
        ends: list[asyncio.Future[Any]] = [link.ended, stopping]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self._links.remove(link)
        if not link.ended.done():
            await link.close()
        return link.ended.result() if link.ended.done() else "closed by us"

    def _lost(self, link: Link, _cause: str) -> None:
        self._gone(link)

    async def _rest(self, pause: float) -> None:
        """Wait before the next try, each process a little differently; a stop ends the wait."""
        seconds = pause * random.uniform(0.75, 1.25)  # noqa: S311  no secret hangs on it
        self.next_try = asyncio.get_running_loop().time() + seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _words(error: BaseException) -> str:
    """Why a bind failed, in one line."""
    if isinstance(error, BindRefusedError):
        return str(error)
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
