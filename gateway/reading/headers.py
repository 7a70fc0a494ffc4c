"""A header block in; names, values, parameters and decoded words out (RFC 5322 §2.2, RFC 2047, RFC 2231).

Promises: linear time, no exception on any input within the caller's size limits, and no control character in what is
meant for people: an encoded line feed cannot become a header of its own later.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.reading.charsets import decode

_WORD: Final = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000}+(?:\?(?!=)[^?]{0,200}+){0,5})\?=")
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
_SPACES: Final = re.compile("[ \u00a0\u2007\u202f]+")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_PARAMETER: Final = re.compile(r';\s*([^\s=;"]{1,80}?)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)')
MAX_DECODED: Final = 16_384
"""Characters of one header value that are ever decoded for people."""


class Headers:
    """The fields of one header block, in order, looked up by lower-case name. Values are unfolded, otherwise raw.

    Bytes outside UTF-8 stand as surrogate escapes (PEP 383).
    """

    __slots__ = ("_fields", "count")

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self.count = len(fields)
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        """Every value of the field, in order."""
        return self._fields.get(name, [])

    def first(self, name: str) -> str:
        """The first value, "" where the field is missing."""
        values = self._fields.get(name)
        return values[0] if values else ""

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)


def read_block(block: bytes) -> tuple[Headers, int]:
    """Read header lines (LF line ends) up to the first line that is none; also tell how many bytes they took.

    An mbox "From " line in front is skipped, as MTAs do. The count equals len(block) where everything is a header.
    """
    text = block.decode("utf-8", "surrogateescape")
    fields: list[tuple[str, str]] = []
    used = 0
    for line in text.replace("\n ", "\r ").replace("\n\t", "\r\t").split("\n"):
        head, colon, value = line.partition(":")
        name = (_known_name(head) if len(head) <= _MAX_KNOWN_NAME else _name(head)) if colon else ""
        if name:
            fields.append((name, value.replace("\r", " ").strip(" \t")))
        elif used or not line.startswith(("From ", ">From ")):
            break
        used += len(line) + 1
    else:
        return Headers(fields), len(block)
    return Headers(fields), len(text[:used].encode("utf-8", "surrogateescape"))


def _name(head: str) -> str:
    """The lower-case name in what stands before a colon, "" where it is none (RFC 5322 §2.2, §4.5)."""
    name = head.rstrip(" \t")
    return name.lower() if name.isascii() and name.isprintable() and " " not in name else ""


_known_name: Final = lru_cache(maxsize=1024)(_name)
_MAX_KNOWN_NAME: Final = 64
"""Characters; mail programs use a few hundred names, over and over."""


def raw_bytes(value: str) -> bytes:
    """The bytes that a raw header value stood for."""
    return value.encode("utf-8", "surrogateescape")


def repaired(value: str, hint: str = "") -> str:
    """A raw value with its undecodable bytes read as `hint` (the body's charset), or as guessed."""
    if value.isascii():
        return value
    data = raw_bytes(value)
    return decode(data, "", hint)


def decode_words(value: str, hint: str = "") -> str:
    """Decode RFC 2047 encoded words wherever they stand; keep everything else as it is.

    Neighbouring words of one charset are joined as bytes first, since clients split characters between words.
    """
    value = repaired(value[:MAX_DECODED], hint)
    if "=?" not in value:
        return value
    out: list[str] = []
    pending = b""
    charset = ""
    at = 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        label = match[1].partition("*")[0].lower()
        if pending and (between.strip() or label != charset):
            out.append(decode(pending, charset, hint))
            pending = b""
        if between.strip() or not at:
            out.append(between)
        charset = label
        pending += _word_bytes(match[2], match[3])
        at = match.end()
    out += [decode(pending, charset, hint), value[at:]]
    return "".join(out)


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return decode_base64(data)
    return binascii.a2b_qp(data.replace(b"=\n", b""), header=True)


def for_people(text: str) -> str:
    """Make a header value one line without control, bidirectional or zero-width characters (RFC 5322 §2.2)."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _SPACES.sub(" ", _CONTROL.sub(_control, text)).strip()


def _control(match: re.Match[str]) -> str:
    return " " if any(char in "\t\n\v\f\r\x85\u2028\u2029" for char in match[0]) else ""


def decode_base64(data: bytes) -> bytes:
    """Decode base64 as tolerantly as RFC 2045 §6.8 asks: junk ignored, padding missing, padded runs joined."""
    out: list[bytes] = []
    runs = 0
    while data and runs < 100:
        runs += 1
        end = data.find(b"=")
        run = data if end < 0 else data[:end]
        if out and run.strip().translate(None, _BASE64):
            break  # a footer that a list or scanner appended in clear
        run = run.translate(_KEEP_BASE64[0], _KEEP_BASE64[1])
        run = run[: len(run) - 1] if len(run) % 4 == 1 else run
        out.append(binascii.a2b_base64(run + b"=" * (-len(run) % 4)))
        data = b"" if end < 0 else data[end:].lstrip(b"= \t\n\r")
    return b"".join(out)


_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\t\r\n "
_KEEP_BASE64: Final = (
    None,
    bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")),
)


def parameters(value: str) -> tuple[str, Mapping[str, str]]:
    """Split "text/plain; charset=x" into its lower-case value and its parameters (RFC 2045 §5.1, RFC 2231).

    Continuations (`name*0`, `name*1*`) are joined and their percent-encoding decoded; encoded words stay, since a
    boundary may look like one. The first of two equal names wins.
    """
    return _known_parameters(value) if len(value) <= _MAX_KNOWN_PARAMETERS else _parameters(value)


def _parameters(value: str) -> tuple[str, Mapping[str, str]]:
    main, semicolon, rest = value.partition(";")
    found: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    words = main.partition("(")[0].split(None, 1)
    if words and "=" in words[0]:
        words = ["", main]
    stray = f";{words[1]}" if len(words) > 1 else ""
    for match in _PARAMETER.finditer(stray + semicolon + rest[:MAX_DECODED]):
        name, star, section = match[1].lower().partition("*")
        text = _unquote(match[2].strip())
        if not star:
            found.setdefault(name, text)
            continue
        encoded = not section or section.endswith("*")
        number = section.rstrip("*")
        pieces.setdefault(name, {})[int(number) if number.isdecimal() and len(number) < 4 else 0] = (text, encoded)
    for name, sections in pieces.items():
        found[name] = _join_sections(sections)
    return (words[0].strip("\"',").lower() if words else ""), found


_known_parameters: Final = lru_cache(maxsize=512)(_parameters)
_MAX_KNOWN_PARAMETERS: Final = 128
"""Characters; most mails say "text/plain; charset=utf-8" or the like."""


def _unquote(text: str) -> str:
    if text.startswith('"'):
        return _QUOTED_PAIR.sub(r"\1", text[1:].removesuffix('"'))
    return text.partition(" (")[0].strip("'") if "(" in text or text[:1] == "'" == text[-1:] else text


def _join_sections(sections: dict[int, tuple[str, bool]]) -> str:
    charset = ""
    data = b""
    for number, (text, encoded) in sorted(sections.items()):
        value = text
        if encoded and number == 0 and text.count("'") >= 2:
            charset, _, value = text.split("'", 2)
        data += unquote_to_bytes(raw_bytes(value)) if encoded else raw_bytes(value)
    return decode(data, charset)
