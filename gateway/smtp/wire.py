"""The bytes of one SMTP connection on their way in: command lines, and messages up to their final dot (pure).

In: what the transport read, as it came. Out: lines and messages as soon as they are whole. Promises: a line ends in
CRLF or is refused, a message ends in CRLF.CRLF and nothing else, and neither costs more memory than its limit plus one
read, however it is cut into packets.
"""

from __future__ import annotations

from gateway.errors import Refusal, too_big, too_much_at_once
from gateway.smtp.limits import MessageMemory

READ_AHEAD = 64 * 1024
"""Bytes that may wait unread; a transport that has brought twice as many is told to pause until fewer wait."""

_END = b"\r\n.\r\n"


class SmtpReader:
    """What a client has sent and nobody has read yet."""

    __slots__ = ("_searched", "_too_long", "buffer", "deaf", "ended", "received")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.received = 0
        """Bytes that arrived in all."""
        self.deaf = False
        """Whether what arrives from now on is thrown away: the session is over, only the reply is to be read."""
        self.ended = False
        """Whether the client has said that nothing more will come."""
        self._searched = 0
        self._too_long = False

    def feed(self, data: bytes) -> None:
        """Take what the transport read."""
        self.received += len(data)
        if not self.deaf:
            self.buffer += data

    def take_all(self) -> bytes:
        """Take everything that waits: to hand it to TLS, or to forget it."""
        taken = bytes(self.buffer)
        self.buffer.clear()
        self._searched = 0
        return taken

    def line(self, limit: int) -> bytes | None:
        """Take the next line, without its CRLF; None while it is not all there.

        Raises a Refusal for a line over `limit` bytes (thrown away to its end), for bare LF, bare CR and NUL.
        """
        buffer = self.buffer
        end = buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(buffer)
            if self._searched > limit:
                self._too_long = True
                self.take_all()
            return None
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        self._searched = 0
        if self._too_long or end >= limit:
            self._too_long = False
            raise Refusal(500, "5.5.2", "line too long", cause="line too long")
        if not line.endswith(b"\r\n") or line.find(b"\r") < end - 1 or b"\0" in line:
            raise Refusal(500, "5.5.2", "every line must end in CR LF and hold no other CR, LF or NUL", cause="bare LF")
        return line[:-2]


class MessageReader:
    """One message, from behind 354 to its CRLF.CRLF."""

    __slots__ = ("_at_start", "_kept", "_limit", "_refusal", "_searched", "_size", "memory")

    def __init__(self, limit: int, memory: MessageMemory) -> None:
        """Read up to `limit` bytes; what does not fit a connection's buffer is held at the expense of `memory`."""
        self.memory = memory
        self._limit = limit
        self._kept: list[bytes] = []
        self._size = 0
        self._searched = 0
        self._refusal: Refusal | None = None
        self._at_start = True

    def read(self, reader: SmtpReader) -> bytes | Refusal | None:
        """Take what has come of the message: all of it, dots still doubled, once its end is there; None until then.

        Of one that is over the limit, or for which there is no memory, what comes is thrown away, and its end gives the
        Refusal: the reply follows the final dot.
        """
        buffer = reader.buffer
        if self._at_start:
            first = bytes(buffer[:3])
            if b".\r\n".startswith(first):  # the CRLF before the final dot is then that of the DATA command
                if len(first) < 3:
                    return None
                del buffer[:3]
                return b""
            self._at_start = False
        end = buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - len(_END) + 1)
            if self._searched >= READ_AHEAD:
                self._set_aside(buffer)
            return None
        self._kept.append(bytes(buffer[: end + 2]))
        del buffer[: end + 5]
        if self._refusal is None and self._size + end + 2 > self._limit:
            self._refusal = too_big(self._limit)
        if self._refusal is not None:
            return self._refusal
        return self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)

    def _set_aside(self, buffer: bytearray) -> None:
        """Keep what cannot belong to the end, or throw it away where there is no room for it."""
        more = self._searched
        self._size += more
        if self._refusal is None:
            self._refusal = self._no_room(more)
        if self._refusal is None:
            self._kept.append(bytes(buffer[:more]))
        else:
            self._kept.clear()
            self.memory.give_back()
        del buffer[:more]
        self._searched = 0

    def _no_room(self, more: int) -> Refusal | None:
        if self._size > self._limit:
            return too_big(self._limit)
        return None if self.memory.take(more) else too_much_at_once()
