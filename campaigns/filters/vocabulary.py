"""What filters can ask of an organisation's contacts. Pure.

In: the book. Out: every field and mark, for the builder of a page; and whether a filter asks for what there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from campaigns.filters.errors import BadFilter
from campaigns.filters.reading import read
from campaigns.filters.tree import (
    All,
    Any,
    Compare,
    Empty,
    Field,
    Linked,
    Mark,
    Marked,
    Node,
    Not,
    OneOf,
    Operator,
    Today,
    Value,
)
from campaigns.model import Attribute, AttributeType, Book, LabelSort
from campaigns.values import asked, day_number, fold
from gateway.registry.errors import BadValue
from gateway.translation import Sentence, sentence

BUILT_IN: Final = {
    each.key: each
    for each in (
        Attribute("name", "Name", AttributeType.TEXT),
        Attribute("phone", "Phone", AttributeType.TEXT),
        Attribute("email", "E-mail", AttributeType.TEXT),
        Attribute("language", "Language", AttributeType.TEXT),
        Attribute("country", "Country", AttributeType.TEXT),
        Attribute("zone", "Time zone", AttributeType.TEXT),
        Attribute("created", "Created", AttributeType.DATE),
    )
}
"""What every contact has, whatever its organisation."""
MARKS: Final = frozenset(mark.value for mark in Mark)
STATES: Final = ("no_sms", "opted_out")
_MOST_NAMED: Final = 12
"""Names that a refusal lists of those that there are."""
RESERVED: Final = frozenset(
    {*BUILT_IN, *(mark.value for mark in Mark), "first_name", "and", "or", "not", "in", "today"}
)
"""What no attribute and no kind of an organisation's own can be called."""
_TEXT_OPERATORS: Final = (
    Operator.EQUALS,
    Operator.DIFFERS,
    Operator.CONTAINS,
    Operator.STARTS,
    Operator.LESS,
    Operator.AT_MOST,
    Operator.MORE,
    Operator.AT_LEAST,
)
_OPERATORS: Final[Mapping[AttributeType, tuple[Operator, ...]]] = {
    AttributeType.TEXT: _TEXT_OPERATORS,
    AttributeType.CHOICE: (Operator.EQUALS, Operator.DIFFERS),
    AttributeType.YES_NO: (Operator.EQUALS, Operator.DIFFERS),
    AttributeType.NUMBER: tuple(each for each in Operator if each not in {Operator.CONTAINS, Operator.STARTS}),
    AttributeType.DATE: tuple(each for each in Operator if each not in {Operator.CONTAINS, Operator.STARTS}),
}


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field as a builder offers it."""

    name: str
    """As filters write it: city, order.total."""
    label: str
    type: AttributeType
    operators: tuple[Operator, ...]
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkChoice:
    """A mark as a builder offers it, with the names that it knows."""

    mark: Mark
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that can be asked for."""

    fields: tuple[FieldChoice, ...]
    marks: tuple[MarkChoice, ...]
    kinds: tuple[str, ...]


def vocabulary(book: Book, campaigns: Iterable[str] = ()) -> Vocabulary:
    """What a builder offers. `campaigns`: the names that received, answered and clicked know."""
    attributes = [*BUILT_IN.values(), *(each for each in book.attributes.values() if each.slot is not None)]
    fields = [
        FieldChoice(str(Field(each.key, each.kind)), each.label, each.type, _OPERATORS[each.type], each.choices)
        for each in attributes
    ]
    names = tuple(campaigns)
    return Vocabulary(tuple(fields), tuple(MarkChoice(mark, _names(book, mark, names)) for mark in Mark), _kinds(book))


def checked(text: str, book: Book, campaigns: Iterable[str] = (), *, today: date) -> Node | None:
    """Read a filter and make sure that all it asks for is there. Raises BadFilter.

    Names of campaigns are taken as they are where none are given.
    """
    node = read(text)
    names = tuple(campaigns)
    if node is not None:
        check_node(node, book, names, today)
    return node


def find(field: Field, book: Book) -> Attribute:
    """The attribute that a field means. Raises BadFilter for none, and for one that filters cannot ask for."""
    found = book.attributes.get((field.kind, field.name))
    if found is None and not field.kind:
        found = BUILT_IN.get(field.name)
        if found is not None:
            return found
    if found is None:
        raise _no_field(field, book)
    if found.slot is None:
        told = sentence("%(field)s cannot be asked for: the organisation has too many attributes", field=str(field))
        raise BadFilter(told, field.at, len(str(field)))
    return found


def operand(attribute: Attribute, value: Value, today: date) -> str | float:
    """What an attribute is compared with. Raises BadFilter."""
    if isinstance(value, Today):
        if attribute.type is not AttributeType.DATE:
            told = sentence("%(field)s is not a date, and today is one", field=attribute.label)
            raise BadFilter(told, value.at, len("today"))
        return float(day_number(value.on(today)))
    try:
        return asked(attribute, value.text)
    except BadValue as error:
        told = error.told if isinstance(error.told, Sentence) else sentence("%(value)s", value=str(error))
        raise BadFilter(told, value.at, len(value.text)) from None


def check_node(node: Node, book: Book, campaigns: tuple[str, ...], today: date) -> None:
    """Make sure that all a tree asks for is there. Raises BadFilter."""
    match node:
        case All(items) | Any(items):
            for item in items:
                check_node(item, book, campaigns, today)
        case Not(item):
            check_node(item, book, campaigns, today)
        case Linked(kind, item):
            _check_kind(kind, book, node.at)
            check_node(within(item, kind), book, campaigns, today)
        case Marked():
            _check_mark(node, book, campaigns)
        case Compare() | OneOf() | Empty():
            _check_field(node, book, today)


def _check_field(node: Compare | OneOf | Empty, book: Book, today: date) -> None:
    attribute = find(node.field, book)
    values = node.values if isinstance(node, OneOf) else (node.value,) if isinstance(node, Compare) else ()
    if isinstance(node, Compare) and node.operator not in _OPERATORS[attribute.type]:
        told = sentence(
            "%(field)s cannot be compared by %(sign)s, only by %(signs)s",
            field=str(node.field),
            sign=node.operator.value,
            signs=" ".join(_OPERATORS[attribute.type]),
        )
        raise BadFilter(told, node.at, len(str(node.field)))
    for value in values:
        operand(attribute, value, today)


def within(node: Node, kind: str) -> Node:
    """Conditions about one linked object, their fields with its kind. Raises BadFilter for what is not about it."""
    match node:
        case All(items):
            return All(tuple(within(item, kind) for item in items), node.at)
        case Any(items):
            return Any(tuple(within(item, kind) for item in items), node.at)
        case Not(item):
            return Not(within(item, kind), node.at)
        case Compare(field, operator, value):
            return Compare(_of(field, kind), operator, value, node.at)
        case OneOf(field, values):
            return OneOf(_of(field, kind), values, node.at)
        case Empty(field):
            return Empty(_of(field, kind), node.at)
        case _:
            raise BadFilter(sentence("within %(kind)s: ( ) only its own fields can be asked for", kind=kind), node.at)


def _of(field: Field, kind: str) -> Field:
    if field.kind not in {"", kind}:
        told = sentence("within %(kind)s: ( ) only its own fields can be asked for", kind=kind)
        raise BadFilter(told, field.at, len(str(field)))
    return Field(field.name, kind, field.at)


def _kinds(book: Book) -> tuple[str, ...]:
    return tuple(label.name for (sort, _), label in book.labels.items() if sort is LabelSort.KIND)


def _check_kind(kind: str, book: Book, at: int) -> None:
    if (LabelSort.KIND, kind) not in book.labels:
        raise _unknown(sentence("no kind of linked objects is called %(name)s", name=kind), kind, _kinds(book), at)


def _names(book: Book, mark: Mark, campaigns: tuple[str, ...]) -> tuple[str, ...]:
    if mark in {Mark.TAG, Mark.CONSENT}:
        return tuple(label.name for (sort, _), label in book.labels.items() if sort == mark.value)
    if mark is Mark.GROUP:
        return tuple(group.name for group in book.groups.values())
    if mark is Mark.HAS:
        return ("phone", "email", *_kinds(book))
    return STATES if mark is Mark.IS else campaigns


def _check_mark(node: Marked, book: Book, campaigns: tuple[str, ...]) -> None:
    names = _names(book, node.mark, campaigns)
    if not names and node.mark in {Mark.RECEIVED, Mark.ANSWERED, Mark.CLICKED}:
        return
    if fold(node.name) not in map(fold, names):
        told = sentence("%(mark)s: there is none called %(name)s", mark=node.mark.value, name=node.name)
        raise _unknown(told, node.name, names, node.at)


def _no_field(field: Field, book: Book) -> BadFilter:
    if field.kind and (LabelSort.KIND, field.kind) not in book.labels:
        told = sentence("no kind of linked objects is called %(name)s", name=field.kind)
        return _unknown(told, field.kind, _kinds(book), field.at)
    names = [each.key for each in book.own(field.kind)] + ([] if field.kind else list(BUILT_IN))
    return _unknown(sentence("there is no field %(name)s", name=str(field)), field.name, names, field.at)


def _unknown(told: Sentence, name: str, names: Iterable[str], at: int) -> BadFilter:
    there = list(names)
    near = difflib.get_close_matches(fold(name), [fold(each) for each in there], n=1, cutoff=0.6)
    some = [*there[:_MOST_NAMED], *(["…"] if len(there) > _MOST_NAMED else [])]
    if near:
        told = sentence("%(told)s: did you mean %(near)s?", told=told, near=near[0])
    elif some:
        told = sentence("%(told)s; there is: %(some)s", told=told, some=", ".join(some))
    return BadFilter(told, at, len(name))
