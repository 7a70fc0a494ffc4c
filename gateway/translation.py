"""What people read, in their language: mails, refusals, pages.

In: an English text as it stands in the code, a language code as an account or a browser names it. Out: the text in
that language, its values filled in. The texts stand in `locale/<language>.po` in each package that has any, gettext's
own format; English is the key, so English needs no file, and what a file lacks reads English.

A text that is read at once is asked of `translations(language)`; one whose reader is not known yet, a refusal or a
reason, is a `Sentence`. Values are written "%(name)s" in both, and in templates: "%%" is a percent sign.

A file is read when the first text in its language is asked for, which takes some 20 ms, and then kept.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Final, TypeAlias

LANGUAGES: Final = ("da", "no", "sv", "en", "de", "fr", "ru")
"""The languages that our mails are written in."""
SOURCE: Final = "en"
"""The language that the code speaks, and what is read where there is no other."""
_SAME_AS: Final = {"nb": "no", "nn": "no"}

Value: TypeAlias = "str | int | Sentence"
"""What may be filled in; a sentence is said in the same language."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text whose reader is not known yet: `Translations.say` says it in theirs, str() in English.

    Made by `sentence` and `sentences`, which is how the texts are found in the code.
    """

    text: str
    values: Mapping[str, Value]
    many: str = ""
    """The text for other amounts than one; "" where nothing is counted."""
    amount: int = 1

    def __str__(self) -> str:
        return _ENGLISH.say(self)


def sentence(text: str, /, **values: Value) -> Sentence:
    """A text with its values, said later: `sentence("no such key as %(name)s", name=name)`."""
    return Sentence(text, values)


def sentences(one: str, many: str, amount: int, /, **values: Value) -> Sentence:
    """A text that counts something; "%(num)s" is the amount."""
    return Sentence(one, values, many, amount)


class Translations:
    """Texts in one language, of one package and those after it."""

    def __init__(self, language: str, packages: tuple[str, ...]) -> None:
        self.language = language
        """One of the languages that there are, as `lang` in HTML has it."""
        self._packages = packages

    def gettext(self, text: str, /, **values: Value) -> str:
        """A text with its values filled in. KeyError for a value that is missing."""
        return self.catalog.gettext(text) % self._said(values)

    def pgettext(self, context: str, text: str, /, **values: Value) -> str:
        """One of several texts that are alike in English; `context` tells translators which."""
        return self.catalog.pgettext(context, text) % self._said(values)

    def ngettext(self, one: str, many: str, amount: int, /, **values: Value) -> str:
        """The form that the language has for an amount; "%(num)s" is the amount."""
        return self.catalog.ngettext(one, many, amount) % self._said({"num": amount, **values})

    def say(self, what: Sentence) -> str:
        """A sentence in this language."""
        if what.many:
            return self.ngettext(what.text, what.many, what.amount, **what.values)
        return self.gettext(what.text, **what.values)

    @cached_property
    def catalog(self) -> NullTranslations:
        """The texts themselves, values not filled in, for a template engine that fills them in itself."""
        return _chain(self.language, self._packages)

    def _said(self, values: Mapping[str, Value]) -> Mapping[str, str | int]:
        return {name: self.say(each) if isinstance(each, Sentence) else each for name, each in values.items()}


_ENGLISH: Final = Translations(SOURCE, ())


@cache
def translations(language: str, *packages: str) -> Translations:
    """The texts for a language code, of these packages, the first that has one; of the gateway where none is named.

    Regions are ignored: "de-AT" reads as "de". A language that we do not have reads as English.
    """
    return Translations(known(language), packages or ("gateway",))


def known(language: str, among: tuple[str, ...] = LANGUAGES) -> str:
    """The language of ours that a code means, English where it means none."""
    base = language.lower().replace("_", "-").partition("-")[0]
    code = _SAME_AS.get(base, base)
    return code if code in among else SOURCE


def catalog(package: str, language: str) -> NullTranslations:
    """The texts of one package in one language, by their English; an empty one where there is no such file."""
    compiled = _compiled(package, language)
    return GNUTranslations(io.BytesIO(compiled)) if compiled else NullTranslations()


def _chain(language: str, packages: tuple[str, ...]) -> NullTranslations:
    if not packages:
        return NullTranslations()
    first = catalog(packages[0], language)
    for package in packages[1:]:
        first.add_fallback(catalog(package, language))
    return first


@cache
def _compiled(package: str, language: str) -> bytes:
    from babel.messages.mofile import write_mo  # what it takes to import is paid by who reads another language
    from babel.messages.pofile import read_po

    file = files(package).joinpath("locale", f"{language}.po")
    if not file.is_file():
        return b""
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=language, abort_invalid=True))
    return compiled.getvalue()
