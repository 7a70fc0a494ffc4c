"""The commands of SMTP and of submission, each with its RFC's section.

In: command lines. Out: replies with enhanced codes (RFC 2034, RFC 3463). Anything that is not done is a Refusal.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from gateway.errors import Refusal, auth_required, too_busy
from gateway.maillog import Event, note
from gateway.model import Reply
from gateway.smtp.auth import MAX_RESPONSE, MECHANISMS, credentials
from gateway.smtp.conversation import Work
from gateway.smtp.doors import LastWord
from gateway.smtp.hooks import EdgeHooks, Transaction
from gateway.smtp.session import EdgeSession
from gateway.smtp.syntax import (
    PIECE,
    client_name,
    forward_path,
    message_content,
    message_pieces,
    reverse_path,
    syntax_error,
)

_NOT_IMPLEMENTED = frozenset({"EXPN", "TURN", "ATRN", "ETRN", "SEND", "SOML", "SAML", "BDAT", "XCLIENT", "XFORWARD"})

_NOT_MAIL = frozenset({"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE", "PATCH", "TRACE", "PROXY"})
"""First words of other protocols: whoever says them is not a mail client."""

_MAX_FAILED_LOGINS = 5
_MAX_IDLE_COMMANDS = 100
"""Commands beside the recipients' that bring no mail nearer, between two mails."""


class EdgeProtocol(EdgeSession):
    """An SMTP session."""

    COMMANDS = frozenset(
        {"HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "HELP", "VRFY", "EXPN", "QUIT"}
    )
    event_handler: EdgeHooks
    none_valid_code: ClassVar[int] = 554
    """The reply code of DATA after nothing but refused recipients."""
    _ehlo_replies: ClassVar[dict[bool, bytes]]
    _failed_logins = 0
    _idle_commands = 0

    def obey(self, line: bytes) -> Work | None:
        """Do what one command line says; give what of it has to wait for somebody else."""
        verb_bytes, _, rest = line.partition(b" ")
        verb = verb_bytes.upper().decode("ascii", "replace")
        self._idle_commands += 1
        if self._idle_commands > _MAX_IDLE_COMMANDS + self._limits.max_recipients and not self.ours:
            raise LastWord(too_busy("too many commands without a mail"))
        if verb not in self.COMMANDS:
            raise self._unknown(verb)
        work: Work | None = getattr(self, f"smtp_{verb}")(rest.strip().decode("utf-8", "surrogateescape"))
        return work

    def _unknown(self, verb: str) -> Refusal | LastWord:
        if verb in _NOT_MAIL:
            return LastWord(Refusal(554, "5.5.1", "this is a mail server", cause=f"{verb} command"))
        if verb in _NOT_IMPLEMENTED:
            return Refusal(502, "5.5.1", f"{verb} is not offered here", cause="not implemented")
        return Refusal(500, "5.5.2", "command not recognised", cause="unknown command")

    # --- greeting and session --------------------------------------------------------------------------------------

    def smtp_EHLO(self, arg: str) -> None:
        """Greet, and offer what there is (RFC 5321 §4.1.1.1)."""
        name = client_name(arg)
        self._begin_as(name)
        self.session.extended_smtp = True
        self._replies += self._ehlo_reply()

    def _ehlo_reply(self) -> bytes:
        """The same for every session behind this door, before TLS and after."""
        under_tls = self.session.ssl is not None
        if under_tls not in self._ehlo_replies:
            first, *more = reversed([self.hostname, *self._offers()])
            lines = [*(f"250-{line}" for line in reversed(more)), f"250 {first}"]
            self._ehlo_replies[under_tls] = "".join(f"{line}\r\n" for line in lines).encode()
        return self._ehlo_replies[under_tls]

    def _offers(self) -> list[str]:
        offers = ["PIPELINING", f"SIZE {self._limits.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._can_start_tls():
            offers.append("STARTTLS")
        if self.door.login_required and self.session.ssl is not None:
            offers.append(f"AUTH {' '.join(MECHANISMS)}")
        return [*offers, "HELP"]

    def smtp_HELO(self, arg: str) -> None:
        """Greet the old way (RFC 5321 §4.1.1.1)."""
        name = client_name(arg)
        self._begin_as(name)
        self.say(f"250 {self.hostname}")

    def _begin_as(self, name: str) -> None:
        self._peer = None
        self.session.host_name = name
        self.envelope = Transaction()

    def smtp_NOOP(self, _arg: str) -> None:
        """Do nothing (RFC 5321 §4.1.1.9)."""
        self.say("250 2.0.0 still here")

    def smtp_RSET(self, _arg: str) -> None:
        """Forget the transaction (RFC 5321 §4.1.1.5)."""
        self.envelope = Transaction()
        self.say("250 2.0.0 forgotten")

    def smtp_QUIT(self, _arg: str) -> None:
        """End (RFC 5321 §4.1.1.10)."""
        self.say("221 2.0.0 goodbye")
        self._close()

    def smtp_HELP(self, _arg: str) -> None:
        """Name the commands (RFC 5321 §4.1.1.8)."""
        self.say("214 2.0.0 " + " ".join(sorted(self.COMMANDS - _NOT_IMPLEMENTED)))

    def smtp_VRFY(self, arg: str) -> None:
        """Tell nobody who exists (RFC 5321 §3.5.3, §7.3)."""
        if not arg:
            raise syntax_error("VRFY <address>")
        self.say("252 2.5.0 write a mail and see")

    async def smtp_EXPN(self, _arg: str) -> None:
        """There are no lists to tell of (RFC 5321 §3.5.2)."""
        raise self._unknown("EXPN")

    # --- TLS and AUTH ----------------------------------------------------------------------------------------------

    def _can_start_tls(self) -> bool:
        return self.edge.certificate is not None and self.session.ssl is None

    async def smtp_STARTTLS(self, arg: str) -> None:
        """Go on under TLS, forgetting everything said before (RFC 3207)."""
        if arg:
            raise syntax_error("STARTTLS alone")
        if self.session.ssl is not None:
            raise Refusal(503, "5.5.1", "TLS is on already", cause="sequence")
        if not self._can_start_tls():
            raise Refusal(454, "4.7.0", "TLS is not available", cause="no certificate")
        self.say("220 2.0.0 begin TLS")
        self.flush()
        self._input.take_all()
        await self.start_tls()

    async def smtp_AUTH(self, arg: str) -> None:
        """Sign in (RFC 4954 §4)."""
        self._check_may_sign_in()
        mechanism, _, initial = arg.partition(" ")
        user, password = await credentials(mechanism, initial or None, self._ask)
        login = await self.event_handler.handle_AUTH(self, self.session, self.envelope, user, password)
        if login is None:
            self._failed_logins += 1
            if self._failed_logins >= _MAX_FAILED_LOGINS:
                raise LastWord(too_busy("too many failed sign-ins"))
            raise Refusal(535, "5.7.8", "user name or password is wrong", cause="login failed")
        self.login = login
        self._peer = None
        self.session.authenticated = True
        self.say("235 2.7.0 signed in")

    def _check_may_sign_in(self) -> None:
        if not self.door.login_required:
            raise Refusal(502, "5.5.1", "AUTH is not offered here: use the submission port", cause="no AUTH here")
        self._check_greeted()
        self._check_tls()
        if self.login is not None or self.envelope.mail_from is not None:
            raise Refusal(503, "5.5.1", "too late to sign in", cause="sequence")

    async def _ask(self, challenge: str) -> str:
        self.say(f"334 {challenge}")
        return (await self.next_line(MAX_RESPONSE)).decode("ascii", "replace")

    def _check_greeted(self) -> None:
        if not self.session.host_name:
            raise Refusal(503, "5.5.1", "greet first", cause="sequence")

    def _check_tls(self) -> None:
        if self.door.login_required and self.session.ssl is None:
            raise Refusal(530, "5.7.0", "begin with STARTTLS", cause="no TLS")

    # --- mail ------------------------------------------------------------------------------------------------------

    def smtp_MAIL(self, arg: str) -> None:
        """Begin a transaction (RFC 5321 §4.1.1.2)."""
        self._check_greeted()
        self._check_tls()
        if self.door.login_required and self.login is None:
            raise auth_required()
        if self.envelope.mail_from is not None:
            raise Refusal(503, "5.5.1", "one MAIL at a time", cause="sequence")
        path = reverse_path(arg, self._limits.max_size)
        if not self.ours:
            self._check_rate()
        self.envelope.mail_from = path.address
        self.envelope.mail_options = list(path.options)
        self.envelope.smtp_utf8 = path.utf8
        self.say("250 2.1.0 sender ok")

    def _check_rate(self) -> None:
        try:
            self.event_handler.check_mail_rate(self._ip)
        except Refusal as refusal:
            self.edge.note_turned_away(self._ip, refusal, self.loop.time())
            raise

    async def smtp_RCPT(self, arg: str) -> None:
        """Add a recipient (RFC 5321 §4.1.1.3)."""
        envelope = self.envelope
        if envelope.mail_from is None:
            raise Refusal(503, "5.5.1", "MAIL comes first", cause="sequence")
        if len(envelope.recipients) >= self._limits.max_recipients:
            raise Refusal(452, "4.5.3", "too many recipients: send the rest in another mail", cause="recipient limit")
        address = forward_path(arg, utf8=envelope.smtp_utf8)
        if "@" not in address:
            address = f"{address}@{next(iter(self.edge.settings.mail.domains), self.hostname)}"
        await self.event_handler.handle_RCPT(self, self.session, envelope, address)
        self.say("250 2.1.5 recipient ok")

    def smtp_DATA(self, arg: str) -> None:
        """Take the message (RFC 5321 §4.1.1.4)."""
        try:
            self._check_ready_for_data(arg)
        except Refusal as refusal:
            if self._input.buffer:  # it did not wait for our answer: its message would be read as commands
                raise LastWord(refusal) from None
            raise
        self.say("354 go ahead, end with CRLF.CRLF")
        self.flush()
        self.begin_message()

    async def take_message(self, message: bytes | Refusal) -> None:
        """Hand the message over, and answer for it."""
        try:
            replies = await self._hand_over(message)
        finally:
            self._drop_message()
        self.envelope = Transaction()
        self._idle_commands = 0
        for reply in self.data_replies(replies):
            self.say(reply.refusal.smtp_reply if reply.refusal else f"250 2.0.0 {_one_line(reply.text)}")
        if any(reply.refusal and reply.refusal.code == 421 for reply in replies):
            self._close()

    async def _hand_over(self, message: bytes | Refusal) -> list[Reply]:
        try:
            if isinstance(message, Refusal):
                raise message
            content = message_content(message) if len(message) <= PIECE else await _put_right(message)
        except Refusal as refusal:
            note(Event.MAIL_REFUSED, ip=self.peer().ip, cause=refusal.cause)
            return [Reply(refusal=refusal)] * len(self.envelope.recipients)
        return await self.event_handler.handle_DATA(self, self.session, self.envelope, content)

    def _check_ready_for_data(self, arg: str) -> None:
        if arg:
            raise syntax_error("DATA alone")
        if not self.envelope.recipients:
            if self.envelope.refused and self.none_valid_code == 554:
                raise Refusal(554, "5.5.1", "no valid recipients", cause="no valid recipients")
            raise Refusal(503, "5.5.1", "RCPT comes first", cause="sequence")

    def data_replies(self, replies: list[Reply]) -> list[Reply]:
        """Choose the one reply that SMTP has for all recipients.

        Yes if anything was taken: the taker has promised to tell the sender of what was not. Otherwise the first
        refusal; a temporary one goes first, since the client may not drop what another try could deliver.
        """
        taken = [reply for reply in replies if reply.refusal is None]
        temporary = [reply for reply in replies if reply.refusal is not None and reply.refusal.code < 500]
        return (taken or temporary or replies)[:1]


async def _put_right(wire: bytes) -> bytes:
    pieces: list[bytes] = []
    for piece in message_pieces(wire):
        if pieces:
            await asyncio.sleep(0)
        pieces.append(piece)
    return b"".join(pieces)


def _one_line(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")[:500]
