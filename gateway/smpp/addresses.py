"""Phone numbers between E.164 and SMPP's addresses (SMPP v3.4 §5.2.5 type of number, §5.2.6 numbering plan). Pure."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

from gateway.smpp.pdu import Address

UNKNOWN, INTERNATIONAL, NATIONAL, ALPHANUMERIC = 0, 1, 2, 5
_SHORT_CODE = 6
"""Digits at most: without a type, so few are nobody's number in full."""
_DIGITS = re.compile(r"[0-9]{3,20}")
_INTERNATIONAL_FORM = re.compile(r"(?:\+|00)([1-9][0-9]{4,19})")


def to_address(number: str, ton: int, npi: int) -> Address:
    """The address of a number or a sender's name. Raises ValueError where SMPP has no room for it."""
    digits = number.removeprefix("+")
    if _DIGITS.fullmatch(digits):
        return Address(ton, npi, digits)
    if number.startswith("+") or not (1 <= len(number) <= 11 and number.isascii() and number.isprintable()):
        raise ValueError("is neither a number nor a name of at most 11 characters")
    return Address(ALPHANUMERIC, 0, number)


@lru_cache(4096)
def from_address(address: Address, region: str) -> str:
    """E.164 with a plus where the address is a number of a phone; a name or a short code as it is.

    `region` (ISO 3166, "" for none) reads national numbers. A type that says nothing is taken for international, unless
    the digits are a number of `region` and do not begin with its country code.
    """
    digits = address.digits.strip()
    if match := _INTERNATIONAL_FORM.fullmatch(digits):
        return f"+{match[1]}"
    if not _DIGITS.fullmatch(digits) or address.ton not in {UNKNOWN, INTERNATIONAL, NATIONAL}:
        return digits
    if address.ton == INTERNATIONAL:
        return f"+{digits}"
    surely_national = address.ton == NATIONAL or digits.startswith("0")
    if region and (national := _national(digits, region, sure=surely_national)):
        return national
    return digits if surely_national or len(digits) <= _SHORT_CODE else f"+{digits}"


def _national(digits: str, region: str, *, sure: bool) -> str:
    """A national number in E.164, or "" where it is none; `sure` when its type says that it is."""
    if not sure and digits.startswith(str(phonenumbers.country_code_for_region(region))):
        return ""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return ""
    if not sure and not phonenumbers.is_valid_number_for_region(number, region):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
