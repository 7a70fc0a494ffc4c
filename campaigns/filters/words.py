"""The words and signs of a filter's text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from campaigns.filters.errors import BadFilter
from gateway.translation import sentence

LONGEST = 20_000
"""Characters of a filter."""
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "empty", "today"})
"""What a name may not be, whatever the case."""


class Sort(Enum):
    """What a word is."""

    NAME = auto()
    QUOTED = auto()
    NUMBER = auto()
    DATE = auto()
    SIGN = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its text without quotes, where it begins, and how many letters it takes."""

    sort: Sort
    text: str
    at: int
    length: int

    def says(self, keyword: str) -> bool:
        """Whether it is this keyword, in any case, or this sign."""
        return self.sort in {Sort.NAME, Sort.SIGN} and self.text.lower() == keyword


_WORD = re.compile(
    r"""\s*(?:
        (?P<QUOTED>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<DATE>[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\w))
      | (?P<NUMBER>[0-9]+(?:\.[0-9]+)?(?![\w]))
      | (?P<NAME>[^\W\d]\w*)
      | (?P<SIGN><=|>=|!=|[=<>~^():,.+-])
      | (?P<END>\Z)
    )""",
    re.VERBOSE,
)


_NO_TEXT = re.compile("[\\0\ud800-\udfff]")
"""What no database keeps in a text."""


def words(text: str) -> Iterator[Word]:
    """The words of a text, at the end one of the sort END. Raises BadFilter for what is no word."""
    if len(text) > LONGEST:
        raise BadFilter(sentence("the filter is too long: at most %(most)s characters", most=LONGEST), LONGEST)
    if (strange := _NO_TEXT.search(text)) is not None:
        raise BadFilter(sentence("there is something here that is no character"), strange.start())
    place = 0
    while True:
        found = _WORD.match(text, place)
        if found is None:
            raise _no_word(text, place)
        name = found.lastgroup or "END"
        at, place = found.span(name)
        yield Word(Sort[name], _plain(found[name]) if name == "QUOTED" else found[name], at, place - at)
        if name == "END":
            return


def _plain(quoted: str) -> str:
    sign = quoted[0]
    return quoted[1:-1].replace(sign * 2, sign)


def _no_word(text: str, place: int) -> BadFilter:
    at = place + len(text[place:]) - len(text[place:].lstrip())
    sign = text[at]
    if sign in "'\"":
        return BadFilter(sentence("the quote is not closed: write %(sign)s at the end", sign=sign), at, len(text) - at)
    if sign.isdigit():
        length = len(re.match(r"[\w.]*", text[at:])[0])  # type: ignore[index]  # matches anything
        return BadFilter(
            sentence("%(word)s is no number: write it in quotes where it is a text", word=text[at : at + length]),
            at,
            length,
        )
    return BadFilter(sentence("%(sign)s means nothing here: write texts in quotes", sign=sign), at)
