"""What somebody means who writes to campaign@: groups in a Subject, an answer to what was shown. Pure.

In: Subjects, and the words that a person wrote, without quoted history. Out: groups, ids, answers.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum, auto
from typing import Final

from campaigns.model import Group
from campaigns.values import fold

_ID = re.compile(r"\[#([0-9A-Za-z.-]{10,40})\]")
_PREFIX = re.compile(r"^\s*(?:(?:re|fwd?|sv|vs|aw|wg|tr)\s*:\s*)+", re.IGNORECASE)
_YES: Final = frozenset({"ok", "okay", "o.k", "ок", "окей"})
_NO: Final = frozenset(
    {"nej", "nei", "nein", "no", "non", "нет", "cancel", "stop", "annuller", "avbryt", "abbrechen", "annuler", "отмена"}
)
_BEHIND: Final = string.whitespace + "\xa0.,;:!"
"""What may stand behind a word without changing it."""
_LONGEST: Final = 100
"""Characters of a name that others are compared with."""
MOST_NAMED: Final = 30
"""Groups that an answer names."""


class Answer(Enum):
    """What somebody answers to what was shown."""

    YES = auto()
    NO = auto()
    UNCLEAR = auto()


def id_in(subject: str) -> str | None:
    """The id of the campaign that a mail of ours put into its Subject."""
    found = _ID.search(subject)
    return found[1] if found else None


def marked(campaign_id: str) -> str:
    """As `id_in` reads it."""
    return f"[#{campaign_id}]"


def answer_of(text: str) -> Answer:
    """The first line says it, and says nothing else: "OK, but wait" starts nothing."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    words = first.strip(" \t\"'«»„“”*_").rstrip(_BEHIND).casefold()
    if words in _YES:
        return Answer.YES
    first_word = re.split(r"[\s.,;:!]+", words)[0]
    return Answer.NO if first_word in _NO else Answer.UNCLEAR


def groups_in(subject: str, groups: Mapping[str, Group]) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups that a Subject names, with commas between them, and the names that are none."""
    said = _PREFIX.sub("", subject).strip()
    if fold(said) in groups:
        return (groups[fold(said)],), ()
    names = [" ".join(each.split()) for each in re.split(r"[,;]", said) if each.strip()]
    found = {groups[fold(name)].id: groups[fold(name)] for name in names if fold(name) in groups}
    return tuple(found.values()), tuple(name for name in names if fold(name) not in groups)


def similar(name: str, groups: Mapping[str, Group]) -> list[str]:
    """Names of groups that may have been meant."""
    name = name[:_LONGEST]
    close = get_close_matches(fold(name), list(groups), 3, 0.6)
    within = [each for each in groups if fold(name) and fold(name) in each]
    return [groups[each].name for each in dict.fromkeys([*close, *within])][:5]
