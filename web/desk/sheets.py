"""Mail addresses out of a table that a person uploads (`gateway.sheet_file`).

In: the file's bytes. Out: one row for each line that holds something, with its number as the person's program shows it.
The column is found by its head, else it is the one in which most cells look like addresses. Other columns are not
looked at: spreadsheets turn phone numbers into floating-point numbers, and nobody needs them here.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from gateway import sheet_file
from gateway.registry.errors import BadValue
from gateway.translation import sentence
from gateway.workbook_bounds import Bounds

MAX_BYTES = 2_000_000
MAX_ROWS = 5_000
_BOUNDS = Bounds(unpacked=50_000_000, cells=2_000_000)
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


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the table."""

    line: int
    """From 1, as the person's program counts."""
    email: str
    """As it is written there, on one line and without blanks around it; empty where the cell is."""


Cells = Sequence[sheet_file.Row]


def read_sheet(content: bytes) -> list[SheetRow]:
    """The addresses of a file. Raises BadValue, with what to do, for what cannot be read."""
    if not content:
        raise BadValue(sentence("the file is empty"))
    if len(content) > MAX_BYTES:
        raise BadValue(sentence("the file is too big: %(most)s MB at most", most=MAX_BYTES // 1_000_000))
    cells = list(islice(sheet_file.rows(io.BytesIO(content), most=MAX_ROWS, bounds=_BOUNDS), MAX_ROWS + 2))
    if len(cells) > MAX_ROWS + 1:
        raise BadValue(sentence("the file has too many lines: %(most)s at most", most=MAX_ROWS))
    return _addresses(cells)


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
