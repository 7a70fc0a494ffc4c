"""What somebody writes about a contact, made into what is stored: every field read, or refused with its reason. Pure.

In: a draft as it was typed, by a person, a file or a program. Out: the draft with numbers in E.164, addresses and
values checked; or BadDraft with one sentence for each field that cannot be meant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, TypeVar
from zoneinfo import available_timezones

import orjson

from campaigns.model import Attribute, Book, Draft, LinkedObject, Point, Value
from campaigns.values import clean, fold, read_value
from gateway.numbers import NumberError, to_e164
from gateway.registry.employee_address import fold_email, valid_address
from gateway.registry.errors import AccountError, BadValue
from gateway.translation import Sentence, sentence

T = TypeVar("T")
MOST_POINTS, MOST_TAGS = 20, 100
"""Phones, and addresses, of one contact; tags of one contact."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_LONGEST_NAME, _LONGEST_LABEL = 200, 60


class BadDraft(BadValue):
    """Fields that cannot be meant: `problems` has each by its name, as filters call it."""

    def __init__(self, problems: Mapping[str, Sentence]) -> None:
        super().__init__(next(iter(problems.values())))
        self.problems = problems


class ChangedMeanwhile(AccountError):
    """The contact is another than the one that was looked at."""

    def __init__(self) -> None:
        super().__init__(sentence("the contact has been changed meanwhile: look at it again"))


def version(draft: Draft) -> str:
    """A word that is the same as long as everything is that a draft says: what tells an older state from this one.

    No moment does: two changes may have the same.
    """
    plain = [draft.name, draft.first_name, draft.language, draft.zone, draft.no_sms]
    points = [[(each.value, each.label) for each in some] for some in (draft.phones, draft.emails)]
    said = orjson.dumps([plain, points, sorted(draft.attributes.items()), sorted(draft.tags)])
    return hashlib.sha256(said).hexdigest()[:32]


def checked(draft: Draft, of: Book) -> Draft:
    """The draft as it is to be stored. Raises BadDraft."""
    found = read(draft, of)
    if not (found.name or found.first_name or found.phones or found.emails):
        raise BadDraft({"name": NOBODY})
    return named(found)


NOBODY: Final = sentence("a contact needs a name, a phone or an e-mail address")


def named(draft: Draft) -> Draft:
    """The draft with a name: what else people would call it where it has none."""
    if draft.name:
        return draft
    others = (draft.first_name, *(point.value for point in (*draft.emails, *draft.phones)))
    return replace(draft, name=next(filter(None, others), ""))


def read(draft: Draft, of: Book) -> Draft:
    """Every field of a draft, however little there is. Raises BadDraft."""
    problems: dict[str, Sentence] = {}

    def tried(name: str, read_it: Callable[[], T], otherwise: T) -> T:
        try:
            return read_it()
        except AccountError as error:
            problems[name] = told(error)
            return otherwise

    found = Draft(
        name=tried("name", lambda: _name(draft.name), ""),
        first_name=tried("first_name", lambda: _name(draft.first_name), ""),
        phones=tried("phone", lambda: _phones(draft.phones, of.region), ()),
        emails=tried("email", lambda: _emails(draft.emails), ()),
        language=tried("language", lambda: _language(draft.language), ""),
        zone=tried("zone", lambda: _zone(draft.zone), ""),
        no_sms=draft.no_sms,
        attributes=_values(draft.attributes, of, "", problems),
        tags=tried("tags", lambda: _tags(draft.tags), frozenset()),
    )
    if problems:
        raise BadDraft(problems)
    return found


def told(error: AccountError) -> Sentence:
    """Why, as a sentence, whatever the error holds."""
    return error.told if isinstance(error.told, Sentence) else sentence("%(value)s", value=str(error))


def checked_object(thing: LinkedObject, of: Book) -> LinkedObject:
    """A linked object as it is to be stored. Raises BadDraft."""
    problems: dict[str, Sentence] = {}
    if not of.own(thing.kind):
        problems["kind"] = sentence("there is no kind %(kind)s: define a field of it first", kind=thing.kind[:60])
    fields = _values(thing.fields, of, thing.kind, problems)
    if problems:
        raise BadDraft(problems)
    return LinkedObject(thing.kind, fields, clean(thing.ref)[:_LONGEST_NAME], thing.number)


def _name(text: str) -> str:
    name = " ".join(clean(text).split())
    if len(name) > _LONGEST_NAME:
        raise BadValue(sentence("a name has at most %(most)s characters", most=_LONGEST_NAME))
    return name


def _phones(points: Iterable[Point], region: str) -> tuple[Point, ...]:
    found: dict[str, Point] = {}
    for point in points:
        if point.value.strip():
            number = read_phone(point.value, region)
            found.setdefault(number, Point(number, _label(point)))
    return _few(found)


def read_phone(text: str, region: str) -> str:
    """A phone in E.164. Raises BadValue."""
    try:
        return to_e164(text, region)
    except NumberError as error:
        raise BadValue(
            sentence("%(number)s is no phone number: %(reason)s", number=text.strip()[:60], reason=error.reason)
        ) from None


def _emails(points: Iterable[Point]) -> tuple[Point, ...]:
    found: dict[str, Point] = {}
    for point in points:
        if point.value.strip():
            address = valid_address(point.value, local=False)
            found.setdefault(fold_email(address), Point(address, _label(point)))
    return _few(found)


def _few(found: Mapping[str, Point]) -> tuple[Point, ...]:
    if len(found) > MOST_POINTS:
        raise BadValue(sentence("a contact has at most %(most)s of them", most=MOST_POINTS))
    return tuple(found.values())


def _label(point: Point) -> str:
    return " ".join(clean(point.label).split())[:_LONGEST_LABEL]


def _language(text: str) -> str:
    code = text.strip()
    if not code:
        return ""
    if not _LANGUAGE.fullmatch(code):
        raise BadValue(sentence("%(value)s is no language: write a code such as da or en", value=code[:60]))
    return re.split("[-_]", code)[0].lower()


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def zone_named(text: str) -> str:
    """The time zone of this name, as the IANA writes it; "" for none."""
    return _zones().get(text.strip().casefold().replace(" ", "_"), "")


def _zone(text: str) -> str:
    found = zone_named(text)
    if text.strip() and not found:
        raise BadValue(
            sentence("%(value)s is no time zone: write one such as Europe/Copenhagen", value=text.strip()[:60])
        )
    return found


def read_tag(text: str) -> str:
    """A tag as it is stored. Raises BadValue."""
    tag = " ".join(clean(text).split())
    if not tag:
        raise BadValue(sentence("write a tag"))
    if len(tag) > _LONGEST_LABEL:
        raise BadValue(sentence("a tag has at most %(most)s characters", most=_LONGEST_LABEL))
    return tag


def _tags(names: Iterable[str]) -> frozenset[str]:
    found: dict[str, str] = {}
    for name in sorted(names):
        if clean(name):
            tag = read_tag(name)
            found.setdefault(fold(tag), tag)
    if len(found) > MOST_TAGS:
        raise BadValue(sentence("a contact has at most %(most)s tags", most=MOST_TAGS))
    return frozenset(found.values())


def _values(written: Mapping[str, object], of: Book, kind: str, problems: dict[str, Sentence]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in written.items():
        attribute = of.attributes.get((kind, key))
        if attribute is None:
            problems[key] = sentence("there is no field %(name)s", name=key[:60])
            continue
        read = _read(attribute, value, problems)
        if read is not None:
            found[key] = read
    return found


def _read(attribute: Attribute, value: object, problems: dict[str, Sentence]) -> Value | None:
    try:
        return read_value(attribute, value)
    except BadValue as error:
        problems[attribute.key] = told(error)
        return None
