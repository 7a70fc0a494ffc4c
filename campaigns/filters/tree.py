"""A filter as a tree of frozen records. Pure.

Every node is true or false of a contact, never unknown: a value that is not there equals nothing, is neither more nor
less than anything, and so `city != 'Aarhus'` is true of those whose city nobody knows.

`at` is where in the text a node begins, for those who explain a mistake; two filters that say the same are equal
wherever their words stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as value_of
from datetime import date
from enum import StrEnum
from typing import TypeAlias


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUALS = "="
    DIFFERS = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "~"
    """Of texts: anywhere in them, whatever the case."""
    STARTS = "^"
    """Of texts: at their beginning."""


class Mark(StrEnum):
    """What a contact is asked about beside its fields: the word before the colon."""

    TAG = "tag"
    CONSENT = "consent"
    """A consent that holds now."""
    GROUP = "group"
    HAS = "has"
    """A phone, an email, or a linked object of a kind."""
    IS = "is"
    """A state: no_sms, opted_out."""
    RECEIVED = "received"
    """The campaign of that name."""
    ANSWERED = "answered"
    CLICKED = "clicked"


BEHAVIOURS = frozenset({Mark.RECEIVED, Mark.ANSWERED, Mark.CLICKED})
"""What only campaigns know."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands there; the field's type says what it means."""

    text: str
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Today:
    """The day on which the filter is asked, so many days later."""

    days: int = 0
    at: int = value_of(default=0, compare=False, repr=False)

    def on(self, today: date) -> date:
        """The day that is meant; the ends of the calendar where it would lie beyond them."""
        ordinal = today.toordinal() + self.days
        return date.fromordinal(min(max(ordinal, 1), date.max.toordinal()))


Value: TypeAlias = "Literal | Today"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of contacts, or of the objects of a kind that are linked to them."""

    name: str
    kind: str = ""
    at: int = value_of(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}" if self.kind else self.name


@dataclass(frozen=True, slots=True)
class Compare:
    """Whether a field stands in a relation to a value."""

    field: Field
    operator: Operator
    value: Value
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a field equals one of several values."""

    field: Field
    values: tuple[Value, ...]
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Empty:
    """Whether nothing is known of a field."""

    field: Field
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Marked:
    """Whether a contact has a tag, a consent, a state, or has done something."""

    mark: Mark
    name: str
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Linked:
    """Whether one and the same linked object of a kind meets conditions; their fields name no kind."""

    kind: str
    item: Node
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """What does not hold."""

    item: Node
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class All:
    """Two or more that all hold."""

    items: tuple[Node, ...]
    at: int = value_of(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Any:
    """Two or more of which one holds."""

    items: tuple[Node, ...]
    at: int = value_of(default=0, compare=False, repr=False)


Node: TypeAlias = "Compare | OneOf | Empty | Marked | Linked | Not | All | Any"
EVERYBODY = ""
"""The text of the filter that leaves nobody out; it has no tree."""
