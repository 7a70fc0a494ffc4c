"""Contacts as rows of a CSV file, which an import reads again. Pure but for the contacts that come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

from campaigns.imports import cells
from campaigns.imports.plan import COLUMNS_OF_POINTS, WRITTEN
from campaigns.model import Attribute, Book, Contact, Point, Value
from gateway import csv_cells


def contact_lines(
    contacts: AsyncIterator[Contact], of: Book, form: csv_cells.Form = csv_cells.COMMAS
) -> AsyncIterator[bytes]:
    """The file in pieces, of which one is in memory at a time."""
    own = of.own()

    async def rows() -> AsyncIterator[Iterable[object]]:
        async for each in contacts:
            yield _row(each, own)

    return csv_cells.lines([*WRITTEN, *(each.key for each in own)], rows(), form)


def _row(contact: Contact, own: Sequence[Attribute]) -> list[object]:
    return [
        contact.id,
        contact.name,
        contact.first_name,
        *_points(contact.phones),
        *_points(contact.emails),
        contact.language,
        contact.zone,
        _yes_no(contact.no_sms),
        _yes_no(contact.opted_out),
        cells.tags_written(contact.tags),
        ", ".join(each.purpose for each in contact.consents if each.ended_at is None),
        datetime.fromtimestamp(contact.created_at, UTC).date().isoformat(),
        *(_value(contact.attributes.get(each.key)) for each in own),
    ]


def _points(points: Sequence[Point]) -> list[str]:
    values = [each.value for each in points]
    alone = COLUMNS_OF_POINTS - 1
    own, shared = values[:alone], cells.points_written(values[alone:])
    return [*own, *[""] * (alone - len(own)), shared]


def _value(value: Value | None) -> object:
    return _yes_no(value) if isinstance(value, bool) else value


def _yes_no(value: bool) -> str:  # noqa: FBT001 - a value of a cell
    return "yes" if value else "no"
