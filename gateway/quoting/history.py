"""Tells which lines of a mail are history: by the zones of HTML, by what stands above quotes, by the quotes themselves.

In: the lines of a body, each with the zone that its client put it in. Out: for each of them, whether it is history.
Promises: work is bounded by `_MAX_SEARCHES` however many lines look like the beginning of a quote; a mail that bears no
sign of a quote is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.quoting.footers import is_device_footer
from gateway.quoting.lines import (
    MAX_WRAPPED,
    Sureness,
    attribution,
    find_attribution,
    find_foreign_headers,
    find_header_block,
    find_stacked_headers,
    header_kind,
    is_marked,
    is_nested,
    is_rule,
    is_separator,
    is_stacked_label,
    looks_labelled,
    plain,
    without_mark,
)
from gateway.reading.html_text import Line, Zone
from gateway.reading.invisible import only_visible

_MAX_SEARCHES: Final[int] = 250
"""Places in one mail where an attribution or a header block is looked for."""
_RUN_ON: Final[re.Pattern[str]] = re.compile(r"[^:]{0,30}\d[^<>]{0,200}<[^\s<>]{3,120}>:[ \xa0]{2,}\S")
"""An attribution that the quoted words follow on the same line, after some spaces (Yahoo's apps)."""
_SIGNS: Final = (">", "\uff1a")
_DRAWN: Final = frozenset({"", *"-_=*\u2014\u2013\u2010\u2500#~"})
_MESSAGE_OF: Final = frozenset("mMnN")
"""First letters of the separators without dashes ("Message du 12.03.2020")."""
_FOOTER_LINES: Final[int] = 3
_OTHER_SIGNS: Final = frozenset({"| ", ": ", "} ", "# ", "» "})


def untouched(lines: Sequence[Line]) -> bool:
    """Whether it is plain at once that no line is history: what most mails are, told without a search.

    Nothing here is a sign of a quote by itself; a line that bears one of the signs is looked at by `Search`.
    """
    text = "\n".join([line for line, zone in lines if zone is Zone.OWN])
    if any(sign in text for sign in _SIGNS) or not only_visible(text) or any(zone is not Zone.OWN for _, zone in lines):
        return False
    own = [line.strip() for line, _ in lines]
    return not any(map(_bears_sign, own)) and not _ends_with_footer(own)


def _bears_sign(line: str) -> bool:
    """Whether a line could be, or belong to, an announcement: a drawn or labelled line, the end of an attribution."""
    if ":" in line:
        text = plain(line)
        if text.endswith(":") or header_kind(text) is not None:
            return True
    if line[:1] in _DRAWN or "--" in line:
        return line not in {"", "--"}
    return is_stacked_label(line) or (line[:1] in _MESSAGE_OF and is_separator(line))


def _ends_with_footer(lines: Sequence[str]) -> bool:
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index]), -1)
    joined = ""
    for index in range(last, max(-1, last - _FOOTER_LINES), -1):
        if not lines[index]:
            return False
        joined = f"{plain(lines[index])} {joined}"
        if is_device_footer(joined):
            return True
    return False


@dataclass(slots=True)
class Search:
    """One pass over the lines of a body."""

    lines: list[Line]
    searches: int
    """How many there were in this mail before."""
    gone: list[bool] = field(init=False)
    plain: list[str] = field(init=False)
    """Lines without quote marks and emphasis, as they are compared."""
    marked: list[bool] = field(init=False)
    """Lines that would be quoted if something introduced them."""

    def run(self) -> list[bool]:
        """Tell for each line whether it is history."""
        self.gone = [False] * len(self.lines)
        marks = [is_marked(text) for text, _ in self.lines]
        self.plain = [
            plain(without_mark(text) if mark else text) for (text, _), mark in zip(self.lines, marks, strict=True)
        ]
        self.marked = [mark or zone is Zone.INDENTED for (_, zone), mark in zip(self.lines, marks, strict=True)]
        self._mark_other_signs()
        self._take_zones()
        self._take_announced()
        self._take_unannounced()
        self._take_footers()
        return self.gone

    def _mark_other_signs(self) -> None:
        """Mark the lines below an attribution that all begin with one sign other than ">" (mutt, alpine, slrn)."""
        index = 0
        while (index := index + 1) < len(self.lines):
            sign = self.plain[index][:2]
            above = index - 1 if self.plain[index - 1] else index - 2
            if sign not in _OTHER_SIGNS or above < 0 or not self.plain[above].endswith(":") or self._searched_out():
                continue
            if find_attribution(self.plain, above, 0)[1] is not Sureness.NONE:
                while index < len(self.lines) and self.plain[index][:1] == sign[0]:
                    self.marked[index] = True
                    self.plain[index] = self.plain[index][1:].strip()
                    index += 1

    def _searched_out(self) -> bool:
        """Count a search for an attribution or a header block; tell whether a mail has had its share of them."""
        self.searches += 1
        return self.searches > _MAX_SEARCHES

    def _take(self, start: int, end: int) -> None:
        self.gone[start:end] = [True] * (end - start)

    def _next(self, index: int) -> int | None:
        """Return the next line that is not blank, from `index` on."""
        while index < len(self.lines):
            if self.plain[index] or self.marked[index] or self.gone[index]:
                return index
            index += 1
        return None

    # --- what HTML says ---

    def _take_zones(self) -> None:
        if all(zone is Zone.OWN for _, zone in self.lines):
            return
        written = False
        for index, (text, zone) in enumerate(self.lines):
            if zone is Zone.HISTORY or (zone is Zone.AFTER and written):
                self._take(index, len(self.lines))
                return
            self.gone[index] = zone is Zone.QUOTED
            written = written or (zone <= Zone.INDENTED and bool(text.strip()))
        self._take_runs(Zone.SHELL)
        self._take_runs(Zone.HEADER)

    def _take_runs(self, zone: Zone) -> None:
        """Settle the lines of one zone that stand together."""
        index = 0
        while index < len(self.lines):
            start = index
            while index < len(self.lines) and self.lines[index][1] is zone:
                index += 1
            if index > start:
                self._settle(zone, start, index)
            index += 1

    def _settle(self, zone: Zone, start: int, end: int) -> None:
        if zone is Zone.HEADER:
            if looks_labelled(self.plain[start:end]):
                self._take(start, len(self.lines))
        elif not (start and self._quoted_before(start)):
            self._take(start, end)

    def _quoted_before(self, index: int) -> bool:
        """Whether the frame that line `index` stands in has shown its quote already."""
        while index > 0 and not self.lines[index - 1][0].strip() and self.lines[index - 1][1] is not Zone.QUOTED:
            index -= 1
        return index > 0 and self.lines[index - 1][1] is Zone.QUOTED

    # --- what stands above a quote ---

    def _take_announced(self) -> None:
        index = floor = 0
        introduced = len(self.lines)
        while index < len(self.lines):
            span = None
            if not (self.gone[index] or self._plainly_quoted(index)):
                span = self._announcement(index, floor)
            if span is None:
                index += 1
                continue
            start, end = span
            start = self._with_rules_above(start, floor)
            below = self._next(end)
            if below is None or not (self.marked[below] or self.gone[below]):
                self._take(start, len(self.lines))
                break
            self._take(start, end)
            introduced = min(introduced, end)
            index = floor = end
        for marked in range(introduced, len(self.lines)):
            self.gone[marked] = self.gone[marked] or self.marked[marked]

    def _plainly_quoted(self, index: int) -> bool:
        """Whether a line begins with a quote mark, and not with the ">>>" of an attribution (GroupWise)."""
        line, zone = self.lines[index]
        return self.marked[index] and zone is Zone.OWN and line[:1] == ">" and line[:3] != ">>>"

    def _announcement(self, index: int, floor: int) -> tuple[int, int] | None:
        """Return the span of lines that announces a quote and is first known at line `index`."""
        text = self.plain[index]
        raw = self.lines[index][0].strip()
        if not text or (">" in raw and is_marked(raw) and not raw.startswith(">>>")):
            return None
        if separated := self._separator_end(index):
            return index, self._after_headers(separated)
        if header_kind(text) is not None and not self._searched_out():
            announced = self._rule_above(index)
            end = find_header_block(self.plain, index, announced=announced)
            if end is not None:
                return index, end
        if text.endswith((":", ">")) and (span := self._attribution(index, floor)):
            return span
        if _RUN_ON.match(raw) and attribution(text[: text.index(">:") + 2]) is Sureness.STRONG:
            return index, index + 1
        end = find_foreign_headers(self.plain, index) or find_stacked_headers(self.plain, index)
        return None if end is None else (index, end)

    def _separator_end(self, index: int) -> int:
        """Return the index after the separator at line `index`, be it broken over two lines; 0 where there is none."""
        raw = self.lines[index][0].strip()
        first = raw if raw.startswith((">>>", "-", "_", "=", "*")) else self.plain[index]
        if is_separator(first):
            return index + 1
        second = self.plain[index + 1] if index + 1 < len(self.lines) else ""
        broken = first.startswith("--") and not first.endswith("-") and second.endswith("--")
        return index + 2 if broken and is_separator(f"{first} {second}") else 0

    def _after_headers(self, index: int) -> int:
        """Step over the header lines, or the attribution, that a separator announces."""
        start = self._next(index)
        if start is None or self.marked[start]:
            return index
        if header_kind(self.plain[start]) is not None:
            return find_header_block(self.plain, start, announced=True) or index
        return start + 1 if attribution(self.plain[start]) else index

    def _attribution(self, index: int, floor: int) -> tuple[int, int] | None:
        if self._searched_out():
            return None
        start, sureness = find_attribution(self.plain, index, floor)
        if sureness is Sureness.NONE:
            return None
        below = self._next(index + 1)
        if sureness is Sureness.WEAK and not (
            below is not None and below - index <= 3 and (self.marked[below] or self.gone[below])
        ):
            return None
        return start, index + 1

    def _rule_above(self, index: int) -> bool:
        while index > 0 and not self.plain[index - 1] and not is_rule(self.lines[index - 1][0]):
            index -= 1
        return index > 0 and is_rule(self.lines[index - 1][0])

    def _with_rules_above(self, start: int, floor: int) -> int:
        """Take along the drawn line above, and header lines between them (Yandex)."""
        above = start
        while above > floor and header_kind(self.plain[above - 1]) in {"to", "subject", "cc"}:
            above -= 1
        while above > floor and not self.lines[above - 1][0].strip():
            above -= 1
        if above > floor and is_rule(self.lines[above - 1][0]):
            return above - 1
        return start

    # --- quotes that nothing announces ---

    def _take_unannounced(self) -> None:
        blocks = self._marked_blocks()
        if not blocks or (any(self.lines[start][1] is Zone.INDENTED for start, _ in blocks[:1]) and len(blocks) == 1):
            return
        if self._are_quotes(blocks, *self._edges()):
            for start, end in blocks:
                self._take(start, end)

    def _marked_blocks(self) -> list[tuple[int, int]]:
        blocks: list[tuple[int, int]] = []
        for index, marked in enumerate(self.marked):
            if not marked or self.gone[index] or self.lines[index][1] is Zone.INDENTED:
                continue
            if blocks and blocks[-1][1] == index:
                blocks[-1] = (blocks[-1][0], index + 1)
            else:
                blocks.append((index, index + 1))
        return blocks

    def _edges(self) -> tuple[int, int]:
        shown = [index for index, (text, _) in enumerate(self.lines) if text.strip() and not self.gone[index]]
        return shown[0], shown[-1]

    def _are_quotes(self, blocks: list[tuple[int, int]], first: int, last: int) -> bool:
        """Judge all marked lines of a mail together: quotes, or a person's arrows."""
        inside = len(blocks) == 1 and blocks[0][0] > first and blocks[0][1] <= last
        if not inside and any(is_nested(self.lines[start][0]) for start, _ in blocks):
            return True
        if any(self._announces_itself(start, end) for start, end in blocks[:3]):
            return True
        if blocks[0] == (first, last + 1):
            return last > first
        if blocks[0][0] == first and (len(blocks) > 1 or blocks[0][1] - first > 1):
            return True
        apart = [block for block in blocks if self._stands_apart(block)]
        if any(start == first or end == last + 1 or end - start > 1 for start, end in apart):
            return True
        start, end = blocks[-1]
        return end == last + 1 and end - start > 1 and not self.plain[start - 1].endswith(":")

    def _announces_itself(self, start: int, end: int) -> bool:
        """Whether a quoted block begins with a separator or an attribution (Apple Mail quotes its own)."""
        return any(
            is_separator(self.plain[index]) or find_attribution(self.plain, index, start)[1] is Sureness.STRONG
            for index in range(start, min(end, start + MAX_WRAPPED))
        )

    def _stands_apart(self, block: tuple[int, int]) -> bool:
        start, end = block
        above = start == 0 or self.gone[start - 1] or not self.lines[start - 1][0].strip()
        below = end == len(self.lines) or self.gone[end] or not self.lines[end][0].strip()
        return above and below

    # --- what a phone adds ---

    def _take_footers(self) -> None:
        history_below = True
        for index in range(len(self.lines) - 1, -1, -1):
            if self.gone[index]:
                history_below = True
            elif history_below and self.lines[index][0].strip():
                history_below = self._take_footer(index)

    def _take_footer(self, end: int) -> bool:
        """Take the footer whose last line is `end`, with a signature mark right above it; tell if there was one."""
        joined, top = "", end + 1
        for start in range(end, max(-1, end - _FOOTER_LINES), -1):
            if not self.plain[start] or self.gone[start]:
                break
            joined = f"{self.plain[start]} {joined}"
            if is_device_footer(joined):
                top = start
        if top > end:
            return False
        self._take(top - (top > 0 and self.lines[top - 1][0].rstrip() == "--"), end + 1)
        return True
