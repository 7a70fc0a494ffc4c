"""Cells of CSV files that people open in a spreadsheet. Pure.

A cell that begins like a formula would be one there, and could fetch or run things: it gets an apostrophe before it,
which spreadsheets read as "this is text" (OWASP, CSV injection). Phone numbers begin with a plus; they are written as
text for that reason as well, for spreadsheets would make floating-point numbers of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_BEGINS_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> str:
    """A value as the text of a cell that nothing runs."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_BEGINS_FORMULAS) else text


def csv_file(rows: Iterable[Sequence[object]]) -> bytes:
    """A file of rows (RFC 4180), in UTF-8 with the mark by which spreadsheets know it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + file.getvalue().encode("utf-8", "replace")
