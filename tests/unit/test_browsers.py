"""What browsers say of themselves, in a few words."""

from __future__ import annotations

import pytest

from web.pages.browsers import browser_words

_MOZILLA = "Mozilla/5.0 "
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"


@pytest.mark.proves("sessions")
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"{_MOZILLA}(Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        (f"{_MOZILLA}(X11; Linux x86_64) {_WEBKIT} Safari/537.36", "Chrome, Linux"),
        (f"{_MOZILLA}(Windows NT 10.0; Win64; x64) {_WEBKIT} Safari/537.36 Edg/140.0.0.0", "Edge, Windows"),
        (f"{_MOZILLA}(Linux; Android 15; Pixel 9) {_WEBKIT} Mobile Safari/537.36", "Chrome, Android"),
        (
            f"{_MOZILLA}(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 500, "x" * 60),
        ("", ""),
    ],
)
def test_a_browser_in_a_few_words(said: str, words: str):
    assert browser_words(said) == words
