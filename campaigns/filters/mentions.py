"""Which groups a filter asks for by name, and the same filter when one of them is called otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.filters.errors import BadFilter
from campaigns.filters.reading import read
from campaigns.filters.tree import All, Any, Linked, Mark, Marked, Node, Not
from campaigns.filters.writing import write
from campaigns.values import fold


def groups_in(text: str) -> frozenset[str]:
    """The folded names of the groups that a filter asks for; none where it cannot be read."""
    try:
        node = read(text)
    except BadFilter:
        return frozenset()
    return frozenset() if node is None else frozenset(_named(node))


def _named(node: Node) -> Iterator[str]:
    match node:
        case All(items) | Any(items):
            for item in items:
                yield from _named(item)
        case Not(item) | Linked(_, item):
            yield from _named(item)
        case Marked(Mark.GROUP, name):
            yield fold(name)
        case _:
            return


def renamed(text: str, was: str, now: str) -> str:
    """The filter with a group's new name in it; as it is where it does not ask for the group. `was` is folded."""
    if was not in groups_in(text):
        return text
    node = read(text)
    return text if node is None else write(_renamed(node, was, now))


def _renamed(node: Node, was: str, now: str) -> Node:
    match node:
        case All(items):
            return All(tuple(_renamed(item, was, now) for item in items))
        case Any(items):
            return Any(tuple(_renamed(item, was, now) for item in items))
        case Not(item):
            return Not(_renamed(item, was, now))
        case Marked(Mark.GROUP, name) if fold(name) == was:
            return Marked(Mark.GROUP, now)
        case _:
            return node
