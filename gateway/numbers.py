"""Phone numbers: every writing that a person uses, read into E.164; and the ranges that our pool is made of.

In: text and an ISO 3166 region that reads national numbers. Out: "+4530643064", or a NumberError that says why not.
Built on phonenumbers (ITU-T E.164 and the national numbering plans).

Promises: a national reading wins over a foreign country code written without its plus; what no numbering plan knows
is refused, and so are our own pool numbers (twelve national digits), which are senders and never recipients. A number
that the plan has not handed out yet is taken where mobile numbers of its length begin as it does: plans change faster
than anybody's copy of them, and a phone that exists must not be refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

_MAX_TEXT = 64
"""Characters in one written number; longer is not a number and is not looked at."""
_DASHES = re.compile("[\u2010-\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d]")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_LABEL = re.compile(
    r"(?:t|m|nr|no|tlf|tlfnr|tel|telefon|telefonnr|telephone|phone|mob|mobil|mobile|mobilnr|mobiltlf|cell|handy|gsm|sms|"
    r"smsto|тел|телефон|моб)[\s.:]{0,4}(?=[+(\d])",
    re.IGNORECASE,
)
_PUNCTUATION = " \t'\"<>,;:."
"""Stands around a number that was copied from a list, a spreadsheet or an address."""
_SHAPE = re.compile(r"[\s(]*(?:\+[\s+(]*)?[\d\s().\-/_]*\d[\s().\-/]*")
_PLAIN = re.compile(r"\+?[0-9]{1,20}")
_BRACKETED_TRUNK = re.compile(r"\(\s*0\s*\)")
_SEPARATORS = re.compile(r"[^\d+]+")
_SERIES_DIGITS, _SAMPLES = 2, 41
"""A series of numbers is known by its first national digits, and judged by so many numbers spread over it."""
_MOBILE_TYPES = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_NO_TYPES = frozenset(
    {
        PhoneNumberType.UNKNOWN,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
"""What no plan knows; and services: an SMS to them reaches nobody, or costs what a stranger sets."""
_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "unknown country code",
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "area code missing",
}


class NumberError(ValueError):
    """A text that cannot be read as a phone number. `text` as written, `reason` in a few English words."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r}: {reason}")
        self.text = text
        self.reason = reason


def country_of(phone: str) -> str:
    """The country of an E.164 number (ISO 3166); "001" for satellites and other services that belong to none."""
    # No code is the beginning of another (ITU-T E.164 §6), and most are of one country.
    for length in (3, 4, 2):
        if found := _ONLY_COUNTRY.get(phone[:length]):
            return found
    return _country_among(phone)


_ONLY_COUNTRY = {
    f"+{code}": countries[0]
    for code, countries in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    if len(countries) == 1
}
"""By country code."""


@lru_cache(maxsize=4096)
def _country_among(phone: str) -> str:
    parsed = phonenumbers.parse(phone)
    return phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )


def to_e164(text: str, region: str) -> str:
    """Read one number in any writing. National numbers follow `region`.

    Raises NumberError when the text is not exactly one valid number.
    """
    result, reason = _read(text.strip()[: _MAX_TEXT + 1], region)
    if reason:
        raise NumberError(text, reason)
    return result


def from_local_part(local: str, region: str) -> str:
    """Read the local part of a `<number>@` address: plus, 00, country code without plus, separators.

    Raises NumberError.
    """
    if not could_be_number(local):
        raise NumberError(local, "not a number")
    return to_e164(local, region)


def could_be_number(local: str) -> bool:
    """Tell by the characters alone (digits and separators) whether a local part is meant as a number."""
    if _PLAIN.fullmatch(local):
        return True
    return len(local) <= _MAX_TEXT and _SHAPE.fullmatch(plain(local)) is not None


def plain(text: str) -> str:
    """Write a text with ASCII digits and dashes, plain spaces and no invisible marks, for reading numbers in it.

    Contact lists wrap numbers in bidi controls, clients join the groups with no-break spaces.
    """
    if text.isascii():
        return text.strip()
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    digits = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), visible)
    return _DASHES.sub("-", digits).strip()


def display(e164: str) -> str:
    """Write a number for people: country code, a space, the rest (D11). What is not E.164 stays as it is."""
    digits = e164[1:]
    if not e164.startswith("+") or not digits.isdigit():
        return e164
    for length in (1, 2, 3):
        if int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return f"+{digits[:length]} {digits[length:]}"
    return e164


@lru_cache(maxsize=16384)
def region_of(e164: str) -> str | None:
    """The ISO 3166 region of a number; the country code's main region where no plan knows the number; else None."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )
    return region if region.isalpha() and region != "ZZ" else None


@dataclass(frozen=True)
class NumberRange:
    """Consecutive numbers of equal length, both ends included. A single number is a range of one."""

    first: str
    last: str

    def __post_init__(self) -> None:
        for end in (self.first, self.last):
            if not re.fullmatch(r"\+[1-9][0-9]{5,14}", end, re.ASCII):
                raise ValueError(f"{end!r} is not a number in E.164: a plus, the country code and the digits")
            if " " not in display(end):
                raise ValueError(f"{end!r} begins with an unknown country code")
        if len(self.first) != len(self.last):
            raise ValueError(f"{self.first}..{self.last}: both ends need the same number of digits")
        if self.first > self.last:
            raise ValueError(f"{self.first}..{self.last}: the first number is greater than the last")
        if display(self.first).split()[0] != display(self.last).split()[0]:
            raise ValueError(f"{self.first}..{self.last}: both ends need the same country code")

    @classmethod
    def parse(cls, text: str) -> NumberRange:
        """Read "+45609946000000..+45609946999999" or one number. Raises ValueError that says what is wrong."""
        first, dots, last = (piece.strip() for piece in text.partition(".."))
        if dots and not last:
            raise ValueError(f"{text!r}: the last number is missing behind '..'")
        return cls(first, last if dots else first)

    @property
    def size(self) -> int:
        """How many numbers."""
        return int(self.last) - int(self.first) + 1

    def __contains__(self, e164: object) -> bool:
        if not isinstance(e164, str) or len(e164) != len(self.first) or not e164[1:].isdecimal():
            return False
        return self.first <= e164 <= self.last

    def at(self, index: int) -> str:
        """The number at a zero-based position. Raises IndexError outside the range."""
        if not 0 <= index < self.size:
            raise IndexError(f"{index} is outside a range of {self.size}")
        return f"+{int(self.first) + index}"

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}..{self.last}"


@lru_cache(maxsize=16384)
def _read(text: str, region: str) -> tuple[str, str]:
    """(E.164, "") or ("", reason): both are worth remembering."""
    written = _LABEL.sub("", plain(text).strip(_PUNCTUATION), count=1) if not _PLAIN.fullmatch(text) else text
    if not any(map(str.isdigit, written)):
        return "", "no digits"
    if len(text) > _MAX_TEXT:
        return "", "too long"
    if not _SHAPE.fullmatch(written):
        return "", "not only digits"
    region = region.upper()
    for candidate in _candidates(written):
        number = _valid(candidate, region)
        if number:
            return number, ""
    digits = _SEPARATORS.sub("", written)
    foreign = _valid(f"+{digits}", region, only_mobile=True) if not digits.startswith(("+", "0")) else ""
    if foreign:
        return foreign, ""
    fresh = next(filter(None, (_in_a_mobile_series(candidate, region) for candidate in _candidates(written))), "")
    return (fresh, "") if fresh else ("", _why_not(digits, region))


def _candidates(written: str) -> list[str]:
    """The readings to try, best first: as written, without a bracketed trunk zero, with 00 as the plus."""
    compact = _SEPARATORS.sub("", written)
    if compact.startswith("+"):
        compact = "+" + compact.replace("+", "").removeprefix("00")
    readings = [compact]
    if _BRACKETED_TRUNK.search(written):
        readings.append(_SEPARATORS.sub("", _BRACKETED_TRUNK.sub("", written)))
    readings += [f"+{reading[2:]}" for reading in readings if reading.startswith("00")]
    return readings


def _valid(candidate: str, region: str, *, only_mobile: bool = False) -> str:
    """E.164 when a numbering plan knows the number, else ""."""
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return ""
    kind = phonenumbers.number_type(number)
    if kind in _NO_TYPES or (only_mobile and kind not in _MOBILE_TYPES):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _in_a_mobile_series(candidate: str, region: str) -> str:
    """E.164 of a number that no plan lists, but that lies among mobile numbers; else ""."""
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return ""
    national = phonenumbers.national_significant_number(number)
    if not _is_mobile_series(number.country_code or 0, national[:_SERIES_DIGITS], len(national)):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=4096)
def _is_mobile_series(country_code: int, first_digits: str, length: int) -> bool:
    """Whether most numbers of this length with these first digits are mobile numbers of the plan."""
    room = 10 ** (length - len(first_digits))
    samples = [
        f"+{country_code}{first_digits}{step * room // _SAMPLES:0{length - len(first_digits)}d}"
        for step in range(_SAMPLES)
    ]
    return sum(bool(_valid(sample, "ZZ", only_mobile=True)) for sample in samples) > _SAMPLES // 2


def _why_not(digits: str, region: str) -> str:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException as error:
        return "unknown country code" if error.error_type == error.INVALID_COUNTRY_CODE else "too short or too long"
    return _REASONS.get(phonenumbers.is_possible_number_with_reason(number), "not a number in use")
