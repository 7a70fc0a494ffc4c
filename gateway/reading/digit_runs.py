"""Cuts a run of digit groups into phone numbers: "30 64 30 64" is one, "30643064 20643064" are two.

In: digits with spaces, dots, dashes, slashes, brackets and plus signs between them. Out: pieces, each a number or not.
Only the numbering plans can tell where one number ends, so the cut is the one that leaves the fewest digits over,
then the one with the fewest foreign numbers without a plus, then the one that joins least of what looks apart
("0664 122207" begins a number of its own behind another), then the one with the fewest numbers.

Promises: what begins with a plus or 00 is read with that country code or not at all. Where there are two best cuts,
neither is taken. Work is bounded for a whole subject, however long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import phonenumbers

from gateway.numbers import NumberError, to_e164

MAX_DIGITS = 19
"""In one number: 15 of E.164 behind a dialling prefix."""
_FEWEST_INTERNATIONAL = 7
"""Digits behind a plus that are taken to be one broken number, rather than its beginning."""
_MAX_READINGS = 400
_MAX_GROUPS = 600
"""For one reader: what a subject of several hundred numbers needs."""
_GROUP = re.compile(r"(\+[\s(+]{0,4})?([0-9]+)")
_APART = re.compile(r"[/\t]|\s\s|\s-\s")
_DIALLED = re.compile(r"00(?:[1-9][0-9]*)?")

_Cost = tuple[int, int, int, int]
"""Digits left over, foreign numbers without plus, joins of what looks apart, numbers."""

_NO_WAY: _Cost = (1_000_000, 0, 0, 0)
"""A country code must not be torn off what follows it."""


class Piece(NamedTuple):
    """A stretch of a run: `number` in E.164, or None and the `reason` why it is none."""

    start: int
    end: int
    number: str | None
    reason: str = ""
    unclear: bool = False
    """It holds valid numbers, but in more than one way."""


class _Group(NamedTuple):
    start: int
    end: int
    digits: str
    leads: bool
    """Begins with a plus: a number starts here."""
    dials: bool
    """Begins with a plus or 00 and a country code: if a number starts here, it is an international one."""
    apart: bool
    """Stands apart from the group before it, or begins with a trunk zero."""


class _Reading(NamedTuple):
    """A stretch of groups that is a valid number, and what speaks against it."""

    number: str
    foreign: int
    joins: int


class _Span(NamedTuple):
    """Groups first..last (last excluded) read as one number, or left over."""

    first: int
    last: int
    number: str | None


_Readings = dict[tuple[int, int], _Reading]
"""By first group and the group behind the last."""


class RunReader:
    """Reads the runs of one subject in one region, within one budget of work."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._readings = _MAX_READINGS
        self._groups = _MAX_GROUPS
        self.exhausted = False
        """Whether digits were left unread because there were too many of them."""

    def cut(self, run: str) -> list[Piece]:
        """Cut one run into pieces, in order; every digit lies in one. Nothing, once the budget is exhausted."""
        matches = list(islice(_GROUP.finditer(run), self._groups + 1))
        self._groups -= len(matches)
        if self.exhausted or self._groups < 0:
            self.exhausted = True
            return []
        groups = _groups(run, matches)
        if len(groups) == 1:
            return [self._lone(run, groups[0])]
        readings = self._readings_of(run, groups)
        spans = _best_cut(groups, readings, last_of_equals=False)
        only_one_way = len(readings) == sum(span.number is not None for span in spans)
        others = spans if only_one_way else _best_cut(groups, readings, last_of_equals=True)
        return list(self._agreed(run, groups, spans, others))

    def _lone(self, run: str, group: _Group) -> Piece:
        """The only group of a run: a number or none, with no question where it ends."""
        written = f"+{group.digits.removeprefix('00')}" if group.dials else group.digits
        fits = len(group.digits) <= MAX_DIGITS and _plausible(written, self._region)
        number = self._read(run[group.start : group.end] if "(0)" in run else written) if fits else None
        reason = "" if number else self._why_not(run[group.start : group.end])
        return Piece(group.start, group.end, number, reason)

    def _readings_of(self, run: str, groups: list[_Group]) -> _Readings:
        """Every stretch of groups that is a valid number."""
        found = {}
        for first, opening in enumerate(groups):
            digits = ""
            joins = 0
            for last in range(first + 1, len(groups) + 1):
                group = groups[last - 1]
                digits += group.digits
                if len(digits) > MAX_DIGITS or (group.leads and group is not opening):
                    break
                joins += group.apart and group is not opening
                written = f"+{digits.removeprefix('00')}" if opening.dials else digits
                if not _plausible(written, self._region):
                    continue
                number = self._read(run[opening.start : group.end] if "(0)" in run else written)
                if number:
                    found[first, last] = _Reading(number, self._is_foreign(opening, number), joins)
        return found

    def _read(self, written: str) -> str | None:
        if self._readings <= 0:
            self.exhausted = True
            return None
        self._readings -= 1
        try:
            return to_e164(written, self._region)
        except NumberError:
            return None

    def _is_foreign(self, first: _Group, number: str) -> int:
        return 0 if first.dials or number.startswith(_country(self._region)) else 1

    def _agreed(self, run: str, groups: list[_Group], spans: list[_Span], others: list[_Span]) -> Iterator[Piece]:
        """Keep the numbers that both cuts know; what lies between is left over, up to the next plus."""
        certain = {span for span in spans if span.number} & set(others)
        disputed = {span for span in (*spans, *others) if span.number} - certain
        starts = {span.first: span for span in certain}
        position = 0
        while position < len(groups):
            span = starts.get(position)
            if span:
                yield Piece(groups[span.first].start, groups[span.last - 1].end, span.number)
                position = span.last
                continue
            first = position
            position += 1
            while position < len(groups) and position not in starts and not groups[position].leads:
                position += 1
            unclear = any(first <= other.first < position for other in disputed)
            start, end = groups[first].start, groups[position - 1].end
            reason = "unclear where one number ends" if unclear else self._why_not(run[start:end])
            yield Piece(start, end, None, reason, unclear)

    def _why_not(self, text: str) -> str:
        if self._readings > 0:
            self._readings -= 1
            try:
                to_e164(text, self._region)
            except NumberError as error:
                return error.reason
        self.exhausted = True
        return "not read"


def _groups(run: str, matches: list[re.Match[str]]) -> list[_Group]:
    groups = []
    end = 0
    for match in matches:
        digits = match[2]
        apart = _APART.search(run, end, match.start(2)) is not None or (digits[0] == "0" and len(digits) > 2)
        dials = bool(match[1]) or _DIALLED.fullmatch(digits) is not None
        groups.append(_Group(match.start(), match.end(), digits, bool(match[1]), dials, apart))
        end = match.end()
    return groups


def _best_cut(groups: list[_Group], readings: _Readings, *, last_of_equals: bool) -> list[_Span]:
    """The cheapest cut; of equally cheap ones the one that is found first or last."""
    best: list[tuple[_Cost, _Span | None]] = [((0, 0, 0, 0), None)]
    for last in range(1, len(groups) + 1):
        cheapest: tuple[_Cost, _Span] | None = None
        for span in _spans_ending(groups, readings, last):
            left_over, foreign, joins, count = best[span.first][0]
            reading = readings[span.first, last] if span.number else None
            if reading:
                cost = (left_over, foreign + reading.foreign, joins + reading.joins, count + 1)
            else:
                cost = (left_over + sum(len(g.digits) for g in groups[span.first : last]), foreign, joins, count)
            if cheapest is None or cost < cheapest[0] or (last_of_equals and cost == cheapest[0]):
                cheapest = (cost, span)
        best.append(cheapest or (_NO_WAY, _Span(last - 1, last, None)))
    cut = []
    span_before = best[-1][1]
    while span_before:
        cut.append(span_before)
        span_before = best[span_before.first][1]
    return cut[::-1]


def _spans_ending(groups: list[_Group], readings: _Readings, last: int) -> Iterator[_Span]:
    """The stretches that may end before group `last`: a number, a stray group, or a broken international number."""
    digits = 0
    for first in range(last - 1, -1, -1):
        group = groups[first]
        digits += len(group.digits)
        reading = readings.get((first, last))
        if reading:
            yield _Span(first, last, reading.number)
        if group.dials:
            complete = last == len(groups) or groups[last].leads
            if complete or digits >= _FEWEST_INTERNATIONAL:
                yield _Span(first, last, None)
        elif first == last - 1:
            yield _Span(first, last, None)
        if group.leads or digits > MAX_DIGITS:
            return


@lru_cache(maxsize=512)
def _country(region: str) -> str:
    return f"+{phonenumbers.country_code_for_region(region)}"


@lru_cache(maxsize=512)
def _lengths(region: str) -> tuple[frozenset[int], str, str]:
    """Possible lengths of a region's national numbers, its trunk prefix and its country code."""
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if plan is None or plan.general_desc is None:
        return frozenset(), "", ""
    return frozenset(plan.general_desc.possible_length), plan.national_prefix or "", str(plan.country_code)


def _plausible(written: str, region: str) -> bool:
    """Sort out by length alone what cannot be a number, since most stretches of groups cannot."""
    length = len(written)
    if written[0] == "+":
        return length > _FEWEST_INTERNATIONAL
    lengths, trunk, code = _lengths(region)
    if length >= 10 or length in lengths or (length >= 6 and written[0] == "0"):
        return True
    return (written.startswith(trunk or "-") and length - len(trunk) in lengths) or (
        written.startswith(code or "-") and length - len(code) in lengths
    )
