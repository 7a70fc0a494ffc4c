"""What a composer shows: parts, what is left, what makes a text dear, and a cheaper one."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.composer import Change, Count, Why, count
from gateway.dialog import written_text
from gateway.errors import Refusal
from gateway.sms import Encoding

pytestmark = pytest.mark.proves("counting as one types", "C2")


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units", "left", "per_part"),
    [
        ("", Encoding.GSM7, 0, 0, 160, 160),
        ("a" * 160, Encoding.GSM7, 1, 160, 0, 160),
        ("a" * 161, Encoding.GSM7, 2, 161, 145, 153),
        ("a" * 306, Encoding.GSM7, 2, 306, 0, 153),
        ("a" * 152 + "€" + "b" * 100, Encoding.GSM7, 2, 254, 51, 153),
        ("ж" * 70, Encoding.UCS2, 1, 70, 0, 70),
        ("ж" * 71, Encoding.UCS2, 2, 71, 63, 67),
        ("ж" * 66 + "😀" + "ж" * 10, Encoding.UCS2, 2, 78, 55, 67),
        ("  a\r\nb \n", Encoding.GSM7, 1, 3, 157, 160),
    ],
)
def test_units_and_what_is_left(text: str, encoding: Encoding, parts: int, units: int, left: int, per_part: int):
    found = count(text, smart=False)
    assert (found.encoding, found.parts, found.units) == (encoding, parts, units)
    assert (found.left, found.per_part) == (left, per_part)


@given(st.text(max_size=700), st.booleans())
def test_it_counts_what_would_leave(text: str, smart: bool):
    found = count(text, smart=smart)
    try:
        sent = written_text(text, max_parts=255, smart=smart)
    except Refusal:
        assert found.parts == 0 or not text.strip()
        return
    if found.text:
        assert (found.encoding, found.parts, found.units) == (sent.encoding, sent.parts, sent.units)
    assert 0 <= found.left <= found.per_part
    for each in (*found.dear, *found.smart):
        assert all(found.text[place] == each.character for place in each.at)
    if found.cheaper:
        assert found.cheaper.parts < found.parts


def test_what_forces_ucs2_is_named_with_its_places():
    found = count("Hej ☃ du 日 ☃", smart=True)
    assert [(each.character, each.name, each.why, each.at) for each in found.dear] == [
        ("☃", "SNOWMAN", Why.UCS2, (4, 11)),
        ("日", "CJK UNIFIED IDEOGRAPH-65E5", Why.UCS2, (9,)),
    ]


def test_what_takes_two_units_is_named_with_its_places():
    found = count("[5 €]", smart=True)
    assert [(each.character, each.why, each.at) for each in found.dear] == [
        ("[", Why.DOUBLE, (0,)),
        ("€", Why.DOUBLE, (3,)),
        ("]", Why.DOUBLE, (4,)),
    ]


def test_smart_replacement_is_announced():
    text = "“Hej” – " + "a" * 100
    found = count(text, smart=True)
    assert (found.encoding, found.parts, found.dear, found.cheaper) == (Encoding.GSM7, 1, (), None)
    assert found.smart == (Change("“", '"', (0,)), Change("”", '"', (4,)), Change("–", "-", (6,)))
    unchanged = count(text, smart=False)
    assert (unchanged.parts, unchanged.smart) == (2, ())
    assert unchanged.cheaper is not None
    assert (unchanged.cheaper.parts, unchanged.cheaper.changes) == (1, found.smart)


@pytest.mark.parametrize(
    ("text", "cheaper", "parts"),
    [
        ("Zażółć gęślą jaźń, " + "a" * 100, "Zazolc gesla jazn, " + "a" * 100, 1),
        ("Tillykke 🎂 " + "a" * 100, "Tillykke  " + "a" * 100, 1),
        ("a" * 100 + " 👍🏽", "a" * 100, 1),
        ("Hej 🙂 " + "a" * 100, "Hej :) " + "a" * 100, 1),
        ("½ kg à 5 ₽ " + "a" * 100, "1/2 kg à 5 RUB " + "a" * 100, 1),
        ("[" * 4 + "a" * 154, "(" * 4 + "a" * 154, 1),
        ("“ç” [" + "a" * 155, '"c" (' + "a" * 155, 1),
    ],
    ids=["accents", "picture", "skin", "smile", "signs", "brackets", "all of it"],
)
def test_a_cheaper_text_is_offered(text: str, cheaper: str, parts: int):
    found = count(text, smart=True)
    assert found.cheaper is not None
    assert (found.cheaper.text, found.cheaper.parts, found.cheaper.encoding) == (cheaper, parts, Encoding.GSM7)
    assert found.cheaper.parts < found.parts


@pytest.mark.parametrize(
    "text",
    ["a" * 200, "Привет " * 20, "日本語" * 40, "ż" * 70, "€" * 81, "[" + "a" * 200],
    ids=["plain", "Russian", "Japanese", "one part", "euro", "no part less"],
)
def test_nothing_is_offered_that_does_not_help_or_says_another_thing(text: str):
    assert count(text, smart=True).cheaper is None


def test_it_changes_no_more_than_helps():
    found = count("“" + "a" * 170 + "[", smart=False)
    assert found.cheaper is not None
    assert [each.character for each in found.cheaper.changes] == ["“"]


def test_it_is_a_value_that_can_be_written_down():
    found = count("“Hej” ☃ " + "a" * 100, smart=True)
    assert json.loads(json.dumps(asdict(found)))["encoding"] == "ucs2"
    assert isinstance(found, Count)


@pytest.mark.stopwatch
@pytest.mark.parametrize("letter", ["a", "[", "ж", "ż", "😀", "“"])
def test_a_thousand_characters_take_less_than_a_millisecond(letter: str):
    text = (letter + "abc ") * 200
    count(text, smart=True)
    times = []
    for _ in range(20):
        begun = time.process_time()
        count(text, smart=True)
        times.append(time.process_time() - begun)
    assert min(times) < 0.001
