"""Cuts quoted history out of a mail, in every client's and language's habit.

In: a body, decoded and un-flowed, as text or HTML. Out: what the person wrote, and what was taken away. Promise: text
with nothing quoted comes back as it was, save blank lines at its ends; cutting twice cuts no more; linear time.

What is history: a quote's attribution, header block or separator and, where no quoted lines follow it, everything
below; where quoted lines (">", a client's blockquote) follow, only these, so that answers between or below them stay.
A forwarded mail is history too. The footer that a phone adds ("Sent from my iPhone") goes where it stands directly
above history or ends the mail. Where a passage is taken out, one blank line remains if there was any.
Lines that begin with ">" without anything to introduce them are quotes where they stand apart as blocks; a single
one inside a text is the person's own arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from gateway.quoting.history import Search, untouched
from gateway.quoting.zones import zone_of
from gateway.reading.html_text import Line, Zone, html_lines

_MAX_ROUNDS: Final[int] = 25
"""What a cut uncovers is looked at again; a person's mail needs one more round."""
_HEAD: Final[int] = 8_000
_TAIL: Final[int] = 4_000
"""Lines that are read from the beginning and from the end; what lies between is taken for history."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A body in two: lines end with a line feed, and neither text begins or ends with a blank line."""

    kept: str
    """What the person wrote, blank lines inside it as they were."""
    cut: str
    """What was taken away, in order."""


def cut_text(text: str) -> Cut:
    """Cut a text/plain body (line ends are line feeds, format=flowed is undone)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _cut(list(zip(lines, repeat(Zone.OWN), strict=False)))


def cut_html(html: str) -> Cut:
    """Cut an HTML body by what its client marks as quoted, and then by the rules for text."""
    return _cut(html_lines(html, zone_of))


def split_signature(text: str) -> tuple[str, str]:
    """Split at the last line "-- " that is not quoted (RFC 3676 §4.3): the text above, and the signature with it.

    A bare "--" counts too, since mail servers strip the space.
    """
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        if lines[index] in {"-- ", "--"}:
            return "\n".join(_trimmed(lines[:index])), "\n".join(_trimmed(lines[index:]))
    return text, ""


def _cut(lines: list[Line]) -> Cut:
    """Cut until nothing more is found."""
    kept, away = lines, []
    if len(lines) > _HEAD + _TAIL:
        kept = lines[:_HEAD] + lines[-_TAIL:]
        away = [(_HEAD, "\n".join([text for text, _ in lines[_HEAD:-_TAIL]]))]
    places = [index + (index >= _HEAD) for index in range(len(kept))]
    searches = 0
    for _ in range(_MAX_ROUNDS):
        if untouched(kept):
            break
        search = Search(kept, searches)
        history = search.run()
        searches = search.searches
        if not any(history):
            break
        away += [(places[index], kept[index][0]) for index in range(len(kept)) if history[index]]
        kept, places = _without(kept, history, places)
    away.sort(key=lambda item: item[0])
    return Cut("\n".join(_trimmed([text for text, _ in kept])), "\n".join(_trimmed([text for _, text in away])))


def _trimmed(lines: Sequence[str]) -> Sequence[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _without(lines: list[Line], history: list[bool], places: list[int]) -> tuple[list[Line], list[int]]:
    """Take the history out; where it leaves a hole among blank lines, one blank line stays."""
    kept: list[Line] = []
    kept_places: list[int] = []
    hole = blank = False
    for line, gone, place in zip(lines, history, places, strict=True):
        if gone:
            hole = True
            while kept and not kept[-1][0].strip():
                kept.pop()
                kept_places.pop()
                blank = True
            continue
        if hole and not line[0].strip():
            blank = True
            continue
        if hole and blank and kept:
            kept.append(("", Zone.OWN))
            kept_places.append(place)
        hole = blank = False
        kept.append((line[0], Zone.OWN if line[1] in {Zone.SHELL, Zone.AFTER, Zone.HEADER} else line[1]))
        kept_places.append(place)
    return kept, kept_places
