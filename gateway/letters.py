"""Letters to employees and to the operator: `mail_compose`, with sender, return path and identity filled in.

Every letter is an OutgoingMail to be queued in the transaction of what it tells about.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.accounts import Accounts
from gateway.address import return_path
from gateway.dialog import Problem, Target
from gateway.keyring import Keyring
from gateway.local_forms import zone_of
from gateway.mail_compose import (
    Fact,
    OperatorCase,
    attachments_mail,
    closed_mail,
    dialog_mail,
    operator_mail,
    reader_mail,
    welcome_mail,
)
from gateway.model import Account, Clock, Envelope, MailKind, OutgoingMail, ParsedMail, new_id
from gateway.settings import GatewaySettings
from gateway.sms import InboundSms, MessageState
from gateway.threads import Thread
from gateway.writing.receipts import Receipted, Sent, receipt
from gateway.writing.reports import FailedRecipient, FailureReason, OriginalMail, failure_report, partial_report

_REASONS = {
    Problem.BAD_NUMBER: FailureReason.BAD_NUMBER,
    Problem.OPTED_OUT: FailureReason.OPTED_OUT,
    Problem.COUNTRY: FailureReason.NOT_ALLOWED,
}
_BY_STATE = {
    MessageState.EXPIRED: FailureReason.EXPIRED,
    MessageState.UNKNOWN: FailureReason.UNKNOWN,
    MessageState.FAILED: FailureReason.UNREACHABLE,
}


def reason_of(state: MessageState, word: str) -> FailureReason:
    """Why a message in this state did not reach its phone; `word` is what its row says, "" for nothing."""
    return FailureReason(word) if word in set(FailureReason) else _BY_STATE[state]


class Letters:
    """Writes letters in the name of this gateway."""

    def __init__(self, *, settings: GatewaySettings, accounts: Accounts, keyring: Keyring, clock: Clock) -> None:
        self._mail = settings.mail
        self._dialog = settings.dialog
        self._accounts = accounts
        self._keyring = keyring
        self._clock = clock
        self._domain = settings.mail.domains[0]

    async def dialog(
        self, sms: InboundSms, account: Account, thread: Thread, *, note: str | None, incomplete: bool
    ) -> OutgoingMail:
        """An SMS for its account's inbox, from the key address (D11)."""
        now, mail_id = self._identity()
        content = dialog_mail(
            sms=sms,
            account=account,
            key_address=await self._key_address(account),
            display_name=f"besvar.{self._domain}",
            tag=self._dialog.tag,
            message_id=self.message_id(mail_id),
            in_reply_to=thread.in_reply_to,
            references=thread.references,
            now=now,
            note=note,
            incomplete=incomplete,
        )
        return self._to_account(mail_id, MailKind.DIALOG, account, content, now)

    def reader(self, sms: InboundSms, reader: str, language: str, notes: Sequence[str]) -> OutgoingMail:
        """An SMS for an address that has no account; it cannot be answered by mail."""
        now, mail_id = self._identity()
        content = reader_mail(
            sms=sms,
            reader=reader,
            language=language,
            domain=self._domain,
            display_name=self._domain,
            tag=self._dialog.tag,
            message_id=self.message_id(mail_id),
            now=now,
            notes=notes,
        )
        back = return_path(self._keyring.sign_token(mail_id), self._domain)
        return OutgoingMail(mail_id, MailKind.DIALOG, back, reader, content, None, now)

    async def welcome(self, account: Account, answers: str | None = None) -> OutgoingMail:
        """The number, how to use it, QR code and vCard (D5, D7). `answers` is the Message-ID of the request."""
        from gateway import qr  # draws pictures: what that takes to import is paid by those who open accounts

        now, mail_id = self._identity()
        organisation = await self._accounts.organisation(account.org_id)
        if organisation is None:
            raise LookupError(f"organisation {account.org_id} of account {account.id} is missing")
        content = welcome_mail(
            account=account,
            organisation=organisation,
            key_address=await self._key_address(account),
            domain=self._domain,
            display_name=f"besvar.{self._domain}",
            tag=self._dialog.tag,
            qr_png=qr.png(account.number, 6),
            vcard=qr.vcard(account.number, f"SMS {account.email}", organisation.name, account.email),
            message_id=self.message_id(mail_id),
            in_reply_to=answers,
            now=now,
            shared=self._accounts.is_shared(account.number),
        )
        return self._to_account(mail_id, MailKind.WELCOME, account, content, now)

    def closed(self, account: Account, answers: str | None = None) -> OutgoingMail:
        """The confirmation that the number is closed (D13)."""
        now, mail_id = self._identity()
        content = closed_mail(
            account=account,
            domain=self._domain,
            display_name=self._domain,
            tag=self._dialog.tag,
            message_id=self.message_id(mail_id),
            in_reply_to=answers,
            now=now,
        )
        return OutgoingMail(mail_id, MailKind.CLOSED, "", account.email, content, account.id, now)

    def partial_report(
        self, envelope: Envelope, mail: ParsedMail, account: Account, bad: Sequence[Target], reached: Sequence[str]
    ) -> OutgoingMail:
        """Which targets of a list got nothing, and why, while the others did."""
        now, mail_id = self._identity()
        content = partial_report(
            account=account,
            domain=self._domain,
            reporting_mta=self._mail.hostname,
            original=OriginalMail(mail.message_id, mail.subject, envelope.received_at),
            recipients=[
                FailedRecipient(each.phone or each.written, _REASONS[each.problem]) for each in bad if each.problem
            ],
            reached=reached,
            display_name=self._domain,
            message_id=self.message_id(mail_id),
            now=now,
        )
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)

    def attachments(self, mail: ParsedMail, account: Account, names: Sequence[str]) -> OutgoingMail:
        """Attachments that stay behind."""
        now, mail_id = self._identity()
        content = attachments_mail(
            account=account,
            domain=self._domain,
            display_name=self._domain,
            names=names,
            subject=mail.subject,
            message_id=self.message_id(mail_id),
            in_reply_to=mail.message_id,
            now=now,
        )
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)

    def failure_report(
        self, account: Account, original: OriginalMail, failed: Sequence[FailedRecipient]
    ) -> OutgoingMail:
        """Which phones a mail did not reach in the end (RFC 3464)."""
        now, mail_id = self._identity()
        content = failure_report(
            account=account,
            domain=self._domain,
            reporting_mta=self._mail.hostname,
            original=original,
            recipients=failed,
            display_name=self._domain,
            message_id=self.message_id(mail_id),
            now=now,
        )
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)

    def receipt(
        self, account: Account, original: OriginalMail, sent: Sent, phones: Sequence[Receipted]
    ) -> OutgoingMail:
        """What became of a mail, phone by phone."""
        now, mail_id = self._identity()
        content = receipt(
            account=account,
            domain=self._domain,
            reporting_mta=self._mail.hostname,
            original=original,
            sent=sent,
            phones=phones,
            display_name=self._domain,
            message_id=self.message_id(mail_id),
            now=now,
            zone=zone_of(account.region, self._dialog.timezone),
        )
        return OutgoingMail(mail_id, MailKind.REPORT, "", account.email, content, account.id, now)

    def operator(
        self, case: OperatorCase, facts: Sequence[tuple[Fact, str]], *, address: str = "", original: bytes | None = None
    ) -> OutgoingMail:
        """Something that only the operator can look after."""
        now, mail_id = self._identity()
        content = operator_mail(
            case=case,
            operator=self._mail.operator,
            domain=self._domain,
            language=self._dialog.language_for(self._dialog.region),
            display_name=self._domain,
            facts=facts,
            message_id=self.message_id(mail_id),
            now=now,
            address=address,
            original=original,
        )
        return OutgoingMail(mail_id, MailKind.OPERATOR, "", self._mail.operator, content, None, now)

    def message_id(self, mail_id: str) -> str:
        """The Message-ID of one of our mails, without brackets."""
        return f"{mail_id}@{self._mail.hostname}"

    def _identity(self) -> tuple[float, str]:
        now = self._clock.now()
        return now, new_id(now)

    async def _key_address(self, account: Account) -> str:
        secret = await self._accounts.secret_of(account.key_id)
        if secret is None:
            raise LookupError(f"key {account.key_id} of account {account.id} has no live secret")
        return f"{secret}@{self._domain}"

    def _to_account(self, mail_id: str, kind: MailKind, account: Account, content: bytes, now: float) -> OutgoingMail:
        """A letter whose bounces come back to us and mark the account's mailbox."""
        back = return_path(self._keyring.sign_token(mail_id), self._domain)
        return OutgoingMail(mail_id, kind, back, account.email, content, account.id, now)
