"""Whether what people write and choose can be a campaign. Pure.

In: a content, and the names that macros may read. Out: the same content, tidied; or one AccountError that says what to
put right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from campaigns.campaign import NOBODY, Content, Counts, Launch, Limits
from campaigns.drafts import BadDraft, told
from campaigns.links import shortened
from campaigns.model import Book, Channel
from campaigns.text_errors import TextError, TooMuch
from campaigns.trial import FIRST, VERSIONS, Rule, Trial, version_of, versions_of
from campaigns.values import clean
from gateway.registry.errors import BadValue
from gateway.sms import SmsText
from gateway.sms_text import prepare
from gateway.translation import sentence

if TYPE_CHECKING:
    from campaigns.macros import Macros

BUILT_IN: Final = ("name", "first_name", "phone", "email", "language")
"""Fields that every contact has."""
LONGEST_NAME, LONGEST_PURPOSE = 200, 60
MOST_HOURS: Final = 30 * 24
MOST_TEXTS, LONGEST_TEXTS = 200, 100_000
"""Texts, and subjects, of a campaign; characters of all of them: each is read whenever the campaign is looked at."""

_ONE_BRACE: Final = re.compile(r"(?<!\{)\{\s{0,9}([\w.]{1,100})\s{0,9}\}(?!\})")
"""A field as other programs have it written."""


def field_names(book: Book | None) -> frozenset[str]:
    """What macros may be called: fields of contacts, and of linked objects as "order.number"."""
    own = book.attributes.values() if book is not None else ()
    return frozenset((*BUILT_IN, *(f"{each.kind}.{each.key}" if each.kind else each.key for each in own)))


def checked(content: Content, known: frozenset[str], max_parts: int) -> Content:
    """A content that can be kept as a draft. Raises BadDraft, TextError."""
    name = " ".join(content.name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadDraft({"name": sentence("a campaign has a name of up to %(most)s characters", most=LONGEST_NAME)})
    _check_amount("texts", content.texts)
    _check_amount("subjects", content.subjects)
    texts = {variant.lower(): text for variant, text in content.texts.items() if text.strip()}
    for text in texts.values():
        _check_text(text, known, content, max_parts)
    if content.trial is None:
        texts = {variant: text for variant, text in texts.items() if version_of(variant) == FIRST}
    else:
        _check_trial(content.trial, texts, content)
    subjects = {variant.lower(): " ".join(text.split()) for variant, text in content.subjects.items() if text.strip()}
    for text in subjects.values():
        _check_subject(text, known)
    if content.launch is Launch.DEFERRED and content.start_at is None:
        raise BadDraft({"start_at": sentence("a deferred campaign has a start date: choose one, or launch it at once")})
    if content.launch is Launch.INSTANT and content.start_at is not None:
        raise BadDraft({"start_at": sentence("a campaign that is launched at once has no start date")})
    limits = content.limits
    if min(limits.per_minute, limits.per_week, limits.parts, limits.cost.thousandths if limits.cost else 0) < 0:
        raise BadDraft({"limits": sentence("a limit is a number from 0 on; 0 is none")})
    return replace(content, name=name, texts=texts, subjects=subjects, consent=_purpose(content.consent))


def _check_amount(field: str, texts: Mapping[str, str]) -> None:
    if len(texts) > MOST_TEXTS or sum(map(len, texts.values())) > LONGEST_TEXTS:
        raise BadDraft(
            {
                field: sentence(
                    "a campaign has at most %(most)s texts, and %(longest)s characters in all of them",
                    most=MOST_TEXTS,
                    longest=LONGEST_TEXTS,
                )
            }
        )


def _purpose(written: str) -> str:
    purpose = " ".join(clean(written).split())
    if len(purpose) > LONGEST_PURPOSE:
        raise BadDraft({"consent": sentence("a consent is named in up to %(most)s characters", most=LONGEST_PURPOSE)})
    return purpose


def _check_trial(trial: Trial, texts: Mapping[str, str], content: Content) -> None:
    versions = versions_of(texts)
    if FIRST not in versions or len(versions) < 2 or not set(versions) <= set(VERSIONS):
        raise BadDraft(
            {"trial": sentence("to try versions, write two texts or more, up to %(most)s", most=len(VERSIONS))}
        )
    if trial.share < 1 or trial.share * len(versions) > 100:
        most = 100 // len(versions)
        raise BadDraft({"trial": sentence("each version is tried on 1 to %(most)s percent of the audience", most=most)})
    if not 0 < trial.hours <= MOST_HOURS:
        raise BadDraft({"trial": sentence("the winner is found within %(most)s hours", most=MOST_HOURS)})
    if trial.rule is Rule.CLICKS and not content.short_links:
        raise BadDraft({"trial": sentence("clicks are counted on short links only: let the campaign have them")})
    if trial.rule is Rule.ANSWERS and content.channel is Channel.EMAIL:
        raise BadDraft(
            {
                "trial": sentence(
                    "answers to e-mails go to the responsible person and are not counted: choose another rule"
                )
            }
        )


def written(content: Content) -> None:
    """Raise BadValue where there is nothing yet that a contact could get."""
    if not content.texts:
        raise BadValue(sentence("the campaign has no text: write one"))
    if content.channel is Channel.EMAIL and not content.subjects:
        raise BadValue(sentence("the campaign has no subject: write one"))


def startable(content: Content) -> None:
    """Raise BadValue where something is missing that a draft may lack."""
    written(content)
    if content.audience == NOBODY:
        raise BadValue(sentence("the campaign has no audience: choose contacts or groups"))


def check_budget(limits: Limits, counts: Counts) -> None:
    """Raise BadDraft where a campaign that is to go on has nothing left to spend."""
    more = sentence("all of that is spent: choose a larger budget, or none")
    if limits.parts and limits.parts <= counts.parts:
        raise BadDraft({"max_parts": more})
    if limits.cost is not None and limits.cost.thousandths <= counts.cost:
        raise BadDraft({"max_cost": more})


def _read(text: str) -> Macros:
    from campaigns import macros  # the library behind it is paid for by who has campaigns

    return macros.read(text)


def _check_text(text: str, known: frozenset[str], content: Content, max_parts: int) -> None:
    read = _read(text)
    _check_names(read, text, known)
    if content.short_links:
        read = _read(shortened(text).source)
    shortest = _shortest(read, content) if content.channel is Channel.SMS else None
    if shortest is not None and shortest.parts > max_parts:
        raise TextError(
            sentence(
                "the text takes %(parts)s SMS parts, and %(most)s is the most", parts=shortest.parts, most=max_parts
            )
        )


def _check_subject(text: str, known: frozenset[str]) -> None:
    try:
        _check_names(_read(text), text, known)
    except TextError as error:
        raise BadDraft({"subjects": told(error)}) from error


def _check_names(read: Macros, text: str, known: frozenset[str]) -> None:
    meant = next((each for each in _ONE_BRACE.finditer(text) if each[1].lower() in known), None)
    if meant is not None:
        raise TextError(
            sentence(
                "%(written)s would be sent as it stands: write {{ %(name)s }}", written=meant[0], name=meant[1].lower()
            )
        )
    unknown = read.unknown(known)
    if unknown:
        raise TextError(
            sentence("there is no field called %(name)s: write one of %(fields)s", name=unknown[0], fields=_some(known))
        )


def _shortest(read: Macros, content: Content) -> SmsText | None:
    """The text without any field; None where it cannot be made so."""
    try:
        return prepare(read.render({}).strip(), smart=content.smart)
    except TooMuch:
        return None


def _some(known: Iterable[str], most: int = 12) -> str:
    names = sorted(known)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
