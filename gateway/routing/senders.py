"""What may stand as sender: the form of a name, and which countries take names. Pure.

A name is an address of type alphanumeric: at most 11 characters of the 7-bit alphabet (3GPP TS 23.040 §9.1.2.5).
What countries take is data (`gateway/data/senders.toml`), which says itself where it is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.sms import Encoding
from gateway.sms_text import measure

LONGEST_NAME = 11
_DIGITS = re.compile(r"\+[1-9][0-9]{5,14}|[0-9]{3,8}", re.ASCII)
"""A phone number, or a short code."""


class Names(StrEnum):
    """What a country does with a name as sender."""

    YES = "yes"
    NO = "no"
    REGISTERED = "registered"
    """Only those that have been registered there."""


@dataclass(frozen=True, slots=True)
class Country:
    """What is known of one country."""

    names: Names
    sure: bool = False
    note: str = ""


Countries = Mapping[str, Country]
"""By ISO 3166 code; what is not there is not known, and taken for a country that takes names."""


def check_sender(text: str) -> str:
    """A sender as it may be written in a rule. Raises ValueError with words that complete "sender …"."""
    if _DIGITS.fullmatch(text):
        return text
    if text != text.strip() or not any(map(str.isalpha, text)):
        raise ValueError('must be a name with a letter ("Firma"), a number ("+4530643064") or a short code ("1234")')
    measured = measure(text)
    if measured.encoding is not Encoding.GSM7 or not text.isprintable():
        raise ValueError("must be written in the plain alphabet of SMS (GSM 03.38)")
    if measured.units > LONGEST_NAME:
        raise ValueError(f"must be at most {LONGEST_NAME} characters")
    return text


def is_name(sender: str) -> bool:
    """Whether a sender is a name rather than digits."""
    return _DIGITS.fullmatch(sender) is None


def objection_to(sender: str, country: str, registered: frozenset[str], countries: Countries) -> str:
    """Why a sender cannot stand on messages to a country; "" where it can."""
    known = countries.get(country)
    if known is None or known.names is Names.YES or not is_name(sender):
        return ""
    doubt = "" if known.sure else " as far as is known"
    if known.names is Names.NO:
        return f"phones in {country} get no names as sender{doubt}, and '{sender}' is one"
    if country in registered:
        return ""
    return f"'{sender}' must be registered in {country}{doubt}: write registered = [\"{country}\"] beside it when it is"


def read_countries(tables: Mapping[str, Mapping[str, object]]) -> Countries:
    """Read the data file's tables. Raises ValueError for what it must not say."""
    return {
        code: Country(Names(str(table["names"])), table.get("sure") is True, str(table.get("note", "")))
        for code, table in tables.items()
    }
