"""Cursors are opaque, hold a place of one order, and what is no cursor is said so."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.paging import COUNTED_TO, Cursor, counted, cursor, page, page_size, search_text
from gateway.registry.errors import BadValue

pytestmark = pytest.mark.proves("paging")
KINDS = (int, str)


@given(
    some.integers(-(2**53) + 1, 2**53 - 1),
    some.text(some.characters(exclude_characters="\0", codec="utf-8")),
    some.booleans(),
)
def test_a_cursor_comes_back_as_it_was(number: int, name: str, back: bool):
    at = Cursor("by number", (number, name), back)
    assert cursor(str(at), "by number", KINDS) == at


@given(some.text())
def test_what_is_no_cursor_is_told_so(text: str):
    if text:
        with pytest.raises(BadValue):
            cursor(text, "by number", KINDS)
    else:
        assert cursor(text, "by number", KINDS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        Cursor("by name", (1, "a")),
        Cursor("by number", ("1", "a")),
        Cursor("by number", (1.5, "a")),
        Cursor("by number", (True, "a")),
        Cursor("by number", (2**60, "a")),
        Cursor("by number", (1, "a\0")),
        Cursor("by number", (1,)),
        Cursor("by number", (1, "a", "b")),
        Cursor("by number", (1, "a" * 3000)),
    ],
)
def test_a_cursor_of_another_list_is_refused(wrong: Cursor):
    with pytest.raises(BadValue, match="begin without one"):
        cursor(str(wrong), "by number", KINDS)


def read(rows: list[int], at: Cursor | None, size: int) -> list[int]:
    """What a query gives that reads on from a cursor, with one row more than fits."""
    if at is None:
        return rows[: size + 1]
    (place,) = at.place
    if at.back:
        return [row for row in reversed(rows) if row < place][: size + 1]
    return [row for row in rows if row > place][: size + 1]


@given(some.integers(0, 30), some.integers(1, 12))
def test_pages_show_every_row_once_there_and_back(count: int, size: int):
    rows = list(range(count))
    seen, at, pages = [], None, []
    while True:
        found = page(read(rows, at, size), size, at, "n", lambda row: (row,))
        pages.append(found)
        seen += found.items
        if found.next is None:
            break
        at = cursor(found.next, "n", (int,))
    assert seen == rows
    for earlier, later in reversed(list(itertools.pairwise(pages))):
        assert later.previous
        at = cursor(later.previous, "n", (int,))
        back = page(read(rows, at, size), size, at, "n", lambda row: (row,))
        assert back.items == earlier.items
        assert (back.previous is None) == (earlier is pages[0])
    assert pages[0].previous is None


def test_counts_end_where_nobody_counts_further():
    assert str(counted(17)) == "17"
    assert str(counted(COUNTED_TO)) == "10,000"
    assert str(counted(COUNTED_TO + 1)) == "10,000+"


def test_sizes_and_searches_have_bounds():
    assert page_size(1000) == 1000
    for size in (0, -1, 1001):
        with pytest.raises(BadValue, match="1 to 1000"):
            page_size(size)
    assert search_text("  anna ") == "anna"
    assert search_text(" ") is search_text(None) is None
    for text in ("a\0b", "\ud800", "a" * 201):
        with pytest.raises(BadValue):
            search_text(text)
