"""One mail offered in an open SMTP session: MAIL, RCPT, DATA and the text.

In: a session that `aiosmtplib` has opened, greeted, secured and signed in to; an envelope; a message. Out: `Delivery`.
The session's bytes are read here rather than by `aiosmtplib`, which waits for the answer to each command: a server that
offers PIPELINING (RFC 2920) gets the three commands in one packet, so that a mail costs two turns and not four.

Promises: the text leaves only after the server has taken sender and recipient and asked for it; a connection that is
lost before that is temporary, after it the outcome is UNKNOWN until the server has answered.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiosmtplib
from aiosmtplib.protocol import MAX_RESPONSE_LENGTH, normalize_message_line_endings

from gateway.errors import Outcome

_DOT_AT_BEGIN = re.compile(rb"^\.", re.MULTILINE)
_STEPS = ("MAIL", "RCPT", "DATA")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one attempt. `cause` is for the log and the administrator."""

    outcome: Outcome
    cause: str
    about_mailbox: bool = False
    """Whether the recipient's mailbox is at fault, rather than a server or the way to it."""
    unreachable: bool = False
    """Whether no server was reached that could take any mail."""
    relay_away: bool = False
    """Whether that server is the only way out: the relay's `appetite` says when the mail is worth another attempt."""


class StaleError(Exception):
    """The session had ended before the mail was offered."""


class SilenceError(Exception):
    """The server did not answer in time."""


class LostError(Exception):
    """The connection ended, or what came over it is no SMTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer; of several lines, joined by spaces."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"[:300]


class Channel(asyncio.Protocol):
    """Reads the answers of an open session in place of `aiosmtplib`, until it is given back."""

    def __init__(self, client: aiosmtplib.SMTP, timeout: float) -> None:
        """`timeout`: seconds for the answers to one packet."""
        self._client = client
        self._timeout = timeout
        self._transport = cast("asyncio.Transport", client.transport)
        self._before = cast("asyncio.Protocol", client.protocol)
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost = ""
        self.pipelining = client.supports_extension("pipelining")
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether the session can take another mail."""
        return not self._lost and not self._transport.is_closing()

    def supports(self, extension: str) -> bool:
        """Whether the server offers an extension."""
        return self._client.supports_extension(extension)

    def close(self) -> None:
        """End at once, without a word."""
        self._lost = self._lost or "closed"
        self._client.close()

    async def hang_up(self) -> None:
        """End in good manners."""
        if self.is_open:
            self._transport.set_protocol(self._before)
            with suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit(timeout=1)
        self.close()

    def say(self, data: bytes) -> None:
        """Send; the answers come from `replies`. Raises LostError."""
        if not self.is_open:
            raise LostError(self._lost or "connection closed")
        self._replies.clear()
        self._transport.write(data)

    async def replies(self, wanted: int) -> list[Reply]:
        """So many answers; fewer where the connection is lost or the server silent before the last of them."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while len(self._replies) < wanted and not self._lost:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        return [self._replies.popleft() for _ in range(min(wanted, len(self._replies)))]

    def why(self) -> Exception:
        """Why an answer is missing."""
        return LostError(self._lost) if self._lost else SilenceError("no answer in time")

    # --- asyncio.Protocol ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take answers apart."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            if not self._take(line):
                break
        if self._is_endless(self._buffer):
            self._break("its answer has no end")
        self._awake()

    def _is_endless(self, more: bytes | bytearray) -> bool:
        return len(more) + sum(map(len, self._lines)) > MAX_RESPONSE_LENGTH

    def _take(self, line: bytes) -> bool:
        if self._is_endless(line) or not line[:3].isdigit():
            self._break(f"malformed answer {line[:100]!r}")
            return False
        self._lines.append(line[4:].decode("utf-8", "replace").strip())
        if line[3:4] != b"-":
            self._replies.append(Reply(int(line[:3]), " ".join(" ".join(self._lines).split())))
            self._lines.clear()
        return True

    def _break(self, cause: str) -> None:
        self._lost = cause
        self._client.close()

    def eof_received(self) -> bool:
        """The server has said all."""
        self._lost = self._lost or "connection closed by the server"
        self._awake()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The end, whoever made it."""
        self._lost = self._lost or str(error or "connection lost")
        self._before.connection_lost(error)
        self._awake()

    def _awake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One mail on an open session."""

    channel: Channel
    sender: str
    recipient: str
    content: bytes

    async def make(self) -> tuple[Delivery, bool]:
        """The delivery, and whether the server kept silent. Raises StaleError when not even MAIL was answered."""
        utf8 = not (self.sender + self.recipient).isascii() or not self.content.partition(b"\r\n\r\n")[0].isascii()
        if utf8 and not self.channel.supports("smtputf8"):
            return Delivery(Outcome.PERMANENT, "5.6.7 the next server takes no SMTPUTF8", about_mailbox=True), False
        refused = await self._offer([command.encode() for command in self._commands(utf8=utf8)])
        return refused or await self._send_text()

    def _commands(self, *, utf8: bool) -> list[str]:
        options = ""
        if self.channel.supports("size"):
            options += f" SIZE={len(self.content)}"
        if not self.content.isascii() and self.channel.supports("8bitmime"):
            options += " BODY=8BITMIME"
        if utf8:
            options += " SMTPUTF8"
        return [f"MAIL FROM:<{self.sender}>{options}\r\n", f"RCPT TO:<{self.recipient}>\r\n", "DATA\r\n"]

    async def _offer(self, commands: Sequence[bytes]) -> tuple[Delivery, bool] | None:
        """Say who writes to whom; what came of it where the server does not ask for the text."""
        packets = [b"".join(commands)] if self.channel.pipelining else commands
        step = 0
        for packet in packets:
            asked = len(commands) // len(packets)
            replies = await self._exchange(packet, asked, _STEPS[step])
            for reply in replies:
                if not _goes_on(reply, _STEPS[step]):
                    return await self._refused(reply, _STEPS[step], replies), False
                step += 1
            if len(replies) < asked:
                return self._unanswered(_STEPS[step])
        return None

    async def _exchange(self, packet: bytes, wanted: int, step: str) -> list[Reply]:
        try:
            self.channel.say(packet)
        except LostError as error:
            if step == "MAIL":
                raise StaleError(str(error)) from error
            return []
        return await self.channel.replies(wanted)

    def _unanswered(self, step: str) -> tuple[Delivery, bool]:
        why = self.channel.why()
        self.channel.close()
        if isinstance(why, SilenceError):
            return Delivery(Outcome.TEMPORARY, f"no answer to {step} in time"), True
        if step == "MAIL":
            raise StaleError(str(why))
        return Delivery(Outcome.TEMPORARY, f"connection lost during {step}"), False

    async def _send_text(self) -> tuple[Delivery, bool]:
        text = _DOT_AT_BEGIN.sub(b"..", normalize_message_line_endings(self.content))
        for reply in await self._exchange(text + b".\r\n", 1, "text"):
            if 200 <= reply.code < 300:
                return Delivery(Outcome.ACCEPTED, str(reply)), False
            return await self._refused(reply, "DATA", [reply]), False
        why = self.channel.why()
        self.channel.close()
        silent = isinstance(why, SilenceError)
        cause = "no answer to the text in time" if silent else "connection lost after the text"
        return Delivery(Outcome.UNKNOWN, cause), silent

    async def _refused(self, reply: Reply, step: str, replies: Sequence[Reply]) -> Delivery:
        if reply.code == 421 or not 200 <= reply.code < 600:
            self.channel.close()  # it is leaving, or does not speak SMTP
            if step == "MAIL":
                raise StaleError(str(reply))
        else:
            await self._start_over(asks_for_text=any(each.code == 354 for each in replies))
        text = f"{reply} ({step})"
        if not 500 <= reply.code < 600:
            return Delivery(Outcome.TEMPORARY, text, about_mailbox=step == "RCPT")
        if reply.code in {503, 530, 534, 535, 538}:
            # The server wants something of us that the mail cannot help: an administrator can (RFC 4954 §6).
            return Delivery(Outcome.TEMPORARY, text)
        return Delivery(Outcome.PERMANENT, text, about_mailbox=step != "MAIL")

    async def _start_over(self, *, asks_for_text: bool) -> None:
        """Make the session fit for the next mail; a text that is asked for without a recipient is empty (RFC 2920)."""
        with suppress(LostError):
            for packet in ([b".\r\n"] if asks_for_text else []) + [b"RSET\r\n"]:
                self.channel.say(packet)
                if not await self.channel.replies(1):
                    break
            else:
                return
        self.channel.close()


def _goes_on(reply: Reply, step: str) -> bool:
    return reply.code == 354 if step == "DATA" else 200 <= reply.code < 300
