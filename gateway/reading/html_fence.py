"""Makes hostile HTML safe to hand to a tree builder: bounded depth, bounded tags, bounded attributes.

In: any text that claims to be HTML. Out: HTML that means the same wherever a person wrote it, and the texts of its
style sheets. Promise: linear time; a tree built from the result is at most MAX_DEPTH deep and has at most MAX_TAGS
elements. (Lexbor takes quadratic time on deep nesting and on tags with thousands of attributes.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

MAX_DEPTH: Final[int] = 150
"""Open elements. Real mails stay under 60, with ten replies in each other."""
MAX_TAGS: Final[int] = 20_000
"""Tags that are read as such; in what follows, every tag is a line break."""
_MAX_TAG_LENGTH: Final[int] = 1_500
"""Characters. A longer tag (an inline image, an attack) loses its attributes."""
_MAX_STYLES: Final[int] = 10
_MAX_STYLE: Final[int] = 20_000
"""Characters of one style sheet that are read, from its beginning."""

_TAG_START: Final[re.Pattern[str]] = re.compile(r"<(?:!--|[!?]|(/?)([a-zA-Z][a-zA-Z0-9:]{0,20}))")
_LONGEST_START: Final[int] = 23
"""Characters that _TAG_START matches at most."""
_TAG_DELIMITER: Final[re.Pattern[str]] = re.compile("[>\"']")
_ANY_TAG: Final[re.Pattern[str]] = re.compile(r"(?:<[^<>]*+>)++")
_STRETCH: Final[int] = 64_000
"""Characters that one call of the pattern engine takes: it holds the interpreter's lock until it returns."""
_RAW: Final[frozenset[str]] = frozenset(
    {"style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes"}
)
_UNNESTED_TEXT: Final[str] = (
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead "
    "tbody tfoot option html head body o:p plaintext"
)
_UNNESTED: Final[frozenset[str]] = frozenset(_UNNESTED_TEXT.split())
"""Elements that are empty, or that the next of their kind closes."""


@dataclass(slots=True)
class _Fence:
    """Walks the tags once, keeping what may stay."""

    html: str
    pieces: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    depth: int = 0
    dropped: int = 0
    position: int = 0

    def run(self) -> None:
        for _ in range(MAX_TAGS):
            match = self._next_tag()
            if match is None:
                self.pieces.append(self.html[self.position :])
                return
            self.pieces.append(self.html[self.position : match.start()])
            self._markup(match)
        self._flatten()

    def _flatten(self) -> None:
        """Make every tag of what is left a line break."""
        while self.position < len(self.html):
            end = self.html.find(">", self.position + _STRETCH) + 1 or len(self.html)
            stretch = self.html[self.position : end]
            self.pieces.append(_ANY_TAG.sub("\u2028", stretch).replace("<", "&lt;"))
            self.position = end

    def _next_tag(self) -> re.Match[str] | None:
        for start in range(self.position, len(self.html), _STRETCH):
            match = _TAG_START.search(self.html, start, start + _STRETCH + _LONGEST_START)
            if match is not None and match.start() < start + _STRETCH:
                return match  # one that begins later may be cut short
        return None

    def _markup(self, match: re.Match[str]) -> None:
        name = (match.group(2) or "").lower()
        if not name:
            comment = match.group() == "<!--"
            self._skip_past("-->" if comment else ">", match.end())
            return
        end = self._tag_end(match.end())
        closing = bool(match.group(1))
        if name in _RAW and not closing:
            self._raw(name, end)
        elif self._admit(name, closing=closing):
            tag = self.html[match.start() : end]
            self.pieces.append(tag if len(tag) <= _MAX_TAG_LENGTH else f"<{match.group(1)}{name}>")
        self.position = max(self.position, end)

    def _skip_past(self, mark: str, start: int) -> None:
        found = self.html.find(mark, start)
        self.position = len(self.html) if found < 0 else found + len(mark)

    def _tag_end(self, start: int) -> int:
        """Find the index after the tag's ">"; a quote only counts after "=" (HTML §13.2.5.36)."""
        position = start
        while (match := _TAG_DELIMITER.search(self.html, position)) is not None:
            if match.group() == ">":
                return match.end()
            position = match.end()
            if self.html[max(start, match.start() - 8) : match.start()].rstrip().endswith("="):
                closing = self.html.find(match.group(), position)
                position = len(self.html) if closing < 0 else closing + 1
        return len(self.html)

    def _raw(self, name: str, end: int) -> None:
        found = re.compile(f"</{name}", re.IGNORECASE).search(self.html, end)
        stop = len(self.html) if found is None else found.start()
        if name == "style" and len(self.styles) < _MAX_STYLES:
            self.styles.append(self.html[end : min(stop, end + _MAX_STYLE)])
        self.position = len(self.html) if found is None else self._tag_end(found.end())

    def _admit(self, name: str, *, closing: bool) -> bool:
        """Count the open elements; beyond the limit an element is left out together with one closing tag."""
        if name in _UNNESTED:
            return True
        if closing:
            if self.dropped:
                self.dropped -= 1
                return False
            self.depth = max(0, self.depth - 1)
            return True
        if self.depth >= MAX_DEPTH:
            self.dropped += 1
            return False
        self.depth += 1
        return True


def fence_html(html: str) -> tuple[str, list[str]]:
    """Return HTML within the limits, without comments, scripts and style sheets; and the style sheets' texts."""
    fence = _Fence(html.replace("\x00", ""))
    fence.run()
    return "".join(fence.pieces), fence.styles
