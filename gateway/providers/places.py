"""Finds values in what a provider wrote: a JSON document, a form, or plain text. Pure.

A place is a JSON pointer (RFC 6901) in which a step "*" means every item, or a plain name, which means a member at the
top. Values are texts: a number stays as it was written, for an id may be longer than any number type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

Steps = tuple[str, ...]
ABSENT: Any = object()
"""The document of an answer that is none."""
_MAX_FIELDS = 200


def steps(place: str) -> Steps:
    """Compile a place."""
    if not place.startswith("/"):
        return (place,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in place[1:].split("/"))


def parse_json(text: str | bytes) -> Any:
    """A JSON document with its numbers as texts, or `ABSENT`."""
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return ABSENT


def parse_form(*texts: str) -> dict[str, str]:
    """The fields of forms and queries; of a name that comes twice the first counts. Raises `ValueError`."""
    fields: dict[str, str] = {}
    for text in texts:
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS):
            fields.setdefault(name, value)
    return fields


def items(document: Any, path: Steps) -> Iterator[Any]:
    """What stands at a place: nothing, one thing, or several where a step is "*"."""
    if not path:
        yield document
        return
    step, rest = path[0], path[1:]
    match document:
        case dict() if step == "*":
            inner = list(document.values())
        case dict():
            inner = [document[step]] if step in document else []
        case list() if step == "*":
            inner = document
        case list():
            index = int(step) if step.isascii() and step.isdecimal() and len(step) < 10 else -1
            inner = [document[index]] if 0 <= index < len(document) else []
        case _:
            inner = []
    for each in inner:
        yield from items(each, rest)


def values(document: Any, path: Steps) -> list[str]:
    """The texts at a place; tables, lists and null are none."""
    return [text for item in items(document, path) if (text := _text(item)) is not None]


def value(document: Any, path: Steps | None) -> str | None:
    """The first text at a place; None where there is none."""
    if path is None:
        return None
    if len(path) == 1 and type(document) is dict:
        return _text(document.get(path[0]))
    return next(iter(values(document, path)), None)


def _text(item: Any) -> str | None:
    if type(item) is str:
        return item
    if item is True or item is False:
        return "true" if item else "false"
    return None


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a document or a text must say."""

    at: Steps | None = None
    """Where to look; None for the whole text."""
    one_of: frozenset[str] = frozenset()
    """Values that fit, in lower case; empty for any value at all."""
    pattern: re.Pattern[str] | None = None

    def holds(self, document: Any, text: str) -> bool:
        """Whether any value fits."""
        return any(self._fits(each) for each in self._seen(document, text))

    def holds_throughout(self, document: Any, text: str) -> bool:
        """Whether there are values and every one fits."""
        seen = self._seen(document, text)
        return bool(seen) and all(self._fits(each) for each in seen)

    def _seen(self, document: Any, text: str) -> list[str]:
        return [text] if self.at is None else values(document, self.at)

    def _fits(self, seen: str) -> bool:
        if self.one_of and seen.strip().lower() not in self.one_of:
            return False
        return self.pattern is None or self.pattern.search(seen) is not None
