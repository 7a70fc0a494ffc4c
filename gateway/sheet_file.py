"""Rows out of a table that a person uploads: CSV as any program writes it, or XLSX.

In: an open file. Out: one row after the other, each with the number of its line as the person's program shows it, cells
as texts. Of a CSV one row is in memory at a time, at most a million characters; a workbook is in memory as a whole
while it is read, and refused where it would take more than its bounds (`workbook_bounds`). Raises BadValue, with what
to do, for what cannot be read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import BinaryIO

from gateway.registry.errors import BadValue
from gateway.translation import sentence
from gateway.workbook_bounds import Bounds, check_workbook

BOUNDS = Bounds(unpacked=100_000_000, cells=5_000_000)
"""What a workbook may take, where nobody says less."""
Row = tuple[int, Sequence[str]]
_DELIMITERS = (";", ",", "\t")
_BLOCK = 1 << 18
_LONGEST_ROW = 1_000_000
"""Characters: no program writes such a row, and one without an end would be in memory as a whole."""
_LOOKED_AT = 50
"""Lines that tell which sign separates cells."""
_QUOTED = re.compile(r'(?<![^;,\t\r\n])"(?:[^"]|"")*+"(?=[;,\t\r\n]|\Z)')
"""Cells whose signs separate nothing."""


def is_workbook(file: BinaryIO) -> bool:
    """Whether a file is an XLSX, by its first bytes; the place in it stays the beginning."""
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    return start == b"PK"


def rows(file: BinaryIO, *, most: int | None = None, bounds: Bounds = BOUNDS) -> Iterator[Row]:
    """The rows of a file, of a workbook those of its first sheet; not many more than `most`."""
    return _workbook(file, most, bounds) if is_workbook(file) else _delimited(file)


# --- CSV -----------------------------------------------------------------------------------------------------------


def _encoding(file: BinaryIO) -> str:
    """CSV files come in UTF-8, in UTF-16 where Excel calls it Unicode, or as Windows has always written them."""
    start = file.read(2)
    if start in {b"\xff\xfe", b"\xfe\xff"}:
        encodings = ["utf-16"]
    elif start[1:2] == b"\0":
        encodings = ["utf-16-le"]
    elif start[:1] == b"\0":
        encodings = ["utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        if _decodes(file, encoding):
            return encoding
    raise BadValue(sentence("the file cannot be read: save it as CSV (UTF-8) or as XLSX"))


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            if "\0" in decoder.decode(block):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimited(file: BinaryIO) -> Iterator[Row]:
    encoding = _encoding(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        lines = _QUOTED.sub("", text.read(_BLOCK)).splitlines()[:_LOOKED_AT]
        delimiter = max(_DELIMITERS, key=lambda sign: sum(sign in line for line in lines))
        text.seek(0)
        bounded = _Bounded(text)
        reader = csv.reader(bounded, delimiter=delimiter)
        before = 0
        try:
            for row in reader:
                yield before + 1, row
                before = reader.line_num
                bounded.begin_row()
        except _TooLongError as error:
            raise BadValue(sentence("line %(line)s is too long: is this a table?", line=before + 1)) from error
        except csv.Error as error:
            told = sentence("line %(line)s cannot be read: is there a quote too many?", line=before + 1)
            raise BadValue(told) from error
    finally:
        text.detach()


class _TooLongError(Exception):
    """A row does not end."""


class _Bounded:
    """The lines of a text, as long as the row that they are of is not too long."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._left = _LONGEST_ROW

    def begin_row(self) -> None:
        """What comes is of another row."""
        self._left = _LONGEST_ROW

    def __iter__(self) -> Iterator[str]:
        """Raises `_TooLongError`."""
        while line := self._text.readline(self._left + 1):
            self._left -= len(line)
            if self._left < 0:
                raise _TooLongError
            yield line


# --- XLSX ----------------------------------------------------------------------------------------------------------


def _workbook(file: BinaryIO, most: int | None, bounds: Bounds) -> Iterator[Row]:
    from python_calamine import CalamineError, CalamineWorkbook  # paid for by those who upload one

    check_workbook(file, bounds)
    file.seek(0)
    try:
        sheet = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
        first = (sheet.start or (0, 0))[0] + 1
        for place, row in enumerate(sheet.iter_rows()):
            if most is not None and place > most + 1:
                return
            yield first + place, [_cell(cell) for cell in row]
    except (CalamineError, OSError, ValueError, IndexError) as error:
        raise BadValue(sentence("the workbook cannot be read: save it again as XLSX, or as CSV")) from error


def _cell(value: object) -> str:
    """A cell as a person reads it: whole numbers without a point, days without a time."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
