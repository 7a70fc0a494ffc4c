"""The bytes of one SMTP connection on their way in: command lines, and messages up to their final dot.

Promises: a line ends in CRLF or is refused, a message ends in CRLF.CRLF and nothing else, and neither costs more
memory than its limit plus one read, however it is cut into packets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex, cast

from gateway.errors import Refusal, too_big, too_much_at_once
from gateway.smtp.limits import MessageMemory

_END = b"\r\n.\r\n"
_READ_AHEAD = 64 * 1024
"""Bytes that may wait unread before the transport is told to pause (it pauses at twice this)."""


class SmtpReader(asyncio.StreamReader):
    """A StreamReader that knows SMTP's two kinds of input."""

    _buffer: bytearray
    _eof: bool

    if TYPE_CHECKING:

        async def _wait_for_data(self, func_name: str) -> None: ...
        def _maybe_resume_transport(self) -> None: ...

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_READ_AHEAD, loop=loop)
        self.received = 0
        """Bytes that arrived in all."""
        self.deaf = False
        """Whether what arrives from now on is thrown away: the session is over, only the reply is to be read."""

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take what the transport read."""
        self.received += len(cast("bytes", data))
        if not self.deaf:
            super().feed_data(data)

    @property
    def waiting(self) -> int:
        """Bytes that arrived and have not been read."""
        return len(self._buffer)

    @property
    def ended(self) -> bool:
        """Whether the client has said that nothing more will come."""
        return self._eof

    def has_line(self) -> bool:
        """Whether the next line can be read without waiting."""
        return b"\n" in self._buffer

    def take_all(self) -> bytes:
        """Take everything that waits: to hand it to TLS, or to forget it."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        self._maybe_resume_transport()
        return taken

    async def command_line(self, limit: int) -> bytes | None:
        """Read one line without its CRLF; None at the end of the stream.

        Raises a Refusal for a line over `limit` bytes (thrown away to its end), for bare LF, bare CR and NUL.
        """
        searched = 0
        too_long = False
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > limit:
                too_long = True
                self._buffer.clear()
                searched = 0
            if not await self._more():
                return None
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._maybe_resume_transport()
        if too_long or len(line) > limit:
            raise Refusal(500, "5.5.2", "line too long", cause="line too long")
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            raise Refusal(500, "5.5.2", "every line must end in CR LF and hold no other CR, LF or NUL", cause="bare LF")
        return line[:-2]

    async def message(self, limit: int, memory: MessageMemory) -> bytes:
        """Read a message to its CRLF.CRLF and return it, dots still doubled.

        Raises the Refusal of one that is over `limit` bytes, or for which there is no memory, after reading it to its
        end and throwing it away as it comes: the reply follows the final dot. Raises EOFError when the stream ends
        before the message does.
        """
        if await self._is_empty_message():
            return b""
        kept: list[bytes] = []
        size = 0
        searched = 0
        refusal: Refusal | None = None
        while (end := self._buffer.find(_END, searched)) < 0:
            searched = max(0, len(self._buffer) - len(_END) + 1)
            if searched >= _READ_AHEAD:
                size += searched
                refusal = refusal or self._no_room(size, limit, searched, memory)
                if refusal is None:
                    kept.append(bytes(self._buffer[:searched]))
                else:
                    kept.clear()
                    memory.give_back()
                del self._buffer[:searched]
                searched = 0
            await self._more_of_message()
        kept.append(bytes(self._buffer[: end + 2]))
        del self._buffer[: end + 5]
        self._maybe_resume_transport()
        if refusal is None and size + end + 2 > limit:
            refusal = too_big(limit)
        if refusal is not None:
            raise refusal
        return b"".join(kept)

    async def _is_empty_message(self) -> bool:
        """Whether the final dot comes at once: the CRLF before it is then that of the DATA command."""
        while b".\r\n".startswith(first := bytes(self._buffer[:3])):
            if len(first) == 3:
                del self._buffer[:3]
                return True
            await self._more_of_message()
        return False

    @staticmethod
    def _no_room(size: int, limit: int, more: int, memory: MessageMemory) -> Refusal | None:
        if size > limit:
            return too_big(limit)
        return None if memory.take(more) else too_much_at_once()

    async def _more_of_message(self) -> None:
        if not await self._more():
            raise EOFError

    async def _more(self) -> bool:
        if self._eof:
            return False
        await self._wait_for_data("SmtpReader")
        return True
