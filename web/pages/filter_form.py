"""The form in which a filter is built: its fields into lines and brackets, and those into what a template draws. Pure.

Each item has a number of its own for as long as the page is open, so that what is drawn anew is known again: the fields
of item 7 are `f7` the field, `s7` the sign, `h7` how a date is meant, `v7` the values, `j7` how a bracket binds. `node`
lists the items as "number:of which bracket:kind of linked object", each before those in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from campaigns.filters.building import (
    AGO,
    AHEAD,
    EMPTY,
    HOLDS,
    MOST_SHOWN,
    ONE_OF,
    Bracket,
    Finished,
    Item,
    Line,
    numbered,
    removed,
    walk,
)
from campaigns.filters.building import added as with_item
from campaigns.filters.tree import BEHAVIOURS, Mark, Operator
from campaigns.filters.vocabulary import BUILT_IN, FieldChoice, Vocabulary
from campaigns.model import AttributeType
from web.language import gettext as _
from web.language import say

Fields: TypeAlias = "Mapping[str, Sequence[str]]"
Options: TypeAlias = "Sequence[tuple[str, str]]"
_NODE = re.compile(r"([1-9][0-9]{0,8}):([0-9]{1,9}):(line|bracket|[^\W\d]\w{0,39})")
_DEED = re.compile(r"(line|bracket|remove|kind):([0-9]{1,9})(?::([^\W\d]\w{0,39}))?")
_LONGEST_VALUE, _MOST_VALUES = 2_000, 200
_MOST_NAMES: Final = 300
"""Names that are offered while one types."""


# --- out of a form -------------------------------------------------------------------------------------------------


def built_of(form: Fields) -> Bracket:
    """What the form holds; whatever no page of ours would say is left out."""
    inside: dict[int, list[int]] = {}
    sorts: dict[int, str] = {}
    for node in form.get("node", ())[:MOST_SHOWN]:
        found = _NODE.fullmatch(node)
        if found is None or int(found[1]) in sorts:
            continue
        own, parent = int(found[1]), int(found[2])
        if (parent in sorts and sorts[parent] != "line") or not sorts:
            sorts[own] = found[3] if sorts else "bracket"
            inside.setdefault(parent if len(sorts) > 1 else 0, []).append(own)

    def item(own: int) -> Item:
        if sorts[own] == "line":
            return _line(form, own)
        join = _one(form, f"j{own}")
        kind = "" if sorts[own] == "bracket" else sorts[own]
        items = tuple(item(each) for each in inside.get(own, ()))
        return Bracket(items, join in {"any", "none"}, join in {"none", "not all"}, kind, own)

    root = item(inside[0][0]) if inside else numbered(Bracket())
    return root if isinstance(root, Bracket) else numbered(Bracket())


def _line(form: Fields, own: int) -> Line:
    sign = _one(form, f"s{own}")
    values = [each[:_LONGEST_VALUE] for each in form.get(f"v{own}", ())]
    if sign.endswith(ONE_OF):
        values = [part.strip() for each in values for part in each.splitlines() if part.strip()]
    return Line(_one(form, f"f{own}")[:90], sign[:10], tuple(values[:_MOST_VALUES]), _one(form, f"h{own}")[:10], own)


def _one(form: Fields, name: str) -> str:
    return next(iter(form.get(name, ())), "")


def done_to(root: Bracket, deed: str) -> Bracket:
    """What a button says: "line:3" adds a condition to bracket 3, "bracket:3", "kind:3:order", "remove:7"."""
    found = _DEED.fullmatch(deed)
    if found is None:
        return root
    own = int(found[2])
    if found[1] == "remove":
        return removed(root, own)
    item: Item = Line()
    if found[1] != "line":
        item = Bracket((Line(),), any=found[1] == "bracket", kind=found[3] or "")
    return with_item(root, own, item)


def fresh(root: Bracket, form: Fields) -> Bracket:
    """With numbers for what is new, higher than any that the page has known."""
    known = [int(found[1]) for node in form.get("node", ()) if (found := _NODE.fullmatch(node))]
    known += [item.id for item, _depth in walk(root)]
    return numbered(root, max(known) % 100_000_000 + 1)


def fitted(root: Bracket, words: Vocabulary) -> Bracket:
    """With signs that fit what each line is about: another field may have been chosen."""
    drawing = _Drawing(words, Finished(None, {}, frozenset()), wanting=False)

    def fit(item: Item, kind: str) -> Item:
        if isinstance(item, Line):
            return drawing.fit(item, kind)
        return replace(item, items=tuple(fit(each, item.kind or kind) for each in item.items))

    done = fit(root, "")
    return done if isinstance(done, Bracket) else root


# --- as it is drawn ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineView:
    """A condition as it is drawn."""

    line: Line
    fields: Sequence[tuple[str, Options]]
    """By what they are about."""
    signs: Options
    hows: Options
    input: str
    """text, number, date, days, choice, ticks, lines, names, or none."""
    options: Options
    names: str
    """The list of names that are offered; "" for none."""
    problem: str


@dataclass(frozen=True, slots=True)
class BracketView:
    """A bracket as it is drawn."""

    bracket: Bracket
    join: str
    joins: Options
    items: Sequence[LineView | BracketView]
    kinds: Sequence[str]
    """Kinds of linked objects that a bracket can be added for."""
    depth: int


def drawn(root: Bracket, words: Vocabulary, told: Finished, *, wanting: bool) -> BracketView:
    """What a template draws. `wanting`: whether what is not finished is told as a mistake."""
    return _Drawing(words, told, wanting=wanting).bracket(root, "", 0)


class _Drawing:
    def __init__(self, words: Vocabulary, told: Finished, *, wanting: bool) -> None:
        self._words = words
        self._told = told
        self._wanting = wanting
        self._choices = {each.name: each for each in words.fields}
        self._names = {each.mark: each.names for each in words.marks}

    def bracket(self, bracket: Bracket, kind: str, depth: int) -> BracketView:
        kind = bracket.kind or kind
        items = [
            self.bracket(each, kind, depth + 1) if isinstance(each, Bracket) else self._line(each, kind)
            for each in bracket.items
        ]
        join = {(False, False): "all", (True, False): "any", (True, True): "none", (False, True): "not all"}
        kinds = () if kind else self._words.kinds
        return BracketView(bracket, join[bracket.any, bracket.negated], _joins(bracket.kind), items, kinds, depth)

    def fit(self, line: Line, kind: str) -> Line:
        choice = self._choice(line, kind)
        signs = dict(self._signs(line, choice))
        if line.sign not in signs:
            line = replace(line, sign=next(iter(signs)))
        return replace(line, how=line.how if line.how in dict(self._hows(line, choice)) else "")

    def _choice(self, line: Line, kind: str) -> FieldChoice | None:
        return self._choices.get(f"{kind}.{line.field}" if kind else line.field)

    def _hows(self, line: Line, choice: FieldChoice | None) -> Options:
        return _hows() if choice is not None and choice.type is AttributeType.DATE and _compares(line) else ()

    def _line(self, line: Line, kind: str) -> LineView:
        choice = self._choice(line, kind)
        signs = self._signs(line, choice)
        hows = self._hows(line, choice)
        problem = say(self._told.problems[line.id]) if line.id in self._told.problems else ""
        if self._wanting and line.id in self._told.unfinished:
            problem = _("Choose what it is about.") if not line.field else _("Say what it is compared with.")
        shape, options, names = self._input(line, choice)
        fields = self._fields(kind, line.field)
        return LineView(line, fields, signs, hows, shape, options, names, problem)

    def _fields(self, kind: str, chosen: str) -> list[tuple[str, Options]]:
        prefix = f"{kind}." if kind else ""
        own = [each for each in self._words.fields if each.name.startswith(prefix)]
        if kind:
            found: list[tuple[str, Options]] = [(kind, [(each.name.removeprefix(prefix), each.label) for each in own])]
        else:
            plain = [each for each in own if "." not in each.name]
            found = [
                (_("Contact"), [(each.name, _field_words(each)) for each in plain if each.name in BUILT_IN]),
                (_("Own fields"), [(each.name, each.label) for each in plain if each.name not in BUILT_IN]),
                *(
                    (of, [(each.name, f"{of}: {each.label}") for each in own if each.name.startswith(f"{of}.")])
                    for of in self._words.kinds
                ),
                (_("What is noted"), _marks()),
            ]
        if chosen and not any(chosen == value for _words, options in found for value, _label in options):
            found.append((_("Not there any more"), [(chosen, chosen)]))
        return [(words, options) for words, options in found if options]

    def _signs(self, line: Line, choice: FieldChoice | None) -> Options:
        words = _sign_words(choice.type if choice is not None else AttributeType.TEXT)
        if line.field.endswith(":"):
            return _holds(line.field[:-1])
        if choice is None:
            return [(line.sign, words.get(line.sign, line.sign))] if line.field else [("=", words["="])]
        known: list[str] = []
        for operator in choice.operators:
            known.append(operator.value)
            if operator in {Operator.CONTAINS, Operator.STARTS}:
                known.append(f"not {operator.value}")
        known += [ONE_OF, f"not {ONE_OF}", EMPTY, f"not {EMPTY}"]
        if line.negated and line.sign not in known and line.plain_sign in known:
            known.append(line.sign)
        return [(sign, words.get(sign) or _("not: %(sign)s", sign=words[sign.removeprefix("not ")])) for sign in known]

    def _input(self, line: Line, choice: FieldChoice | None) -> tuple[str, Options, str]:
        if not line.field or line.plain_sign == EMPTY:
            return "none", (), ""
        if line.field.endswith(":"):
            return self._marked_input(line)
        kind = choice.type if choice is not None else AttributeType.TEXT
        if choice is not None and kind in {AttributeType.CHOICE, AttributeType.YES_NO}:
            options = [("yes", _("yes")), ("no", _("no"))] if kind is AttributeType.YES_NO else _same(choice.choices)
            options += [(each, each) for each in line.values if each and each not in dict(options)]
            return "ticks" if line.plain_sign == ONE_OF else "choice", options, ""
        if line.plain_sign == ONE_OF:
            return "lines", (), ""
        if kind is AttributeType.DATE:
            return "days" if line.how else "date", (), ""
        return "number" if kind is AttributeType.NUMBER else "text", (), ""

    def _marked_input(self, line: Line) -> tuple[str, Options, str]:
        mark = line.field[:-1]
        if mark in {Mark.IS, Mark.HAS}:
            known = _states() | {each: each for each in self._names.get(Mark(mark), ())} | _has_words()
            options = [(each, known.get(each, each)) for each in self._names.get(Mark(mark), ())]
            options += [(each, each) for each in line.values if each and each not in dict(options)]
            return "choice", options, ""
        return "names", (), "campaign" if mark in BEHAVIOURS else mark


def offered(words: Vocabulary) -> dict[str, Sequence[str]]:
    """Names that are offered while one types, by what they are of."""
    found = {each.mark.value: each.names[:_MOST_NAMES] for each in words.marks if each.mark not in BEHAVIOURS}
    found["campaign"] = next((each.names[:_MOST_NAMES] for each in words.marks if each.mark in BEHAVIOURS), ())
    return {name: names for name, names in found.items() if name not in {Mark.IS, Mark.HAS} and names}


def _compares(line: Line) -> bool:
    return line.plain_sign not in {EMPTY, ONE_OF, HOLDS}


def _same(choices: Sequence[str]) -> list[tuple[str, str]]:
    return [(each, each) for each in choices]


# --- in words ------------------------------------------------------------------------------------------------------


def _joins(kind: str) -> Options:
    if kind:
        return [
            ("all", _("has one with all of this")),
            ("any", _("has one with any of this")),
            ("not all", _("has none with all of this")),
            ("none", _("has none with any of this")),
        ]
    return [
        ("all", _("all of this holds")),
        ("any", _("at least one of this holds")),
        ("none", _("none of this holds")),
        ("not all", _("not all of this holds")),
    ]


def _hows() -> Options:
    return [("", _("the day")), (AGO, _("days before today")), (AHEAD, _("days after today"))]


def _field_words(choice: FieldChoice) -> str:
    known = {
        "name": _("Name"),
        "phone": _("Phone"),
        "email": _("E-mail"),
        "language": _("Language"),
        "country": _("Country"),
        "zone": _("Time zone"),
        "created": _("Contact since"),
    }
    return known.get(choice.name, choice.label)


def _marks() -> Options:
    return [
        ("tag:", _("Tag")),
        ("consent:", _("Consent")),
        ("group:", _("Group")),
        ("has:", _("Has")),
        ("is:", _("State")),
        ("received:", _("Received the campaign")),
        ("answered:", _("Answered the campaign")),
        ("clicked:", _("Clicked in the campaign")),
    ]


def _holds(mark: str) -> Options:
    if mark in BEHAVIOURS:
        return [(HOLDS, _("did")), (f"not {HOLDS}", _("did not"))]
    if mark == Mark.IS:
        return [(HOLDS, _("is")), (f"not {HOLDS}", _("is not"))]
    if mark == Mark.GROUP:
        return [(HOLDS, _("is in")), (f"not {HOLDS}", _("is not in"))]
    return [(HOLDS, _("has")), (f"not {HOLDS}", _("has not"))]


def _states() -> dict[str, str]:
    return {"no_sms": _("marked: do not use SMS"), "opted_out": _("opted out by STOP")}


def _has_words() -> dict[str, str]:
    return {"phone": _("a phone"), "email": _("an e-mail address")}


def _sign_words(kind: AttributeType) -> dict[str, str]:
    words = {
        "=": _("is"),
        "!=": _("is not"),
        "~": _("contains"),
        "not ~": _("does not contain"),
        "^": _("begins with"),
        "not ^": _("does not begin with"),
        "<": _("less than"),
        "<=": _("at most"),
        ">": _("more than"),
        ">=": _("at least"),
        "in": _("is one of"),
        "not in": _("is none of"),
        "empty": _("is not known"),
        "not empty": _("is known"),
    }
    if kind is AttributeType.DATE:
        words |= {"<": _("before"), "<=": _("up to and with"), ">": _("after"), ">=": _("from, and later")}
    if kind is AttributeType.TEXT:
        words |= {"<": _("sorts before"), "<=": _("sorts up to"), ">": _("sorts after"), ">=": _("sorts from")}
    return words
