"""A spreadsheet opens what is exported and obeys nothing in it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

import pytest

from gateway import csv_cells

pytestmark = pytest.mark.proves("CSV cells")


@pytest.mark.parametrize(
    "text", ["=1+1", "+4530643064", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  @x", '=cmd|" /C calc"!A0']
)
def test_what_a_spreadsheet_would_obey_is_a_text(text: str):
    assert csv_cells.cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "cell"), [("a;=1+1;b", "a;'=1+1;b"), ('x; =HYPERLINK("y")', 'x; \'=HYPERLINK("y")'), ("a; b", "a; b")]
)
def test_a_semicolon_may_end_a_cell_where_it_is_opened(text: str, cell: str):
    assert csv_cells.cell(text) == cell


@pytest.mark.parametrize(
    ("value", "cell"), [(None, ""), (-5, "-5"), (1.5, "1.5"), ("a=b", "a=b"), ("a\0b", "ab"), ("", "")]
)
def test_everything_else_stays_as_it_is(value: object, cell: str):
    assert csv_cells.cell(value) == cell


def test_a_spreadsheet_with_decimal_commas_is_written_what_it_reads():
    row = ("a;b", Decimal("0.35"), -1.5, 7, "1.5", "=1+1", None)
    assert csv_cells.line(row, csv_cells.SEMICOLONS) == '"a;b";0,35;-1,5;7;1.5;\'=1+1;\r\n'
    assert csv_cells.line(row) == "a;b,0.35,-1.5,7,1.5,'=1+1,\r\n"
    assert csv_cells.file([("a", 1.5), ("b", 2)], csv_cells.SEMICOLONS).decode("utf-8-sig") == "a;1,5\r\nb;2\r\n"


async def test_a_file_is_read_back_as_it_was_written():
    rows = [("a,b", 'say "no"', "two\nlines", "æøå 😀")] * 5000

    async def given() -> AsyncIterator[Iterable[object]]:
        for row in rows:
            yield row

    pieces = [piece async for piece in csv_cells.lines(("one", "two", "three", "four"), given())]
    assert max(map(len, pieces)) < 100_000
    text = b"".join(pieces).decode("utf-8-sig")
    assert list(map(tuple, csv.reader(io.StringIO(text, newline="")))) == [("one", "two", "three", "four"), *rows]
