"""What people type about a contact, and the drafts that it means. Pure.

A form names what may be there several times (`phone` with `phone_label`), and an organisation's own fields by
`own.<key>`. What was typed comes back as it was where it cannot be meant, each mistake beside its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from starlette.datastructures import FormData

from campaigns.drafts import BadDraft, version
from campaigns.model import Attribute, AttributeType, Book, Contact, Draft, LinkedObject, Point, Value, Values
from gateway.registry.errors import AccountError
from web.language import gettext as _
from web.language import say, told

OWN = "own."
_MOST_LINES = 40
"""Phones, and addresses, that one form has lines for."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of the form."""

    name: str = ""
    first_name: str = ""
    phones: tuple[Point, ...] = ()
    emails: tuple[Point, ...] = ()
    language: str = ""
    zone: str = ""
    no_sms: bool = False
    tags: str = ""
    """With commas between them."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Values of attributes by key."""
    seen: str = ""
    """The version of the contact that the form was made of; empty for a new one."""

    def lines(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """Points with an empty line below them."""
        return (*points, Point(""))

    def more(self, kind: str) -> Typed:
        """The same with one more line for phones or for addresses."""
        if kind == "phone":
            return replace(self, phones=(*self.phones, Point("")))
        return replace(self, emails=(*self.emails, Point("")))

    def again(self, now: Typed) -> Typed:
        """The same over what is stored by now, for who has seen what that is (`unlike`).

        The mark is set where either has set it: nobody takes it off who has not seen it.
        """
        return replace(self, no_sms=self.no_sms or now.no_sms, seen=now.seen)

    def unlike(self, now: Typed) -> dict[str, str]:
        """What is stored by now, by field, where something else was typed."""
        found = {
            "name": (self.name, now.name),
            "first_name": (self.first_name, now.first_name),
            "phone": (_listed(self.phones), _listed(now.phones)),
            "email": (_listed(self.emails), _listed(now.emails)),
            "language": (self.language, now.language),
            "zone": (self.zone, now.zone),
            "tags": (self.tags, now.tags),
            **{key: (value, now.own.get(key, "")) for key, value in self.own.items()},
        }
        unlike = {name: _stored(there) for name, (typed, there) in found.items() if typed.strip() != there}
        if self.no_sms != now.no_sms:
            unlike["no_sms"] = _stored(_("yes") if now.no_sms else _("no"))
        return unlike

    def draft(self) -> Draft:
        """What is meant, not looked at yet."""
        return Draft(
            self.name,
            self.first_name,
            self.phones,
            self.emails,
            self.language,
            self.zone,
            self.no_sms,
            {key: value for key, value in self.own.items() if value.strip()},
            frozenset(tag for tag in self.tags.split(",") if tag.strip()),
        )


def _listed(points: Sequence[Point]) -> str:
    return ", ".join(f"{each.value} ({each.label})" if each.label else each.value for each in points)


def _stored(value: str) -> str:
    return _("stored by now: %(value)s", value=value or "–")


def typed_of(contact: Contact) -> Typed:
    """A contact as the form shows it."""
    return Typed(
        contact.name,
        contact.first_name,
        contact.phones,
        contact.emails,
        contact.language,
        contact.zone,
        contact.no_sms,
        ", ".join(contact.tags),
        shown_values(contact.attributes),
        version(contact.draft()),
    )


def shown_values(values: Values) -> dict[str, str]:
    """Values as forms and cards hold them."""
    return {key: shown_value(value) for key, value in values.items()}


def shown_value(value: Value) -> str:
    """One of them; what is said of yes and no is the page's."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def read_form(form: FormData, book: Book) -> Typed:
    """What was typed."""
    return Typed(
        _one(form, "name"),
        _one(form, "first_name"),
        _points(form, "phone"),
        _points(form, "email"),
        _one(form, "language"),
        _one(form, "zone"),
        bool(_one(form, "no_sms")),
        _one(form, "tags"),
        _own(form, book.own()),
        _one(form, "seen"),
    )


def read_object(form: FormData, book: Book, kind: str, number: int = 0) -> LinkedObject:
    """A linked object as it was typed."""
    values = _own(form, book.own(kind))
    return LinkedObject(kind, {key: value for key, value in values.items() if value.strip()}, _one(form, "ref"), number)


def _own(form: FormData, attributes: Sequence[Attribute]) -> dict[str, str]:
    return {each.key: _one(form, f"{OWN}{each.key}") for each in attributes}


def _points(form: FormData, name: str) -> tuple[Point, ...]:
    values, labels = _all(form, name), _all(form, f"{name}_label")
    labels += [""] * (len(values) - len(labels))
    return tuple(Point(value, label) for value, label in zip(values, labels, strict=False) if value.strip())


def _all(form: FormData, name: str) -> list[str]:
    return [each for each in form.getlist(name) if isinstance(each, str)][:_MOST_LINES]


def _one(form: FormData, name: str) -> str:
    found = form.get(name, "")
    return found if isinstance(found, str) else ""


def beside(error: AccountError) -> dict[str, str]:
    """What is wrong, by field."""
    if isinstance(error, BadDraft):
        return {name: say(problem) for name, problem in error.problems.items()}
    return {"name": told(error)}


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of the organisation's own as a form asks for it."""

    field: Attribute
    kind: str
    """text, date or choice."""
    options: tuple[tuple[str, str], ...] = ()
    """Of a choice: what is sent, and what it is called."""


def own_fields(attributes: Sequence[Attribute]) -> list[OwnField]:
    """The fields of a form."""
    return [_own_field(each) for each in attributes]


def _own_field(attribute: Attribute) -> OwnField:
    if attribute.type is AttributeType.YES_NO:
        return OwnField(attribute, "choice", (("", "–"), ("yes", _("yes")), ("no", _("no"))))
    if attribute.type is AttributeType.CHOICE:
        return OwnField(attribute, "choice", (("", "–"), *((each, each) for each in attribute.choices)))
    return OwnField(attribute, "date" if attribute.type is AttributeType.DATE else "text")
