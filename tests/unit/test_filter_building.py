"""A filter as it is built: what is built of a tree says the same, and what is not finished waits."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.filters.building import (
    Bracket,
    Finished,
    Line,
    added,
    built,
    finished,
    fits,
    numbered,
    removed,
    walk,
)
from campaigns.filters.mentions import groups_in, renamed
from campaigns.filters.reading import read
from campaigns.filters.tree import All, Any, Compare, Linked, Node, Not, Operator
from campaigns.filters.vocabulary import vocabulary
from campaigns.filters.writing import write
from campaigns.model import Attribute, AttributeType, Book, Group, Label, LabelSort
from web.pages.filter_form import built_of, done_to, drawn, fitted, fresh

pytestmark = pytest.mark.proves("filters")

TODAY = date(2026, 11, 26)
_FIELDS = (
    Attribute("city", "City", AttributeType.TEXT, slot="text_1"),
    Attribute("age", "Age", AttributeType.NUMBER, slot="number_1"),
    Attribute("born", "Born", AttributeType.DATE, slot="number_2"),
    Attribute("size", "Size", AttributeType.CHOICE, ("S", "XL"), slot="text_2"),
    Attribute("member", "Member", AttributeType.YES_NO, slot="number_3"),
    Attribute("total", "Total", AttributeType.NUMBER, kind="order", slot="number_1"),
    Attribute("paid", "Paid", AttributeType.DATE, kind="order", slot="number_2"),
)
BOOK = Book(
    1,
    "org",
    "DK",
    {(each.kind, each.key): each for each in _FIELDS},
    {(LabelSort.KIND, "order"): Label(1, "order"), (LabelSort.TAG, "vip"): Label(1, "VIP")},
    {"old": Group("g", "org", "Old", "age > 60", 0, 0)},
)
CONDITIONS = [
    "city = Aarhus",
    "city != Aarhus",
    "city ~ 'a and b'",
    "city in (Aarhus, 'x, y')",
    "age >= 30",
    "age < 3.5",
    "age is empty",
    "born > today - 90",
    "born <= today",
    "born = 1990-12-31",
    "born in (2000-01-01, today + 3)",
    "size = XL",
    "member != yes",
    "tag: vip",
    "group: old",
    "is: opted_out",
    "has: order",
    "received: 'Spring 2026'",
    "order.total > 500",
    "order: (total > 500 and not paid is empty)",
    "order: (total < 5 or not (total = 7 and paid > today - 1))",
]


def filters() -> st.SearchStrategy[Node]:
    conditions = st.sampled_from(CONDITIONS).map(_tree)
    return st.recursive(
        conditions,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda items: All(tuple(items))),
            st.lists(inner, min_size=2, max_size=3).map(lambda items: Any(tuple(items))),
            inner.map(Not),
        ),
        max_leaves=8,
    )


def _tree(text: str) -> Node:
    node = read(text)
    assert node is not None
    return node


def holds(node: Node, luck: int) -> bool:
    """What a tree says where each condition is true or false by chance, the same ones alike."""
    match node:
        case All(items):
            return all(holds(item, luck) for item in items)
        case Any(items):
            return any(holds(item, luck) for item in items)
        case Not(item):
            return not holds(item, luck)
        case Compare(field, Operator.DIFFERS, value):
            return not holds(Compare(field, Operator.EQUALS, value), luck)
        case Linked(kind, item):
            return random.Random(f"{luck} {kind} {holds(item, luck)}").random() < 0.5
        case _:
            return random.Random(f"{luck} {write(node)}").random() < 0.5


def ask(root: Bracket) -> Finished:
    return finished(root, BOOK, (), TODAY)


@given(filters())
def test_what_is_built_of_a_tree_says_the_same(tree: Node):
    done = ask(numbered(built(tree)))
    assert (dict(done.problems), done.unfinished) == ({}, frozenset())
    assert done.node is not None
    assert [holds(tree, luck) for luck in range(12)] == [holds(done.node, luck) for luck in range(12)]
    assert ask(numbered(built(done.node))).node == done.node, "what was built once is built the same again"


def form_of(root: Bracket) -> dict[str, list[str]]:
    """The fields that a page with this in it sends."""
    form: dict[str, list[str]] = {"node": []}

    def put(item: Line | Bracket, parent: int) -> None:
        if isinstance(item, Line):
            form["node"].append(f"{item.id}:{parent}:line")
            form.update({f"f{item.id}": [item.field], f"s{item.id}": [item.sign], f"h{item.id}": [item.how]})
            form[f"v{item.id}"] = ["\r\n".join(item.values)] if item.plain_sign == "in" else list(item.values)
            return
        form["node"].append(f"{item.id}:{parent}:{item.kind or 'bracket'}")
        join = {(False, False): "all", (True, False): "any", (True, True): "none", (False, True): "not all"}
        form[f"j{item.id}"] = [join[item.any, item.negated]]
        for each in item.items:
            put(each, item.id)

    put(root, 0)
    return form


@given(filters())
def test_what_the_page_shows_comes_back_as_it_was(tree: Node):
    root = numbered(built(tree))
    if not fits(root):
        return
    words = vocabulary(BOOK)
    assert fitted(built_of(form_of(root)), words) == root
    view = drawn(root, words, ask(root), wanting=True)
    assert view.bracket == root


def test_what_is_not_finished_is_not_asked():
    root = numbered(Bracket((Line("age", ">"), Line(), Line("city", "=", ("Aarhus",)), Bracket((Line("tag:", ":"),)))))
    done = ask(root)
    assert write(done.node) == "city = Aarhus"
    assert len(done.unfinished) == 3
    assert ask(Bracket()).node is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (Line("age", "=", ("old",)), "not a number"),
        (Line("born", "=", ("31.02.2020",)), "no day"),
        (Line("born", "<", ("soon",), how="ago"), "number of days"),
        (Line("size", "=", ("L",)), "none of S, XL"),
        (Line("nothing", "=", ("1",)), "no field nothing"),
        (Line("tag:", ":", ("vup",)), "did you mean vip"),
        (Line("age", "~", ("1",)), "cannot be compared"),
    ],
)
def test_a_mistake_is_told_beside_its_line(line: Line, words: str):
    root = numbered(Bracket((line, Line("city", "=", ("Aarhus",)))))
    done = ask(root)
    assert write(done.node) == "city = Aarhus"
    ((own, told),) = done.problems.items()
    assert own == root.items[0].id
    assert words in str(told)


def test_buttons_add_and_take_away():
    root = numbered(Bracket())
    for deed in ("line:1", "bracket:1", "kind:1:order", "nonsense", "line:99", "remove:1"):
        root = fresh(done_to(root, deed), form_of(root))
    line, bracket, order = root.items
    assert isinstance(line, Line)
    assert isinstance(bracket, Bracket)
    assert isinstance(order, Bracket)
    assert (bracket.any, order.kind, len(order.items)) == (True, "order", 1)
    assert len({item.id for item, _ in walk(root)}) == 6, "each has a number of its own"
    root = removed(added(root, order.id, Line("total")), bracket.id)
    assert [item.id for item in root.items] == [line.id, order.id]


def test_a_form_that_no_page_of_ours_sends_does_no_harm():
    for nodes in (
        ["1:0:bracket", "2:3:line", "3:2:bracket", "1:1:line"],
        ["2:1:line"],
        ["x", "1:0:line", "5:1:bracket", "0:0:line", "9" * 30 + ":0:line"],
        [f"{n + 1}:{n}:bracket" for n in range(5_000)],
        [f"{n + 2}:1:line" for n in range(5_000)],
    ):
        root = built_of({"node": nodes, "v2": ["x" * 100_000] * 1000, "s2": ["in"], "f2": ["y" * 100_000]})
        assert len(list(walk(root))) <= 60
        ask(root)


def test_groups_are_found_and_called_otherwise():
    text = "age > 3 and not (group: 'OUR  regulars' or order: (total > 1)) or group: old"
    assert groups_in(text) == {"our regulars", "old"}
    assert renamed(text, "our regulars", "It's us") == (
        "age > 3 and not (group: 'It''s us' or order: (total > 1)) or group: old"
    )
    assert renamed("age  >  3", "old", "new") == "age  >  3"
    assert groups_in("age >") == frozenset()
