"""Charts as SVG, drawn by the server: bars over time, and bars side by side. Pure.

Widths are percentages and heights pixels, so that a chart fills whatever window it is shown in while its letters keep
their size. Colours are classes of the style sheet. Each chart has a title and a sentence for who cannot see it; the
numbers themselves stand in a table beside it, which is the page's to make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Written = Callable[[float], str]
"""How a number is written where the reader lives."""
_HEIGHT = 220
_TOP = 14
_BOTTOM = 22
"""Pixels below the bars, for the words of the axis."""
_WORDS = 6
"""Words that an axis has at most."""
_GAP = 0.2
"""The part of a place that is left free between bars."""
_NEAR = 4
"""A limit is drawn where the highest bar reaches a quarter of it; else it would make all of them small."""
_LEAST = 4
_ROW = 34
"""Pixels of a line of bars that lie."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a chart is called, what it says to who cannot see it, and its name within the page."""

    name: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of thing in a chart: what it is called, and the class that colours it."""

    words: str
    colour: str
    below: bool = False
    """Whether its bars hang below the line instead of standing on it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One place on the axis of time: its short name, its whole one, and a value for each series."""

    short: str
    whole: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A value that is marked across the chart, such as a limit."""

    words: str
    value: float


@dataclass(frozen=True, slots=True)
class Span:
    """A row of lying bars: its name, how far each of the two reaches, and what is said at its end."""

    name: str
    middle: float
    end: float
    words: str


def bars(
    heading: Heading, series: Sequence[Series], places: Sequence[Bar], written: Written, line: Line | None = None
) -> Markup:
    """Bars over time, the series of a place piled up on each other."""
    above = max((_pile(series, each, below=False) for each in places), default=0)
    below = max((_pile(series, each, below=True) for each in places), default=0)
    if line is not None and line.value <= above * _NEAR:
        above = max(above, line.value)
    top = nice(above)
    scale = (_HEIGHT - _TOP - _BOTTOM) / (top + below)
    floor = _TOP + top * scale
    width = 100 / (len(places) or 1)
    steps = [top * part for part in (0.25, 0.5, 0.75, 1) if (top * part).is_integer()]
    pieces = [_across("grid", floor - value * scale) for value in steps]
    for n, place in enumerate(places):
        drawn = "".join(_piled(series, place, n * width, width, floor, scale))
        if drawn:
            pieces.append(f"<g>{_named(series, place, written)}{drawn}</g>")
    pieces.append(_across("axis", floor))
    pieces += [_text("grid-words", "0", floor - value * scale - 3, written(value)) for value in steps]
    pieces += _axis(places, width)
    if line is not None and line.value <= top:
        y = floor - line.value * scale
        pieces += [_across("limit", y), _text("limit-words", "100%", y - 4, line.words, "end")]
    return _svg(heading, _HEIGHT, pieces)


def spans(heading: Heading, rows: Sequence[Span]) -> Markup:
    """Lying bars, one a row: dark up to the middle, light up to the end."""
    longest = max((each.end for each in rows), default=0) or 1
    pieces: list[str] = []
    for n, each in enumerate(rows):
        y = n * _ROW
        pieces += [_text("", "0", y + 11, each.name), _text("strong", "100%", y + 11, each.words, "end")]
        for value, kind in ((each.end, "span-end"), (each.middle, "span-middle")):
            share = value / longest * 100
            pieces.append(f'<rect class="{kind}" x="0" y="{y + 16}" width="{share:.2f}%" height="9" rx="2"/>')
    return _svg(heading, max(len(rows) * _ROW, 1), pieces)


def nice(value: float) -> float:
    """The next round number, which an axis may end with; never less than 4, for things are counted."""
    if value <= _LEAST:
        return float(_LEAST)
    size = 10.0 ** (len(str(int(value))) - 1)
    return next(step * size for step in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * size >= value)


def _pile(series: Sequence[Series], place: Bar, *, below: bool) -> float:
    return sum(value for each, value in zip(series, place.values, strict=True) if each.below is below)


def _piled(series: Sequence[Series], place: Bar, x: float, width: float, floor: float, scale: float) -> Iterator[str]:
    up = down = floor
    for each, value in zip(series, place.values, strict=True):
        height = value * scale
        if not value:
            continue
        y = down if each.below else up - height
        up, down = (up, down + height) if each.below else (y, down)
        yield (
            f'<rect class="{each.colour}" x="{x + width * _GAP / 2:.2f}%" y="{y:.1f}" '
            f'width="{width * (1 - _GAP):.2f}%" height="{height:.1f}"/>'
        )


def _named(series: Sequence[Series], place: Bar, written: Written) -> str:
    """What one reads while the pointer rests on a place."""
    values = (f"{each.words}: {written(value)}" for each, value in zip(series, place.values, strict=True) if value)
    return f"<title>{escape(place.whole)} · {escape(', '.join(values))}</title>"


def _axis(places: Sequence[Bar], width: float) -> Iterator[str]:
    every = -(-len(places) // _WORDS) or 1
    for n in range(every // 2, len(places), every):
        yield _text("", f"{n * width + width / 2:.2f}%", _HEIGHT - 5, places[n].short, "middle")


def _across(kind: str, y: float) -> str:
    return f'<line class="{kind}" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'


def _text(kind: str, x: str, y: float, words: str, anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(heading: Heading, height: int, pieces: Sequence[str]) -> Markup:
    name = heading.name
    return Markup(  # noqa: S704 - every word in it was escaped
        f'<svg class="drawing" role="img" width="100%" height="{height}" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(heading.title)}</title><desc id="{name}-d">{escape(heading.summary)}</desc>'
        f"{''.join(pieces)}</svg>"
    )
