"""Keeps the catalogs in step with the code, for developers: `python -m gateway.catalogs`, or `make translations`.

In: the packages as they stand here, Python and Jinja2 templates. Out: `locale/<language>.po` in each, with every text
that the code has and none that it has not; what is new has no translation yet, for a guess reads like a translation.
Nothing but the texts and where they stand is written, so that a change of the code changes a file only where it
must.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from gateway.translation import LANGUAGES, SOURCE

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = {
    "gateway": tuple(code for code in LANGUAGES if code != SOURCE),
    "campaigns": tuple(code for code in LANGUAGES if code != SOURCE),
    "web": ("da", "de", "fr", "ru"),
}
"""Who has texts, and in which languages beside English."""

_METHODS: Final = [("templates/**", "jinja2"), ("**/templates/**", "jinja2"), ("**.py", "python")]
_JINJA: Final = {"extensions": "jinja2.ext.do,jinja2.ext.loopcontrols", "trimmed": "true", "silent": "false"}
_OPTIONS: Final = {"templates/**": _JINJA, "**/templates/**": _JINJA}
_KEYWORDS: Final[dict[str, tuple[int | tuple[int, str], ...] | None]] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "sentence": None,
    "sentences": (1, 2),
}
_NOTE: Final = "Translators:"
_WIDTH: Final = 110


def extract(package: str) -> Catalog:
    """Every text in a package, in the order of the files."""
    found = Catalog(charset="utf-8", header_comment="")
    for file, _, text, notes, context in extract_from_dir(
        ROOT / package, _METHODS, _OPTIONS, _KEYWORDS, (_NOTE,), strip_comment_tags=True
    ):
        found.add(text, None, [(f"{package}/{file}", 0)], auto_comments=notes, context=context)
    return found


def path(package: str, language: str) -> Path:
    """Where the translations of a package into a language stand."""
    return ROOT / package / "locale" / f"{language}.po"


def read(package: str, language: str) -> Catalog:
    """The translations as they stand; none where there is no file yet. Raises PoFileError."""
    file = path(package, language)
    content = file.read_bytes() if file.exists() else b""
    return read_po(io.BytesIO(content), locale=language, abort_invalid=True)


def updated(translated: Catalog, found: Catalog) -> Catalog:
    """The translations of what is in the code, and only of that."""
    translated.update(found, no_fuzzy_matching=True)
    translated.obsolete.clear()
    return translated


def written(translated: Catalog) -> bytes:
    """A .po file without the moment it was made at and the program that made it."""
    content = io.BytesIO()
    write_po(content, translated, width=_WIDTH, omit_header=True, include_lineno=False, ignore_obsolete=True)
    plural = f"nplurals={translated.num_plurals}; plural={translated.plural_expr};"
    head = [
        'msgid ""',
        'msgstr ""',
        '"Content-Type: text/plain; charset=utf-8\\n"',
        f'"Language: {translated.locale_identifier}\\n"',
        f'"Plural-Forms: {plural}\\n"',
        "\n",
    ]
    return "\n".join(head).encode() + content.getvalue().rstrip(b"\n") + b"\n"


def missing(translated: Catalog) -> list[Message]:
    """Texts that have no translation, or lack one of the language's plural forms."""
    return [message for message in translated if message.id and not _is_whole(message, translated.num_plurals)]


def _is_whole(message: Message, forms: int) -> bool:
    texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return all(texts) and len(texts) == (forms if message.pluralizable else 1)


def values(text: str) -> frozenset[str]:
    """The names of what is filled in to a text."""
    return frozenset(re.findall(r"(?<!%)(?:%%)*%\((\w+)\)", text))


def update_all(packages: Mapping[str, tuple[str, ...]]) -> dict[Path, int]:
    """Write every file; how many texts each still lacks."""
    lacking = {}
    for package, languages in packages.items():
        found = extract(package)
        for language in languages:
            file = path(package, language)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(written(updated(read(package, language), found)))
            lacking[file] = len(missing(read(package, language)))
    return lacking


if __name__ == "__main__":
    for file, count in update_all(PACKAGES).items():
        sys.stdout.write(f"{file.relative_to(ROOT)}: {f'{count} to translate' if count else 'complete'}\n")
