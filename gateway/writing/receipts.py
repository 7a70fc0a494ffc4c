"""Writes receipts: what became of a mail whose SMS have all ended, for people and for mail programs (RFC 3464).

In: the account that wrote, its mail, what was sent of it, the phones. Out: a complete multipart/report in bytes, to be
sent with a null return path. The part for people is in the account's language, with moments and amounts as they
are written in its region.

Promises: no key anywhere, not even where the sender wrote it into the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway.local_forms import amount, moment
from gateway.model import Account
from gateway.money import Money
from gateway.numbers import display
from gateway.translation import Sentence, Translations, sentence, translations
from gateway.writing.frame import for_people, indented
from gateway.writing.reports import NOT_EVERYBODY, FailedRecipient, OriginalMail, Reporting, failed_group, failed_line

_DELIVERED_STATUS: Final = "2.1.5"
_RELAYED_STATUS: Final = "2.0.0"
_MOST_CUT: Final = 1000
"""Characters that are shown of quoted history; the sender has the rest in the mail itself."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was made of a mail."""

    text: str
    """As it left, character by character."""
    cut: str
    """Quoted history that was left out."""
    attachments: str
    """Names of what an SMS cannot carry."""


@dataclass(frozen=True, slots=True)
class Receipted:
    """What became of one SMS."""

    phone: str
    parts: int
    price: Money | None
    delivered_at: float | None = None
    """Seconds since the epoch; None where it was not delivered, or nobody tells."""
    failed: FailedRecipient | None = None
    """Why the phone was not reached; None where it was, or nobody tells."""


def receipt(
    *,
    account: Account,
    domain: str,
    reporting_mta: str,
    original: OriginalMail,
    sent: Sent,
    phones: Sequence[Receipted],
    display_name: str,
    message_id: str,
    now: float,
    zone: ZoneInfo,
) -> bytes:
    """Tell the sender what became of a mail, phone by phone. Send it with a null return path.

    `reporting_mta` is our host name, `domain` the SMS domain in which a phone is an address.
    Moments are on the clock of `zone`.
    """
    words = translations(account.language)
    about = Reporting(account, domain, reporting_mta, original, display_name, message_id, now)
    lines = [_line(words, each, zone, account.region) for each in phones]
    blocks = [words.gettext("This became of your message:"), "\n".join(lines)]
    blocks += [words.gettext("The text that was sent:"), indented(sent.text)]
    if sent.cut.strip():
        more = "…" if len(sent.cut) > _MOST_CUT else ""
        blocks += [words.gettext("Quoted history that was left out:"), indented(sent.cut[:_MOST_CUT] + more)]
    if sent.attachments:
        left = for_people(sent.attachments)
        blocks.append(words.gettext("Left behind, for an SMS cannot carry it: %(names)s", names=left))
    return about.compose(words.say(_subject(phones)), blocks, [_group(about, each) for each in phones])


def _subject(phones: Sequence[Receipted]) -> Sentence:
    if any(each.failed for each in phones):
        return NOT_EVERYBODY
    everyone = all(each.delivered_at is not None for each in phones)
    return sentence("Your SMS was delivered") if everyone else sentence("Your SMS was sent")


def _line(words: Translations, phone: Receipted, zone: ZoneInfo, region: str) -> str:
    if phone.failed is not None:
        return failed_line(words, phone.failed)
    if phone.delivered_at is None:
        outcome = words.gettext("sent; the phone company does not tell whether it arrives")
    else:
        at = moment(phone.delivered_at, zone, words.language, region)
        outcome = words.gettext("delivered %(at)s", at=at)
    facts = [outcome, words.gettext("SMS parts: %(parts)s", parts=phone.parts)]
    if phone.price:
        facts.append(amount(phone.price, words.language, region))
    return f"  {display(phone.phone)}: {'; '.join(facts)}"


def _group(about: Reporting, phone: Receipted) -> list[bytes]:
    """RFC 3464 §2.3.3: what goes on to where nobody reports from is relayed."""
    if phone.failed is not None:
        return failed_group(about, phone.failed)
    if phone.delivered_at is None:
        return about.group(phone.phone, "relayed", _RELAYED_STATUS)
    return about.group(phone.phone, "delivered", _DELIVERED_STATUS)
