"""Turns an HTML mail into the lines that a person saw on the screen.

In: an HTML body, already decoded. Out: plain text, or lines with the zone that each stands in, for whoever looks for
quoted history. Promise: line breaks where a mail client showed them, nothing that it hid, linear time on any input.

Choices: a paragraph with margins is set off by one blank line, one without (Word's MsoNormal, style sheets that say
so) is not; a table row is a line; a link keeps its text, and its target in parentheses where the text does not name it
(a phone cannot click on a word); pictures vanish, except the emoji that some clients send as pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from gateway.reading.html_fence import fence_html
from gateway.reading.html_styles import Attributes, is_hidden, is_tight, tight_selectors
from gateway.reading.invisible import tidy_characters

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode


class Zone(IntEnum):
    """Whose words an element holds; an inner element can only raise what its parents say."""

    OWN = 0
    INDENTED = 1
    """A plain blockquote: quoted only if something else says so."""
    SHELL = 2
    """A client's frame round a quote and its attribution."""
    HEADER = 3
    """A ruled box that holds the header lines above a quote, if it holds header lines."""
    QUOTED = 4
    """Certainly quoted; what follows the element may be the person's again."""
    AFTER = 5
    """A mark: the rest is history if the person wrote anything above it."""
    HISTORY = 6
    """From here to the end nothing is the person's."""


ZoneOf = Callable[[str, Attributes], Zone]
"""Tells from an element's name and attributes which zone it opens."""

Line = tuple[str, Zone]

_HIDDEN_TAGS_TEXT: Final[str] = (
    "head style script title template object svg math select textarea audio video canvas map noframes datalist"
)
_HIDDEN_TAGS: Final[frozenset[str]] = frozenset(_HIDDEN_TAGS_TEXT.split())
_BLOCKS_TEXT: Final[str] = (
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr html li main menu nav ol p pre section summary table "
    "tbody tfoot thead tr ul caption legend"
)
_BLOCKS: Final[frozenset[str]] = frozenset(_BLOCKS_TEXT.split())
_SPACED_TEXT: Final[str] = "p h1 h2 h3 h4 h5 h6 ul ol dl pre blockquote figure"
_SPACED: Final[frozenset[str]] = frozenset(_SPACED_TEXT.split())
_WORD_PARAGRAPHS: Final[frozenset[str]] = frozenset({"MsoNormal", "MsoPlainText", "MsoNoSpacing", "MsoListParagraph"})
_SPACES: Final[re.Pattern[str]] = re.compile(r"[ \t\r\n\f]+")
_WINGDINGS: Final[dict[str, str]] = {"J": ":-)", "K": ":-|", "L": ":-(", "à": "->", "ß": "<-", "è": "=>"}
"""What Word's autocorrection makes of smileys and arrows: letters that its symbol font draws otherwise."""
_BULLETS: Final[frozenset[str]] = frozenset({"·", "•", "o", "§", "Ø", "ü", "v", "q", "", "-", "–", "*"})


def html_to_text(html: str) -> str:
    """Return what the HTML showed as plain text, lines separated by line feeds."""
    return "\n".join(text for text, _ in html_lines(html)).strip("\n")


def html_lines(html: str, zone_of: ZoneOf | None = None) -> list[Line]:
    """Return the shown lines in order, each with its zone. Marks (AFTER, HISTORY) are empty lines of their own."""
    fenced, styles = fence_html(html)
    from selectolax.lexbor import LexborHTMLParser  # what it takes to load is paid by the first mail in HTML

    root = LexborHTMLParser(fenced).body
    if root is None:
        return []
    writer = _Writer(tight_selectors(styles), zone_of or (lambda _tag, _attributes: Zone.OWN))
    writer.walk(root)
    return writer.lines


class _Writer:
    """Walks the tree once, without recursion, and writes lines."""

    def __init__(self, tight: frozenset[str], zone_of: ZoneOf) -> None:
        self.lines: list[Line] = []
        self._tight = tight
        self._zone_of = zone_of
        self._zone = Zone.OWN
        self._buffer: list[str] = []
        self._gap = False
        """A margin stands before the next line."""
        self._preformatted = 0
        self._counters: list[int | None] = []
        self._rows: list[list[int]] = []
        """Of each open table row, the lines at which its cells begin."""

    def walk(self, root: LexborNode) -> None:
        """Write what stands below an element, in order, however deep it is nested."""
        stack: list[tuple[LexborNode | None, Callable[[], None] | None]] = [(root.child, None)]
        while stack:
            node, leave = stack.pop()
            if node is None:
                if leave is not None:
                    leave()
                continue
            stack.append((node.next, leave))
            tag = node.tag or ""
            if tag == "-text":
                self._text(node.text_content or "")
            elif not tag.startswith(("-", "!")):
                inner = self._enter(tag, node)
                if inner is not None:
                    child = node.child
                    if child is None:
                        inner()
                    else:
                        stack.append((child, inner))
        self._break()

    # --- text ---

    def _text(self, text: str) -> None:
        if self._preformatted or "\u2028" in text:
            parts = text.replace("\r\n", "\n").replace("\u2028", "\n").split("\n")
            for part in parts[:-1]:
                self._buffer.append(part)
                self._newline()
            text = parts[-1]
            if self._preformatted:
                self._buffer.append(text)
                return
        text = _SPACES.sub(" ", text)
        if text[:1] == " " and (not self._buffer or self._buffer[-1][-1:] == " "):
            text = text[1:]
        if text:
            self._buffer.append(text)

    def _newline(self) -> None:
        """End the line, even an empty one."""
        text = tidy_characters("".join(self._buffer))
        self._buffer.clear()
        if self._gap and self.lines and text.strip() and self.lines[-1][0].strip():
            self.lines.append(("", self._zone))
        self._gap = self._gap and not text.strip() and not self.lines
        self.lines.append((text, self._zone))

    def _break(self) -> None:
        """End the line if anything stands on it."""
        if any(piece.strip(" \t\n") for piece in self._buffer):
            self._newline()
        else:
            self._buffer.clear()

    # --- elements ---

    def _enter(self, tag: str, node: LexborNode) -> Callable[[], None] | None:
        """Begin an element; return what ends it, or None to pass over it."""
        if tag == "br":
            self._newline()
            return None
        attributes: Attributes = node.attributes
        if tag in _HIDDEN_TAGS or is_hidden(tag, attributes):
            return None
        zone = self._zone_of(tag, attributes)
        if zone in {Zone.AFTER, Zone.HISTORY}:
            self._break()
            self.lines.append(("", zone))
        if tag == "img":
            self._buffer.append(_emoji_of(attributes))
            return None
        before = self._zone
        if zone > before and zone < Zone.AFTER:
            self._break()
            self._zone = zone
        if tag in _BLOCKS:
            return self._enter_block(tag, attributes, before)
        return self._enter_inline(tag, attributes, before)

    def _leave_zone(self, before: Zone) -> None:
        if self._zone is not before:
            self._break()
            self._zone = before

    def _enter_block(self, tag: str, attributes: Attributes, before: Zone) -> Callable[[], None]:
        self._break()
        spaced = self._is_spaced(tag, attributes)
        self._gap = self._gap or spaced
        preformatted = tag == "pre" or "white-space:pre" in (attributes.get("style") or "").replace(" ", "").lower()
        self._preformatted += preformatted
        listed = tag in {"ul", "ol", "menu", "dir"}
        if listed:
            start = attributes.get("start") or "1"
            self._counters.append(
                int(start)
                if tag == "ol" and start.isascii() and start.isdigit() and len(start) < 6
                else 1
                if tag == "ol"
                else None
            )
        elif tag == "li":
            self._buffer.append(self._bullet())
        elif tag == "tr":
            self._rows.append([])

        def leave() -> None:
            self._break()
            self._gap = self._gap or spaced
            self._preformatted -= preformatted
            if listed:
                self._counters.pop()
            elif tag == "tr":
                self._join_cells(self._rows.pop())
            self._leave_zone(before)

        return leave

    def _bullet(self) -> str:
        if not self._counters or (number := self._counters[-1]) is None:
            return "- "
        self._counters[-1] = number + 1
        return f"{number}. "

    def _enter_inline(self, tag: str, attributes: Attributes, before: Zone) -> Callable[[], None]:
        if tag in {"td", "th"}:
            self._break()
            if self._rows:
                self._rows[-1].append(len(self.lines))
            return lambda: self._leave_zone(before)
        if "wingdings" in (attributes.get("style") or attributes.get("face") or "").lower():
            return self._enter_symbol(before)
        if tag == "a" and attributes.get("href"):
            return self._enter_link(attributes.get("href") or "", before)
        if "mso-list" in (attributes.get("style") or "").lower() and tag == "span":
            return self._enter_word_bullet(before)
        return lambda: self._leave_zone(before)

    def _enter_link(self, href: str, before: Zone) -> Callable[[], None]:
        start, lines = len(self._buffer), len(self.lines)

        def leave() -> None:
            if len(self.lines) == lines:
                shown = tidy_characters("".join(self._buffer[start:])).strip()
                if target := _target_to_show(shown, href):
                    self._buffer.append(f" ({target})")
            self._leave_zone(before)

        return leave

    def _enter_symbol(self, before: Zone) -> Callable[[], None]:
        start, lines = len(self._buffer), len(self.lines)

        def leave() -> None:
            symbol = _WINGDINGS.get("".join(self._buffer[start:]).strip())
            if symbol and len(self.lines) == lines:
                self._buffer[start:] = [symbol]
            self._leave_zone(before)

        return leave

    def _join_cells(self, starts: list[int]) -> None:
        """Make one line of a table row whose cells hold a line each."""
        if len(starts) < 2:
            return
        cells = []
        for start, end in zip(starts, [*starts[1:], len(self.lines)], strict=True):
            cell = [text for text, _ in self.lines[start : min(end, start + 4)] if text.strip()]
            if end - start > 3 or len(cell) > 1:
                return
            cells += cell
        if len(cells) > 1:
            self._gap = False
            self.lines[starts[0] :] = [(" ".join(cells), self._zone)]

    def _enter_word_bullet(self, before: Zone) -> Callable[[], None]:
        start = len(self._buffer)

        def leave() -> None:
            mark = "".join(self._buffer[start:]).replace("\xa0", " ").strip()
            del self._buffer[start:]
            if mark:
                self._buffer.append("- " if mark in _BULLETS else f"{mark} ")
            self._leave_zone(before)

        return leave

    def _is_spaced(self, tag: str, attributes: Attributes) -> bool:
        if tag not in _SPACED or (tag in {"ul", "ol"} and self._counters):
            return False
        tight = is_tight(attributes.get("style") or "")
        if tight is not None:
            return not tight
        classes = (attributes.get("class") or "").split()
        if any(name.startswith(tuple(_WORD_PARAGRAPHS)) for name in classes):
            return False
        names = {tag, *(f".{name.lower()}" for name in classes), *(f"{tag}.{name.lower()}" for name in classes)}
        return not (names & self._tight)


def _emoji_of(attributes: Attributes) -> str:
    """Return the emoji that an image stands for (Gmail, Outlook), or nothing."""
    text = (attributes.get("data-emoji") or attributes.get("alt") or "").strip()
    plain = any(character.isalnum() and ord(character) < 0x2000 for character in text)
    return text if 0 < len(text) <= 12 and not plain and not text.isascii() else ""


def _target_to_show(shown: str, href: str) -> str:
    """Return the link's target where the shown text does not already say it."""
    target = _unwrapped(_SPACES.sub("", href))
    parts = _split(target)
    if parts is None or parts[0] not in {"http", "https"} or not shown:
        return ""
    text = shown.casefold().rstrip("/.…")
    bare = target.casefold().partition("://")[2].rstrip("/")
    host = parts[1].removeprefix("www.")
    if (
        text.startswith(("http://", "https://", "www."))
        or text in {host, bare, bare.removeprefix("www.")}
        or "@" in text
    ):
        return ""
    return target


def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), (parts.hostname or "")
    except ValueError:
        return None


def _unwrapped(url: str) -> str:
    """Take off the wrapper that a mail scanner put round a link (Outlook Safe Links and kin)."""
    if "safelinks.protection.outlook.com" not in url and "google.com/url?" not in url:
        return url
    try:
        wanted = parse_qs(urlsplit(url).query, max_num_fields=20)
    except ValueError:
        return url
    return next((wanted[name][0] for name in ("url", "q") if name in wanted), url)
