"""What the SMTP edge asks of the rest of the gateway, in the form of aiosmtpd's handle_* hooks.

In: what a session has established. Out: replies. Promises: whatever the taker does, the peer gets a reply that hides
the cause, the log gets the cause, and a message that the taker has begun to commit is committed whether or not the
client is still there to hear of it.
"""

from __future__ import annotations

import re
from typing import Protocol

from aiosmtpd.smtp import Envelope as LibraryEnvelope
from aiosmtpd.smtp import Session

from gateway.errors import Refusal, internal_fault, too_busy, too_many_mails
from gateway.maillog import Event, fault, note, redact
from gateway.model import Clock, Envelope, LocalAddress, MailTaker, Peer, Reply, new_id
from gateway.rates import Rate
from gateway.smtp.limits import client_key, login_pause

LOGIN_BURST, LOGIN_FORGET = 10, 30.0
"""Failed sign-ins from one address before it has to wait, and the seconds after which one is forgotten."""

STRANGER_BURST, STRANGER_FORGET = 50, 2.0
"""The same for recipients that do not exist: only somebody who guesses keys has that many."""

MAX_UNKNOWN, MAX_UNKNOWN_WHEN_SPENT = 20, 5
"""Recipients that do not exist before a session ends; the second where its address has had too many lately.

Those that do exist are never refused for it: a guesser learns no more by that, with 128 bits to guess, and a colleague
behind the same address would be locked out."""

MAX_REFUSED = 100
"""Refused recipients that are kept of one transaction."""

_KEY_LIKE = re.compile(r"(?:[0-9a-fA-F][^0-9A-Za-z@]{0,2}){24,}")
"""A key, also one with separators in it and a few digits too many or too few."""

_DIGITS = re.compile(r"\d[\d ./()-]{2,}(?=\d\d)")


class Transaction(LibraryEnvelope):
    """A mail transaction as far as it has come."""

    def __init__(self) -> None:
        self.mail_from: str | None = None
        self.mail_options: list[str] = []
        self.smtp_utf8 = False
        self.recipients: list[LocalAddress] = []
        self.refused: list[str] = []
        """Addresses that RCPT was refused for, as far as they are kept."""


class Server(Protocol):
    """What a hook needs of the session's protocol object."""

    unknown_recipients: int

    @property
    def ours(self) -> bool:
        """Whether errors are forgiven."""
        ...

    def peer(self) -> Peer:
        """Describe the client as it stands now."""
        ...


class EdgeHooks:
    """The hooks of every listener."""

    def __init__(self, taker: MailTaker, clock: Clock, mails_per_minute: int) -> None:
        """Ask `taker`; one client's address may begin `mails_per_minute`, 0 for any number."""
        self._taker = taker
        self._clock = clock
        self._logins = Rate(LOGIN_BURST, LOGIN_FORGET)
        self._strangers = Rate(STRANGER_BURST, STRANGER_FORGET)
        self._mails = Rate(mails_per_minute, 60 / mails_per_minute) if mails_per_minute else None
        self.commits = 0
        """Messages in the taker's hands. A graceful stop waits for them."""

    async def handle_AUTH(
        self, server: Server, _session: Session, _envelope: LibraryEnvelope, user: str, password: str
    ) -> str | None:
        """Check credentials: the account address that they prove, or None. Raises a Refusal during a pause."""
        peer = server.peer()
        client = client_key(peer.ip)
        if self._logins.wait(client, self._clock.now()):
            raise login_pause()
        try:
            login = await self._taker.login(peer, user, password)
        except Refusal:
            raise
        except Exception as error:
            fault(Event.SESSION_FAULT, error, ip=peer.ip)
            raise Refusal(454, "4.7.0", "cannot check passwords right now, try again later", cause="fault") from error
        if login is None:
            self._logins.count(client, self._clock.now())
            note(Event.LOGIN_FAILED, ip=peer.ip, user=redact(user)[:64])
        return login

    def check_mail_rate(self, ip: str) -> None:
        """Count one more mail of this client; raises the Refusal of one that comes too fast."""
        wait = self._mails.take(client_key(ip), self._clock.now()) if self._mails is not None else 0.0
        if wait:
            raise too_many_mails("your address", wait)

    async def handle_RCPT(self, server: Server, _session: Session, envelope: Transaction, address: str) -> LocalAddress:
        """Understand one recipient and add it to the transaction, or raise the Refusal that explains why not."""
        peer = server.peer()
        try:
            local = await self._taker.recipient(peer, envelope.mail_from or "", address, tuple(envelope.recipients))
        except Refusal as refusal:
            if len(envelope.refused) < MAX_REFUSED:
                envelope.refused.append(address)
            note(Event.RECIPIENT_REFUSED, ip=peer.ip, to=_masked(address), cause=refusal.cause)
            if refusal.enhanced == "5.1.1" and not server.ours:
                self._count_unknown(server, client_key(peer.ip))
            raise
        except Exception as error:
            fault(Event.SESSION_FAULT, error, ip=peer.ip)
            raise internal_fault() from error
        envelope.recipients.append(local)
        return local

    def _count_unknown(self, server: Server, client: str) -> None:
        """Hold an unknown recipient against the session and its client; raises the Refusal that ends the session."""
        now = self._clock.now()
        limit = MAX_UNKNOWN_WHEN_SPENT if self._strangers.wait(client, now) else MAX_UNKNOWN
        self._strangers.count(client, now)
        server.unknown_recipients += 1
        if server.unknown_recipients > limit:
            raise too_busy("too many unknown recipients")

    async def handle_DATA(
        self, server: Server, _session: Session, envelope: Transaction, content: bytes
    ) -> list[Reply]:
        """Hand a complete message over: one Reply per recipient, in order.

        Whoever calls lets it run to its end, also where the client goes away meanwhile.
        """
        now = self._clock.now()
        mail = Envelope(
            id=new_id(now),
            peer=server.peer(),
            mail_from=envelope.mail_from or "",
            recipients=tuple(envelope.recipients),
            content=content,
            received_at=now,
            refused=tuple(envelope.refused),
        )
        self.commits += 1
        try:
            return await self._take(mail)
        finally:
            self.commits -= 1

    async def _take(self, mail: Envelope) -> list[Reply]:
        try:
            replies = await self._taker.mail(mail)
        except Refusal as refusal:
            note(Event.MAIL_REFUSED, id=mail.id, ip=mail.peer.ip, cause=refusal.cause)
            return [Reply(refusal=refusal)] * len(mail.recipients)
        except Exception as error:
            fault(Event.SESSION_FAULT, error, id=mail.id, ip=mail.peer.ip)
            return [Reply(refusal=internal_fault())] * len(mail.recipients)
        if len(replies) != len(mail.recipients):
            mismatch = ValueError(f"{len(replies)} replies for {len(mail.recipients)} recipients")
            fault(Event.SESSION_FAULT, mismatch, id=mail.id, ip=mail.peer.ip)
            return [Reply(refusal=internal_fault())] * len(mail.recipients)
        return [reply if reply.refusal or reply.text else Reply(text=f"taken as {mail.id}") for reply in replies]


def _masked(address: str) -> str:
    """Write a refused recipient for the log: no key, also a broken one, and of a number the last two digits at most."""
    return _DIGITS.sub("…", redact(_KEY_LIKE.sub("[key]", address)))
