"""A filter as a page builds it, condition by condition, of which some are not finished yet. Pure.

In: a tree, and what somebody does to it. Out: lines within brackets, each with a number that stays its own while it is
worked on; and the tree again, of the lines that are finished.

A tree that comes out of what was built of it says the same, not always in the same words: `not city = x` is built as
`city != x`, a bracket around one condition is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as value_of
from datetime import date
from typing import Final, TypeAlias

from campaigns.filters.errors import BadFilter
from campaigns.filters.tree import (
    All,
    Any,
    Compare,
    Empty,
    Field,
    Linked,
    Literal,
    Mark,
    Marked,
    Node,
    Not,
    OneOf,
    Operator,
    Today,
    Value,
)
from campaigns.filters.vocabulary import check_node, within
from campaigns.model import Book
from gateway.translation import Sentence, sentence

MOST_SHOWN: Final = 60
"""Lines and brackets of a filter that is still built; a larger one is written as text."""
DEEPEST_SHOWN: Final = 5
"""Brackets in brackets."""
ONE_OF, EMPTY, HOLDS = "in", "empty", ":"
"""Signs of lines beside those of `Operator`."""
AGO, AHEAD = "ago", "ahead"
_TODAY = re.compile(r"today(?:\s*([+-])\s*([0-9]{1,6}))?", re.IGNORECASE)
_DAYS = re.compile(r"[0-9]{1,6}")
_OPPOSITES = {Operator.EQUALS.value: Operator.DIFFERS.value, Operator.DIFFERS.value: Operator.EQUALS.value}


@dataclass(frozen=True, slots=True)
class Line:
    """A condition."""

    field: str = ""
    """"city", "order.total"; "tag:" of a mark; "" while it is not chosen."""
    sign: str = Operator.EQUALS.value
    """An operator, "in", "empty" or ":", with "not " before it where the opposite is meant."""
    values: tuple[str, ...] = ()
    how: str = ""
    """Of a date: "ago" or "ahead" where the value is a number of days before or after the day that it is asked on."""
    id: int = value_of(default=0, compare=False)

    @property
    def negated(self) -> bool:
        """Whether the opposite is meant."""
        return self.sign.startswith("not ")

    @property
    def plain_sign(self) -> str:
        """The sign without its "not"."""
        return self.sign.removeprefix("not ")


@dataclass(frozen=True, slots=True)
class Bracket:
    """Conditions that all hold, or of which one holds; of one linked object where a kind is named."""

    items: tuple[Item, ...] = ()
    any: bool = False
    negated: bool = False
    kind: str = ""
    id: int = value_of(default=0, compare=False)


Item: TypeAlias = "Line | Bracket"


# --- out of a tree -------------------------------------------------------------------------------------------------


def built(node: Node | None) -> Bracket:
    """A tree as lines within one bracket."""
    if node is None:
        return Bracket()
    item = _item(node, "")
    return item if isinstance(item, Bracket) and not item.kind else Bracket((item,))


def _item(node: Node, kind: str) -> Item:
    match node:
        case All(items) | Any(items):
            return Bracket(tuple(_item(each, kind) for each in items), any=isinstance(node, Any))
        case Linked(of, inner):
            item = _item(inner, of)
            if isinstance(item, Bracket) and not item.negated:
                return replace(item, kind=of)
            return Bracket((item,), kind=of)
        case Not(inner):
            item = _item(inner, kind)
            return replace(item, negated=not item.negated) if isinstance(item, Bracket) else _opposite(item)
        case _:
            return _line(node, kind)


def _opposite(line: Line) -> Line:
    if line.sign in _OPPOSITES:
        return replace(line, sign=_OPPOSITES[line.sign])
    return replace(line, sign=line.plain_sign if line.negated else f"not {line.sign}")


def _line(node: Compare | OneOf | Empty | Marked, kind: str) -> Line:
    match node:
        case Marked(mark, name):
            return Line(f"{mark}:", HOLDS, (name,))
        case Empty(of):
            return Line(_named(of, kind), EMPTY)
        case OneOf(of, values):
            return Line(_named(of, kind), ONE_OF, tuple(map(_written, values)))
        case Compare(of, operator, Today(days)):
            return Line(_named(of, kind), operator.value, (str(abs(days)),), AHEAD if days > 0 else AGO)
        case Compare(of, operator, value):
            return Line(_named(of, kind), operator.value, (_written(value),))


def _named(of: Field, kind: str) -> str:
    return of.name if of.kind == kind else str(of)


def _written(value: Value) -> str:
    if isinstance(value, Literal):
        return value.text
    return f"today {'-' if value.days < 0 else '+'} {abs(value.days)}" if value.days else "today"


# --- into a tree ---------------------------------------------------------------------------------------------------


class Unfinished(Exception):
    """Something of a line is still to be chosen or typed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What is asked by now."""

    node: Node | None
    """Of the lines without a problem; None where there is none yet."""
    problems: Mapping[int, Sentence]
    """By the numbers of lines: what is wrong."""
    unfinished: frozenset[int]
    """The numbers of lines that something is missing of."""


def finished(root: Bracket, book: Book, campaigns: tuple[str, ...], today: date) -> Finished:
    """The tree of what is built; lines that cannot be asked are left out of it, and told."""
    problems: dict[int, Sentence] = {}
    unfinished: set[int] = set()

    def asked(item: Item, kind: str) -> Node | None:
        if isinstance(item, Bracket):
            return _together(item, [asked(each, item.kind or kind) for each in item.items])
        try:
            node = line_node(item)
            check_node(within(node, kind) if kind else node, book, campaigns, today)
        except Unfinished:
            unfinished.add(item.id)
        except BadFilter as error:
            told = error.told
            problems[item.id] = told if isinstance(told, Sentence) else sentence("%(value)s", value=str(error))
        else:
            return node
        return None

    return Finished(asked(root, ""), problems, frozenset(unfinished))


def _together(bracket: Bracket, nodes: list[Node | None]) -> Node | None:
    there = tuple(each for each in nodes if each is not None)
    if not there:
        return None
    node = there[0] if len(there) == 1 else Any(there) if bracket.any else All(there)
    if bracket.kind:
        node = Linked(bracket.kind, node)
    return Not(node) if bracket.negated else node


def line_node(line: Line) -> Node:
    """What a line asks. Raises Unfinished."""
    if not line.field:
        raise Unfinished
    node = _positive(line)
    return Not(node) if line.negated else node


def _positive(line: Line) -> Node:
    values = [each for each in line.values if each.strip()]
    if line.field.endswith(":"):
        if not values or line.field[:-1] not in set(Mark):
            raise Unfinished
        return Marked(Mark(line.field[:-1]), values[0].strip())
    kind, _, name = line.field.rpartition(".")
    of = Field(name, kind)
    if line.plain_sign == EMPTY:
        return Empty(of)
    if not values:
        raise Unfinished
    if line.plain_sign == ONE_OF:
        return OneOf(of, tuple(_read(each) for each in values))
    if line.plain_sign not in set(Operator):
        raise Unfinished
    value: Value = Literal(values[0])
    if line.how:
        if not _DAYS.fullmatch(values[0].strip()):
            raise BadFilter(sentence("write a number of days"), 0)
        value = Today(int(values[0]) if line.how == AHEAD else -int(values[0]))
    return Compare(of, Operator(line.plain_sign), value)


def _read(text: str) -> Value:
    found = _TODAY.fullmatch(text.strip())
    if found is None:
        return Literal(text.strip())
    return Today(int(found[2] or 0) * (-1 if found[1] == "-" else 1))


# --- worked on -----------------------------------------------------------------------------------------------------


def walk(root: Bracket, depth: int = 0) -> Iterator[tuple[Item, int]]:
    """All items and how deep they stand, each before what stands in it."""
    yield root, depth
    for item in root.items:
        if isinstance(item, Bracket):
            yield from walk(item, depth + 1)
        else:
            yield item, depth + 1


def fits(root: Bracket) -> bool:
    """Whether it is small enough to be built."""
    items = list(walk(root))
    return len(items) <= MOST_SHOWN and max(depth for _, depth in items) <= DEEPEST_SHOWN


def numbered(root: Bracket, first: int = 1) -> Bracket:
    """The same, with numbers from `first` on for what has none yet."""
    following = iter(range(first, first + MOST_SHOWN * 1000))

    def number(item: Item) -> Item:
        own = item.id or next(following)
        if isinstance(item, Line):
            return replace(item, id=own)
        return replace(item, id=own, items=tuple(number(each) for each in item.items))

    done = number(root)
    return done if isinstance(done, Bracket) else root


def added(root: Bracket, bracket_id: int, item: Item) -> Bracket:
    """With one more item at the end of a bracket."""
    items = tuple(added(each, bracket_id, item) if isinstance(each, Bracket) else each for each in root.items)
    return replace(root, items=(*items, item) if root.id == bracket_id else items)


def removed(root: Bracket, item_id: int) -> Bracket:
    """Without an item, and all that stands in it."""
    kept = (each for each in root.items if each.id != item_id)
    return replace(root, items=tuple(removed(each, item_id) if isinstance(each, Bracket) else each for each in kept))
