"""A text as one types it: what it costs on the air, which characters make it dear, and how it would cost less. Pure.

In: a text as a person wrote it. Out: a `Count`, a value that pages and the API serialise as it is. Positions are those
of characters (Unicode code points, from 0) in `Count.text`.
Sources: as `sms_text`.

Promises: the parts are those that an SMS of this text will have; a cheaper text is an offer that has fewer parts, and
changes no kind of character where that does not help.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gateway.sms import Encoding, SmsText
from gateway.sms_text import (
    EXTENSION_CHARACTERS,
    GSM7_PART,
    GSM7_SINGLE,
    NOT_GSM7,
    UCS2_PART,
    UCS2_SINGLE,
    cut_septets,
    cut_ucs2,
    measure,
    plain_form,
    prepare,
    septets,
    ucs2,
)


class Why(StrEnum):
    """What a character costs more than others."""

    UCS2 = "ucs2"
    """It is not in GSM-7: all others cost 16 bits as well, and a part holds 67 instead of 153."""
    DOUBLE = "double"
    """It takes two units of GSM-7 (TS 23.038 §6.2.1.1)."""


@dataclass(frozen=True, slots=True)
class Dear:
    """A character that makes the text dearer, and wherever it stands."""

    character: str
    name: str
    """In Unicode, English; "" where it has none."""
    why: Why
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A character, what is written instead of it ("" for nothing), and wherever it stands."""

    character: str
    instead: str
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cheaper:
    """A text that says nearly the same in fewer parts."""

    text: str
    encoding: Encoding
    parts: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What a text costs."""

    text: str
    """As written, without white space around it and without what no phone shows."""
    encoding: Encoding
    parts: int
    """0 for no text."""
    units: int
    """Septets or 16-bit units in all."""
    left: int
    """Units until the next part begins."""
    per_part: int
    """Units that one part holds of a text of so many."""
    dear: tuple[Dear, ...]
    """In order of appearance."""
    smart: tuple[Change, ...]
    """What is written in GSM-7 when it leaves, since that saves parts."""
    cheaper: Cheaper | None


def count(written: str, *, smart: bool) -> Count:
    """Count a text as it would leave; `smart` as in `[dialog]`."""
    typed = prepare(written.strip(), smart=False)
    sent = prepare(typed.text, smart=smart)
    replaced = {} if sent.text == typed.text else _plainly(typed)
    per_part, left = _room(sent)
    return Count(
        text=typed.text,
        encoding=sent.encoding,
        parts=sent.parts if sent.text else 0,
        units=sent.units,
        left=left,
        per_part=per_part,
        dear=_dear(typed.text, sent),
        smart=_changes(typed.text, replaced),
        cheaper=_cheaper(typed, sent, replaced),
    )


def _room(text: SmsText) -> tuple[int, int]:
    """Units that a part holds, and those that are left in the last one."""
    if text.encoding is Encoding.GSM7:
        if text.parts == 1:
            return GSM7_SINGLE, GSM7_SINGLE - text.units
        return GSM7_PART, GSM7_PART - len(cut_septets(septets(text.text))[-1])
    if text.parts == 1:
        return UCS2_SINGLE, UCS2_SINGLE - text.units
    return UCS2_PART, UCS2_PART - len(cut_ucs2(ucs2(text.text))[-1]) // 2


def _dear(typed: str, sent: SmsText) -> tuple[Dear, ...]:
    if sent.encoding is Encoding.UCS2:
        return tuple(
            Dear(character, _name(character), Why.UCS2, at)
            for character, at in _places(typed, NOT_GSM7.findall(typed)).items()
        )
    double = [character for character in EXTENSION_CHARACTERS if character in typed]
    found = (Dear(each, _name(each), Why.DOUBLE, at) for each, at in _places(typed, double).items())
    return tuple(found)


def _name(character: str) -> str:
    return unicodedata.name(character, "")


def _places(text: str, characters: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Where each of the characters stands, in order of appearance."""
    wanted = frozenset(characters)
    if not wanted:
        return {}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, character in enumerate(text):
        if character in wanted:
            found[character].append(place)
    return {character: tuple(places) for character, places in found.items()}


def _changes(text: str, replaced: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(Change(character, replaced[character], at) for character, at in _places(text, replaced).items())


# --- a cheaper text ------------------------------------------------------------------------------------------------


def _cheaper(typed: SmsText, sent: SmsText, replaced: Mapping[str, str]) -> Cheaper | None:
    """What changes least comes first: the dress of characters, accents and signs, then what takes two units."""
    if sent.parts == 1:
        return None
    plain: Mapping[str, str] | None = replaced
    if sent.encoding is Encoding.UCS2:
        plain = _all_of(typed.forced_by, plain_form) or _all_of(typed.forced_by, _simpler)
    if plain is None:
        return None
    double = {character: character for character in _SINGLE if character in typed.text} | dict(plain)
    single = {character: instead.translate(_SINGLE_MAP) for character, instead in double.items()}
    best, changed = min(((_with(typed.text, each), each) for each in (plain, single)), key=lambda offer: offer[0].parts)
    if best.parts >= sent.parts:
        return None
    return Cheaper(best.text, best.encoding, best.parts, _changes(typed.text, changed))


def _with(text: str, replaced: Mapping[str, str]) -> SmsText:
    return measure(text.translate({ord(character): instead for character, instead in replaced.items()}).strip())


def _plainly(typed: SmsText) -> dict[str, str]:
    return {character: plain_form(character) or "" for character in typed.forced_by}


def _all_of(characters: Sequence[str], form: Callable[[str], str | None]) -> dict[str, str] | None:
    """What each is written as; None where one cannot be."""
    found: dict[str, str] = {}
    for character in characters:
        instead = form(character)
        if instead is None:
            return None
        found[character] = instead
    return found


@lru_cache(4096)
def _simpler(character: str) -> str | None:
    """Nearly the same in GSM-7, which a person has to agree with; None for letters of other scripts."""
    plain = plain_form(character)
    if plain is not None:
        return plain
    if character in _SIMPLER:
        return _SIMPLER[character]
    if unicodedata.category(character) in _DROPPED:
        return ""
    bare = [each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each)]
    pieces = [each if not NOT_GSM7.match(each) else plain_form(each) for each in bare]
    known = [each for each in pieces if each is not None]
    return "".join(known) if known and len(known) == len(pieces) else None


_DROPPED = frozenset({"So", "Sk", "Cf", "Mn", "Me", "Co", "Cn"})
"""Pictures, skin tones, joiners, marks that found no letter, and what has no name."""
_SIMPLER = (
    dict.fromkeys("☺🙂😊😀😃😄😁😆🤗", ":)")
    | dict.fromkeys("☹🙁😞😟😢😭", ":(")
    | {"😉": ";)", "😂": ":D", "🤣": ":D", "😛": ":P", "❤": "<3", "♥": "<3"}
    | {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H"}
    | {"ı": "i", "œ": "oe", "Œ": "OE", "ŋ": "n", "Ŋ": "N", "ŧ": "t", "Ŧ": "T", "ẞ": "SS", "ĸ": "k"}
    | {"≤": "<=", "≥": ">=", "≠": "<>", "≈": "ca.", "±": "+/-", "÷": "/", "✓": "ok", "✔": "ok"}
    | {"₽": "RUB", "₴": "UAH", "₺": "TRY", "₹": "INR", "₪": "ILS", "₩": "KRW", "¢": "c", "‰": "o/oo"}
)
_SINGLE = {"\f": " ", "^": "", "{": "(", "}": ")", "\\": "/", "[": "(", "~": "-", "]": ")", "|": "/"}
"""What takes two units, in characters that take one. The euro stays: EUR would take three."""
_SINGLE_MAP = str.maketrans(_SINGLE)
