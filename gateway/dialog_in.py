"""A mail to phones becomes messages: who wrote it, under which account, to whom, what; then one durable commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.attachments import Attachments
from gateway.dialog import (
    Target,
    abroad,
    dedupe_key,
    our_addresses,
    phones_of,
    refusal_of,
    targets_of,
    text_of,
    without_abroad,
    without_opted_out,
)
from gateway.lane import Reservation
from gateway.letters import Letters
from gateway.maillog import Event
from gateway.model import (
    Account,
    AddressKind,
    ApiKey,
    Envelope,
    Listener,
    LocalAddress,
    OutgoingMail,
    ParsedMail,
    Proof,
    ProofMethod,
    Reply,
)
from gateway.rates import Rate
from gateway.registry.directory import StaleDirectory
from gateway.settings import GatewaySettings
from gateway.sms import OutgoingSms, SmsText
from gateway.spending import Runs, charge, countries_of
from gateway.spool import Spool
from gateway.store.spool_items import Acceptance, MailRecord, Verdict, mail_record
from gateway.threads import Threads
from gateway.writing.frame import masked


class Departures(Protocol):
    """Where messages leave from: asked for room before they are committed."""

    def reserve(self, messages: Sequence[OutgoingSms]) -> Reservation:
        """Choose the way of messages, and ask for room for them."""
        ...


@dataclass(frozen=True, slots=True)
class _Dialog:
    """One mail as it was understood."""

    envelope: Envelope
    mail: ParsedMail
    proof: Proof
    account: Account
    text: SmsText
    revision: int


class DialogIn:
    """Takes mail to key and number addresses."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        accounts: Accounts,
        spool: Spool,
        threads: Threads,
        letters: Letters,
        departures: Departures,
        mail_queued: Callable[[], None],
    ) -> None:
        self._domains = settings.mail.domains
        self._dialog = settings.dialog
        self._owes_receipts = settings.dialog.receipts == "always"
        # A receipt names what stayed behind itself.
        tells = settings.dialog.attachments == "tell" and not self._owes_receipts
        self._attachments = Attachments() if tells else None
        self._limits = settings.limits
        per_minute = settings.dialog.mails_per_minute
        self._mails = Rate(per_minute, 60 / per_minute) if per_minute else None
        self._runs = Runs(settings.limits.adjacent_numbers)
        self._accounts = accounts
        self._spool = spool
        self._threads = threads
        self._letters = letters
        self._departures = departures
        self._mail_queued = mail_queued

    async def take(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        """Store one SMS per phone and answer every recipient; raises the Refusal where nothing can go at all."""
        return await self._accounts.decide(lambda revision: self._decide(envelope, mail, proof, revision))

    async def _decide(
        self, envelope: Envelope, mail: ParsedMail, proof: Proof, revision: int
    ) -> dict[LocalAddress, Reply]:
        addresses = our_addresses(envelope.recipients, mail.recipients, self._domains)
        account = await self._account(mail.from_address, addresses)
        self._keep_pace(account, proof, envelope.received_at)
        targets = await self._targets(mail, addresses, account)
        text = text_of(mail, account, max_parts=self._dialog.max_parts, smart=self._dialog.smart)
        dialog = _Dialog(envelope, mail, proof, account, text, revision)
        while True:
            phones = phones_of(targets)
            if not phones:
                raise refusal_of(targets[0])
            refused = _refused_one_by_one(envelope, targets)
            letters = self._report(envelope, mail, account, targets, refused) + self._left_behind(dialog)
            verdict = await self._put(dialog, phones, letters)
            if verdict.stored:
                break
            if verdict.over is not None:
                raise errors.daily_limit(verdict.over.whose, verdict.over.limit, verdict.over.what)
            targets = without_opted_out(targets, verdict.opted_out)
        self._watch(dialog, phones)
        if self._attachments is not None and verdict.new:
            self._attachments.told(account.id, mail.attached)
        _note(envelope, proof, account, verdict.new, text)
        done = Reply(f"taken as {envelope.id}" if verdict.new else "already taken before, nothing is sent again")
        return {address: refused.get(address, done) for address in envelope.recipients}

    async def _put(self, dialog: _Dialog, phones: Sequence[str], letters: tuple[OutgoingMail, ...]) -> Verdict:
        """Commit the messages, and let them leave. Raises StaleDirectory."""
        account = dialog.account
        with self._departures.reserve(_messages(dialog.envelope, account, phones, dialog.text)) as room:
            messages = room.messages
            verdict = await self._spool.put(
                Acceptance(
                    mail=_sms_record(dialog.envelope, dialog.mail, dialog.proof, account, owed=self._owes_receipts),
                    messages=messages,
                    dedupe=tuple(dedupe_key(account.id, dialog.mail, phone) for phone in phones),
                    mails=letters,
                    revision=dialog.revision,
                    charge=charge(account, messages, self._limits, dialog.envelope.received_at),
                    departs=room.granted,
                    shared=self._accounts.is_shared(account.number),
                )
            )
            room.committed(verdict.new)
        if verdict.stale:
            raise StaleDirectory
        if letters:
            self._mail_queued()
        return verdict

    async def _account(self, sender: str, addresses: Sequence[LocalAddress]) -> Account:
        """The sender's account: under the key that the mail names, or the only one where it names none."""
        named: dict[str, ApiKey] = {}
        for address in addresses:
            key = await self._accounts.find_key(address.value) if address.kind is AddressKind.KEY else None
            if key is not None:
                named[key.id] = key
        owned = await self._accounts.accounts_of(sender)
        fitting = [account for account in owned if not named or account.key_id in named]
        if not fitting:
            raise errors.no_account()
        if len(fitting) > 1:
            raise errors.ambiguous_key()
        key = await self._accounts.key(fitting[0].key_id)
        if key is None or key.paused:
            raise errors.paused_key()
        return fitting[0]

    def _keep_pace(self, account: Account, proof: Proof, now: float) -> None:
        """Refuse more mails a minute than one account may send, save from a relay that vouches for its people."""
        if self._mails is None or proof.method in {ProofMethod.TRUSTED, ProofMethod.NONE}:
            return
        wait = self._mails.take(account.id, now)
        if wait:
            raise errors.too_many_mails("your account", wait)

    async def _targets(
        self, mail: ParsedMail, addresses: Sequence[LocalAddress], account: Account
    ) -> tuple[Target, ...]:
        """Whom the mail is for: what the person sees wins; a hidden reference counts where that names nobody."""
        targets = targets_of(mail, addresses, account.region, self._dialog.tag)
        if not targets:
            phone = await self._threads.phone_of(account.id, (*mail.in_reply_to, *reversed(mail.references)))
            if phone is None:
                raise errors.no_phone_number()
            if not phone.startswith("+"):
                raise errors.unanswerable(phone)
            targets = (Target(phone, phone),)
        if len(phones_of(targets)) > self._dialog.max_recipients:
            raise errors.too_many_recipients(self._dialog.max_recipients)
        foreign = abroad(targets, countries_of(account.region, self._limits))
        if not foreign:
            return targets
        # Who has written to the account may be answered, wherever the phone is from.
        known = await self._threads.known(account.id, foreign)
        return without_abroad(targets, [phone for phone in foreign if phone not in known])

    def _watch(self, dialog: _Dialog, phones: Sequence[str]) -> None:
        """Tell the operator of an account that writes to one number after the other."""
        run = self._runs.notice(dialog.account.id, phones, dialog.envelope.received_at)
        if run:
            maillog.warn(
                Event.ADJACENT_NUMBERS, id=dialog.envelope.id, account=dialog.account.id, phones=run, last=phones[-1]
            )

    def _report(
        self,
        envelope: Envelope,
        mail: ParsedMail,
        account: Account,
        targets: Sequence[Target],
        refused: dict[LocalAddress, Reply],
    ) -> tuple[OutgoingMail, ...]:
        """One mail that names the targets who get nothing, unless their own replies have said it."""
        told = {address.casefold() for address in envelope.refused}
        bad = [
            target
            for target in targets
            if target.problem
            and target.address not in refused
            and (target.address is None or target.address.address.casefold() not in told)
        ]
        if not bad:
            return ()
        return (self._letters.partial_report(envelope, mail, account, bad, phones_of(targets)),)

    def _left_behind(self, dialog: _Dialog) -> tuple[OutgoingMail, ...]:
        """One mail that names the attachments that the SMS goes without, unless their sender knows."""
        names = (
            self._attachments.untold(dialog.account.id, dialog.mail.attached) if self._attachments is not None else ()
        )
        return (self._letters.attachments(dialog.mail, dialog.account, names),) if names else ()


def _refused_one_by_one(envelope: Envelope, targets: Sequence[Target]) -> dict[LocalAddress, Reply]:
    """LMTP answers each recipient (RFC 2033 §4.2): a number address without an SMS is refused there."""
    if envelope.peer.listener is not Listener.LMTP:
        return {}
    return {
        target.address: Reply(refusal=refusal_of(target))
        for target in targets
        if target.problem and target.address in envelope.recipients
    }


def _messages(envelope: Envelope, account: Account, phones: Sequence[str], text: SmsText) -> tuple[OutgoingSms, ...]:
    return tuple(
        OutgoingSms(
            id=f"{envelope.id}.{number}",
            org_id=account.org_id,
            account_id=account.id,
            key_id=account.key_id,
            from_number=account.number,
            to_number=phone,
            text=text,
            provider=account.provider,
            created_at=envelope.received_at,
        )
        for number, phone in enumerate(phones, 1)
    )


def _sms_record(envelope: Envelope, mail: ParsedMail, proof: Proof, account: Account, *, owed: bool) -> MailRecord:
    """What is kept of a mail, with what was sent, what was cut, and what could not be carried."""
    return mail_record(
        envelope,
        mail,
        proof,
        "sms",
        account,
        subject=masked(mail.subject),
        text=masked(mail.text),
        cut=masked(mail.cut),
        attachments=", ".join(mail.attachments),
        receipt_at=envelope.received_at if owed else None,
    )


def _note(envelope: Envelope, proof: Proof, account: Account, new: frozenset[str], text: SmsText) -> None:
    if not new:
        maillog.note(Event.MAIL_DUPLICATE, id=envelope.id, account=account.id)
        return
    maillog.note(
        Event.MAIL_ACCEPTED,
        id=envelope.id,
        account=account.id,
        proof=proof.method,
        phones=len(new),
        parts=text.parts,
        encoding=text.encoding,
    )
