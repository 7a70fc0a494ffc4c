"""Charts: every value where it belongs, every word escaped, nothing that the policy of the pages forbids."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.charts import Bar, Heading, Line, Series, Span, bars, nice, spans

pytestmark = pytest.mark.proves("charts")

SVG = "{http://www.w3.org/2000/svg}"
HEADING = Heading("c", "Title <b>", "Summary & more")
SERIES = (Series("out", "c-out"), Series("failed", "c-failed"), Series("in", "c-in", below=True))
_counts = st.lists(st.tuples(*[st.integers(0, 10**7)] * 3), min_size=1, max_size=60)


def drawn(svg: str) -> ET.Element:
    """The chart, read again."""
    return ET.fromstring(f'<page xmlns="http://www.w3.org/2000/svg">{svg}</page>')[0]


def rectangles(svg: str) -> list[tuple[str, float, float]]:
    """Class, top and height of bars."""
    found = drawn(svg).iter(f"{SVG}rect")
    return [(each.attrib["class"], float(each.attrib["y"]), float(each.attrib["height"])) for each in found]


def test_bars_are_piled_up_and_down_from_one_line():
    svg = bars(HEADING, SERIES, [Bar("1", "one", (30, 10, 20))], str)
    (out, out_top, out_height), (failed, failed_top, failed_height), (come, in_top, in_height) = rectangles(svg)
    assert (out, failed, come) == ("c-out", "c-failed", "c-in")
    assert out_top == pytest.approx(failed_top + failed_height, abs=0.2)
    assert in_top == pytest.approx(out_top + out_height, abs=0.2)
    assert out_height == pytest.approx(3 * failed_height, abs=0.3)
    assert in_height == pytest.approx(2 * failed_height, abs=0.3)


def test_who_cannot_see_it_is_told():
    root = drawn(bars(HEADING, SERIES, [Bar("1", "one & only", (3, 0, 2))], str))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "c-t c-d"
    assert [root.findtext(f"{SVG}{name}") for name in ("title", "desc")] == ["Title <b>", "Summary & more"]
    assert root.findtext(f"{SVG}g/{SVG}title") == "one & only · out: 3, in: 2"


@given(_counts, st.integers(0, 10**8))
def test_nothing_leaves_the_picture(counts: list[tuple[int, int, int]], limit: int):
    places = [Bar(str(n), f"<{n}>", each) for n, each in enumerate(counts)]
    svg = bars(HEADING, SERIES, places, str, Line("limit", limit))
    assert not re.search(r"style=|<script|<\d", svg)
    for _, top, height in rectangles(svg):
        assert top >= 0
        assert top + height <= 220 - 22 + 0.2
    assert len(list(drawn(svg).iter(f"{SVG}text"))) < 20


@pytest.mark.parametrize(("limit", "shown"), [(100, True), (400, True), (10_000, False)])
def test_a_limit_is_drawn_where_it_is_near(limit: int, shown: bool):
    svg = bars(HEADING, SERIES[:1], [Bar("1", "one", (100,))], str, Line("limit", limit))
    assert ("limit-words" in svg) is shown


def test_lying_bars_reach_as_far_as_they_should():
    svg = spans(HEADING, [Span("a", 1, 2, "a & b"), Span("b", 2, 4, "")])
    widths = [each.attrib["width"] for each in drawn(svg).iter(f"{SVG}rect")]
    assert widths == ["50.00%", "25.00%", "100.00%", "50.00%"]
    assert spans(HEADING, []).startswith("<svg")


@given(st.floats(0, 1e12))
def test_an_axis_ends_above_its_values(value: float):
    assert value <= nice(value) <= max(4, value * 2.01)
