"""Writes RFC 3464 reports: which phones a mail did not reach, and why, for people and for mail programs.

In: the account that wrote, its mail, the phones. Out: a complete multipart/report in bytes, to be sent with a null
return path (RFC 3464 §2). The part for people is in the account's language.

Promises: no key anywhere, not even where the sender wrote it into a Subject; the original's To is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from gateway.model import Account
from gateway.numbers import display
from gateway.translation import Sentence, Translations, sentence, translations
from gateway.writing.frame import FROM_NOBODY, Frame, ascii_line, date, for_people, indented, masked
from gateway.writing.mime import address_line, ids_line, message, multipart, raw_part, text_line, text_part


class FailureReason(StrEnum):
    """Why a phone was not reached, as people are told it."""

    BAD_NUMBER = "bad-number"
    NOT_IN_USE = "not-in-use"
    OPTED_OUT = "opted-out"
    NOT_ALLOWED = "not-allowed"
    LIMIT = "limit"
    NO_ROUTE = "no-route"
    EXPIRED = "expired"
    NO_WORD = "no-word"
    NOT_SENT = "not-sent"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    TEXT = "text"
    PAUSED = "paused"
    ACCOUNT_CLOSED = "account-closed"
    UNKNOWN = "unknown"
    DELAYED = "delayed"
    CANCELLED = "cancelled"
    NO_CONSENT = "no-consent"
    NO_SMS = "no-sms"
    GONE = "gone"

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 3463) that says the same to machines."""
        return _STATUS[self]

    @property
    def words(self) -> Sentence:
        """The same for people: what is wrong, and what they can do where there is something."""
        return _WORDS[self]


_STATUS = {
    FailureReason.BAD_NUMBER: "5.1.3",
    FailureReason.NOT_IN_USE: "5.1.1",
    FailureReason.OPTED_OUT: "5.7.1",
    FailureReason.NOT_ALLOWED: "5.7.1",
    FailureReason.LIMIT: "5.7.1",
    FailureReason.NO_ROUTE: "5.4.4",
    FailureReason.EXPIRED: "5.4.7",
    FailureReason.NO_WORD: "5.4.7",
    FailureReason.NOT_SENT: "5.4.2",
    FailureReason.UNREACHABLE: "5.4.1",
    FailureReason.REJECTED: "5.0.0",
    FailureReason.TEXT: "5.6.0",
    FailureReason.PAUSED: "5.2.1",
    FailureReason.ACCOUNT_CLOSED: "5.2.1",
    FailureReason.UNKNOWN: "5.4.2",
    FailureReason.DELAYED: "4.4.7",
    FailureReason.CANCELLED: "5.0.0",
    FailureReason.NO_CONSENT: "5.7.1",
    FailureReason.NO_SMS: "5.7.1",
    FailureReason.GONE: "5.7.1",
}
_WORDS: Final[Mapping[FailureReason, Sentence]] = {
    FailureReason.BAD_NUMBER: sentence(
        "this cannot be a mobile number; check the digits, and write foreign numbers with their country code"
    ),
    FailureReason.NOT_IN_USE: sentence("the number is not in use"),
    FailureReason.OPTED_OUT: sentence("the recipient has said STOP to SMS from your organisation"),
    FailureReason.NOT_ALLOWED: sentence("your organisation does not send SMS to this country or kind of number"),
    FailureReason.LIMIT: sentence("your organisation's limit for SMS is reached; ask your administrator"),
    FailureReason.NO_ROUTE: sentence("no operator takes messages to this number"),
    FailureReason.EXPIRED: sentence("the phone was not reached in time; it may be switched off or out of coverage"),
    FailureReason.NOT_SENT: sentence("the message was not sent after all"),
    FailureReason.NO_WORD: sentence(
        "no word came from the phone company whether it was delivered; ask before you send it again"
    ),
    FailureReason.UNREACHABLE: sentence("the phone cannot be reached"),
    FailureReason.REJECTED: sentence("the phone company refused the message"),
    FailureReason.TEXT: sentence("the phone company refused this text"),
    FailureReason.PAUSED: sentence("SMS is paused by your administrator"),
    FailureReason.ACCOUNT_CLOSED: sentence("the account was closed"),
    FailureReason.UNKNOWN: sentence("it is not certain whether the message arrived; ask before you send it again"),
    FailureReason.DELAYED: sentence("the phone company cannot take the message right now"),
    FailureReason.CANCELLED: sentence("its campaign was cancelled before it was sent"),
    FailureReason.NO_CONSENT: sentence("the recipient has withdrawn their consent before it was sent"),
    FailureReason.NO_SMS: sentence("somebody has marked the recipient before it was sent: do not use SMS"),
    FailureReason.GONE: sentence("somebody has deleted the recipient's contact before it was sent"),
}


_CORRECTABLE = frozenset({FailureReason.BAD_NUMBER, FailureReason.NOT_IN_USE, FailureReason.TEXT})
"""What the sender can put right."""
_PASSING = frozenset({FailureReason.EXPIRED, FailureReason.UNREACHABLE, FailureReason.NOT_SENT})
"""Nothing was wrong with the mail: the same may arrive another time."""
_UNCERTAIN = frozenset({FailureReason.UNKNOWN, FailureReason.NO_WORD})
"""The message may have arrived: to send it again may be once too often."""


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One phone that was not reached. `phone` in E.164, or as the sender wrote it where it is no number."""

    phone: str
    reason: FailureReason
    status_code: str = ""
    """RFC 3463; "" for the reason's own."""
    detail: str = ""
    """The provider's or our words in English, for Diagnostic-Code: public text, never a cause."""

    @property
    def status(self) -> str:
        """The enhanced status code."""
        return self.status_code or self.reason.status


@dataclass(frozen=True, slots=True)
class OriginalMail:
    """The mail that a report is about. `message_id` None where it had none."""

    message_id: str | None
    subject: str
    arrival: float
    """Seconds since the epoch, UTC."""
    text: str = ""
    """Of the SMS, where no mail stands behind it."""


def failure_report(
    *,
    account: Account,
    domain: str,
    reporting_mta: str,
    original: OriginalMail,
    recipients: Sequence[FailedRecipient],
    display_name: str,
    message_id: str,
    now: float,
) -> bytes:
    """Tell the sender which phones were not reached, or not yet, and why (RFC 3464). Send it with a null return path.

    `reporting_mta` is our host name, `domain` the SMS domain in which a phone is an address. Recipients that are all
    DELAYED make a report of delay; otherwise it is one of failure.
    """
    delayed = all(recipient.reason is FailureReason.DELAYED for recipient in recipients)
    about = Reporting(account, domain, reporting_mta, original, display_name, message_id, now)
    return _compose(about, _DELAYED if delayed else _FAILED, recipients, [])


def partial_report(
    *,
    account: Account,
    domain: str,
    reporting_mta: str,
    original: OriginalMail,
    recipients: Sequence[FailedRecipient],
    reached: Sequence[str],
    display_name: str,
    message_id: str,
    now: float,
) -> bytes:
    """Some phones of a list could not be written to while the others (`reached`, E.164) were."""
    about = Reporting(account, domain, reporting_mta, original, display_name, message_id, now)
    return _compose(about, _PARTIAL, recipients, reached)


_Kind: TypeAlias = tuple[Sentence, Sentence]
"""Subject and first sentence."""
NOT_EVERYBODY: Final = sentence("Your SMS did not reach everybody")
_FAILED: Final[_Kind] = (
    sentence("Your SMS was not delivered"),
    sentence("Your message could not be delivered to:"),
)
_PARTIAL: Final[_Kind] = (NOT_EVERYBODY, sentence("Your message could not be sent to:"))
_DELAYED: Final[_Kind] = (
    sentence("Your SMS is delayed"),
    sentence("Your message has not reached these phones yet. We keep trying; you need not send it again:"),
)


def _compose(about: Reporting, kind: _Kind, recipients: Sequence[FailedRecipient], reached: Sequence[str]) -> bytes:
    words = translations(about.account.language)
    subject, lead = kind
    blocks = [words.say(lead), "\n".join(failed_line(words, each) for each in recipients)]
    if reached:
        others = ", ".join(map(display, reached))
        blocks.append(words.gettext("It was sent to the other numbers: %(phones)s.", phones=others))
    if advice := _advice({each.reason for each in recipients}):
        blocks.append(words.say(advice))
    groups = [failed_group(about, each) for each in recipients]
    return about.compose(words.say(subject), blocks, groups)


def _advice(reasons: set[FailureReason]) -> Sentence | None:
    """What the sender can do; None where each phone's own line has said it."""
    if reasons <= _PASSING:
        return sentence("You can try to send the message again later, to these numbers alone.")
    if reasons & _CORRECTABLE and not reasons & _UNCERTAIN:
        return sentence("You can correct what is wrong and send the message again to these numbers alone.")
    return None


def which_mail(subject: str) -> Sentence:
    """Which of the sender's mails is meant, by its Subject."""
    return sentence("Subject of your mail: %(subject)s", subject=for_people(subject))


def failed_line(words: Translations, recipient: FailedRecipient) -> str:
    """One phone that was not reached, for people."""
    return f"  {for_people(display(recipient.phone))}: {words.say(recipient.reason.words)}"


def failed_group(about: Reporting, recipient: FailedRecipient) -> list[bytes]:
    """The same for machines."""
    permanent = not recipient.status.startswith("4")
    words = ascii_line(recipient.detail or str(recipient.reason))
    reply = f"smtp; {550 if permanent else 451} {recipient.status} {words}"
    return about.group(recipient.phone, "failed" if permanent else "delayed", recipient.status, reply)


@dataclass(frozen=True, slots=True)
class Reporting:
    """Who reports to whom about which mail."""

    account: Account
    domain: str
    reporting_mta: str
    original: OriginalMail
    display_name: str
    message_id: str
    now: float

    def compose(self, subject: str, blocks: Sequence[str], groups: Sequence[Sequence[bytes]]) -> bytes:
        """The whole mail: blocks of text for people, a group of fields per recipient for machines."""
        words = translations(self.account.language)
        frame = Frame(
            self.display_name,
            f"postmaster@{self.domain}",
            self.account.email,
            self.message_id,
            self.now,
            in_reply_to=self.original.message_id,
            suppress=FROM_NOBODY,
            submitted="auto-replied",
        )
        subjected = self.original.subject.strip()
        last = [words.say(which_mail(subjected))] if subjected else []
        if self.original.text:
            last = [words.gettext("The text that was sent:"), indented(self.original.text)]
        machines = [
            text_line("Reporting-MTA", f"dns; {self.reporting_mta}"),
            text_line("Arrival-Date", date(self.original.arrival)),
            *(line for group in groups for line in group),
        ]
        parts = [
            text_part("\n\n".join([*blocks, *last])),
            raw_part("message/delivery-status", machines),
            raw_part("text/rfc822-headers", self._original_headers()),
        ]
        report = multipart("report", parts, self.message_id, report_type="delivery-status")
        return message(frame.lines(subject), report)

    def group(self, phone: str, action: str, status: str, diagnostic: str = "") -> list[bytes]:
        """What is told of one recipient (RFC 3464 §2.3), an empty line before it."""
        return [
            b"\r\n",
            text_line("Final-Recipient", f"rfc822; {_as_address(phone, self.domain)}"),
            text_line("Action", action),
            text_line("Status", status),
            *([text_line("Diagnostic-Code", diagnostic)] if diagnostic else []),
            text_line("Last-Attempt-Date", date(self.now)),
        ]

    def _original_headers(self) -> list[bytes]:
        """What the sender needs to find the mail again; not To, where the key stands."""
        lines = [
            address_line("From", "", self.account.email),
            text_line("Date", date(self.original.arrival)),
            text_line("Subject", for_people(self.original.subject)),
        ]
        return [*lines, ids_line("Message-ID", [self.original.message_id or ""])]


def _as_address(phone: str, domain: str) -> str:
    local = re.sub(r"[^0-9A-Za-z+._-]", "", phone).strip(".")
    return f"{masked(local).strip('[]')[:60] or 'unknown'}@{domain}"
