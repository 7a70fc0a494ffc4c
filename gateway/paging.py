"""Long lists, page by page: a page names the place where the next one begins, and nobody counts what lies before it.

A cursor is that place as opaque text: the list's order and the last row's values in it (keyset paging, so that rows
which come or go meanwhile make no other row appear twice or be missed). It is no secret and no permission: what may be
seen is asked anew for each page.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from gateway.registry.errors import BadValue
from gateway.translation import sentence

T = TypeVar("T")
U = TypeVar("U")
Place = str | int | float
"""One of the values that say where in the order a row stands."""

PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
COUNTED_TO = 10_000
"""Rows that are counted at most: beyond that people read "10,000+"."""
_LONGEST_CURSOR = 2000
_LARGEST = 2**53
_LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the cursors of those that follow and of those before; None where there are none."""

    items: tuple[T, ...]
    next: str | None = None
    previous: str | None = None
    searched_to: float | None = None
    """Where a search stopped looking before the page was full: everything newer was looked at; `next` goes on."""

    def map(self, make: Callable[[T], U]) -> Page[U]:
        """The same page of other things."""
        return Page(tuple(make(item) for item in self.items), self.next, self.previous, self.searched_to)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a list has, counted no further than `COUNTED_TO`."""

    number: int
    more: bool = False
    """Whether there are more than that."""

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


def counted(found: int) -> Count:
    """What a look at one row more than `COUNTED_TO` came to."""
    return Count(min(found, COUNTED_TO), found > COUNTED_TO)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: behind the row that has these values, or before it when one goes back."""

    order: str
    """Names the list's order; a cursor of one order says nothing in another."""
    place: tuple[Place, ...]
    back: bool = False

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.order, self.back, *self.place])).decode().rstrip("=")


def cursor(text: str | None, order: str, kinds: Sequence[type]) -> Cursor | None:
    """Read a cursor of this order, whose place has values of these kinds (str, int or float). None is the beginning.

    Raises BadValue for what is none.
    """
    if not text:
        return None
    read = _read(text)
    if read is None or len(read) != len(kinds) + 2 or read[0] != order or not isinstance(read[1], bool):
        raise BadValue(_BAD_CURSOR)
    place = tuple(_value(value, kind) for value, kind in zip(read[2:], kinds, strict=True))
    return Cursor(order, place, read[1])


_BAD_CURSOR = "this is no cursor of this list in this order: begin without one, then pass on `next` as it is"


def _read(text: str) -> list[object] | None:
    if len(text) > _LONGEST_CURSOR:
        return None
    try:
        read = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return read if isinstance(read, list) else None


def _value(value: object, kind: type) -> Place:
    if kind is str and isinstance(value, str) and "\0" not in value:
        return value
    numbers = {int: int, float: int | float}.get(kind)
    if numbers and isinstance(value, numbers) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return value
    raise BadValue(_BAD_CURSOR)


def page(
    rows: Sequence[T], size: int, at: Cursor | None, order: str, place_of: Callable[[T], tuple[Place, ...]]
) -> Page[T]:
    """A page of `size` from rows that were read from `at` on, one more than fit where there are more.

    Rows that were read backwards come in the order in which they were read: from the last one up.
    """
    back = at is not None and at.back
    items = tuple(reversed(rows[:size])) if back else tuple(rows[:size])
    more = len(rows) > size
    if not items:
        return Page(())
    after = Cursor(order, place_of(items[-1]))
    before = Cursor(order, place_of(items[0]), back=True)
    has_next, has_previous = (True, more) if back else (more, at is not None)
    return Page(items, str(after) if has_next else None, str(before) if has_previous else None)


def page_size(size: int) -> int:
    """How many rows a page may have. Raises BadValue."""
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise BadValue(sentence("a page has 1 to %(most)s rows, not %(size)s", most=MAX_PAGE_SIZE, size=size))
    return size


def search_text(text: str | None) -> str | None:
    """What is looked for, without blanks around it; None for nothing. Raises BadValue for what no text can hold."""
    wanted = (text or "").strip()
    if len(wanted) > _LONGEST_SEARCH:
        raise BadValue(sentence("look for at most %(most)s characters", most=_LONGEST_SEARCH))
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in wanted):
        raise BadValue(sentence("look for something that can be written"))
    return wanted or None
