"""Writes the welcome mail: a new account's number, how to use it, and how to be rid of it.

In: the account and what is drawn of its number, the message id and the time among it. Out: a complete mail in bytes,
as text and as HTML, in the account's language.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import Account, Organisation
from gateway.numbers import display
from gateway.translation import Translations, translations
from gateway.writing.frame import Frame, for_people
from gateway.writing.mime import file_part, message, multipart, text_part


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
    words = translations(account.language)
    frame = Frame(display_name, key_address, account.email, message_id, now, in_reply_to)
    picture = f"qr.{message_id.strip('<>')}"
    lead, about = _beginning(words, for_people(organisation.name), shared=shared)
    sections = _sections(words, domain)
    page = multipart(
        "related",
        [
            text_part(_as_html(words.language, account.number, picture, lead, about, sections), "html"),
            file_part(qr_png, "image/png", "qr.png", content_id=picture),
        ],
        f"{message_id} related",
        type="text/html",
    )
    plain = text_part(_as_text(account.number, lead, about, sections))
    both = multipart("alternative", [plain, page], f"{message_id} alt")
    card = file_part(vcard.encode(), 'text/vcard; charset="utf-8"', "sms.vcf")
    letter = multipart("mixed", [both, card], f"{message_id} mixed")
    subject = words.gettext("Your SMS number is ready")
    return message(frame.lines(f"[{tag}] {subject}"), letter)


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    text: str
    with_picture: bool = False


def _beginning(words: Translations, organisation: str, *, shared: bool) -> tuple[str, list[str]]:
    """What stands above the number, and the paragraphs right below it."""
    about = [
        words.gettext("It works right away. Feel free to put it on your business card and in your mail signature.")
    ]
    if not shared:
        lead = words.gettext(
            "Hello! You now have an SMS number of your own at %(organisation)s:", organisation=organisation
        )
        return lead, about
    lead = words.gettext("Hello! You now have an SMS number at %(organisation)s:", organisation=organisation)
    about.append(
        words.gettext(
            "You share this number with colleagues. Where an answer could be for several of you, each gets it with "
            "the question whom it is for."
        )
    )
    return lead, about


def _sections(words: Translations, domain: str) -> list[_Section]:
    """How to use the number."""
    return [
        _Section(
            words.gettext("When somebody sends you an SMS"),
            words.gettext(
                "It arrives as a mail in your inbox. Just press Reply, write your answer and send it: it reaches the "
                "phone as an SMS."
            ),
        ),
        _Section(
            words.gettext("When you want to write first"),
            words.gettext(
                "Write a mail to the sender of this mail. Put the mobile number in the subject line and your message "
                "in the mail, nothing more. You can write several numbers with commas between them; nobody sees the "
                "others. Foreign numbers need their country code. Files and pictures are not sent along: an SMS "
                "carries text only."
            ),
        ),
        _Section(
            words.gettext("A tip"),
            words.gettext(
                "Save the sender of this mail as a contact with the name SMS. You can also save your customers' "
                "numbers as contacts with the address %(example)s, and write to them and to SMS in the same mail. "
                "Then the subject line may be empty.",
                example=f"12345678@{domain}",
            ),
        ),
        _Section(
            words.gettext("Your QR code"),
            words.gettext(
                "A phone that scans this code opens an SMS to your number. The attached contact card holds the "
                "number too."
            ),
            with_picture=True,
        ),
        _Section(
            words.gettext("If you no longer need the number"),
            words.gettext(
                "Send a mail to %(unsubscribe)s and write your organisation's key in it. The key is the 32 "
                "characters before the @ in the sender of this mail.",
                unsubscribe=f"unsubscribe@{domain}",
            ),
        ),
    ]


def _as_text(number: str, lead: str, about: Sequence[str], sections: Sequence[_Section]) -> str:
    blocks = [lead, f"    {display(number)}", *about]
    return "\n\n".join([*blocks, *(f"{section.title}\n{section.text}" for section in sections)])


def _as_html(
    language: str, number: str, picture: str, lead: str, about: Sequence[str], sections: Sequence[_Section]
) -> str:
    def paragraph(text: str) -> str:
        return f"<p>{html.escape(text)}</p>"

    image = f'<p><img src="cid:{html.escape(picture)}" alt="{html.escape(number)}" width="180" height="180"></p>'
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"></head>',
            '<body style="font-family: sans-serif; max-width: 40em">',
            paragraph(lead),
            f'<p style="font-size: 1.6em"><b>{html.escape(display(number))}</b></p>',
            *map(paragraph, about),
            *(
                f"<h3>{html.escape(each.title)}</h3>\n{paragraph(each.text)}{image if each.with_picture else ''}"
                for each in sections
            ),
            "</body></html>",
        ]
    )
