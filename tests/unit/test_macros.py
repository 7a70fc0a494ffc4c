"""Texts with macros: what they say, what they refuse, and that the short way says what the library would."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.macros import LONGEST_SOURCE, LONGEST_TEXT, read
from campaigns.text_errors import TextError, TooMuch

pytestmark = pytest.mark.proves("C9")
ANNA = {"first_name": "Anna", "name": "Anna Hansen", "order": {"number": 17, "paid": True}, "vacant": "", "none": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hej {{ first_name }}!", "Hej Anna!"),
        ("Hej {{first_name}}, {{ order.number }}", "Hej Anna, 17"),
        ('Hej {{ vacant | default: "du" }}', "Hej du"),
        ("Hej {{ none | default: 'du' }}{{ gone | default: 'x' }}", "Hej dux"),
        ("{{ gone }}{{ order.gone }}{{ gone.gone }}", ""),
        ("{{ order.paid }}", "true"),
        ("{{ first_name | upcase | append: '!' }}", "ANNA!"),
        ("{% if order.paid %}Tak{% else %}Husk{% endif %}", "Tak"),
        ("{% assign a = name | truncate: 6 %}{{ a }}", "Ann..."),
        ("{{ name | replace: 'Hansen', 'H' }}", "Anna H"),
        ("{% comment %}nothing{% endcomment %}Hej", "Hej"),
        ("100 % { } } {", "100 % { } } {"),
        ("«Æøå» 🙂 {{ first_name }}", "«Æøå» 🙂 Anna"),
    ],
)
def test_what_a_text_says(text: str, said: str) -> None:
    macros = read(text)
    assert macros.render(ANNA) == said
    assert macros.render_by_library(ANNA) == said


@pytest.mark.proves("macros have no code")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{0.__class__}", "{0.__class__}"),
        ("${7*7} #{7*7} <%= 7*7 %> %s %(name)s", "${7*7} #{7*7} <%= 7*7 %> %s %(name)s"),
        ("{{ first_name.__class__ }}", ""),
        ("{{ first_name['__class__'] }}{{ order.items }}{{ order.keys }}", ""),
        ("{{ __import__ }}{{ self }}{{ context }}{{ env }}", ""),
    ],
)
def test_what_looks_like_code_is_text_or_nothing(text: str, said: str) -> None:
    assert read(text).render(ANNA) == said
    assert read(text).render_by_library(ANNA) == said


@pytest.mark.proves("macros have no code")
@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{{7*7}}", 1, 4),
        ("Hej\n{{ first_name", 2, 1),
        ("{{ first_name | nothing }}", 1, 17),
        ("{{ first_name | join: ',' }}", 1, 17),
        ("{% include 'file' %}", 1, 4),
        ("{% render 'file' %}", 1, 4),
        ("{% raw_python %}", 1, 4),
        ("{{ first_name.__init__() }}", 1, 23),
        ("{% if first_name %}Hej", 0, 0),
        ("{{ }}", 0, 0),
        ("x" * (LONGEST_SOURCE + 1), 0, 0),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(TextError) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.proves("macros have no code")
@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..900) %}{% for j in (1..900) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..900) %}" + "x" * 100 + "{% endfor %}",
        "{% assign a = 'xxxxxxxxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}",
        "{% assign a = '" + "x" * 2000 + "' %}{{ a | replace: '', a | replace: '', a | replace: '', a }}",
        "{{ first_name | times: first_name | divided_by: 0 }}",
        "{{ big }}",
        "{{ (1..1000000000) | slice: 0, 900000000 | size }}",
        "{% for i in (1..1000000000) reversed %}x{% endfor %}",
        "{% for i in (1..1000000000) offset: 999999990 %}x{% endfor %}",
        "{% assign x = 99999999 %}{% for i in (1..12) %}{% assign x = x | times: x %}{% endfor %}{{ x"
        + " | times: x" * 800
        + " }}",
        "{% for i in (1..1000) %}{% assign y = big" + " | append: big" * 500 + " | size %}{% endfor %}",
        "{% for i in (1..1000) %}{% assign y = first_name" + " | upcase" * 900 + " | size %}{% endfor %}",
        "{{ '" + "%" * 1000 + "'" + " | url_encode" * 600 + " | size }}",
        "{{ '99999999999999999' | date: '%Y' }}",
    ],
)
@pytest.mark.stopwatch
def test_what_grows_beyond_all_bounds_ends_soon(text: str) -> None:
    macros = read(text)
    began = time.process_time()
    with pytest.raises(TooMuch):
        macros.render({**ANNA, "big": "æ" * LONGEST_TEXT})
    assert time.process_time() - began < 0.5


@pytest.mark.proves("macros have no code", "hostile input costs little")
@pytest.mark.parametrize(
    "text",
    [
        "{" * 9_990,
        "{{" + " " * 9_900 + "x",
        "{{" + " " * 9_900 + "x }}",
        "{%#" + "\n" * 9_900 + "%}",
        ("{{" + " " * 480 + "x") * 20,
        "{% raw %}" + "{" * 9_900,
        "{{ a " * 1_900 + "}}",
        "{%" * 4_900,
    ],
)
@pytest.mark.stopwatch
def test_what_has_no_end_is_refused_soon(text: str) -> None:
    began = time.process_time()
    with pytest.raises(TextError, match="cannot be read at line 1"):
        read(text)
    assert time.process_time() - began < 0.1


def test_a_text_says_what_it_reads_and_what_would_leave_a_gap() -> None:
    macros = read("{{ first_name }} {{ vacant }} {{ order.gone }} {{ none | default: 'x' }} {% if paid %}y{% endif %}")
    assert macros.names == ("first_name", "none", "order.gone", "paid", "vacant")
    assert macros.empty(ANNA) == ("vacant", "order.gone")
    assert macros.unknown({"first_name", "vacant", "none", "order.number"}) == ("order.gone", "paid")


_NAMES = st.sampled_from(["first_name", "name", "order", "order.number", "order.deep.er", "gone", "x", "partial", "é"])
_LITERALS = st.text(alphabet=st.characters(blacklist_characters="{}%#", blacklist_categories=("Cs",)), max_size=20)
_DEFAULTS = st.one_of(st.just(""), st.text(alphabet="abcæ {|", max_size=6).map(lambda text: f' | default: "{text}"'))
_MACROS = st.tuples(_NAMES, _DEFAULTS, st.sampled_from(["{{ %s%s }}", "{{%s%s}}", "{{- %s%s -}}"])).map(
    lambda each: each[2] % each[:2]
)
_SIMPLE = st.one_of(
    st.text(max_size=10),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3), max_size=3),
    st.just(date(2027, 1, 31)),
)
_OBJECTS = st.dictionaries(st.sampled_from(["number", "deep"]), _SIMPLE | st.fixed_dictionaries({"er": _SIMPLE}))
_FIELDS = st.dictionaries(st.sampled_from(["first_name", "name", "order", "x", "partial", "é"]), _SIMPLE | _OBJECTS)


@given(st.lists(st.one_of(_LITERALS, _MACROS), max_size=8).map("".join), _FIELDS)
def test_the_short_way_says_exactly_what_the_library_says(text: str, fields: dict[str, object]) -> None:
    macros = read(text)
    assert macros._pieces is not None, "such a text takes the short way"
    assert macros.render(fields) == macros.render_by_library(fields)


@pytest.mark.stopwatch
@pytest.mark.proves("campaign: speed")
def test_twenty_thousand_texts_a_second() -> None:
    macros = read('Hej {{ first_name | default: "du" }}! {{ clinic }} d. {{ date }}. Svar STOP. Mvh {{ name }}')
    people = [{"first_name": f"Name{n}", "clinic": "Klinikken", "date": "3. maj", "name": "Anna"} for n in range(5000)]

    def took() -> float:
        began = time.process_time()
        for fields in people:
            macros.render(fields)
        return time.process_time() - began

    assert len(people) / min(took() for _ in range(5)) > 20_000
