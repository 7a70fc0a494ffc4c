"""Turns what a configuration writes about a request into what leaves for each message. Pure.

In: texts and tables with placeholders such as "{to}". Out: a `Template`, compiled once, that makes a string of a
message. A value is escaped for the place where it stands: URL path, query or form, JSON, XML. There is no code in a
template: a placeholder is a name from `FIELDS` and nothing else.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as escape_xml

from gateway.sms import Encoding, OutgoingSms
from gateway.sms_text import septets, ucs2

Slot = Callable[[OutgoingSms], str]
"""Makes the part of a request that a message decides."""
Piece = str | Slot
_Escape = Callable[[str], str]

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(:number)?\}")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

FIELDS: Mapping[str, Slot] = {
    "id": lambda sms: sms.id,
    "to": lambda sms: sms.to_number,
    "to_digits": lambda sms: sms.to_number.removeprefix("+"),
    "to_00": lambda sms: "00" + sms.to_number.removeprefix("+"),
    "from": lambda sms: sms.from_number,
    "from_digits": lambda sms: sms.from_number.removeprefix("+"),
    "from_00": lambda sms: "00" + sms.from_number.removeprefix("+"),
    "text": lambda sms: sms.text.text,
    "text_hex": lambda sms: _octets(sms).hex(),
    "parts": lambda sms: str(sms.text.parts),
    "units": lambda sms: str(sms.text.units),
    "encoding": lambda sms: str(sms.text.encoding),
    "webhook": lambda _sms: "",
}
"""What a placeholder means. `encoding` is a word of the configuration where it has one; `webhook` is our own address,
with its secret, for the provider's calls."""
_NUMBERS = frozenset({"to_digits", "from_digits", "parts", "units"})
_IN_HEADERS = frozenset(FIELDS) - {"text", "text_hex", "webhook"}


class Template:
    """A text with gaps, and what fills them."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        joined: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, str) and joined and isinstance(joined[-1], str):
                joined[-1] += piece
            else:
                joined.append(piece)
        self._pieces: Sequence[Piece] = tuple(joined)

    def render(self, sms: OutgoingSms) -> str:
        """Fill the gaps with what a message says."""
        return "".join([piece if isinstance(piece, str) else piece(sms) for piece in self._pieces])


class Compiler:
    """Makes templates. `words` stand in for an encoding's name, `webhook` is our own address."""

    def __init__(self, words: Mapping[str, str], webhook: str) -> None:
        self._fields = dict(FIELDS)
        self._fields["encoding"] = lambda sms: words.get(sms.text.encoding, str(sms.text.encoding))
        self._fields["webhook"] = lambda _sms: webhook

    def url(self, address: str, query: Mapping[str, Any]) -> Template:
        """An address whose path may have gaps, and a query, appended to the one that the address has."""
        return Template(self._url(address, query))

    def _url(self, address: str, query: Mapping[str, Any]) -> Iterator[Piece]:
        yield from self._pieces(address, str, lambda value: quote(value, safe="", errors="replace"))
        if query:
            yield "&" if "?" in address else "?"
            yield from self._form(query)

    def form(self, fields: Mapping[str, Any]) -> Template:
        """`application/x-www-form-urlencoded`, in the order given (WHATWG URL §5.2)."""
        return Template(self._form(fields))

    def _form(self, fields: Mapping[str, Any]) -> Iterator[Piece]:
        for place, (name, value) in enumerate(fields.items()):
            yield f"{'&' if place else ''}{_form_escape(name)}="
            yield from self._pieces(_scalar(name, value), _form_escape, _form_escape)

    def json(self, value: Any) -> Template:
        """A JSON document (RFC 8259) of the same shape; "{parts:number}" stands for a number without quotes."""
        return Template(self._json(value))

    def _json(self, value: Any) -> Iterator[Piece]:
        match value:
            case dict():
                for place, (name, inner) in enumerate(value.items()):
                    yield f"{',' if place else '{'}{json.dumps(name, ensure_ascii=False)}:"
                    yield from self._json(inner)
                yield "}" if value else "{}"
            case list():
                for place, inner in enumerate(value):
                    yield "," if place else "["
                    yield from self._json(inner)
                yield "]" if value else "[]"
            case str() if (found := _PLACEHOLDER.fullmatch(value)) and found[2]:
                yield self._slot(found, str)
            case str():
                yield '"'
                yield from self._pieces(value, _json_escape, _json_escape)
                yield '"'
            case bool() | int() | float():
                yield json.dumps(value)
            case _:
                raise ValueError(f"json cannot hold {type(value).__name__}: write it as a string")

    def xml(self, text: str) -> Template:
        """An XML document (XML 1.0 §2.2) whose gaps stand in elements or in attributes with double quotes."""
        return Template(self._pieces(text, str, _xml_escape))

    def header(self, name: str, text: str) -> Template:
        """A header's value (RFC 9110 §5.5)."""
        for found in _PLACEHOLDER.finditer(text):
            if found[1] in FIELDS and found[1] not in _IN_HEADERS:
                raise ValueError(f"the header {name} cannot hold {{{found[1]}}}: put it into the query or the body")
        if not text.isascii() or not text.isprintable():
            raise ValueError(f"the header {name} must be printable ASCII")
        return Template(self._pieces(text, str, str))

    def _pieces(self, text: str, literal: _Escape, value: _Escape) -> Iterator[Piece]:
        at = 0
        for found in _PLACEHOLDER.finditer(text):
            if found[2]:
                raise ValueError(f"{found[0]} must be a whole value of json, with nothing beside it")
            if found.start() > at:
                yield literal(text[at : found.start()])
            yield self._slot(found, value)
            at = found.end()
        if at < len(text):
            yield literal(text[at:])

    def _slot(self, found: re.Match[str], escape: _Escape) -> Slot:
        name = found[1]
        if name not in self._fields:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {{{close[0]}}}?" if close else f"there is {', '.join(FIELDS)}"
            raise ValueError(f"there is no placeholder {{{name}}}: {hint}")
        if found[2] and name not in _NUMBERS:
            raise ValueError(f"{{{name}}} is no number: there is {', '.join(sorted(_NUMBERS))}")
        field = self._fields[name]
        return lambda sms: escape(field(sms))


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a table or a list, at any depth; a text is its own."""
    match value:
        case str():
            yield value
        case dict() | list():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts_in(inner)


def names_in(value: Any) -> set[str]:
    """The placeholders in a text, a table or a list."""
    return {found[1] for text in texts_in(value) for found in _PLACEHOLDER.finditer(text)}


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"'{name}' must be a text or a number: only json has tables and lists")


def _octets(sms: OutgoingSms) -> bytes:
    """A text in its alphabet: a septet an octet, or UTF-16BE."""
    return ucs2(sms.text.text) if sms.text.encoding is Encoding.UCS2 else septets(sms.text.text)


def _form_escape(text: str) -> str:
    return quote_plus(text, errors="replace")


def _json_escape(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _xml_escape(text: str) -> str:
    return escape_xml(_NOT_IN_XML.sub("\ufffd", text), {'"': "&quot;"})
