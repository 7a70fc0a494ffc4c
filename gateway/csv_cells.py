"""Rows as CSV that a spreadsheet opens and does not obey.

A cell that begins with what spreadsheets take for a formula gets an apostrophe before it (OWASP, CSV injection); phone
numbers too, since they begin with a plus. One that has apostrophes there already gets one more: so `read` can tell what
a cell was made of. The form is that of RFC 4180 with a byte order mark, by which spreadsheets know UTF-8.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

BYTE_ORDER_MARK = "\ufeff"
_SIGNS: Final = r"=+\-@＝＋－＠"
_FORMULA: Final = re.compile(rf"(?='* *[{_SIGNS}\t\r\n])")
_HIDDEN: Final = re.compile(rf"(;[ \t]*)(?='*[{_SIGNS}])")
"""A formula for programs that take the semicolon for the end of a cell, as some do by the language of the machine."""
_FORMULA_TAMED: Final = re.compile(rf"'(?='* *[{_SIGNS}\t\r\n])")
_HIDDEN_TAMED: Final = re.compile(rf"(;[ \t]*)'(?='*[{_SIGNS}])")
_CHUNK = 65_536
"""Characters that are handed on at once, roughly."""


@dataclass(frozen=True, slots=True)
class Form:
    """What ends a cell, and stands before the decimals."""

    separator: str
    decimal: str


COMMAS: Final = Form(",", ".")
"""As RFC 4180 has it, and programs read it."""
SEMICOLONS: Final = Form(";", ",")
"""As spreadsheets open it where the comma stands before decimals: all else is there one cell a row."""


def cell(value: object, form: Form = COMMAS) -> str:
    """One value as the text of a cell; None is empty. Numbers stay numbers, also below zero."""
    if value is None:
        return ""
    text = str(value).replace("\0", "")
    if isinstance(value, int | float | Decimal):
        return text.replace(".", form.decimal)
    text = _HIDDEN.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def read(text: str) -> str:
    """The text that a cell was made of, without the apostrophes that keep spreadsheets from obeying it."""
    return _HIDDEN_TAMED.sub(r"\1", text[1:] if _FORMULA_TAMED.match(text) else text)


def line(values: Iterable[object], form: Form = COMMAS) -> str:
    """One row with its line end."""
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=form.separator).writerow([cell(value, form) for value in values])
    return written.getvalue()


def file(rows: Iterable[Iterable[object]], form: Form = COMMAS) -> bytes:
    """A whole file that is small."""
    return (BYTE_ORDER_MARK + "".join(line(row, form) for row in rows)).encode("utf-8", "replace")


async def lines(
    header: Iterable[str], rows: AsyncIterator[Iterable[object]], form: Form = COMMAS
) -> AsyncIterator[bytes]:
    """A whole file in pieces, of which one is in memory at a time."""
    written = BYTE_ORDER_MARK + line(header, form)
    async for row in rows:
        written += line(row, form)
        if len(written) >= _CHUNK:
            yield written.encode("utf-8", "replace")
            written = ""
    if written:
        yield written.encode("utf-8", "replace")
