"""The language of filters: what is written is read as the same, and mistakes say where they are."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.filters.errors import BadFilter
from campaigns.filters.reading import DEEPEST, MOST, read
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
)
from campaigns.filters.vocabulary import checked, vocabulary
from campaigns.filters.words import KEYWORDS, LONGEST
from campaigns.filters.writing import write
from campaigns.model import Attribute, AttributeType, Book, Group, Label, LabelSort

pytestmark = pytest.mark.proves("filters")

MARKS = {mark.value for mark in Mark}
names = st.from_regex(r"[a-zæøåé_][a-zæøå0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in KEYWORDS)
kinds = names.filter(lambda name: name not in MARKS)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True),
    st.dates().map(str),
    st.sampled_from(["today", "and", "NOT", "it's", '"', "''", "- 5", "x y", "Å", "1a"]),
)
literals = texts.map(Literal)
values = st.one_of(literals, st.integers(-100_000, 100_000).map(Today))
fields = st.one_of(st.builds(Field, names), st.builds(Field, names, kinds))
conditions: st.SearchStrategy[Node] = st.one_of(
    st.builds(Compare, fields, st.sampled_from(Operator), values),
    st.builds(OneOf, fields, st.lists(values, min_size=1, max_size=4).map(tuple)),
    st.builds(Empty, fields),
    st.builds(Marked, st.sampled_from(Mark), texts),
)


def nested(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        st.builds(All, several), st.builds(Any, several), st.builds(Not, inner), st.builds(Linked, kinds, inner)
    )


trees = st.recursive(conditions, nested, max_leaves=12)


@given(trees)
def test_what_is_written_is_read_as_the_same(tree: Node):
    assert read(write(tree)) == tree


@given(trees)
def test_what_was_read_is_written_once_and_for_all(tree: Node):
    once = write(tree)
    assert write(read(once)) == once


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    "and",
                    "or",
                    "not",
                    "(",
                    ")",
                    "a",
                    ":",
                    ".",
                    "=",
                    "~",
                    "'x'",
                    "1",
                    "today",
                    "-",
                    "in",
                    "is",
                    "empty",
                    "tag",
                    ",",
                    "!=",
                ]
            )
        ).map(" ".join),
    )
)
def test_no_text_does_harm_and_mistakes_are_within_it(text: str):
    found: Node | BadFilter | None
    try:
        found = read(text)
    except BadFilter as error:
        found = error
    if isinstance(found, BadFilter):
        assert 0 <= found.at <= len(text)
        assert str(found)
        return
    assert found is None or read(write(found)) == found


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("  \n ", ""),
        ("city='Aarhus'AND(Tag:vip OR order.total>500)", "city = Aarhus and (tag: vip or order.total > 500)"),
        ("not received: 'Spring sale'", "not received: 'Spring sale'"),
        ("a = 1 or b = 2 and c = 3", "a = 1 or b = 2 and c = 3"),
        ("(a = 1 or b = 2) and c = 3", "(a = 1 or b = 2) and c = 3"),
        ("((a = 1))", "a = 1"),
        ("not not a = 1", "not not a = 1"),
        ("a not in (1, 'two')", "a not in (1, two)"),
        ("a is not empty or B IS EMPTY", "a is not empty or b is empty"),
        ("born < today - 6570", "born < today - 6570"),
        ("born = TODAY", "born = today"),
        ("born = 'today'", "born = 'today'"),
        ('name = "it\'s"', "name = 'it''s'"),
        ("balance < -5.50", "balance < -5.50"),
        ("order: (total > 5 and status = paid)", "order: (total > 5 and status = paid)"),
        ("is: no_sms", "is: no_sms"),
        ("tag = x", "tag = x"),
        ("by > 'ål'", "by > ål"),
    ],
)
def test_how_it_is_written(text: str, written: str):
    assert write(read(text)) == written


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("city =", 6, "ends too early: expected a value"),
        ("city", 4, "ends too early: expected = !="),
        ("city 'Aarhus'", 5, "expected = != < <= > >= ~ ^, 'in' or 'is empty', not Aarhus"),
        ("city = 'Aarhus", 7, "the quote is not closed"),
        ("city = 1 age = 2", 9, "expected 'and', 'or', or the end, not age"),
        ("(city = 1", 9, "expected 'and', 'or', or ')'"),
        ("city = 1)", 8, "or the end, not )"),
        ("city = 1 and", 12, "expected a condition, such as"),
        ("and city = 1", 0, "expected a condition, such as"),
        ("tag vip", 4, "not vip"),
        ("colour: red", 0, "one of tag consent group"),
        ("zip = 8000a", 6, "8000a is no number: write it in quotes"),
        ("phone = +4530643064", 8, "expected a value, not +"),
        ("a in ()", 6, "expected a value"),
        ("a in (1 2)", 8, "expected ',' or ')'"),
        ("a is blue", 5, "expected 'empty' or 'not empty'"),
        ("a is not blue", 9, "expected 'empty', not blue"),
        ("a not like b", 6, "expected 'in'"),
        ("born < today - x", 15, "a number of days"),
        ("born < today - 9999999999", 15, "at most 100000 days"),
        ("tag: today", 5, "in quotes"),
        ("a = -x", 5, "expected a number"),
        ("a = b; drop", 5, "means nothing here"),
        ("order. = 1", 7, "the name of a field"),
        ("(" * (DEEPEST + 1) + "a = 1", DEEPEST, "nested too deeply"),
        ("not " * 5000, 4 * DEEPEST, "nested too deeply"),
        (" or ".join(["a = 1"] * (MOST + 1)), 9 * MOST, "too many conditions"),
        ("a" * (LONGEST + 1), LONGEST, "too long"),
    ],
)
def test_mistakes_say_where_and_what_could_stand_there(text: str, at: int, words: str):
    with pytest.raises(BadFilter, match=re.escape(words)) as caught:
        read(text)
    assert (caught.value.at, caught.value.length >= 1) == (at, True)


BOOK = Book(
    1,
    "o",
    "DK",
    {
        (each.kind, each.key): each
        for each in (
            Attribute("city", "City", AttributeType.TEXT, slot="text_1"),
            Attribute("size", "Size", AttributeType.CHOICE, ("S", "M", "XL"), slot="text_2"),
            Attribute("age", "Age", AttributeType.NUMBER, slot="number_1"),
            Attribute("born", "Born", AttributeType.DATE, slot="number_2"),
            Attribute("member", "Member", AttributeType.YES_NO, slot="number_3"),
            Attribute("one_too_many", "Too many", AttributeType.TEXT),
            Attribute("total", "Total", AttributeType.NUMBER, kind="order", slot="number_1"),
        )
    },
    {
        (LabelSort.TAG, "vip"): Label(1, "VIP"),
        (LabelSort.CONSENT, "news"): Label(1, "News"),
        (LabelSort.KIND, "order"): Label(1, "order"),
    },
    {"friends": Group("g", "o", "Friends", None, 0.0, 0.0)},
)
TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    "text",
    [
        "city ~ aar and size = xl and age >= 18.5 and born < today and member = yes",
        "tag: VIP and consent: news and group: friends and has: order and is: opted_out and received: Spring",
        "order: (total > 5 or order.total is empty) and order.total != 7 and name ^ a and created > today - 7",
        "size in (s, m) and born in (2026-01-01, today) and has: phone",
    ],
)
def test_what_there_is_can_be_asked_for(text: str):
    assert checked(text, BOOK, ["Spring"], today=TODAY) == read(text)


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("cty = x", 0, "there is no field cty: did you mean city"),
        ("order.totl > 1", 0, "there is no field order.totl: did you mean total"),
        ("ordr.total > 1", 0, "no kind of linked objects is called ordr: did you mean order"),
        ("car: (a = 1)", 0, "no kind of linked objects is called car"),
        ("order: (tag: vip)", 8, "only its own fields"),
        ("order: (car.x = 1)", 8, "only its own fields"),
        ("age ~ 1", 0, "cannot be compared by ~, only by ="),
        ("size < M", 0, "only by = !="),
        ("age = old", 6, "old is not a number"),
        ("born = soon", 7, "not a date: write it like 2026-12-31"),
        ("born = 2026-02-30", 7, "no day 2026-02-30"),
        ("member = perhaps", 9, "neither yes nor no"),
        ("size = L", 7, "L is none of S, M, XL"),
        ("age > today", 6, "Age is not a date"),
        ("city = x and tag: vi", 13, "none called vi: did you mean vip"),
        ("group: foes", 0, "none called foes"),
        ("received: Autumn", 0, "none called Autumn"),
        ("is: tall", 0, "none called tall"),
        ("one_too_many = x", 0, "too many attributes"),
        ("age in (1, x)", 11, "not a number"),
    ],
)
def test_what_there_is_not_is_refused_with_what_is_near(text: str, at: int, words: str):
    with pytest.raises(BadFilter, match=words) as caught:
        checked(text, BOOK, ["Spring"], today=TODAY)
    assert caught.value.at == at


def test_a_builder_is_offered_all_that_there_is():
    offered = vocabulary(BOOK, ["Spring"])
    fields = {each.name: each for each in offered.fields}
    assert {"name", "phone", "created", "city", "order.total"} <= set(fields)
    assert "one_too_many" not in fields
    assert fields["size"].choices == ("S", "M", "XL")
    assert {each.mark: each.names for each in offered.marks} == {
        Mark.TAG: ("VIP",),
        Mark.CONSENT: ("News",),
        Mark.GROUP: ("Friends",),
        Mark.HAS: ("phone", "email", "order"),
        Mark.IS: ("no_sms", "opted_out"),
        Mark.RECEIVED: ("Spring",),
        Mark.ANSWERED: ("Spring",),
        Mark.CLICKED: ("Spring",),
    }
    for each in offered.fields:
        for operator in each.operators:
            value = {AttributeType.DATE: "2026-01-01", AttributeType.YES_NO: "yes", AttributeType.CHOICE: "S"}.get(
                each.type, "1"
            )
            checked(f"{each.name} {operator} {value}", BOOK, today=TODAY)
