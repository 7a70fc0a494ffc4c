"""Writes every mail that we send: answers from phones, welcome, farewell, delivery reports, mail to the operator.

In: records and values, the message id and the time among them. Out: a complete RFC 5322 message in bytes, CRLF, not
yet signed. Languages: `gateway.translation.LANGUAGES`, others read English.

Promises: a control character in a header value or an address raises `UnsafeHeaderError`, it never reaches a header
(CVE-2024-6923). The key stands in From of the mails that shall be answered and nowhere else. Every mail asks robots to
stay silent (RFC 3834 §5); mails with a return path of ours still let bounces come, for they mark a dead mailbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from gateway.model import Account
from gateway.numbers import display
from gateway.sms import InboundSms
from gateway.subject import MESSAGE_FROM
from gateway.translation import Sentence, known, sentence, translations
from gateway.writing.frame import FROM_NOBODY, Frame, for_people, masked
from gateway.writing.mime import mail_part, message, multipart, text_part
from gateway.writing.reports import (
    FailedRecipient,
    FailureReason,
    OriginalMail,
    failure_report,
    partial_report,
    which_mail,
)
from gateway.writing.welcome import welcome_mail

_SEPARATOR = "---"
INCOMPLETE: Final = sentence("(Part of this message has not arrived.)")


# --- answers from phones -------------------------------------------------------------------------------------------


def dialog_mail(
    *,
    sms: InboundSms,
    account: Account,
    key_address: str,
    display_name: str,
    tag: str,
    message_id: str,
    in_reply_to: str | None,
    references: Sequence[str],
    now: float,
    note: str | None = None,
    incomplete: bool = False,
) -> bytes:
    """An SMS as a mail that its reader just answers (D11).

    Message ids may come with or without angle brackets. `note` stands below the text, after a separator;
    `incomplete` adds that a part is missing.
    """
    words = translations(account.language)
    frame = Frame(display_name, key_address, account.email, message_id, now, in_reply_to, references)
    subject = dialog_subject(sms.from_number, tag=tag, language=words.language)
    notes = [words.say(INCOMPLETE)] if incomplete else []
    notes += [note] if note else []
    body = sms.text if not notes else "\n".join([sms.text, "", _SEPARATOR, *notes])
    return message(frame.lines(subject), text_part(body))


def reader_mail(
    *,
    sms: InboundSms,
    reader: str,
    language: str,
    domain: str,
    display_name: str,
    tag: str,
    message_id: str,
    now: float,
    notes: Sequence[str],
) -> bytes:
    """An SMS for an address without an account: it comes from postmaster@, for an answer has no way to the phone."""
    words = translations(language)
    frame = Frame(display_name, f"postmaster@{domain}", reader, message_id, now)
    no_way_back = words.gettext("An answer to this mail does not reach the phone, for this address has no account.")
    lines = [sms.text, "", _SEPARATOR, *notes, no_way_back]
    return message(
        frame.lines(dialog_subject(sms.from_number, tag=tag, language=language)), text_part("\n".join(lines))
    )


def dialog_subject(phone: str, *, tag: str, language: str) -> str:
    """The Subject by which an answer is known again: "[TAG] Besked fra +45 30643064" (D11, D12)."""
    return f"[{tag}] {MESSAGE_FROM[known(language)]} {for_people(display(phone))}"


# --- accounts ------------------------------------------------------------------------------------------------------


def closed_mail(
    *,
    account: Account,
    domain: str,
    display_name: str,
    tag: str,
    message_id: str,
    in_reply_to: str | None,
    now: float,
) -> bytes:
    """The number is closed (D13). From postmaster@: the key address no longer takes this person's mail."""
    words = translations(account.language)
    frame = Frame(display_name, f"postmaster@{domain}", account.email, message_id, now, in_reply_to)
    body = [
        words.gettext(
            "Your SMS number %(number)s is closed. No messages come in or go out any more.",
            number=display(account.number),
        ),
        words.gettext("If you open an account again, you get another number."),
    ]
    subject = words.gettext("Your SMS number is closed")
    return message(frame.lines(f"[{tag}] {subject}"), text_part("\n\n".join(body)))


def attachments_mail(
    *,
    account: Account,
    domain: str,
    display_name: str,
    names: Sequence[str],
    subject: str,
    message_id: str,
    in_reply_to: str | None,
    now: float,
) -> bytes:
    """The SMS goes without these attachments. Send it with a null return path. `subject` is the sender's mail's."""
    words = translations(account.language)
    frame = Frame(
        display_name,
        f"postmaster@{domain}",
        account.email,
        message_id,
        now,
        in_reply_to,
        suppress=FROM_NOBODY,
        submitted="auto-replied",
    )
    body = [
        words.gettext(
            "Your message goes out as an SMS, which cannot carry files or pictures. Left behind: %(names)s",
            names=for_people(", ".join(names)),
        )
    ]
    if subject.strip():
        body.append(words.say(which_mail(subject)))
    return message(frame.lines(words.gettext("Your attachment was not sent along")), text_part("\n\n".join(body)))


# --- the operator --------------------------------------------------------------------------------------------------


class OperatorCase(StrEnum):
    """Why the operator gets a mail."""

    FORWARDED = "forwarded"
    """postmaster@ or abuse@ got a mail."""
    UNROUTED = "unrouted"
    """An SMS came in for a number that nobody has."""
    UNDELIVERABLE = "undeliverable"
    """An answer from a phone could not be delivered to its mailbox."""


class Fact(StrEnum):
    """What the operator is told about a case, in the operator's language."""

    FROM = "from"
    TO = "to"
    AT = "at"
    ID = "id"
    CAUSE = "cause"
    TEXT = "text"


def operator_mail(
    *,
    case: OperatorCase,
    operator: str,
    domain: str,
    language: str,
    display_name: str,
    facts: Sequence[tuple[Fact, str]],
    message_id: str,
    now: float,
    address: str = "",
    original: bytes | None = None,
) -> bytes:
    """Tell the operator; `original` is attached as message/rfc822. Send it with a null return path.

    `address` is the one that was written to (FORWARDED). Keys in facts are masked; an attached mail is as it came.
    """
    words = translations(language)
    subject, told = _told(case, for_people(address))
    frame = Frame(display_name, f"postmaster@{domain}", operator, message_id, now, suppress=FROM_NOBODY)
    lines = frame.lines(words.say(subject))
    rows = [f"{words.say(_FACTS[fact])}: {masked(value)}" for fact, value in facts]
    if case is OperatorCase.UNROUTED:
        unrouted = dict(facts).get(Fact.ID, "ID")
        rows += ["", words.gettext("brevdue message deliver %(id)s --to ADDRESS hands it to somebody.", id=unrouted)]
    letter = text_part("\n".join([words.say(told), "", *rows]))
    if original is None:
        return message(lines, letter)
    return message(lines, multipart("mixed", [letter, mail_part(original)], message_id))


def _told(case: OperatorCase, address: str) -> tuple[Sentence, Sentence]:
    """Subject and first sentence."""
    if case is OperatorCase.FORWARDED:
        return (
            sentence("Mail to %(address)s", address=address),
            sentence("The attached mail was sent to %(address)s.", address=address),
        )
    return _CASES[case]


_CASES: Final[Mapping[OperatorCase, tuple[Sentence, Sentence]]] = {
    OperatorCase.UNROUTED: (
        sentence("SMS that belongs to nobody"),
        sentence("An SMS came in for a number that no account has. It is kept in the database."),
    ),
    OperatorCase.UNDELIVERABLE: (
        sentence("A mail could not be delivered"),
        sentence(
            "An answer from a phone could not be delivered to its recipient's mailbox. "
            "It is kept and can be sent again."
        ),
    ),
}
_FACTS: Final[Mapping[Fact, Sentence]] = {
    Fact.FROM: sentence("From"),
    Fact.TO: sentence("To"),
    Fact.AT: sentence("Time"),
    Fact.ID: sentence("Id"),
    Fact.CAUSE: sentence("Reason"),
    Fact.TEXT: sentence("Text"),
}


__all__ = [
    "Fact",
    "FailedRecipient",
    "FailureReason",
    "OperatorCase",
    "OriginalMail",
    "attachments_mail",
    "closed_mail",
    "dialog_mail",
    "dialog_subject",
    "failure_report",
    "operator_mail",
    "partial_report",
    "reader_mail",
    "welcome_mail",
]
