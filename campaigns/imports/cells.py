"""Several texts in one cell of a table: tags, and the phones or addresses that have no column of their own. Pure.

Commas stand between them, as an export writes it, or semicolons, as people do. A tag that holds one of these stands in
double quotes, and a double quote within these is written twice (RFC 4180 §2, once more within the cell).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_BETWEEN: Final = ", "
_TAG: Final = re.compile(r'\s*(?:"((?:[^"]|"")*+)"\s*|([^,;]*))(?:[,;]|\Z)')
_POINT: Final = re.compile(r'(?:"[^"]*"|[^,;])+')
"""A local part in quotes may hold what separates addresses elsewhere (RFC 5321 §4.1.2)."""


def tags_written(tags: Iterable[str]) -> str:
    """Tags as one cell."""
    return _BETWEEN.join(map(_tag_written, tags))


def _tag_written(tag: str) -> str:
    doubled = tag.replace('"', '""')
    return f'"{doubled}"' if tag.startswith('"') or "," in tag or ";" in tag else tag


def tags_read(cell: str) -> list[str]:
    """The tags of a cell."""
    found = [
        plain if quoted is None else quoted.replace('""', '"')
        for quoted, plain in (match.groups() for match in _TAG.finditer(cell))
    ]
    return [tag.strip() for tag in found if tag.strip()]


def points_written(values: Iterable[str]) -> str:
    """Phones, or addresses, as one cell."""
    return _BETWEEN.join(values)


def points_read(cell: str) -> list[str]:
    """The phones, or addresses, of a cell."""
    return [value.strip() for value in _POINT.findall(cell) if value.strip()]
