"""What a text costs on the air: alphabet, septets or code units, parts; and the bytes that providers send.

In: text as a person wrote it. Out: `SmsText` values, the texts of single parts, and bytes in either alphabet.
Sources: 3GPP TS 23.038 §6.2.1 (the 7-bit default alphabet and its extension table) and TS 23.040 §9.2.3.24.1
(concatenation with an 8-bit reference: 6 octets of header in each part).

Promises: texts are composed (NFC) and their line ends are LF, which is one septet; an escape pair or a surrogate pair
never lies across two parts; letters, signs with a meaning of their own and emoji are never replaced by others.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata

from gateway.reading.invisible import only_visible
from gateway.sms import Encoding, SmsText
from gateway.translation import Sentence, sentence

GSM7_SINGLE, GSM7_PART = 160, 153
"""Septets in a lone SMS and in one part of several."""
UCS2_SINGLE, UCS2_PART = 70, 67
"""16-bit code units in a lone SMS and in one part of several."""

_ESCAPE = 0x1B
_BASIC_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION_TABLE = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_BASIC_CHARACTERS = _BASIC_TABLE.replace("\x1b", "")
EXTENSION_CHARACTERS = "".join(_EXTENSION_TABLE.values())

_TO_SEPTETS = {ord(character): chr(code) for code, character in enumerate(_BASIC_TABLE) if code != _ESCAPE} | {
    ord(character): chr(_ESCAPE) + chr(code) for code, character in _EXTENSION_TABLE.items()
}
_BASIC_BYTES = _BASIC_CHARACTERS.encode("latin-1", "ignore")
_BASIC_MAP = codecs.charmap_build(_BASIC_TABLE.replace("\x1b", "\ufffe"))
"""For the codec in C: the basic table, with U+FFFE for "undefined" where it has its escape."""
_ONLY_BASIC = re.compile(f"[{re.escape(_BASIC_CHARACTERS)}]*")
_ONLY_GSM7 = re.compile(f"[{re.escape(_BASIC_CHARACTERS + EXTENSION_CHARACTERS)}]*")
NOT_GSM7 = re.compile(f"[^{re.escape(_BASIC_CHARACTERS + EXTENSION_CHARACTERS)}]")
_UNSPEAKABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""Control characters that no phone shows and that some providers stumble over."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("«»“”„‟″‶❝❞〝〞〟ʺˮ", '"')
    | dict.fromkeys("‘’‚‛′‵‹›❛❜ʹʻʼʽˈˊˋ´`", "'")
    | dict.fromkeys("‐‑‒–—―−⁃﹘﹣•‣◦●○■□▪▫∙⸺⸻", "-")
    | dict.fromkeys(
        "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    )
    | dict.fromkeys("\v\u0085\u2028\u2029", "\n")
    | dict.fromkeys("\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff", "")
    | {"…": "...", "⁄": "/", "∕": "/", "∗": "*", "·": ".", "∼": "~", "¦": "|", "×": "x"}
    | {"→": "->", "←": "<-", "⇒": "=>", "↔": "<->", "©": "(c)", "®": "(R)", "™": "(TM)", "‼": "!!", "⁇": "??"}
)
_PLAIN_FORMS = ("<wide>", "<narrow>", "<compat>", "<font>")
"""Decompositions that change a character's dress only. Powers, fractions and circles carry meaning and stay."""


def measure(text: str) -> SmsText:
    """Choose the alphabet and count units and parts. CR LF and a lone CR become LF; lone surrogates U+FFFD."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    basic = _is_basic(text)
    if not basic:  # the main table holds composed characters alone
        text = _composed(text)
        basic = _is_basic(text)
    if basic:
        units = len(text)
        parts = 1 if units <= GSM7_SINGLE else -(-units // GSM7_PART)
        return SmsText(text, Encoding.GSM7, parts, units)
    if _ONLY_GSM7.fullmatch(text):
        units = len(text) + sum(map(text.count, EXTENSION_CHARACTERS))
        parts = 1 if units <= GSM7_SINGLE else len(cut_septets(septets(text)))
        return SmsText(text, Encoding.GSM7, parts, units)
    encoded = ucs2(text)
    units = len(encoded) // 2
    parts = 1 if units <= UCS2_SINGLE else len(cut_ucs2(encoded))
    return SmsText(text, Encoding.UCS2, parts, units, tuple(dict.fromkeys(NOT_GSM7.findall(text))))


def prepare(text: str, *, smart: bool) -> SmsText:
    """Measure a text for sending, without control characters other than tabs and line ends.

    `smart` writes typographic characters in GSM-7 where that makes fewer parts.
    Replaced are then quotes, dashes, bullets, spaces, invisible marks and compatibility forms (ligatures, full-width
    letters), and only when every other character is in GSM-7 as well and the text then needs fewer parts.
    """
    written = measure(text if only_visible(text) else _UNSPEAKABLE.sub("", text))
    if not smart or written.encoding is Encoding.GSM7 or written.parts == 1:
        return written
    replacements: dict[int, str] = {}
    for character in written.forced_by:
        plain = plain_form(character)
        if plain is None:
            return written
        replacements[ord(character)] = plain
    plainer = measure(written.text.translate(replacements))
    return plainer if plainer.parts < written.parts else written


def split(text: SmsText) -> tuple[str, ...]:
    """Cut a text into the parts that a concatenated SMS carries; joined they are the text."""
    if text.parts == 1:
        return (text.text,)
    if text.encoding is Encoding.GSM7:
        return tuple(from_septets(part) for part in cut_septets(septets(text.text)))
    # Not `from_ucs2`: what looks like a byte-order mark where a part begins is a character of the text.
    return tuple(part.decode("utf-16-be", "surrogatepass") for part in cut_ucs2(ucs2(text.text)))


def septets(text: str) -> bytes:
    """Encode in GSM-7, one septet per byte (unpacked), as SMPP's default alphabet is mostly sent.

    Raises UnicodeEncodeError (a ValueError) when a character is not in the alphabet.
    """
    with contextlib.suppress(UnicodeEncodeError):  # most texts need no escape
        return codecs.charmap_encode(text, "strict", _BASIC_MAP)[0]
    stranger = NOT_GSM7.search(text)
    if stranger:
        raise UnicodeEncodeError("gsm7", text, stranger.start(), stranger.end(), "not in the default alphabet")
    return text.translate(_TO_SEPTETS).encode("latin-1")


def from_septets(data: bytes) -> str:
    """Decode unpacked GSM-7. Never fails: TS 23.038 §6.2.1.1 says what a phone shows for undefined escapes.

    An escape before an undefined position shows the main table's character; a second escape or one at the end, a space.
    """
    if data.isascii() and _ESCAPE not in data:
        return codecs.charmap_decode(data, "strict", _BASIC_TABLE)[0]
    characters: list[str] = []
    escaped = False
    for byte in data:
        code = byte & 0x7F
        if escaped:
            characters.append(" " if code == _ESCAPE else _EXTENSION_TABLE.get(code, _BASIC_TABLE[code]))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            characters.append(_BASIC_TABLE[code])
    return "".join(characters) + (" " if escaped else "")


def ucs2(text: str) -> bytes:
    """Encode as UTF-16, big endian, without a byte-order mark: what phones take for UCS-2."""
    return text.encode("utf-16-be", "surrogatepass")


def from_ucs2(data: bytes) -> str:
    """Decode UTF-16, big endian unless a byte-order mark says otherwise. Never fails: bad bytes become U+FFFD."""
    if data[:2] == b"\xff\xfe":
        return data[2:].decode("utf-16-le", "replace")
    return data.removeprefix(b"\xfe\xff").decode("utf-16-be", "replace")


def describe_forced(text: SmsText) -> Sentence | str:
    """Name in ASCII the character that forced UCS-2, and how many others did too; "" for GSM-7."""
    if not text.forced_by:
        return ""
    character = text.forced_by[0]
    name = unicodedata.name(character, "")
    described = f"U+{ord(character):04X} ({name})" if name else f"U+{ord(character):04X}"
    others = len(text.forced_by) - 1
    return sentence("%(character)s and %(others)s more", character=described, others=others) if others else described


def _is_basic(text: str) -> bool:
    """Whether the main table holds every character. All but its ten Greek letters are in Latin-1, which is quicker."""
    try:
        return not text.encode("latin-1").translate(None, _BASIC_BYTES)
    except UnicodeEncodeError:
        return _ONLY_BASIC.fullmatch(text) is not None


def _composed(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _LONE_SURROGATE.sub("\ufffd", text))


def plain_form(character: str) -> str | None:
    """What a character outside GSM-7 may be written as, or None when replacing it would change what is said."""
    plain = character.translate(_TYPOGRAPHY)
    if plain == character:
        if not unicodedata.decomposition(character).startswith(_PLAIN_FORMS):
            return None
        plain = unicodedata.normalize("NFKC", character).translate(_TYPOGRAPHY)
    return plain if _ONLY_GSM7.fullmatch(plain) else None


def cut_septets(data: bytes, size: int = GSM7_PART) -> list[bytes]:
    """Cut at `size` septets, or one less where the last would be an escape parted from its character."""
    parts = []
    start = 0
    while start < len(data):
        end = start + size
        if end < len(data) and data[end - 1] == _ESCAPE:
            end -= 1
        parts.append(data[start:end])
        start = end
    return parts


def cut_ucs2(data: bytes, size: int = UCS2_PART) -> list[bytes]:
    """Cut at `size` code units, or one less where the last would be the first half of a surrogate pair."""
    parts = []
    start = 0
    while start < len(data):
        end = start + 2 * size
        if end < len(data) and data[end - 2] & 0xFC == 0xD8:
            end -= 2
        parts.append(data[start:end])
        start = end
    return parts
