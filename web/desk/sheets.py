"""Mail addresses out of a table that a person uploads: CSV as any program writes it, or XLSX. Pure.

In: the file's bytes. Out: one row for each line that holds something, with its number as the person's program shows it.
The column is found by its head, else it is the one in which most cells look like addresses. Other columns are not
looked at: spreadsheets turn phone numbers into floating-point numbers, and nobody needs them here.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from xml.parsers import expat

from gateway.registry.errors import BadValue
from gateway.translation import sentence

MAX_BYTES = 2_000_000
MAX_ROWS = 5_000
MAX_UNPACKED = 50_000_000
"""Bytes that an XLSX may come to once it is unpacked."""
MAX_CELLS = 2_000_000
"""Cells of the rectangle from the first cell of a sheet to its last: readers take memory for each, also where it is
empty."""
_DELIMITERS = (";", ",", "\t")
_HEADS = frozenset(
    {
        "email",
        "emailaddress",
        "mail",
        "mailaddress",
        "emailadresse",
        "mailadresse",
        "epost",
        "courriel",
        "adressemail",
        "adresseemail",
        "почта",
        "электроннаяпочта",
        "адресэлектроннойпочты",
    }
)
"""How people head the column, letters only."""
_LOOKS_LIKE = re.compile(r"\S+@\S+")
_LONGEST = 500
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


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the table."""

    line: int
    """From 1, as the person's program counts."""
    email: str
    """As it is written there, on one line and without blanks around it; empty where the cell is."""


Cells = Sequence[tuple[int, Sequence[str]]]


def read_sheet(content: bytes) -> list[SheetRow]:
    """The addresses of a file. Raises BadValue, with what to do, for what cannot be read."""
    if not content:
        raise BadValue(sentence("the file is empty"))
    if len(content) > MAX_BYTES:
        raise BadValue(sentence("the file is too big: %(most)s MB at most", most=MAX_BYTES // 1_000_000))
    cells = _workbook(content) if content.startswith(b"PK") else _delimited(_text(content))
    if len(cells) > MAX_ROWS + 1:
        raise BadValue(sentence("the file has too many lines: %(most)s at most", most=MAX_ROWS))
    return _addresses(cells)


def _text(content: bytes) -> str:
    """CSV files come in UTF-8, in UTF-16 where Excel calls it Unicode, or as Windows has always written them."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0":
        encodings = ["utf-16-le"]
    elif content[:1] == b"\0":
        encodings = ["utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadValue(sentence("the file cannot be read: save it as CSV (UTF-8) or as XLSX"))


def _delimited(text: str) -> Cells:
    lines = text.splitlines()
    delimiter = max(_DELIMITERS, key=lambda sign: sum(sign in line for line in lines[:50]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[int, Sequence[str]]] = []
    before = 0
    try:
        for row in reader:
            found.append((before + 1, row))
            before = reader.line_num
            if len(found) > MAX_ROWS + 1:
                break
    except csv.Error as error:
        raise BadValue(sentence("line %(line)s cannot be read: is there a quote too many?", line=before + 1)) from error
    return found


def _workbook(content: bytes) -> Cells:
    from python_calamine import CalamineError, CalamineWorkbook  # paid for by those who upload one

    _check_workbook(content)
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        first = (sheet.start or (0, 0))[0] + 1
        rows = sheet.to_python(skip_empty_area=True, nrows=MAX_ROWS + 2)
    except (CalamineError, OSError, ValueError, IndexError) as error:
        raise BadValue(sentence("the workbook cannot be read: save it again as XLSX, or as CSV")) from error
    return [(first + place, [str(cell) for cell in row]) for place, row in enumerate(rows)]


def _check_workbook(content: bytes) -> None:
    """Refuse what would take more memory than it seems, for a reader that finds none ends the program."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_UNPACKED:
                raise BadValue(sentence("the workbook is too big: save only the sheet with the addresses"))
            if any(each.lower() in _OTHER_FORMATS for each in archive.namelist()):
                raise BadValue(sentence("the file cannot be read: save it as CSV (UTF-8) or as XLSX"))
            for each in archive.infolist():
                part = archive.read(each)  # as long as it says, or a BadZipFile
                if b"sheetData" in part:
                    _check_extent(part)
    except _UNREADABLE as error:
        raise BadValue(sentence("the workbook cannot be read: save it again as XLSX, or as CSV")) from error


def _check_extent(sheet: bytes) -> None:
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
        if row * column > MAX_CELLS:
            raise BadValue(
                sentence("the workbook has cells far away from the others: save only the sheet with the addresses")
            )

    parser = expat.ParserCreate()
    parser.StartElementHandler = seen
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.Parse(sheet, True)  # noqa: FBT003 - it takes no names


def _no_doctype(*_declared: object) -> None:
    """Workbooks declare none (ECMA-376 part 2 §8.2); what declares one wants entities to grow."""
    raise BadValue(sentence("the workbook cannot be read: save it again as XLSX, or as CSV"))


def _column_number(letters: str) -> int:
    return sum((ord(letter) - 64) * 26**place for place, letter in enumerate(reversed(letters.upper())))


def _addresses(cells: Cells) -> list[SheetRow]:
    filled = [(line, row) for line, row in cells if any(cell.strip() for cell in row)]
    column, has_head = _column(filled)
    rows = filled[1:] if has_head else filled
    return [SheetRow(line, " ".join(row[column].split()) if column < len(row) else "") for line, row in rows]


def _column(filled: Cells) -> tuple[int, bool]:
    """Which column holds the addresses, and whether the first line is a head."""
    if not filled:
        raise BadValue(sentence("the file is empty"))
    head = filled[0][1]
    for place, cell in enumerate(head):
        if re.sub(r"[\W_]", "", cell.lower()) in _HEADS:
            return place, True
    counts = Counter(place for _, row in filled for place, cell in enumerate(row) if _looks_like_address(cell))
    if not counts:
        raise BadValue(sentence("there is no column with mail addresses: head it 'E-mail'"))
    best = min(counts, key=lambda place: (-counts[place], place))
    return best, best >= len(head) or not _looks_like_address(head[best])


def _looks_like_address(cell: str) -> bool:
    """Whether it could be one; long cells are texts, and slow to look at."""
    return len(cell) <= _LONGEST and _LOOKS_LIKE.fullmatch(cell.strip()) is not None
