"""How the letters of our languages are written where only ASCII goes, as their people do it.

In: a text, its language. Out: the text in ASCII. What has no spelling of its own is written without its accents, and as
"?" where nothing is left of it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_MARKS: Final = {
    **dict.fromkeys("„“”«»", '"'),
    **dict.fromkeys("‚‘’", "'"),
    **dict.fromkeys("‐‑–—−", "-"),
    "…": "...",
}
_NORDIC: Final = {"æ": "ae", "ø": "oe", "å": "aa"}
_RUSSIAN: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
_LETTERS: Final = {
    "da": _NORDIC,
    "no": _NORDIC,
    "de": {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"},
    "fr": {"œ": "oe", "æ": "ae"},
    "ru": _RUSSIAN,
}


def _table(letters: dict[str, str]) -> dict[int, str]:
    both = {
        **letters,
        **{each.upper(): spelt.capitalize() for each, spelt in letters.items() if len(each.upper()) == 1},
    }
    return str.maketrans({**_MARKS, **both})


_TABLES: Final = {language: _table(letters) for language, letters in _LETTERS.items()}
_OTHERS: Final = _table({})


def in_ascii(text: str, language: str) -> str:
    """The text in ASCII, quotation marks and dashes plain."""
    if text.isascii():
        return text
    spelt = unicodedata.normalize("NFC", text).translate(_TABLES.get(language, _OTHERS))
    bare = "".join(each for each in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(each))
    return bare.encode("ascii", "replace").decode()
