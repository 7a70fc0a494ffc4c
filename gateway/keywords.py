"""Keywords: the first word of an SMS to an organisation's number says whom it is for. Pure.

A word is a run of letters and digits, whatever stands around it, in either case, with or without accents: "Pizza!",
"PIZZA," and "pízza" are one. Each text is walked through once, and only its beginning.
"""

from __future__ import annotations

import unicodedata
from itertools import dropwhile, takewhile

from gateway.optout import read_wish
from gateway.translation import sentence

MAX_WORD = 40
"""Letters of a keyword."""
_LOOKED_AT = 200
"""Characters of a text that its first word may stand in."""
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"})
"""Letters that no decomposition takes apart, and that people without such a keyboard write so."""


def first_word(text: str) -> str:
    """The first word as keywords are compared; empty where there is none."""
    beginning = _folded(text[:_LOOKED_AT])
    return "".join(takewhile(str.isalnum, dropwhile(lambda letter: not letter.isalnum(), beginning)))[:MAX_WORD]


def read_keyword(written: str) -> str:
    """The word that a keyword is compared as. Raises ValueError with a sentence where it is none."""
    text = written.strip()
    word = first_word(text)
    if not word or len(text) > MAX_WORD or len(word) != len(_folded(text)):
        raise ValueError(sentence("a keyword is one word of letters and digits, at most %(most)s", most=MAX_WORD))
    if read_wish(text) is not None or read_wish(word) is not None:
        raise ValueError(
            sentence("'%(word)s' ends or begins SMS from an organisation: it cannot be a keyword", word=text)
        )
    return word


def _folded(text: str) -> str:
    """Without case, accents and other marks."""
    # Signs such as 𝐀 and ™ fall apart into capitals, and a few small letters fall apart again.
    small = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    apart = unicodedata.normalize("NFKD", small)
    return "".join(letter for letter in apart if not unicodedata.category(letter).startswith("M"))
