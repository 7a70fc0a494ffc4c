"""The words of our own mails, per language, from the files in `locale/` beside this module.

In: an ISO 639-1 code as an account or organisation holds it. Out: `Texts`, which fills in values. Every language has
every entry (checked when the files are read), so nothing can be half translated; a language that we do not have reads
as English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter

LANGUAGES = ("da", "no", "sv", "en", "de", "fr", "ru")
"""The languages that there are texts for."""
_SAME_AS = {"nb": "no", "nn": "no"}
_FALLBACK = "en"


class Texts:
    """All texts in one language, by "table.entry"."""

    def __init__(self, language: str, entries: Mapping[str, str]) -> None:
        self.language = language
        self._entries = entries

    def say(self, entry: str, /, **values: str) -> str:
        """One text with its values filled in. KeyError for an entry or a value that does not exist."""
        text = self._entries[entry]
        return text.format_map(values) if values else text

    def entries(self) -> Mapping[str, frozenset[str]]:
        """Every entry with the names of the values that it takes."""
        return {
            entry: frozenset(name for _, name, _, _ in Formatter().parse(text) if name)
            for entry, text in self._entries.items()
        }


def texts(language: str) -> Texts:
    """The texts for a language code; regions are ignored ("de-AT" reads as "de")."""
    base = language.lower().replace("_", "-").partition("-")[0]
    code = _SAME_AS.get(base, base)
    return _load(code if code in LANGUAGES else _FALLBACK)


@cache
def _load(code: str) -> Texts:
    content = files("gateway.writing").joinpath("locale", f"{code}.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = tomllib.loads(content)
    return Texts(code, {f"{table}.{entry}": text for table, rows in tables.items() for entry, text in rows.items()})
