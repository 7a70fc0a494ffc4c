"""What an export writes, an import reads again as it was: as a table in both of its forms, and as vCards."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns import drafts, vcards
from campaigns.imports import cells, imports
from campaigns.imports.merging import Known, merge, read_rows
from campaigns.imports.plan import checked, guessed
from campaigns.model import Attribute, AttributeType, Book, Contact, Draft, Point
from campaigns.values import read_value
from gateway import csv_cells
from gateway.registry.errors import BadValue
from tests.unit.test_sheets import workbook
from web.desk.contact_file import contact_lines

FORMS = (csv_cells.COMMAS, csv_cells.SEMICOLONS)
FIELDS = (
    Attribute("note", "Name", AttributeType.TEXT),
    Attribute("født", "created", AttributeType.DATE),
    Attribute("rate", "id", AttributeType.NUMBER),
    Attribute("size", "Size", AttributeType.CHOICE, ("-", "=L", "a;b", "two, three")),
    Attribute("member", "Member", AttributeType.YES_NO),
    Attribute("field", "Field", AttributeType.TEXT),
)
BOOK = Book(1, "acme", "DK", {("", each.key): each for each in FIELDS})
EMAILS = ("a@x.example", "=b@x.example", "+c;=d@x.example", "'e@x.example", '"f,g"@x.example', "'=h@x.example")
text = st.text("=+-@＝;,'\" \n\tæ1", max_size=12) | st.text(max_size=8)
attributes = st.fixed_dictionaries(
    {},
    optional={
        "note": text,
        "field": text,
        "født": st.dates().map(str),
        "rate": st.floats(-1e14, 1e14) | st.integers(-(10**14), 10**14) | st.sampled_from([5e-05, -1.5e-300, 1.234]),
        "size": st.sampled_from(FIELDS[3].choices),
        "member": st.booleans(),
    },
)
written = st.builds(
    Draft,
    name=text,
    first_name=text,
    phones=st.integers(0, 6).map(lambda count: tuple(Point(f"+453064306{n}") for n in range(count))),
    emails=st.lists(st.sampled_from(EMAILS), max_size=6, unique=True).map(lambda them: tuple(map(Point, them))),
    language=st.sampled_from(["", "da"]),
    zone=st.sampled_from(["", "Europe/Copenhagen", "UTC", "America/Port-au-Prince"]),
    no_sms=st.booleans(),
    attributes=attributes,
    tags=st.frozensets(text, max_size=4),
)


def stored(draft: Draft) -> Contact:
    """The contact that is made of a draft, if any is."""
    try:
        fit = drafts.checked(draft, BOOK)
    except drafts.BadDraft:
        assume(False)
        raise
    tags = tuple(sorted(fit.tags))
    points = (fit.phones, fit.emails)
    return Contact(
        1,
        fit.name,
        fit.first_name,
        *points,
        fit.language,
        fit.zone,
        fit.no_sms,
        False,
        fit.attributes,
        tags,
        (),
        (),
        0,
        0,
    )


async def exported(contacts: Sequence[Contact], form: csv_cells.Form) -> bytes:
    """The table of them."""

    async def these() -> AsyncIterator[Contact]:
        for each in contacts:
            yield each

    return b"".join([piece async for piece in contact_lines(these(), BOOK, form)])


async def imported(content: bytes) -> list[Draft]:
    """What an import would store of a table, if nobody were known."""
    rows = [row async for some in imports._delimited(io.BytesIO(content)) for row in some]
    plan = checked(guessed([each for _, each in rows], BOOK), len(rows[0][1]), BOOK)
    read, refused = read_rows(rows[1:], plan, BOOK)
    assert not refused
    return [merge([row], plan, Known({}, {}, {})).new[0] for row in read]


@pytest.mark.proves("contact imports", "CSV cells")
@pytest.mark.parametrize("form", FORMS, ids=["commas", "semicolons"])
@given(several=st.lists(written, min_size=1, max_size=3))
async def test_a_table_that_was_exported_comes_back_as_it_was(form: csv_cells.Form, several: list[Draft]) -> None:
    contacts = [stored(each) for each in several]
    assert await imported(await exported(contacts, form)) == [each.draft() for each in contacts]


@pytest.mark.proves("vCards")
@given(written)
def test_a_card_that_was_exported_comes_back_as_it_was(draft: Draft) -> None:
    contact = stored(draft)
    (card,) = vcards.read(vcards.write(contact).encode())
    assert drafts.checked(card, BOOK) == contact.draft()


@pytest.mark.proves("CSV cells")
@given(st.text("=+-@＝;,'\" \n\tæ1", max_size=12) | st.text())
def test_a_cell_is_read_as_what_it_was_made_of(plain: str) -> None:
    assert csv_cells.read(csv_cells.cell(plain)) == plain.replace("\0", "")


@pytest.mark.parametrize("cell", ["'=Formula AS", "'+4530643061", "''=x", "a; '-b", "O'Hara", "'s-Hertogenbosch", "'"])
@pytest.mark.proves("CSV cells")
def test_one_apostrophe_is_taken_off_where_a_formula_would_begin(cell: str) -> None:
    kept = cell in {"O'Hara", "'s-Hertogenbosch", "'"}
    assert csv_cells.read(cell) == (cell if kept else cell.replace("'", "", 1))


@pytest.mark.proves("contact imports")
def test_several_texts_in_one_cell() -> None:
    assert cells.tags_read(' vip, "a;b" ;;"say ""x"", y",5" pipe, "open') == [
        "vip",
        "a;b",
        'say "x", y',
        '5" pipe',
        '"open',
    ]
    assert cells.tags_written(["vip", "a;b", '"x"', '5" pipe']) == 'vip, "a;b", """x""", 5" pipe'
    assert cells.points_read("20304050; +45 30643061,") == ["20304050", "+45 30643061"]
    assert cells.points_read('"a,b"@x.example, "c@x.example') == ['"a,b"@x.example', '"c@x.example']


@pytest.mark.proves("contacts")
@pytest.mark.parametrize(
    ("plain", "number"), [("5e-05", 5e-05), ("1,5E-07", 1.5e-07), ("-2e3", -2000), ("1e999", None), ("e5", None)]
)
def test_a_number_may_have_an_exponent(plain: str, number: float | None) -> None:
    if number is None:
        with pytest.raises(BadValue, match="is not a number"):
            read_value(FIELDS[2], plain)
    else:
        assert read_value(FIELDS[2], plain) == number


@pytest.mark.proves("contact imports")
async def test_a_workbook_made_of_an_export_is_read_alike(tmp_path: Path) -> None:
    head = ["Name", "Phone", "Tags"]
    rows: list[list[str | float]] = [[*head], ["'=Formula AS", "'+4530643061, +4530643062", "'@home, \"a;'=b\""]]
    saved = tmp_path / "people.xlsx"
    saved.write_bytes(workbook(rows))
    with saved.open("rb") as file:
        found = [row async for some in imports._workbook(file) for row in some]
    assert found[1][1] == ["=Formula AS", "+4530643061, +4530643062", '@home, "a;=b"']
    (row,), refused = read_rows(found[1:], guessed([head], BOOK), BOOK)
    assert not refused
    assert [each.value for each in row.draft.phones] == ["+4530643061", "+4530643062"]
    assert row.draft.tags == {"@home", "a;=b"}
