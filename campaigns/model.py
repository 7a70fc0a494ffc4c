"""Records of contacts, groups and what an organisation calls things. Frozen, without behaviour.

Values of attributes are what JSON can hold: texts, numbers, true and false; a date is "2026-12-31".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntFlag, StrEnum, auto
from typing import TypeAlias

Value: TypeAlias = "str | float | bool"
Values: TypeAlias = Mapping[str, Value]


class AttributeType(StrEnum):
    """What the values of an attribute are."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    """One of the texts that the attribute lists."""
    YES_NO = "yes_no"

    @property
    def is_text(self) -> bool:
        """Whether filters compare it as a text, not as a number."""
        return self in {AttributeType.TEXT, AttributeType.CHOICE}


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that an organisation knows of its contacts, or of linked objects of a kind."""

    key: str
    """What filters and macros call it: small letters, digits and underscores."""
    label: str
    type: AttributeType
    choices: tuple[str, ...] = ()
    kind: str = ""
    """The key of the kind of linked objects; "" for contacts themselves."""
    slot: str | None = None
    """Where filters find its values; None where they cannot ask for it."""


class LabelSort(StrEnum):
    """Lists of words that an organisation makes as it goes."""

    TAG = "tag"
    CONSENT = "consent"
    """What consents are for."""
    KIND = "kind"
    """Kinds of linked objects; their names are keys."""


@dataclass(frozen=True, slots=True)
class Label:
    """One of those words."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Contacts under one name: listed by hand, or all that a filter is true of."""

    id: str
    org_id: str
    name: str
    filter: str | None
    """None: its members are listed."""
    created_at: float
    updated_at: float

    @property
    def dynamic(self) -> bool:
        """Whether a filter says who belongs to it, each time that it is asked."""
        return self.filter is not None


@dataclass(frozen=True, slots=True)
class Book:
    """What an organisation calls things: all that is needed to read and write its contacts and filters."""

    id: int
    org_id: str
    region: str
    """ISO 3166; reads national numbers."""
    attributes: Mapping[tuple[str, str], Attribute] = field(default_factory=dict)
    """By kind and key."""
    labels: Mapping[tuple[LabelSort, str], Label] = field(default_factory=dict)
    """By sort and folded name."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    """By folded name."""

    @property
    def first_id(self) -> int:
        """The ids of its contacts are all above this one."""
        return self.id << 32

    @property
    def last_id(self) -> int:
        """No contact of it has a higher one."""
        return (self.id << 32) | 0xFFFFFFFF

    def own(self, kind: str = "") -> list[Attribute]:
        """The attributes of contacts, or of a kind of linked objects."""
        return [each for (of, _), each in self.attributes.items() if of == kind]


class Has(IntFlag):
    """What is quickly asked of a contact."""

    PHONE = 1
    EMAIL = 2
    NO_SMS = 4


class PointKind(StrEnum):
    """How a contact is reached."""

    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Point:
    """A phone in E.164, or a mail address as it is written."""

    value: str
    label: str = ""
    """"work", "home": whatever people call it."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a contact agreed to, when, how, and in which words; and how it ended."""

    purpose: str
    given_at: float
    how: str
    wording: str
    ended_at: float | None = None
    ended_how: str = ""
    number: int = 0
    """Among those of the contact, from 1; 0 while it is not stored."""


@dataclass(frozen=True, slots=True)
class LinkedObject:
    """An order, a car, a child."""

    kind: str
    fields: Values
    ref: str = ""
    """The organisation's own name for it; one that comes again with the same name replaces it."""
    number: int = 0
    """Among those of the contact and kind; the latest has the highest. 0 while it is not stored."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A contact as it is to be stored."""

    name: str = ""
    first_name: str = ""
    phones: tuple[Point, ...] = ()
    """E.164; the first is the main one."""
    emails: tuple[Point, ...] = ()
    language: str = ""
    zone: str = ""
    no_sms: bool = False
    attributes: Values = field(default_factory=dict)
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as it is stored, with what belongs to it."""

    id: int
    name: str
    first_name: str
    phones: tuple[Point, ...]
    emails: tuple[Point, ...]
    language: str
    zone: str
    no_sms: bool
    """Wants no SMS from campaigns; a person may still write one (C6). An opt-out is another thing."""
    opted_out: bool
    """Has sent STOP from the main phone, or somebody did so for it."""
    attributes: Values
    tags: tuple[str, ...]
    consents: tuple[Consent, ...]
    objects: tuple[LinkedObject, ...]
    created_at: float
    updated_at: float

    def draft(self) -> Draft:
        """What can be changed and stored again."""
        return Draft(
            self.name,
            self.first_name,
            self.phones,
            self.emails,
            self.language,
            self.zone,
            self.no_sms,
            self.attributes,
            frozenset(self.tags),
        )


@dataclass(frozen=True, slots=True)
class ContactListing:
    """A contact as lists show it."""

    id: int
    name: str
    phone: str | None
    email: str | None
    language: str
    no_sms: bool
    opted_out: bool
    """Has sent STOP from the main phone."""
    tags: tuple[str, ...]
    created_at: float


# --- audience ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a campaign is for: single contacts, groups, and who is in a filter; without those of other groups."""

    contacts: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    """Ids."""
    filter: str | None = None
    """In the language of `campaigns.filters`; "" is everybody, None nobody."""
    without: tuple[str, ...] = ()
    """Ids of groups whose contacts are left out, however they came in."""


class Channel(StrEnum):
    """What a campaign is sent by."""

    SMS = "sms"
    EMAIL = "email"


class Obstacle(Enum):
    """Why a contact of an audience gets nothing."""

    NO_PHONE = auto()
    NO_EMAIL = auto()
    NO_SMS = auto()
    """Is marked: no SMS from campaigns (C6)."""
    OPTED_OUT = auto()
    NO_CONSENT = auto()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of an audience, with what it takes to write to them."""

    contact_id: int
    name: str
    phone: str | None
    """The main one, E.164."""
    email: str | None
    language: str
    """ISO 639-1; "" where nobody said."""
    zone: str
    country: str
    """Of the main phone; "" without one."""
    no_sms: bool
    opted_out: bool
    consents: frozenset[str]
    """Folded names of what they agree to now."""
    fields: Mapping[str, object]
    """For macros: name, first_name, phone, email, language, and each attribute by key; each kind's latest object."""

    def obstacle(self, channel: Channel, consent: str = "") -> Obstacle | None:
        """Why they get nothing by this channel; `consent`: the folded name of the one that is needed."""
        if channel is Channel.EMAIL:
            if self.email is None:
                return Obstacle.NO_EMAIL
        elif self.phone is None:
            return Obstacle.NO_PHONE
        elif self.opted_out:
            return Obstacle.OPTED_OUT
        elif self.no_sms:
            return Obstacle.NO_SMS
        return Obstacle.NO_CONSENT if consent and consent not in self.consents else None
