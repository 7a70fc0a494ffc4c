"""An SMS without a mail: written on a page, by REST or on the command line, on the very way that mails take (`outbox`).

In: an account, phones as people type them, a text, who writes. Out: what became of each phone; or the Refusal that says
why nothing goes. Promises: what is answered is durable; the same identity twice is one SMS; failures are told to the
account's mailbox, and answers come there, as of a mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.dialog import Problem, Target, dedupe_key, phones_of, refusal_of, written_targets, written_text
from gateway.errors import Refusal
from gateway.maillog import Event
from gateway.model import Account, Author, Clock, new_id
from gateway.outbox import Draft, Outbox
from gateway.settings import GatewaySettings
from gateway.sms import SmsText
from gateway.spool import Spool
from gateway.store.spool_items import MailRecord, Stored
from gateway.writing.frame import masked


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be sent."""

    account_id: str
    phones: tuple[str, ...]
    """As written: one each, or several with commas, semicolons or line ends between."""
    text: str
    author: Author
    identity: str | None = None
    """Names the wish within its author: the same twice is one SMS. None where it is made once."""


@dataclass(frozen=True, slots=True)
class SentTo:
    """What became of one phone."""

    written: str
    phone: str | None
    """E.164; None where what was written is no number."""
    message_id: str | None
    """None where it gets no SMS."""
    problem: Problem | None = None
    refusal: Refusal | None = field(default=None, compare=False)
    """Why it gets none; says it in anybody's language."""

    @property
    def public_text(self) -> str:
        """Why it gets none, in an English sentence; "" where it gets one."""
        return self.refusal.public_text if self.refusal else ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a wish; at least one phone gets an SMS."""

    id: str
    """Names all of it in the trace."""
    text: SmsText
    """As it leaves: each phone gets so many parts."""
    phones: tuple[SentTo, ...]
    new: bool
    """False where all of it was sent before under the same identity."""


class Sending:
    """Takes SMS that no mail stands behind."""

    def __init__(
        self, *, settings: GatewaySettings, accounts: Accounts, outbox: Outbox, spool: Spool, clock: Clock
    ) -> None:
        self._hostname = settings.mail.hostname
        self._dialog = settings.dialog
        self._accounts = accounts
        self._outbox = outbox
        self._spool = spool
        self._clock = clock

    async def send(self, wish: Wish) -> Sent:
        """Queue one SMS per phone; durable when it returns. Raises the Refusal where nothing can go at all."""
        now = self._clock.now()
        record_id = new_id(now)
        try:
            sent = await self._sent_before(wish)
            if sent is None:
                sent = await self._accounts.decide(lambda revision: self._decide(wish, record_id, now, revision))
        except Refusal as refusal:
            maillog.note(
                Event.SMS_REFUSED,
                id=record_id,
                account=wish.account_id,
                origin=wish.author.origin,
                code=refusal.code,
                cause=refusal.cause,
            )
            raise
        _note(wish, sent)
        return sent

    async def _sent_before(self, wish: Wish) -> Sent | None:
        """What became of this wish when it came before; None where it did not, or not for all its phones."""
        account = await self._accounts.account(wish.account_id) if wish.identity is not None else None
        if account is None:
            return None
        targets = written_targets(wish.phones, account.region, self._dialog.max_recipients)
        phones = phones_of(targets)
        stored = await self._stored(account, _identity(wish, ""), phones)
        if not stored or len(stored) < len(phones):
            return None
        return self._as_before(wish, targets, stored)

    async def _decide(self, wish: Wish, record_id: str, now: float, revision: int) -> Sent:
        account = await self._accounts.account(wish.account_id)
        if account is None or account.closed_at is not None:
            raise errors.no_open_account()
        await self._outbox.admit(account)
        targets = written_targets(wish.phones, account.region, self._dialog.max_recipients)
        text = written_text(wish.text, max_parts=self._dialog.max_parts, smart=self._dialog.smart)
        targets = await self._outbox.reachable(account, targets)
        wait = self._outbox.wait(account, now)
        if wait:
            raise errors.too_many_sms(wait)
        identity = _identity(wish, record_id)
        record = self._record(wish, account, text, record_id, now)
        taken = await self._outbox.put(Draft(account, targets, text, record, identity, revision))
        if len(taken.new) < len(taken.messages):  # somebody else was quicker with the same
            stored = await self._stored(account, identity, phones_of(taken.targets))
            return self._as_before(wish, taken.targets, stored, new=bool(taken.new))
        ids = {message.to_number: message.id for message in taken.messages}
        return Sent(record_id, text, _sent_to(taken.targets, ids), new=True)

    async def _stored(self, account: Account, identity: str, phones: Sequence[str]) -> dict[str, Stored]:
        """Messages that are stored under an identity, by phone."""
        keys = [dedupe_key(account.id, identity, phone) for phone in phones]
        return {each.phone: each for each in await self._spool.stored(keys)}

    def _as_before(
        self, wish: Wish, targets: Sequence[Target], stored: Mapping[str, Stored], *, new: bool = False
    ) -> Sent:
        """Raises the Refusal where the same identity says another thing."""
        text = written_text(wish.text, max_parts=self._dialog.max_parts, smart=self._dialog.smart)
        if any(each.text != text.text for each in stored.values()):
            raise errors.identity_used()
        ids = {phone: each.message_id for phone, each in stored.items()}
        record_id = next(iter(stored.values())).record_id
        return Sent(record_id, text, _sent_to(targets, ids), new=new)

    def _record(self, wish: Wish, account: Account, text: SmsText, record_id: str, now: float) -> MailRecord:
        """What is kept in the place of a mail.

        Its Message-ID is that of no mail, but everything that comes of it refers to it: failures and answers are one
        thread in the account's mailbox.
        """
        author = wish.author
        return MailRecord(
            id=record_id,
            received_at=now,
            decision="sms",
            listener=author.origin,
            peer_ip=author.ip,
            helo="",
            tls=False,
            mail_from="",
            header_from=account.email,
            message_id=f"{record_id}@{self._hostname}",
            proof=author.kind,
            proof_detail=f"{author.name} ({author.id})",
            size=len(wish.text.encode("utf-8", "surrogatepass")),
            org_id=account.org_id,
            account_id=account.id,
            text=masked(text.text),
        )


def _identity(wish: Wish, otherwise: str) -> str:
    """Apart from every Message-ID, and from what other authors call theirs."""
    if wish.identity is None:
        return otherwise
    return f"{wish.author.origin}\0{wish.author.id}\0{wish.identity}"


def _sent_to(targets: Sequence[Target], ids: Mapping[str, str]) -> tuple[SentTo, ...]:
    return tuple(
        SentTo(target.written, target.phone, None, target.problem, refusal_of(target))
        if target.problem
        else SentTo(target.written, target.phone, ids[target.phone or ""])
        for target in targets
    )


def _note(wish: Wish, sent: Sent) -> None:
    if not sent.new:
        maillog.note(Event.SMS_DUPLICATE, id=sent.id, account=wish.account_id, origin=wish.author.origin)
        return
    maillog.note(
        Event.SMS_WRITTEN,
        id=sent.id,
        account=wish.account_id,
        origin=wish.author.origin,
        by=wish.author.kind,
        phones=sum(each.message_id is not None for each in sent.phones),
        parts=sent.text.parts,
        encoding=sent.text.encoding,
    )
