"""Mails of campaigns: what one says, and how it is written (RFC 5322, RFC 8058).

In: a subject and a text that were made for a contact. Out: a mail in plain text, with the same in simple HTML, that can
be unsubscribed from with one click. It comes from our own domain, which we sign for, in the organisation's name;
answers go to the person responsible, and what cannot be delivered comes back to us.

Promises: nothing in it tells who has read it, unless the campaign counts clicks; the HTML is the text, escaped, and
nothing else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.address import leave_address, return_path
from gateway.keyring import LEAVING, Keyring
from gateway.model import Account, Hours, MailKind, OutgoingMail
from gateway.settings import MailSettings
from gateway.translation import Translations, known, translations
from gateway.writing.frame import Frame, for_people
from gateway.writing.mime import address_line, message, multipart, text_line, text_part, wire_address

DOOR = "/u/"
"""Where the site unsubscribes; a token follows."""
LONGEST_SUBJECT = 200
"""Characters of a subject: what is longer is cut, as no reader shows more."""
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ULID = 26


@dataclass(frozen=True, slots=True)
class Email:
    """What one contact gets."""

    id: str
    address: str
    subject: str
    text: str
    language: str
    """Of the contact; "" where nobody said."""
    hours: Hours | None = None
    """When it may leave; None for always."""


def subject_line(written: str) -> str:
    """A subject as a header can hold it: one line, without controls."""
    return for_people(written)[:LONGEST_SUBJECT].strip()


def html_of(text: str) -> str:
    """The same text as simple HTML: paragraphs, line breaks, links that can be clicked."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())
    body = "".join(f"<p>{_linked(each)}</p>\n" for each in paragraphs)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{body}</body></html>\n'


def _linked(text: str) -> str:
    pieces, at = [], 0
    for link in _LINK.finditer(text):
        address = html.escape(link[0])
        pieces += [html.escape(text[at : link.start()]), f'<a href="{address}">{address}</a>']
        at = link.end()
    pieces.append(html.escape(text[at:]))
    return "".join(pieces).replace("\n", "<br>\n")


def token_of(keyring: Keyring, campaign_id: str, contact_id: int) -> str:
    """What unsubscribes a contact that got a campaign: signed, and without a word about who that is."""
    number, digits = contact_id, ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return keyring.sign_token(campaign_id + digits, LEAVING)


def read_token(keyring: Keyring, token: str) -> tuple[str, int] | None:
    """The campaign and the contact of a token that we made, else None."""
    value = keyring.open_token(token, LEAVING)
    if value is None or len(value) <= _ULID:
        return None
    return value[:_ULID], int(value[_ULID:], 36)


def _words_for(language: str) -> Translations:
    """Our own words in a contact's language, "da" or "da-DK"."""
    return translations(known(language.partition("-")[0]), "campaigns")


class EmailWriter:
    """Writes them in the name of this gateway."""

    def __init__(self, mail: MailSettings, public_url: str, keyring: Keyring) -> None:
        self._mail = mail
        self._domain = mail.domains[0]
        self._url = public_url.rstrip("/")
        self._keyring = keyring

    @property
    def sender(self) -> str:
        """The address that campaigns come from."""
        return f"postmaster@{self._domain}"

    def footer(self, organisation: str, language: str, link: str) -> str:
        """What stands below the text, in the contact's language."""
        words = _words_for(language)
        said = words.gettext("You get this mail from %(organisation)s.", organisation=organisation)
        how = words.gettext("Unsubscribe:")
        return f"{said}\n{how} {link}"

    def body(self, email: Email, organisation: str, link: str) -> str:
        """The whole text."""
        return f"{email.text}\n\n-- \n{self.footer(organisation, email.language, link)}"

    def mail(
        self, email: Email, campaign_id: str, contact_id: int, account: Account, organisation: str, now: float
    ) -> OutgoingMail:
        """A mail to be queued. Raises UnsafeHeaderError for an address that no header can hold."""
        token = token_of(self._keyring, campaign_id, contact_id)
        link = f"{self._url}{DOOR}{token}"
        ways_out = [
            f"List-Unsubscribe: <{link}>,\r\n <mailto:{leave_address(token, self._domain)}>\r\n".encode(),
            text_line("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
        content = self._written(email, account, organisation, now, link, ways_out)
        # Without an account: what comes back concerns the contact's mailbox, not that of the person responsible.
        back = return_path(self._keyring.sign_token(email.id), self._domain)
        return OutgoingMail(email.id, MailKind.CAMPAIGN, back, email.address, content, None, now, hours=email.hours)

    def rehearsal(self, email: Email, account: Account, organisation: str, now: float) -> OutgoingMail:
        """The same to somebody who tries it; it says so, and nobody can be unsubscribed by it."""
        words = _words_for(email.language)
        link = words.gettext("(here stands the link of whoever gets it)")
        tried = replace(email, subject=words.gettext("Test: %(subject)s", subject=email.subject))
        content = self._written(tried, account, organisation, now, link)
        return OutgoingMail(email.id, MailKind.REPORT, "", email.address, content, None, now)

    def _written(
        self,
        email: Email,
        account: Account,
        organisation: str,
        now: float,
        link: str,
        ways_out: Sequence[bytes] = (),
    ) -> bytes:
        name = for_people(organisation)
        message_id = f"{email.id}@{self._mail.hostname}"
        frame = Frame(name, self.sender, wire_address(email.address), message_id, now)
        lines = [*frame.lines(email.subject), address_line("Reply-To", "", account.email), *ways_out]
        body = self.body(email, name, link)
        part = multipart("alternative", [text_part(body), text_part(html_of(body), "html")], message_id)
        return message(lines, part)
