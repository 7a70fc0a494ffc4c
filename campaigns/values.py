"""Values of attributes: read from what people write, and as filters compare them. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date

from campaigns.model import Attribute, AttributeType, Value
from gateway.registry.errors import BadValue
from gateway.translation import sentence

LONGEST = 2_000
"""Characters of a text."""
_YES = frozenset({"yes", "y", "true", "1", "ja", "j", "oui", "да", "on", "x"})
_NO = frozenset({"no", "n", "false", "0", "nej", "nei", "nein", "non", "нет", "off"})
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}.*)?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4})", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
"""With an exponent too, as programs write what is very small."""
_NO_NAME = re.compile(r"\+[0-9]+|[^\s@]+@[^\s@]+")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")


def fold(text: str) -> str:
    """A text as two are compared: without case, one blank between words, one form of each letter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def clean(text: str) -> str:
    """A text on one line, without what cannot be shown or stored. Raises BadValue for one that is too long."""
    plain = "".join(letter for letter in text if letter == "\n" or unicodedata.category(letter) not in {"Cc", "Cs"})
    plain = plain.strip()
    if len(plain) > LONGEST:
        raise BadValue(sentence("a text has at most %(most)s characters", most=LONGEST))
    return plain


def own_name(name: str) -> str:
    """A contact's name, or "" where a phone or an address stands in its place: nobody is greeted by that."""
    return "" if ("@" in name or name.startswith("+")) and _NO_NAME.fullmatch(name) else name


def read_value(attribute: Attribute, written: object) -> Value | None:
    """A value of an attribute from what a person, a file or a program wrote; None for nothing. Raises BadValue."""
    if written is None or (isinstance(written, str) and not written.strip()):
        return None
    if attribute.type is AttributeType.YES_NO:
        return _yes_no(written)
    if attribute.type is AttributeType.NUMBER:
        return _number(written)
    text = clean(str(written))
    if not text or attribute.type is AttributeType.TEXT:
        return text or None
    return _date(text).isoformat() if attribute.type is AttributeType.DATE else _choice(attribute, text)


def fact(attribute: Attribute, value: Value) -> str | float:
    """The value as filters compare it: folded text, or a number."""
    if attribute.type.is_text:
        return fold(str(value))
    if attribute.type is AttributeType.DATE:
        return float(str(value).replace("-", ""))
    return float(value)


def day_number(day: date) -> int:
    """A date as it is compared and sorted: 20261231."""
    return day.year * 10_000 + day.month * 100 + day.day


def asked(attribute: Attribute, text: str) -> str | float:
    """What a filter compares an attribute with. Raises BadValue."""
    if attribute.type is AttributeType.TEXT:
        return fold(text)
    value = read_value(attribute, text)
    if value is None:
        raise BadValue(sentence("write a value, or 'is empty'"))
    return fact(attribute, value)


def _yes_no(written: object) -> bool:
    if isinstance(written, bool):
        return written
    word = str(written).strip().casefold().removesuffix(".0")
    if word in _YES or word in _NO:
        return word in _YES
    raise BadValue(sentence("%(value)s is neither yes nor no", value=_short(written)))


def _number(written: object) -> float:
    if isinstance(written, str):
        plain = written.strip().replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-")
        number = _written_number(plain)
    elif isinstance(written, int | float) and not isinstance(written, bool):
        number = float(written)
    else:
        number = None
    if number is None or not math.isfinite(number) or abs(number) >= 1e15:
        raise BadValue(sentence("%(value)s is not a number", value=_short(written)))
    return int(number) if number.is_integer() else number


def _written_number(plain: str) -> float | None:
    """1234.5, 1234,5, 1.234,5 and 1,234.5; a sign that stands once before three digits is read as the decimal one."""
    if _NUMBER.fullmatch(plain):
        return float(plain)
    if plain.count(",") == 1 and _NUMBER.fullmatch(plain.replace(",", ".")):
        return float(plain.replace(",", "."))
    grouped = _GROUPED.fullmatch(plain)
    if grouped is None:
        return None
    digits = plain.replace(grouped[1], "").replace(",", ".")
    return float(digits) if _NUMBER.fullmatch(digits) else None


def _date(text: str) -> date:
    """A date as ISO 8601 or day first, as it is written in Europe."""
    if found := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _DAY_FIRST.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        raise BadValue(sentence("%(value)s is not a date: write it like 2026-12-31", value=_short(text)))
    try:
        return date(year, month, day)
    except ValueError:
        raise BadValue(sentence("there is no day %(value)s", value=_short(text))) from None


def _choice(attribute: Attribute, text: str) -> str:
    folded = fold(text)
    for choice in attribute.choices:
        if fold(choice) == folded:
            return choice
    raise BadValue(
        sentence("%(value)s is none of %(choices)s", value=_short(text), choices=", ".join(attribute.choices))
    )


def _short(written: object) -> str:
    text = str(written)
    return text if len(text) <= 60 else f"{text[:60]}…"
