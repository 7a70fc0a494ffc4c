"""Tables that people upload: in every form that spreadsheets write, and in none that harms."""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import csv_cells
from gateway.registry.errors import BadValue
from web.desk.sheets import MAX_BYTES, MAX_ROWS, read_sheet

pytestmark = pytest.mark.proves("bulk opening")

ROWS = [
    ["Navn", "E-mail", "Telefon"],
    ["Åse; den ældre", "aase@firm.example", "4512345678"],
    ["Bo", "bo@firm.example", ""],
]


def read(content: bytes) -> list[tuple[int, str]]:
    return [(row.line, row.email) for row in read_sheet(content)]


def csv_of(delimiter: str) -> str:
    return "\r\n".join(delimiter.join(f'"{cell}"' if ";" in cell else cell for cell in row) for row in ROWS) + "\r\n"


def workbook(rows: list[list[str | float]]) -> bytes:
    """The smallest XLSX (ECMA-376) that holds these cells."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(
            f"<c t='inlineStr'><is><t>{escape(cell)}</t></is></c>" if isinstance(cell, str) else f"<c><v>{cell}</v></c>"
            for cell in row
        )
        lines.append(f"<row r='{number}'>{cells}</row>")
    files = {
        "[Content_Types].xml": f"<Types xmlns='{package}/content-types'><Default Extension='xml' ContentType='application/xml'/>"
        "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/></Types>",
        "_rels/.rels": f"<Relationships xmlns='{package}/relationships'>"
        f"<Relationship Id='r1' Type='{kind}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{kind}'><sheets>"
        "<sheet name='People' sheetId='1' r:id='r1'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{package}/relationships'>"
        f"<Relationship Id='r1' Type='{kind}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
        "xl/worksheets/sheet1.xml": f"<worksheet xmlns='{main}'><sheetData>{''.join(lines)}</sheetData></worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_delimiter_in_every_encoding(delimiter: str, encoding: str):
    assert read(csv_of(delimiter).encode(encoding)) == [(2, "aase@firm.example"), (3, "bo@firm.example")]


def test_what_stands_in_quotes_separates_nothing():
    lines = "".join(f"no {n}, no {n}\n" for n in range(20))
    content = f'Navn;E-mail;Note\r\nBo;bo@firm.example;"{lines}"\r\nCy 5" pipe;cy@firm.example;\r\n'
    assert read(content.encode()) == [(2, "bo@firm.example"), (23, "cy@firm.example")]


def test_a_workbook():
    rows: list[list[str | float]] = [
        ["Navn", "E-mail", "Tlf"],
        ["Åse", "aase@firm.example", 4512345678.0],
        ["", "", ""],
    ]
    assert read(workbook([*rows, ["Bo", " bo@firm.example ", 1.5]])) == [
        (2, "aase@firm.example"),
        (4, "bo@firm.example"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@firm.example\nb@firm.example\n", [(1, "a@firm.example"), (2, "b@firm.example")]),
        ("Name;Where\nAnna;a@firm.example\n", [(2, "a@firm.example")]),
        ("Courriel\na@firm.example", [(1 + 1, "a@firm.example")]),
        ("\n\nE-Mail-Adresse;x\n\na@firm.example;1\n;2\n", [(5, "a@firm.example"), (6, "")]),
        ("Почта\nanna@firm.example\nnobody\n", [(2, "anna@firm.example"), (3, "nobody")]),
        ('Name,Mail\n"two\nlines",a@firm.example\nBo,b@firm.example', [(2, "a@firm.example"), (4, "b@firm.example")]),
        ('Mail\n"a\nb@firm.example"\n', [(2, "a b@firm.example")]),
    ],
)
def test_the_column_is_found_by_its_head_or_by_what_it_holds(text: str, found: list[tuple[int, str]]):
    assert read(text.encode()) == found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n;;\n", "is empty"),
        (b"Name;Number\nAnna;1\n", "no column with mail addresses"),
        (b"a@firm.example\n" * (MAX_ROWS + 2), "too many lines"),
        (b"x" * (MAX_BYTES + 1), "too big"),
        (b"PK\x03\x04 and then nothing", "cannot be read"),
        (b"ab\0\0c", "cannot be read"),
        (b"\xff\xfea", "cannot be read"),
        (b'mail\n"' + b"a" * 200_000 + b'"\n', "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(content: bytes, words: str):
    with pytest.raises(BadValue, match=words):
        read_sheet(content)


def test_a_workbook_that_unpacks_to_a_huge_one_is_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/workbook.xml", "w") as inside:
        for _ in range(101):
            inside.write(bytes(1_000_000))
    with pytest.raises(BadValue, match="too big"):
        read_sheet(file.getvalue())


def _with_sheet(rows: str, before: str = "") -> bytes:
    """A workbook whose sheet is written by hand."""
    whole = io.BytesIO(workbook([]))
    file = io.BytesIO()
    with zipfile.ZipFile(whole) as read_from, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in read_from.namelist():
            part = read_from.read(name).decode()
            if "sheetData" in part:
                part = before + part.replace("<sheetData></sheetData>", f"<sheetData>{rows}</sheetData>")
            archive.writestr(name, part)
    return file.getvalue()


CELL = "<is><t>a@firm.example</t></is>"


@pytest.mark.parametrize(
    "rows",
    [
        f"<row r='1'><c r='A1' t='inlineStr'>{CELL}</c></row><row r='9'><c r='XFD1048576' t='inlineStr'>{CELL}</c></row>",
        f"<row r='1048576'><c r='A1048576' t='inlineStr'>{CELL}</c><c t='inlineStr'>{CELL}</c></row>",
        f"<row r='200'>{'<c/>' * 16_000}</row>",
        f"<row r = '&#49;048576'><c r='B&#49;048576' t='inlineStr'>{CELL}</c></row>",
    ],
    ids=["says where", "follows", "many follow", "as entities"],
)
def test_a_cell_far_away_takes_no_memory(rows: str):
    """A reader of workbooks takes all the cells between, and the program ends where there is no memory for them."""
    with pytest.raises(BadValue, match="far away"):
        read_sheet(_with_sheet(rows))


@pytest.mark.parametrize("name", ["content.xml", "xl/workbook.bin", "Content.XML"])
def test_only_xlsx_is_read_of_archives(name: str):
    file = io.BytesIO(workbook([["mail"], ["a@firm.example"]]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, "<table:table-row table:number-rows-repeated='1048576'/>")
    with pytest.raises(BadValue, match="cannot be read"):
        read_sheet(file.getvalue())


def test_no_entity_of_a_workbook_grows():
    with pytest.raises(BadValue, match="cannot be read"):
        read_sheet(_with_sheet("", before="<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>"))


@pytest.mark.stopwatch
@pytest.mark.parametrize(
    "content",
    [b"x;" * 900_000 + b"\n" + b"a@firm.example\n" * 4_000, (b"x;" + b"@" * 100_000 + b" x\n") * 15],
    ids=["a million columns", "cells like addresses"],
)
def test_a_table_takes_as_long_as_it_is_big(content: bytes):
    begun = time.process_time()
    with contextlib.suppress(BadValue):
        read_sheet(content)
    assert time.process_time() - begun < 3.0


def test_a_file_that_is_no_workbook_inside():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadValue, match="cannot be read"):
        read_sheet(file.getvalue())


@given(st.binary(max_size=400))
def test_no_bytes_do_harm(content: bytes):
    try:
        rows = read_sheet(content)
    except BadValue:
        return
    assert all(row.line > 0 and "\n" not in row.email for row in rows)


@pytest.mark.parametrize("cell", ["=1+1", "+4512345678", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_of_a_report_is_a_formula(cell: str):
    assert csv_cells.cell(cell) == f"'{cell}"


def test_a_report_is_a_file_that_spreadsheets_read():
    assert csv_cells.file([["Line", "E-mail"], [1, 'a "b"@firm.example'], [None, "x,y"]]) == (
        b'\xef\xbb\xbfLine,E-mail\r\n1,"a ""b""@firm.example"\r\n,"x,y"\r\n'
    )
