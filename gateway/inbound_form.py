"""What a provider hands in, brought into the form that the rest relies on, whatever bug it has. Pure.

Numbers are E.164 where they are numbers (a name or a short code stays as it is), a text has nothing that a database or
a mail cannot hold, and a part is a part only where its counting makes sense.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gateway.sms import DeliveryReport, InboundPart, InboundSms

MAX_TEXT = 39_015
"""Characters of 255 parts."""
MAX_REF = 200
_DIGITS = re.compile(r"\+?(?:00)?([1-9]\d{6,17})")
_SEPARATORS = re.compile(r"[\s().\-/]+")


def tidy(sms: InboundSms) -> InboundSms:
    """Bring one incoming SMS into form; nothing of its text is lost but what no reader could see."""
    return replace(
        sms,
        ref=_plain(sms.ref)[:MAX_REF],
        from_number=_number(sms.from_number),
        to_number=_number(sms.to_number),
        text=sms.text.replace("\0", "")[:MAX_TEXT],
        part=_part(sms.part),
    )


def tidy_report(report: DeliveryReport) -> DeliveryReport:
    """Bring one delivery report into form."""
    return replace(
        report,
        ref=_plain(report.ref)[:MAX_REF],
        to_number=_number(report.to_number) if report.to_number else "",
        cause=_plain(report.cause)[:1000],
    )


def joined(text: str) -> str:
    """Put together characters beyond the 16-bit plane that were cut in two between parts; a lone half is marked."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(written: str) -> str:
    compact = _SEPARATORS.sub("", written)
    match = _DIGITS.fullmatch(compact)
    return f"+{match[1]}" if match else _plain(written).strip()[:40]


def _plain(value: str) -> str:
    return joined("".join(letter for letter in value if letter >= " "))


def _part(part: InboundPart | None) -> InboundPart | None:
    if part is None or not 1 <= part.number <= part.total <= 255 or part.total == 1:
        return None
    return replace(part, ref=_plain(part.ref)[:MAX_REF])
