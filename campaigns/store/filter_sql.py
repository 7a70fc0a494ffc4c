"""A filter's tree as SQL: a condition on `contact_facts`.

Negations stand at the conditions that they mean, never around others, and say that NULL is no answer: so any nesting of
conditions means what it says, and where a value is not known a condition that wants one does not hold.

What stands in other tables is asked for in one of several ways (`Look`): those who count want all ids at once, those
who read page by page stop when the page is full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, auto
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    false,
    not_,
    or_,
    select,
    text,
    true,
)

from campaigns.filters import tree
from campaigns.filters.errors import BadFilter
from campaigns.filters.reading import MOST, read
from campaigns.filters.tree import BEHAVIOURS, Compare, Empty, Field, Linked, Mark, Marked, Node, Not, OneOf, Operator
from campaigns.filters.vocabulary import find, operand, within
from campaigns.model import Attribute, Book, Group, Has, LabelSort, PointKind
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.schema import contact_facts, contact_objects, contact_points, contacts, group_members
from campaigns.values import fold
from gateway.store.schema import optouts
from gateway.translation import sentence

Condition: TypeAlias = ColumnElement[bool]


class Look(Enum):
    """How ids are looked for that stand in other tables."""

    EACH = auto()
    """In an index, for each contact (EXISTS)."""
    GATHERED = auto()
    """All of them first (IN), read from an index in one go: what SQLite is quickest at."""
    JOINED = auto()
    """As PostgreSQL joins large tables: in words that let its planner know how many there are, and read both once."""


Behaviour: TypeAlias = Callable[[str, str, Look], "Select[tuple[int]] | None"]
"""From an organisation and a campaign's name to the ids of the contacts who did it, in a column `contact_id`; None for
no such campaign."""
_FACTS = contact_facts.c
_COLUMNS = {"language": _FACTS.language, "country": _FACTS.country, "zone": _FACTS.zone, "created": _FACTS.created}
"""Built-in fields that are facts; the others are looked up."""
_DEEPEST = 10
"""Groups within groups."""


@dataclass(slots=True)
class Allowance:
    """How many conditions a statement may still have: a group may be asked for many times, and ask for others."""

    left: int = MOST

    def take(self, at: int, many: int = 1) -> None:
        """So many more. Raises BadFilter."""
        self.left -= many
        if self.left < 0:
            told = sentence("with the groups in it there are too many conditions: at most %(most)s", most=MOST)
            raise BadFilter(told, at)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a filter is asked of."""

    book: Book
    today: date
    look: Look
    behaviours: Mapping[Mark, Behaviour] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    """The groups that are being looked into; none of them may come again."""
    allowance: Allowance = field(default_factory=Allowance)

    def anew(self) -> Asked:
        """The same for another statement."""
        return replace(self, allowance=Allowance())


_LOOKED_INTO = (contact_points, contact_objects, group_members, optouts, campaign_recipients)
_UNKNOWN = text(
    "SELECT count(*) FROM pg_class WHERE relname IN :tables AND pg_table_is_visible(oid)"
    " AND reltuples < 0 AND pg_relation_size(oid) > 1000000"
).bindparams(bindparam("tables", [each.name for each in _LOOKED_INTO], expanding=True))
"""Large tables that PostgreSQL has not looked through yet (`ANALYZE`): it takes them for nearly empty."""


def gather(connection: Connection) -> Look:
    """How a transaction that counts looks for ids, and memory to keep them in.

    Where they do not fit, PostgreSQL would search a list of them for every contact. What it takes to compile an
    expression there (JIT) is longer than what it saves; and a plan that it keeps for any values is none for these.
    """
    if connection.dialect.name != "postgresql":
        return Look.GATHERED
    connection.execute(text("SET LOCAL work_mem = '256MB'"))
    connection.execute(text("SET LOCAL jit = off"))
    connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    unknown = connection.execute(_UNKNOWN).scalar_one()
    return Look.GATHERED if unknown else Look.JOINED


def of_book(book: Book) -> Condition:
    """All contacts of an organisation."""
    return _FACTS.id.between(book.first_id, book.last_id)


def condition(node: Node | None, asked: Asked) -> Condition:
    """What a filter asks. Raises BadFilter where it asks for what is not there."""
    return true() if node is None else _node(node, asked, wanted=True)


def group_condition(group: Group, asked: Asked, *, wanted: bool = True) -> Condition:
    """Who belongs to a group, or does not. Raises BadFilter where its filter cannot be understood any more."""
    asked.allowance.take(0)
    return _in_group(group, asked, wanted=wanted)


def _allow(node: Node, asked: Asked) -> None:
    """Count the conditions of a tree, not what binds them together."""
    if not isinstance(node, Not | tree.All | tree.Any):
        asked.allowance.take(node.at, len(node.values) if isinstance(node, OneOf) else 1)


def _node(node: Node, asked: Asked, *, wanted: bool) -> Condition:
    """A condition, or its opposite where it is not `wanted`."""
    _allow(node, asked)
    match node:
        case Not(item):
            return _node(item, asked, wanted=not wanted)
        case tree.All(items) | tree.Any(items):
            parts = [_node(item, asked, wanted=wanted) for item in items]
            return and_(*parts) if isinstance(node, tree.All) == wanted else or_(*parts)
        case Marked(mark, name):
            return _marked(mark, name, node.at, asked, wanted=wanted)
        case Linked(kind, item):
            return _linked(kind, within(item, kind), asked, wanted=wanted)
        case Compare(field) | OneOf(field) | Empty(field) if field.kind:
            return _of_objects(node, field, asked, wanted=wanted)
        case _:
            return _of_contacts(node, asked, wanted=wanted)


# --- fields --------------------------------------------------------------------------------------------------------


def _of_contacts(node: Compare | OneOf | Empty, asked: Asked, *, wanted: bool) -> Condition:
    attribute = find(node.field, asked.book)
    if attribute.slot is not None:
        return _compared(_FACTS[attribute.slot], node, attribute, asked, wanted=wanted)
    if node.field.name in _COLUMNS:
        return _compared(_COLUMNS[node.field.name], node, attribute, asked, wanted=wanted)
    if isinstance(node, Empty) and node.field.name in {"phone", "email"}:
        return _has(Has.PHONE if node.field.name == "phone" else Has.EMAIL, wanted=not wanted)
    if node.field.name == "name":
        column: ColumnElement[Any] = contacts.c.folded
        found = select(contacts.c.id.label("contact_id")).where(contacts.c.book_id == asked.book.id)
        ids: FromClause = contacts
    else:
        column = contact_points.c.value
        found = select(contact_points.c.contact_id).where(
            contact_points.c.book_id == asked.book.id, contact_points.c.kind == node.field.name
        )
        ids = contact_points
    positive, opposite = _positive(node)
    named = found.where(_compared(column, positive, attribute, asked, wanted=True))
    return _among(named, ids.c["id" if ids is contacts else "contact_id"], asked, wanted=wanted != opposite)


def _positive(node: Compare | OneOf | Empty) -> tuple[Compare | OneOf | Empty, bool]:
    """A comparison that one of several values can meet, and whether the opposite is meant: no value equals."""
    if isinstance(node, Compare) and node.operator is Operator.DIFFERS:
        return Compare(node.field, Operator.EQUALS, node.value, node.at), True
    return node, False


def _compared(
    column: ColumnElement[Any], node: Compare | OneOf | Empty, attribute: Attribute, asked: Asked, *, wanted: bool
) -> Condition:
    match node:
        case Empty():
            return column.is_(None) if wanted else column.is_not(None)
        case OneOf(_, values):
            found: Condition = column.in_([operand(attribute, value, asked.today) for value in values])
        case Compare(_, operator, value):
            right = operand(attribute, value, asked.today)
            if operator is Operator.DIFFERS:
                operator, wanted = Operator.EQUALS, not wanted
            found = _OPERATIONS[operator](column, right)
    return found if wanted else or_(column.is_(None), not_(found))


_OPERATIONS: Mapping[Operator, Callable[[ColumnElement[Any], Any], Condition]] = {
    Operator.EQUALS: lambda column, right: column == right,
    Operator.LESS: lambda column, right: column < right,
    Operator.AT_MOST: lambda column, right: column <= right,
    Operator.MORE: lambda column, right: column > right,
    Operator.AT_LEAST: lambda column, right: column >= right,
    Operator.CONTAINS: lambda column, right: column.contains(right, autoescape=True),
    Operator.STARTS: lambda column, right: column.startswith(right, autoescape=True),
}


# --- linked objects ------------------------------------------------------------------------------------------------


def _of_objects(node: Compare | OneOf | Empty, field: Field, asked: Asked, *, wanted: bool) -> Condition:
    """A condition on any of the objects: `!=` and `is empty` are true where none of them has the value, or any."""
    if isinstance(node, Empty):
        return _linked(field.kind, Not(node), asked, wanted=not wanted)
    positive, opposite = _positive(node)
    return _linked(field.kind, positive, asked, wanted=wanted != opposite)


def _linked(kind: str, item: Node | None, asked: Asked, *, wanted: bool) -> Condition:
    label = asked.book.labels.get((LabelSort.KIND, kind))
    if label is None:
        raise BadFilter(sentence("no kind of linked objects is called %(name)s", name=kind), 0)
    if item is None:
        return _has_label(_FACTS.kinds, label.number, wanted=wanted)
    found = select(contact_objects.c.contact_id).where(
        contact_objects.c.book_id == asked.book.id,
        contact_objects.c.kind == label.number,
        _of_one_object(item, asked, wanted=True),
    )
    return _among(found, contact_objects.c.contact_id, asked, wanted=wanted)


def _of_one_object(node: Node, asked: Asked, *, wanted: bool) -> Condition:
    _allow(node, asked)
    match node:
        case Not(item):
            return _of_one_object(item, asked, wanted=not wanted)
        case tree.All(items) | tree.Any(items):
            parts = [_of_one_object(item, asked, wanted=wanted) for item in items]
            return and_(*parts) if isinstance(node, tree.All) == wanted else or_(*parts)
        case Compare(field) | OneOf(field) | Empty(field):
            attribute = find(field, asked.book)
            return _compared(contact_objects.c[attribute.slot or ""], node, attribute, asked, wanted=wanted)
        case _:
            raise BadFilter(sentence("within %(kind)s: ( ) only its own fields can be asked for", kind="…"), node.at)


# --- marks ---------------------------------------------------------------------------------------------------------


def _marked(mark: Mark, name: str, at: int, asked: Asked, *, wanted: bool) -> Condition:
    folded = fold(name)
    if mark in {Mark.TAG, Mark.CONSENT}:
        column = _FACTS.tags if mark is Mark.TAG else _FACTS.consents
        return _labelled(column, LabelSort(mark.value), folded, asked, wanted=wanted)
    if mark is Mark.GROUP:
        group = asked.book.groups.get(folded)
        if group is None:
            raise BadFilter(sentence("there is no group %(name)s", name=name), at, len(name))
        return _in_group(group, asked, wanted=wanted)
    if mark in BEHAVIOURS:
        return _behaved(mark, name, asked, wanted=wanted)
    if folded in _BITS:
        return _has(_BITS[folded], wanted=wanted)
    return _opted_out(asked, wanted=wanted) if mark is Mark.IS else _linked(folded, None, asked, wanted=wanted)


_BITS: Mapping[str, Has] = {"phone": Has.PHONE, "email": Has.EMAIL, "no_sms": Has.NO_SMS}


def _behaved(mark: Mark, name: str, asked: Asked, *, wanted: bool) -> Condition:
    behaviour = asked.behaviours.get(mark)
    found = behaviour(asked.book.org_id, name, asked.look) if behaviour is not None else None
    if found is None:
        return false() if wanted else true()
    return _among(found, found.selected_columns.contact_id, asked, wanted=wanted)


def _labelled(column: ColumnElement[str], sort: LabelSort, folded: str, asked: Asked, *, wanted: bool) -> Condition:
    label = asked.book.labels.get((sort, folded))
    if label is None:  # a word that nobody has any more
        return false() if wanted else true()
    return _has_label(column, label.number, wanted=wanted)


def _has_label(column: ColumnElement[str], number: int, *, wanted: bool) -> Condition:
    found = column.like(f"% {number} %")
    return found if wanted else or_(column.is_(None), not_(found))


def _has(bit: Has, *, wanted: bool) -> Condition:
    there = _FACTS.has.bitwise_and(int(bit))
    return there != 0 if wanted else there == 0


def _opted_out(asked: Asked, *, wanted: bool) -> Condition:
    main = (
        contact_points.c.book_id == asked.book.id,
        contact_points.c.kind == PointKind.PHONE.value,
        contact_points.c.place == 0,
    )
    stop = (optouts.c.org_id == asked.book.org_id, optouts.c.ended_at.is_(None))
    found = select(contact_points.c.contact_id).where(*main)
    if asked.look is Look.EACH:  # from the contact's phone to the list
        found = found.join(optouts, optouts.c.phone == contact_points.c.value).where(*stop)
    else:  # from the list, which is short, to phones
        found = found.where(contact_points.c.value.in_(select(optouts.c.phone).where(*stop)))
    return _among(found, contact_points.c.contact_id, asked, wanted=wanted)


def _in_group(group: Group, asked: Asked, *, wanted: bool) -> Condition:
    if group.filter is None:
        members = select(group_members.c.contact_id).where(group_members.c.group_id == group.id)
        return _among(members, group_members.c.contact_id, asked, wanted=wanted)
    if group.id in asked.groups or len(asked.groups) >= _DEEPEST:
        raise BadFilter(sentence("the group %(name)s asks for itself", name=group.name), 0)
    inner = replace(asked, groups=(*asked.groups, group.id))
    node = read(group.filter)
    if node is None:
        return true() if wanted else false()
    return _node(node, inner, wanted=wanted)


def _among(found: Select[Any], contact_id: ColumnElement[int], asked: Asked, *, wanted: bool) -> Condition:
    """Whether a contact is among those found."""
    if asked.look is Look.EACH or (asked.look is Look.JOINED and not wanted):
        among: Condition = exists(found.where(contact_id == _FACTS.id).correlate(contact_facts))
    else:
        among = _FACTS.id.in_(found)
    return among if wanted else not_(among)
