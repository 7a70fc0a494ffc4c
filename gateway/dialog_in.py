"""A mail to phones becomes messages: who wrote it, under which account, to whom, what; `outbox` commits them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.attachments import Attachments
from gateway.dialog import Target, our_addresses, phones_of, refusal_of, targets_of, text_of
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
from gateway.outbox import Draft, Outbox
from gateway.settings import GatewaySettings
from gateway.sms import SmsText
from gateway.store.spool_items import MailRecord, mail_record
from gateway.threads import Threads
from gateway.writing.frame import masked


class DialogIn:
    """Takes mail to key and number addresses."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        accounts: Accounts,
        outbox: Outbox,
        threads: Threads,
        letters: Letters,
    ) -> None:
        self._domains = settings.mail.domains
        self._dialog = settings.dialog
        self._owes_receipts = settings.dialog.receipts == "always"
        # A receipt names what stayed behind itself.
        tells = settings.dialog.attachments == "tell" and not self._owes_receipts
        self._attachments = Attachments() if tells else None
        self._accounts = accounts
        self._outbox = outbox
        self._threads = threads
        self._letters = letters

    async def take(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        """Store one SMS per phone and answer every recipient; raises the Refusal where nothing can go at all."""
        return await self._accounts.decide(lambda revision: self._decide(envelope, mail, proof, revision))

    async def _decide(
        self, envelope: Envelope, mail: ParsedMail, proof: Proof, revision: int
    ) -> dict[LocalAddress, Reply]:
        addresses = our_addresses(envelope.recipients, mail.recipients, self._domains)
        account = await self._account(mail.from_address, addresses)
        try:
            return await self._decide_for(account, addresses, envelope, mail, proof, revision)
        except errors.Refusal as refusal:
            refusal.to(account.language)
            raise

    async def _decide_for(
        self,
        account: Account,
        addresses: Sequence[LocalAddress],
        envelope: Envelope,
        mail: ParsedMail,
        proof: Proof,
        revision: int,
    ) -> dict[LocalAddress, Reply]:
        """The same for a sender who is known, and refused in their language."""
        await self._outbox.admit(account)
        self._keep_pace(account, proof, envelope.received_at)
        draft = Draft(
            account=account,
            targets=await self._targets(mail, addresses, account),
            text=text_of(mail, account, max_parts=self._dialog.max_parts, smart=self._dialog.smart),
            record=_sms_record(envelope, mail, proof, account, owed=self._owes_receipts),
            identity=mail.message_id or mail.content_hash,
            revision=revision,
        )
        taken = await self._outbox.put(draft, partial(self._letters_about, envelope, mail, account))
        if self._attachments is not None and taken.new:
            self._attachments.told(account.id, mail.attached)
        _note(envelope, proof, account, taken.new, draft.text)
        refused = _refused_one_by_one(envelope, taken.targets, account.language)
        done = Reply(f"taken as {envelope.id}" if taken.new else "already taken before, nothing is sent again")
        return {address: refused.get(address, done) for address in envelope.recipients}

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
        return fitting[0]

    def _keep_pace(self, account: Account, proof: Proof, now: float) -> None:
        """Refuse more mails a minute than one account may send, save from a relay that vouches for its people."""
        if proof.method in {ProofMethod.TRUSTED, ProofMethod.NONE}:
            return
        wait = self._outbox.wait(account, now)
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
        return await self._outbox.reachable(account, targets)

    def _letters_about(
        self, envelope: Envelope, mail: ParsedMail, account: Account, targets: Sequence[Target]
    ) -> tuple[OutgoingMail, ...]:
        """What the sender has to know beside the answer: who gets nothing, and what the SMS goes without."""
        return self._report(envelope, mail, account, targets) + self._left_behind(mail, account)

    def _report(
        self, envelope: Envelope, mail: ParsedMail, account: Account, targets: Sequence[Target]
    ) -> tuple[OutgoingMail, ...]:
        """One mail that names the targets who get nothing, unless their own replies have said it."""
        bad = [target for target in targets if target.problem]
        if not bad:
            return ()
        told = {address.casefold() for address in envelope.refused}
        refused = _refused_one_by_one(envelope, bad, account.language)
        untold = [
            target
            for target in bad
            if target.address not in refused
            and (target.address is None or target.address.address.casefold() not in told)
        ]
        if not untold:
            return ()
        return (self._letters.partial_report(envelope, mail, account, untold, phones_of(targets)),)

    def _left_behind(self, mail: ParsedMail, account: Account) -> tuple[OutgoingMail, ...]:
        """One mail that names the attachments that the SMS goes without, unless their sender knows."""
        names = self._attachments.untold(account.id, mail.attached) if self._attachments is not None else ()
        return (self._letters.attachments(mail, account, names),) if names else ()


def _refused_one_by_one(envelope: Envelope, targets: Sequence[Target], language: str) -> dict[LocalAddress, Reply]:
    """LMTP answers each recipient (RFC 2033 §4.2): a number address without an SMS is refused there."""
    if envelope.peer.listener is not Listener.LMTP:
        return {}
    return {
        target.address: Reply(refusal=refusal_of(target).to(language))
        for target in targets
        if target.problem and target.address in envelope.recipients
    }


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
