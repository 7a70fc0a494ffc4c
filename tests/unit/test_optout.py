"""STOP and START in the words of seven languages, and what only contains them."""

from __future__ import annotations

import pytest

from gateway.optout import Wish, read_wish


@pytest.mark.proves("STOP")
@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", "Stop!", " stop. ", "STOP ALL", "Afmeld", "AVMELD", "avregistrera", "abmelden", "Arrêt", "СТОП",
     "отписаться", "unsubscribe", "«Stop»", "stop\n", "STOP SMS"],
)  # fmt: skip
def test_a_word_alone_stops(text: str):
    assert read_wish(text) is Wish.STOP


@pytest.mark.proves("STOP")
@pytest.mark.parametrize("text", ["START", "start", "Tilmeld", "Starten", "Старт", "unstop", "Start!"])
def test_a_word_alone_starts_again(text: str):
    assert read_wish(text) is Wish.START


@pytest.mark.proves("STOP")
@pytest.mark.parametrize(
    "text",
    ["", "stop nu med at bekymre dig", "Kan du ikke stoppe ved bageren?", "Non-stop", "bus stop 14", "ja", "x" * 500],
)
def test_a_sentence_is_a_sentence(text: str):
    assert read_wish(text) is None
