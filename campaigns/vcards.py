"""vCards, as address books exchange them: read in the versions 2.1, 3.0 and 4.0, written in 4.0. Pure.

RFC 6350 (4.0), RFC 2426 (3.0); of 2.1 what telephones still write: quoted-printable and parameters without a name. A
contact's own attributes, tags and language go as CATEGORIES, LANG and X-BREVDUE-<KEY>, the mark "do not use SMS" as
X-BREVDUE-NO-SMS:1, so that what was written can be read again. An attribute whose key is not ASCII, as names of
properties are, goes as X-BREVDUE-FIELD;KEY=<key>.
"""

from __future__ import annotations

import codecs
import quopri
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from campaigns.drafts import zone_named
from campaigns.model import Contact, Draft, Point
from gateway.registry.errors import BadValue
from gateway.translation import sentence

MOST_CARDS: Final = 10_000
_LONGEST_LINE: Final = 75
"""Octets of a line, RFC 6350 §3.2."""
_OWN: Final = "X-BREVDUE-"
_NO_SMS: Final = f"{_OWN}NO-SMS"
_FIELD: Final = f"{_OWN}FIELD"
_NO_LABELS: Final = frozenset({"PREF", "VOICE", "INTERNET", "TEXT", "MSG"})
_CHARSET: Final = re.compile(r"utf-8|us-ascii|iso-8859-(?:[1-9]|1[013456])|windows-125[0-8]|koi8-[ru]", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Property:
    """One line of a card, unfolded: its name in capitals, its parameters, its value as it stands."""

    name: str
    parameters: Mapping[str, tuple[str, ...]]
    value: str


def read(content: bytes) -> list[Draft]:
    """The contacts of a file of cards. Raises BadValue where there is none, or too many."""
    cards = list(_cards(_lines(_text(content))))
    if not cards:
        raise BadValue(sentence("there is no vCard in this file"))
    if len(cards) > MOST_CARDS:
        raise BadValue(sentence("the file has too many contacts: %(most)s at most", most=MOST_CARDS))
    return [_draft(card) for card in cards]


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


_FOLD: Final = re.compile(r"\n[ \t]")


def _lines(text: str) -> Iterator[str]:
    """Lines, unfolded: one that begins with a blank goes on with the line before it (RFC 6350 §3.2).

    Quoted-printable goes on in the next line where one ends with "=" (RFC 2045 §6.7). Each line is put together once,
    however many pieces it comes in.
    """
    lines = iter(_FOLD.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n"))
    for line in lines:
        if line.endswith("=") and "QUOTED-PRINTABLE" in line.partition(":")[0].upper():
            yield "".join(_pieces(line, lines))
        else:
            yield line


def _pieces(first: str, more: Iterator[str]) -> Iterator[str]:
    """What belongs to a line that ends with "=", which nothing needs to follow."""
    held: str | None = first
    while held is not None and held.endswith("="):
        yield held[:-1]
        held = next(more, None)
    yield "=" if held is None else held


def _cards(lines: Iterable[str]) -> Iterator[list[Property]]:
    card: list[Property] | None = None
    for line in lines:
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            card = []
        elif word == "END:VCARD" and card is not None:
            yield card
            card = None
        elif card is not None and (found := _property(line)) is not None:
            card.append(found)


_PARAMETER: Final = re.compile(r';([\w-]+)(?:=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*))?')
_MOST_PARAMETERS: Final = 50
"""A line with more of them is none that people or programs write."""
_NAME: Final = re.compile(r"(?:[\w-]+\.)?([\w-]+)")


def _property(line: str) -> Property | None:
    named = _NAME.match(line)
    if named is None:
        return None
    place = named.end()
    parameters: dict[str, list[str]] = {}
    for _ in range(_MOST_PARAMETERS):
        found = _PARAMETER.match(line, place)
        if found is None:
            break
        name, values = (found[1], found[2]) if found[2] is not None else ("TYPE", found[1])
        parameters.setdefault(name.upper(), []).extend(each.strip('"') for each in values.split(","))
        place = found.end()
    if line[place : place + 1] != ":":
        return None
    said = {name: tuple(values) for name, values in parameters.items()}
    return Property(named[1].upper(), said, _decoded(line[place + 1 :], said))


def _decoded(value: str, parameters: Mapping[str, tuple[str, ...]]) -> str:
    said = {each.upper() for values in parameters.values() for each in values}
    if "QUOTED-PRINTABLE" not in said:
        return value
    charset = parameters.get("CHARSET", ("utf-8",))[0].lower()
    # Others of Python's codecs raise, or take time by the square of the length.
    known = charset if _CHARSET.fullmatch(charset) else "utf-8"
    return quopri.decodestring(value.encode()).decode(known, "replace")


def _plain(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


def _split(value: str, sign: str) -> list[str]:
    """The pieces between signs that no backslash stands before (RFC 6350 §3.4)."""
    pieces, held, escaped = [], "", False
    for letter in value:
        if letter == sign and not escaped:
            pieces.append(held)
            held = ""
            continue
        held += letter
        escaped = letter == "\\" and not escaped
    return [_plain(piece) for piece in (*pieces, held)]


def _draft(card: Sequence[Property]) -> Draft:
    first_of: dict[str, Property] = {}
    for each in card:
        first_of.setdefault(each.name, each)

    def one(name: str) -> str:
        return _plain(first_of[name].value) if name in first_of else ""

    names = [*_split(first_of["N"].value, ";"), "", ""] if "N" in first_of else ["", ""]
    return Draft(
        name=one("FN") or f"{names[1]} {names[0]}".strip() or one("ORG").replace(";", " ").strip(),
        first_name=names[1],
        phones=_points(card, "TEL", "tel:"),
        emails=_points(card, "EMAIL", "mailto:"),
        language=one("LANG"),
        zone=one("TZ") if "/" in one("TZ") or zone_named(one("TZ")) else "",  # others are offsets, or nobody's
        no_sms=one(_NO_SMS) == "1",
        attributes={
            _key(each): _plain(each.value) for each in card if each.name.startswith(_OWN) and each.name != _NO_SMS
        },
        tags=frozenset(tag for each in card if each.name == "CATEGORIES" for tag in _split(each.value, ",") if tag),
    )


def _key(attribute: Property) -> str:
    if attribute.name == _FIELD and (named := attribute.parameters.get("KEY")):
        return named[0]
    return attribute.name.removeprefix(_OWN).lower().replace("-", "_")


def _points(card: Sequence[Property], name: str, scheme: str) -> tuple[Point, ...]:
    """Phones or addresses, the preferred one first."""
    found = [each for each in card if each.name == name and _plain(each.value)]
    found.sort(key=_preference)
    points = []
    for each in found:
        types = [word for word in each.parameters.get("TYPE", ()) if word.upper() not in _NO_LABELS]
        value = _plain(each.value)
        value = value[len(scheme) :].partition(";")[0] if value.lower().startswith(scheme) else value
        points.append(Point(value, ", ".join(word.lower() for word in types)))
    return tuple(points)


def _preference(each: Property) -> int:
    if any(word.upper() == "PREF" for word in each.parameters.get("TYPE", ())):
        return 0
    preference = each.parameters.get("PREF", ("100",))[0]
    return int(preference) if preference.isdecimal() and len(preference) <= 3 else 100  # RFC 6350 §5.3: 1 to 100


# --- written -------------------------------------------------------------------------------------------------------


def write(contact: Contact) -> str:
    """A contact as a card, with its line ends."""
    last = contact.name.removeprefix(contact.first_name).strip() if contact.first_name else ""
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"FN:{_escaped(contact.name)}",
        f"N:{_escaped(last)};{_escaped(contact.first_name)};;;",
        *_written_points("TEL", contact.phones),
        *_written_points("EMAIL", contact.emails),
    ]
    if contact.language:
        lines.append(f"LANG:{_escaped(contact.language)}")
    if contact.zone:
        lines.append(f"TZ:{_escaped(contact.zone)}")
    if contact.tags:
        lines.append(f"CATEGORIES:{','.join(map(_escaped, contact.tags))}")
    if contact.no_sms:
        lines.append(f"{_NO_SMS}:1")
    lines += [f"{_property_of(key)}:{_escaped(_value(value))}" for key, value in contact.attributes.items()]
    lines.append("END:VCARD")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _property_of(key: str) -> str:
    name = f"{_OWN}{key.upper().replace('_', '-')}"
    return name if key.isascii() and name != _NO_SMS else f"{_FIELD};KEY={key}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _written_points(name: str, points: Sequence[Point]) -> Iterator[str]:
    for place, point in enumerate(points, 1):
        label = re.sub(r'[\x00-\x1f\x7f"]', "", point.label)
        kind = f';TYPE="{label}"' if label else ""
        yield f"{name};PREF={min(place, 100)}{kind}:{_escaped(point.value)}"


def _escaped(text: str) -> str:
    """RFC 6350 §3.4."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"([\\,;])", r"\\\1", plain).replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Pieces of at most 75 octets that split no character (RFC 6350 §3.2)."""
    held, size = "", 0
    for letter in line:
        length = len(letter.encode("utf-8", "replace"))
        if size + length > _LONGEST_LINE:
            yield held
            held, size = " ", 1
        held += letter
        size += length
    yield held
