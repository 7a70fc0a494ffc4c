"""A filter's text into its tree. Pure.

    filter     = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" filter ")" | mark ":" value | kind ":" "(" filter ")" | condition
    condition  = field operator value | field [ "not" ] "in" "(" value { "," value } ")" | field "is" [ "not" ] "empty"
    field      = name [ "." name ]
    value      = quoted | [ "-" ] number | date | name | "today" [ ( "+" | "-" ) number ]

Names and keywords are the same in any case. Every mistake says where it is and what could stand there.
"""

from __future__ import annotations

from campaigns.filters.errors import BadFilter
from campaigns.filters.tree import (
    All,
    Any,
    Compare,
    Empty,
    Field,
    Linked,
    Literal,
    Mark,
    Marked,
    Node,
    Not,
    OneOf,
    Operator,
    Today,
    Value,
)
from campaigns.filters.words import KEYWORDS, Sort, Word, words
from gateway.translation import Sentence, sentence

DEEPEST, MOST = 40, 500
"""How deep conditions may be nested, and how many there may be."""
_MOST_DAYS = 100_000
_MARKS = frozenset(mark.value for mark in Mark)
_OPERATORS = frozenset(operator.value for operator in Operator)


def read(text: str) -> Node | None:
    """The tree of a filter; None for the empty text, which means everybody. Raises BadFilter."""
    reader = _Reader(list(words(text)))
    return None if reader.here.sort is Sort.END else reader.whole()


class _Reader:
    """Goes through the words once, from left to right."""

    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._place = 0
        self._depth = 0
        self._count = 0

    @property
    def here(self) -> Word:
        """The word that is looked at."""
        return self._words[self._place]

    def whole(self) -> Node:
        """All of it."""
        node = self._any()
        if self.here.sort is not Sort.END:
            raise self._unexpected(sentence("'and', 'or', or the end"))
        return node

    def _any(self) -> Node:
        at = self.here.at
        items = [self._all()]
        while self._skip("or"):
            items.append(self._all())
        return items[0] if len(items) == 1 else Any(tuple(items), at)

    def _all(self) -> Node:
        at = self.here.at
        items = [self._one()]
        while self._skip("and"):
            items.append(self._one())
        return items[0] if len(items) == 1 else All(tuple(items), at)

    def _one(self) -> Node:
        word = self.here
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadFilter(sentence("conditions are nested too deeply: at most %(most)s", most=DEEPEST), word.at)
        try:
            if self._skip("not"):
                return Not(self._one(), word.at)
            if self._skip("("):
                return self._bracketed()
            return self._condition()
        finally:
            self._depth -= 1

    def _bracketed(self) -> Node:
        node = self._any()
        self._need(")", sentence("'and', 'or', or ')'"))
        return node

    def _condition(self) -> Node:
        self._count += 1
        word = self.here
        if self._count > MOST:
            raise BadFilter(sentence("there are too many conditions: at most %(most)s", most=MOST), word.at)
        name = self._name(sentence("a condition, such as city = 'Aarhus' or tag: vip"))
        if self._skip(":"):
            return self._colon(name, word)
        kind = ""
        if self._skip("."):
            kind, name = name, self._name(sentence("the name of a field"))
        return self._compared(Field(name, kind, word.at), word.at)

    def _colon(self, name: str, word: Word) -> Node:
        if self.here.says("(") and name not in _MARKS:
            self._step()
            return Linked(name, self._bracketed(), word.at)
        if name not in _MARKS:
            raise BadFilter(
                sentence(
                    "%(word)s is asked nothing by a colon: write one of %(marks)s", word=name, marks=_listed(Mark)
                ),
                word.at,
                word.length,
            )
        value = self._value(sentence("a name"))
        if isinstance(value, Today):
            raise BadFilter(sentence("write the name in quotes: it is a word of filters"), value.at, len("today"))
        return Marked(Mark(name), value.text, word.at)

    def _compared(self, field: Field, at: int) -> Node:
        if self._skip("is"):
            negated = self._skip("not")
            self._need("empty", sentence("'empty'") if negated else sentence("'empty' or 'not empty'"))
            empty = Empty(field, at)
            return Not(empty, at) if negated else empty
        negated = self._skip("not")
        if negated and not self.here.says("in"):
            raise self._unexpected(sentence("'in'"))
        if self._skip("in"):
            one_of = OneOf(field, self._values(), at)
            return Not(one_of, at) if negated else one_of
        if self.here.sort is not Sort.SIGN or self.here.text not in _OPERATORS:
            raise self._unexpected(sentence("%(signs)s, 'in' or 'is empty'", signs=_listed(Operator)))
        operator = Operator(self._step().text)
        return Compare(field, operator, self._value(sentence("a value")), at)

    def _values(self) -> tuple[Value, ...]:
        self._need("(", sentence("'('"))
        values = [self._value(sentence("a value"))]
        while self._skip(","):
            values.append(self._value(sentence("a value")))
            self._count += 1
        self._need(")", sentence("',' or ')'"))
        return tuple(values)

    def _value(self, expected: Sentence) -> Value:
        word = self.here
        if word.says("today"):
            self._step()
            return Today(self._days(), word.at)
        minus = self._skip("-")
        word = self.here
        sorts = {Sort.NUMBER} if minus else {Sort.QUOTED, Sort.NUMBER, Sort.DATE, Sort.NAME}
        if word.sort not in sorts or (word.sort is Sort.NAME and word.text.lower() in KEYWORDS):
            raise self._unexpected(sentence("a number") if minus else expected)
        self._step()
        return Literal(f"-{word.text}" if minus else word.text, word.at)

    def _days(self) -> int:
        sign = -1 if self.here.says("-") else 1
        if not (self._skip("-") or self._skip("+")):
            return 0
        word = self.here
        if word.sort is not Sort.NUMBER or "." in word.text:
            raise self._unexpected(sentence("a number of days"))
        if len(word.text) > len(str(_MOST_DAYS)) or int(word.text) > _MOST_DAYS:
            raise BadFilter(sentence("at most %(most)s days", most=_MOST_DAYS), word.at, word.length)
        self._step()
        return sign * int(word.text)

    def _name(self, expected: Sentence) -> str:
        word = self.here
        name = word.text.lower()
        is_mark = name in _MARKS and self._words[self._place + 1].says(":")  # one of them is 'is'
        if word.sort is not Sort.NAME or (name in KEYWORDS and not is_mark):
            raise self._unexpected(expected)
        self._step()
        return name

    def _step(self) -> Word:
        word = self.here
        self._place += 1
        return word

    def _skip(self, keyword: str) -> bool:
        if not self.here.says(keyword):
            return False
        self._place += 1
        return True

    def _need(self, keyword: str, expected: Sentence) -> None:
        if not self._skip(keyword):
            raise self._unexpected(expected)

    def _unexpected(self, expected: Sentence) -> BadFilter:
        word = self.here
        if word.sort is Sort.END:
            told = sentence("the filter ends too early: expected %(expected)s", expected=expected)
        else:
            told = sentence("expected %(expected)s, not %(word)s", expected=expected, word=word.text or "''")
        return BadFilter(told, word.at, word.length)


def _listed(values: type[Mark | Operator]) -> str:
    return " ".join(each.value for each in values)
