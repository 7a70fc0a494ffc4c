"""A filter's tree as its text: what is written is read as the same tree. Pure."""

from __future__ import annotations

import re

from campaigns.filters.tree import (
    All,
    Any,
    Compare,
    Empty,
    Linked,
    Marked,
    Node,
    Not,
    OneOf,
    Today,
    Value,
)
from campaigns.filters.words import KEYWORDS

_BARE = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}|[^\W\d]\w*")


def write(node: Node | None) -> str:
    """The text of a tree; the empty text for everybody."""
    return "" if node is None else _written(node)


def quoted(text: str) -> str:
    """A value as it may stand in a filter, with quotes where it needs them."""
    if _BARE.fullmatch(text) and text.lower() not in KEYWORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


def _written(node: Node) -> str:
    match node:
        case Any(items):
            return " or ".join(_inside(item, Any) for item in items)
        case All(items):
            return " and ".join(_inside(item, Any, All) for item in items)
        case Not(item):
            return _opposite(item)
        case Linked(kind, item):
            return f"{kind}: ({_written(item)})"
        case _:
            return _condition(node)


def _opposite(node: Node) -> str:
    match node:
        case Empty(field):
            return f"{field} is not empty"
        case OneOf(field, values):
            return f"{field} not in {_list(values)}"
        case _:
            return f"not {_inside(node, Any, All)}"


def _condition(node: Compare | OneOf | Empty | Marked) -> str:
    match node:
        case Compare(field, operator, value):
            return f"{field} {operator} {_value(value)}"
        case OneOf(field, values):
            return f"{field} in {_list(values)}"
        case Empty(field):
            return f"{field} is empty"
        case Marked(mark, name):
            return f"{mark}: {quoted(name)}"


def _inside(node: Node, *bracketed: type) -> str:
    return f"({_written(node)})" if isinstance(node, bracketed) else _written(node)


def _list(values: tuple[Value, ...]) -> str:
    return f"({', '.join(map(_value, values))})"


def _value(value: Value) -> str:
    if isinstance(value, Today):
        return f"today {'-' if value.days < 0 else '+'} {abs(value.days)}" if value.days else "today"
    return quoted(value.text)
