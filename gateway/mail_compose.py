"""Writes every mail that we send: answers from phones, welcome, farewell, delivery reports, mail to the operator.

In: records and values, the message id and the time among them. Out: a complete RFC 5322 message in bytes, CRLF, not
yet signed. Languages: `gateway.writing.texts.LANGUAGES`, others read English.

Promises: a control character in a header value or an address raises `UnsafeHeaderError`, it never reaches a header
(CVE-2024-6923). The key stands in From of the mails that shall be answered and nowhere else. Every mail asks robots to
stay silent (RFC 3834 §5); mails with a return path of ours still let bounces come, for they mark a dead mailbox.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from enum import StrEnum

from gateway.model import Account, Organisation
from gateway.numbers import display
from gateway.sms import InboundSms
from gateway.subject import MESSAGE_FROM
from gateway.writing.frame import FROM_NOBODY, Frame, for_people, masked
from gateway.writing.mime import file_part, mail_part, message, multipart, text_part
from gateway.writing.reports import FailedRecipient, FailureReason, OriginalMail, failure_report, partial_report
from gateway.writing.texts import Texts, texts

_SEPARATOR = "---"


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
    words = texts(account.language)
    frame = Frame(display_name, key_address, account.email, message_id, now, in_reply_to, references)
    subject = dialog_subject(sms.from_number, tag=tag, language=words.language)
    notes = [words.say("dialog.incomplete")] if incomplete else []
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
    words = texts(language)
    frame = Frame(display_name, f"postmaster@{domain}", reader, message_id, now)
    lines = [sms.text, "", _SEPARATOR, *notes, words.say("dialog.no_account")]
    return message(
        frame.lines(dialog_subject(sms.from_number, tag=tag, language=language)), text_part("\n".join(lines))
    )


def dialog_subject(phone: str, *, tag: str, language: str) -> str:
    """The Subject by which an answer is known again: "[TAG] Besked fra +45 30643064" (D11, D12)."""
    return f"[{tag}] {MESSAGE_FROM[texts(language).language]} {for_people(display(phone))}"


# --- accounts ------------------------------------------------------------------------------------------------------


def welcome_mail(
    *,
    account: Account,
    organisation: Organisation,
    key_address: str,
    domain: str,
    display_name: str,
    tag: str,
    qr_png: bytes,
    vcard: str,
    message_id: str,
    in_reply_to: str | None,
    now: float,
    shared: bool = False,
) -> bytes:
    """The number and how to use it, with its QR code and contact card (D5, D7); `shared` where colleagues have it too.

    It comes from the key address, which is the address to write to. Its Subject holds no number: answering it must
    not send an SMS to the number itself.
    """
    words = texts(account.language)
    facts = {
        "organisation": for_people(organisation.name),
        "example": f"12345678@{domain}",
        "unsubscribe": f"unsubscribe@{domain}",
    }
    frame = Frame(display_name, key_address, account.email, message_id, now, in_reply_to)
    picture = f"qr.{message_id.strip('<>')}"
    lead = words.say("welcome.lead_shared" if shared else "welcome.lead", organisation=facts["organisation"])
    about = [words.say("welcome.works"), *([words.say("welcome.shared")] if shared else [])]
    page = multipart(
        "related",
        [
            text_part(_welcome_html(words, account.number, picture, facts, lead, about), "html"),
            file_part(qr_png, "image/png", "qr.png", content_id=picture),
        ],
        f"{message_id} related",
        type="text/html",
    )
    plain = text_part(_welcome_text(words, account.number, facts, lead, about))
    both = multipart("alternative", [plain, page], f"{message_id} alt")
    card = file_part(vcard.encode(), 'text/vcard; charset="utf-8"', "sms.vcf")
    letter = multipart("mixed", [both, card], f"{message_id} mixed")
    return message(frame.lines(f"[{tag}] {words.say('welcome.subject')}"), letter)


_WELCOME_SECTIONS = ("answer", "send", "tip", "qr", "close")


def _welcome_sections(words: Texts, facts: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (words.say(f"welcome.{section}_title"), words.say(f"welcome.{section}", **facts))
        for section in _WELCOME_SECTIONS
    ]


def _welcome_text(words: Texts, number: str, facts: dict[str, str], lead: str, about: Sequence[str]) -> str:
    blocks = [lead, f"    {display(number)}", *about]
    blocks += [f"{title}\n{body}" for title, body in _welcome_sections(words, facts)]
    return "\n\n".join(blocks)


def _welcome_html(
    words: Texts, number: str, picture: str, facts: dict[str, str], lead: str, about: Sequence[str]
) -> str:
    def paragraph(text: str) -> str:
        return f"<p>{html.escape(text)}</p>"

    sections = []
    for name, (title, body) in zip(_WELCOME_SECTIONS, _welcome_sections(words, facts), strict=True):
        image = f'<p><img src="cid:{html.escape(picture)}" alt="{html.escape(number)}" width="180" height="180"></p>'
        sections.append(f"<h3>{html.escape(title)}</h3>\n{paragraph(body)}{image if name == 'qr' else ''}")
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="{words.language}"><head><meta charset="utf-8"></head>',
            '<body style="font-family: sans-serif; max-width: 40em">',
            paragraph(lead),
            f'<p style="font-size: 1.6em"><b>{html.escape(display(number))}</b></p>',
            *map(paragraph, about),
            *sections,
            "</body></html>",
        ]
    )


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
    words = texts(account.language)
    frame = Frame(display_name, f"postmaster@{domain}", account.email, message_id, now, in_reply_to)
    body = [words.say("closed.body", number=display(account.number)), words.say("closed.again")]
    return message(frame.lines(f"[{tag}] {words.say('closed.subject')}"), text_part("\n\n".join(body)))


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
    words = texts(account.language)
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
    body = [words.say("attachments.body", names=for_people(", ".join(names)))]
    if subject.strip():
        body.append(words.say("report.about", subject=for_people(subject)))
    return message(frame.lines(words.say("attachments.subject")), text_part("\n\n".join(body)))


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
    words = texts(language)
    named = {"address": for_people(address)} if case is OperatorCase.FORWARDED else {}
    frame = Frame(display_name, f"postmaster@{domain}", operator, message_id, now, suppress=FROM_NOBODY)
    lines = frame.lines(words.say(f"operator.{case}_subject", **named))
    rows = [f"{words.say(f'operator.{fact}')}: {masked(value)}" for fact, value in facts]
    if case is OperatorCase.UNROUTED:
        rows += ["", words.say("operator.unrouted_todo", id=dict(facts).get(Fact.ID, "ID"))]
    told = text_part("\n".join([words.say(f"operator.{case}", **named), "", *rows]))
    if original is None:
        return message(lines, told)
    return message(lines, multipart("mixed", [told, mail_part(original)], message_id))


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
