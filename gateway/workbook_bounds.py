"""What an uploaded workbook may take, looked at before anything reads it.

A workbook is an archive: a kilobyte can unpack to gigabytes, and one cell far away makes readers take memory for all
that lie between. In: an open XLSX. Raises BadValue, with what to do, for what is too big or no such file.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, BinaryIO
from xml.parsers import expat

from gateway.registry.errors import BadValue
from gateway.translation import sentence


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is enough."""

    unpacked: int
    """Bytes that it may come to once it is unpacked."""
    cells: int
    """Cells of the rectangle from the first cell of a sheet to its last, empty ones too."""


TOO_BIG = sentence("the workbook is too big: save the sheet as CSV")
UNREADABLE = sentence("the workbook cannot be read: save it again as XLSX, or as CSV")
_SHEET = b"sheetData"
_BLOCK = 1 << 20
_PLACE = re.compile(r"([A-Za-z]{0,9})([0-9]{0,9})")
_OTHER_FORMATS = frozenset({"content.xml", "xl/workbook.bin"})
"""What makes an archive a workbook that the same reader takes, with other ways to say much in few bytes: ODS, XLSB."""
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
"""What reading a broken, encrypted or unknown archive raises."""


def check_workbook(file: BinaryIO, bounds: Bounds) -> None:
    """Refuse what would take more memory than it seems, for a reader that finds none ends the program."""
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(each.file_size for each in archive.infolist()) > bounds.unpacked:
                raise BadValue(TOO_BIG)
            if any(each.lower() in _OTHER_FORMATS for each in archive.namelist()):
                raise BadValue(sentence("the file cannot be read: save it as CSV (UTF-8) or as XLSX"))
            for each in archive.infolist():
                if _holds_cells(archive, each):  # as long as it says, or a BadZipFile
                    with archive.open(each) as sheet:
                        _check_extent(sheet, bounds.cells)
    except _UNREADABLE as error:
        raise BadValue(UNREADABLE) from error


def _holds_cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a part is a sheet, wherever it stands: the word may lie across two blocks."""
    end = b""
    found = False
    with archive.open(part) as opened:
        while block := opened.read(_BLOCK):
            found = found or _SHEET in end + block
            end = block[-len(_SHEET) :]
    return found


def _check_extent(sheet: IO[bytes], most: int) -> None:
    """Refuse a sheet with a cell far away (ECMA-376 §18.3.1.4: a cell says where it is, or is next)."""
    row = column = 0

    def seen(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column
        kind = name.rpartition(":")[2]
        if kind not in {"row", "c"}:
            return
        place = _PLACE.fullmatch(attributes.get("r", ""))
        letters, digits = (place[1], place[2]) if place else ("", "")
        if kind == "row":
            row, column = int(digits or row + 1), 0
        else:
            row, column = int(digits or row), _column_number(letters) if letters else column + 1
        if row * column > most:
            raise BadValue(sentence("the workbook has cells far away from the others: save the sheet as CSV"))

    parser = expat.ParserCreate()
    parser.StartElementHandler = seen
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.ParseFile(sheet)


def _no_doctype(*_declared: object) -> None:
    """Workbooks declare none (ECMA-376 part 2 §8.2); what declares one wants entities to grow."""
    raise BadValue(UNREADABLE)


def _column_number(letters: str) -> int:
    return sum((ord(letter) - 64) * 26**place for place, letter in enumerate(reversed(letters.upper())))
