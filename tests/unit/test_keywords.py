"""The first word of an SMS, however a thumb writes it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keywords import MAX_WORD, first_word, read_keyword

pytestmark = pytest.mark.proves("keywords")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("PIZZA", "pizza"),
        ("pizza 2 stk", "pizza"),
        ("\u00a0\n  Pizza!", "pizza"),
        ("»Pizza«, tak", "pizza"),
        ("pízzà", "pizza"),
        ("pizza,2", "pizza"),
        ("Bl\u0061\u030abær", "blabaer"),
        ("BLÅBÆR", "blabaer"),
        ("blabaer nu", "blabaer"),
        ("Straße", "strasse"),
        ("ŁÓDŹ", "lodz"),
        ("Привет!", "привет"),
        ("ёлка", "елка"),
        ("２０２６", "2026"),
        ("𝐀𝐁𝐂", "abc"),
        ("Menu™", "menutm"),
        ("😀 menu", "menu"),
        ("", ""),
        ("...", ""),
        ("pizzas", "pizzas"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(text: str, word: str):
    assert first_word(text) == word


def taken(text: str) -> str | None:
    """The word of a keyword; None where it is refused."""
    try:
        return read_keyword(text)
    except ValueError:
        return None


@given(st.text(max_size=30))
def test_what_is_taken_as_a_keyword_is_found_again(text: str):
    word = taken(text)
    if word is not None:
        assert word == first_word(text) == first_word(f'  "{text.strip()}", tak!') == first_word(f"{text} og mere")
        assert taken(word) == word


@pytest.mark.proves("STOP")
@pytest.mark.parametrize("word", ["STOP", "Start", "arrêt", "arret", "стоп", "afmeld"])
def test_stop_and_start_are_no_keywords(word: str):
    with pytest.raises(ValueError, match="ends or begins"):
        read_keyword(word)


@pytest.mark.parametrize("word", ["", "stop!", "to ord", "e-mail", "x" * (MAX_WORD + 1), "!", "l'été"])
def test_a_keyword_is_one_word(word: str):
    with pytest.raises(ValueError, match="one word of letters and digits"):
        read_keyword(word)


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("text", ["." * 39_000, "a" * 39_000, "\u0301" * 39_000, "\ufdfa" * 39_000])
@pytest.mark.stopwatch
def test_a_long_text_costs_what_a_short_one_costs(text: str):
    began = time.process_time()
    for _ in range(20):
        first_word(text)
    assert time.process_time() - began < 0.2
