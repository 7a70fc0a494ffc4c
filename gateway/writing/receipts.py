"""Writes receipts: what became of a mail whose SMS have all ended, for people and for mail programs (RFC 3464).

In: the account that wrote, its mail, what was sent of it, the phones. Out: a complete multipart/report in bytes, to be
sent with a null return path. The part for people is in the account's language, times in UTC.

Promises: no key anywhere, not even where the sender wrote it into the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.model import Account
from gateway.money import Money
from gateway.numbers import display
from gateway.writing.frame import for_people, indented
from gateway.writing.reports import FailedRecipient, OriginalMail, Reporting, failed_group, failed_line
from gateway.writing.texts import Texts, texts

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
) -> bytes:
    """Tell the sender what became of a mail, phone by phone. Send it with a null return path.

    `reporting_mta` is our host name, `domain` the SMS domain in which a phone is an address.
    """
    words = texts(account.language)
    about = Reporting(account, domain, reporting_mta, original, display_name, message_id, now)
    blocks = [words.say("receipt.phones"), "\n".join(_line(words, each) for each in phones)]
    blocks += [words.say("receipt.text"), indented(sent.text)]
    if sent.cut.strip():
        more = "…" if len(sent.cut) > _MOST_CUT else ""
        blocks += [words.say("receipt.cut"), indented(sent.cut[:_MOST_CUT] + more)]
    if sent.attachments:
        blocks.append(words.say("receipt.attachments", names=for_people(sent.attachments)))
    return about.compose(words.say(_subject(phones)), blocks, [_group(about, each) for each in phones])


def _subject(phones: Sequence[Receipted]) -> str:
    if any(each.failed for each in phones):
        return "report.subject_partial"
    everyone = all(each.delivered_at is not None for each in phones)
    return "receipt.subject_delivered" if everyone else "receipt.subject_relayed"


def _line(words: Texts, phone: Receipted) -> str:
    if phone.failed is not None:
        return failed_line(words, phone.failed)
    if phone.delivered_at is None:
        outcome = words.say("receipt.relayed")
    else:
        at = datetime.fromtimestamp(phone.delivered_at, UTC)
        outcome = words.say("receipt.delivered", at=f"{at:%Y-%m-%d %H:%M} UTC")
    facts = [outcome, words.say("receipt.parts", parts=str(phone.parts)), *([str(phone.price)] if phone.price else [])]
    return f"  {display(phone.phone)}: {'; '.join(facts)}"


def _group(about: Reporting, phone: Receipted) -> list[bytes]:
    """RFC 3464 §2.3.3: what goes on to where nobody reports from is relayed."""
    if phone.failed is not None:
        return failed_group(about, phone.failed)
    if phone.delivered_at is None:
        return about.group(phone.phone, "relayed", _RELAYED_STATUS)
    return about.group(phone.phone, "delivered", _DELIVERED_STATUS)
