"""The catalogs say what the code says, in every language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.checkers import python_format

from gateway import catalogs
from gateway.catalogs import PACKAGES

pytestmark = pytest.mark.proves("the reader's language")

FILES = [(package, language) for package, languages in PACKAGES.items() for language in languages]
UNFINISHED: frozenset[tuple[str, str]] = frozenset()
"""What is not translated to the last text, and reads English there."""
PASSING_ON = {"gateway/translation.py", "web/language.py"}
"""What takes texts from others."""
TO_DO = "run `make translations`, then translate what is empty"

extract = cache(catalogs.extract)


def named(message: Message) -> str:
    return f"{message.context}: {message.id}" if message.context else str(message.id)


@pytest.mark.parametrize(("package", "language"), FILES)
def test_a_catalog_has_every_text_and_no_other(package: str, language: str):
    there = {named(each) for each in catalogs.read(package, language) if each.id}
    wanted = {named(each) for each in extract(package) if each.id}
    assert not wanted - there, f"{package}/locale/{language}.po lacks texts: {TO_DO}"
    assert not there - wanted, f"{package}/locale/{language}.po has texts that the code has not: {TO_DO}"


def texts_asked_for(source: str) -> Iterator[str]:
    """The texts that calls in a module want translated, also those that `extract` cannot see. Raises ValueError."""
    asked = {
        "gettext": [0],
        "pgettext": [1],
        "ngettext": [0, 1],
        "npgettext": [1, 2],
        "sentence": [0],
        "sentences": [0, 1],
    }
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for place in asked.get(name, ()):
                text = call.args[place]
                if not isinstance(text, ast.Constant):
                    raise ValueError(f"line {call.lineno}: write the text out, in quotes, where it is asked for")
                yield str(text.value)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_in_the_code_is_found(package: str):
    """A call within an f-string is not found by every Python, and one that takes a variable by none."""
    known = {text for each in extract(package) for text in ([each.id] if isinstance(each.id, str) else each.id)}
    for module in sorted((catalogs.ROOT / package).rglob("*.py")):
        if str(module.relative_to(catalogs.ROOT)) not in PASSING_ON:
            try:
                lost = set(texts_asked_for(module.read_text())) - known
            except ValueError as error:
                pytest.fail(f"{module}: {error}")
            assert not lost, f"{module}: move these calls out of f-strings"


@pytest.mark.parametrize(("package", "language"), FILES)
def test_a_catalog_is_written_as_the_command_writes_it(package: str, language: str):
    content = catalogs.path(package, language).read_bytes()
    again = catalogs.written(catalogs.updated(catalogs.read(package, language), extract(package)))
    assert content == again, TO_DO


@pytest.mark.parametrize(("package", "language"), [each for each in FILES if each not in UNFINISHED])
def test_everything_is_translated(package: str, language: str):
    missing = [named(each) for each in catalogs.missing(catalogs.read(package, language))]
    assert not missing, f"{package}/locale/{language}.po has empty translations: {missing}"


@pytest.mark.parametrize(("package", "language"), FILES)
def test_a_translation_takes_the_same_values(package: str, language: str):
    translated = catalogs.read(package, language)
    wrong = [f"{named(message)}: {why}" for message in translated for why in problems(translated, message)]
    assert not wrong


def problems(translated: Catalog, message: Message) -> Iterator[str]:
    """What is wrong with the values that the translation of one text takes."""
    if message.fuzzy and message.id:
        yield "a guess: translate it, and take the mark away"
    english = [message.id] if isinstance(message.id, str) else list(message.id)
    said = [each for each in ([message.string] if isinstance(message.string, str) else message.string) if each]
    most = catalogs.values(english[-1])
    # "one part" may leave the number out where that form means one alone: in Russian it means 21 as well, in French 0.
    fewest = catalogs.values(english[0]) if translated.plural_expr == "(n != 1)" else most
    for place, each in enumerate(said):
        if catalogs.values(each) not in ({most, fewest} if place == 0 else {most}):
            yield f"{each!r} takes {sorted(catalogs.values(each))}, the English {sorted(most)}"
    if said and "python-format" in message.flags:
        try:
            python_format(translated, message)
        except TranslationError as error:
            yield str(error)


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with Python, a template, and a German catalog that is behind."""
    monkeypatch.setattr(catalogs, "ROOT", tmp_path)
    folder = tmp_path / "spoken"
    (folder / "templates" / "deep").mkdir(parents=True)
    (folder / "locale").mkdir()
    (folder / "code.py").write_text(
        'words.gettext("kept %(name)s", name=name)\nsentence("new")\nsentences("%(num)s part", "%(num)s parts", 2)\n'
    )
    (folder / "templates" / "deep" / "page.html").write_text(
        '{{ pgettext("a key", "Open") }}{% trans %}two\n   lines{% endtrans %}'
    )
    (folder / "locale" / "de.po").write_text(
        'msgid "kept %(name)s"\nmsgstr "behalten %(name)s"\n\nmsgid "newt"\nmsgstr "Molch"\n'
    )
    return folder


def test_new_texts_come_and_gone_ones_go(package: Path):
    assert catalogs.update_all({"spoken": ("de",)}) == {package / "locale" / "de.po": 4}
    found = {named(each): each.string for each in catalogs.read("spoken", "de") if each.id}
    assert found == {
        "kept %(name)s": "behalten %(name)s",
        "new": "",
        "('%(num)s part', '%(num)s parts')": ("", ""),
        "a key: Open": "",
        "two lines": "",
    }


def test_the_command_changes_nothing_twice(package: Path):
    catalogs.update_all({"spoken": ("de",)})
    first = (package / "locale" / "de.po").read_bytes()
    catalogs.update_all({"spoken": ("de",)})
    assert (package / "locale" / "de.po").read_bytes() == first
    assert b"Date" not in first


@pytest.mark.parametrize(
    ("english", "translation", "right"),
    [
        ("to %(name)s", "an %(name)s", True),
        ("to %(name)s", "an %(nmae)s", False),
        ("to %(name)s", "an", False),
        ("to %(name)s", "an %(name)s und %(more)s", False),
        (("one", "%(num)s parts"), ("ein", "%(num)s Teile"), True),
        (("one", "%(num)s parts"), ("ein", "Teile"), False),
        (("one", "%(num)s parts"), ("%(num)s", "%(num)s", "%(num)s"), True),
        (("one", "%(num)s parts"), ("одна", "%(num)s", "%(num)s"), False),
    ],
)
def test_values_are_compared(english: str | tuple[str, str], translation: str | tuple[str, ...], right: bool):
    translated = Catalog(locale="ru" if isinstance(translation, tuple) and len(translation) == 3 else "de")
    translated.add(english, translation)
    [message] = [each for each in translated if each.id]
    assert (not list(problems(translated, message))) is right


def test_broken_templates_are_noticed(package: Path):
    (package / "templates" / "broken.html").write_text("{% trans %}no end")
    with pytest.raises(Exception, match="translation block"):
        catalogs.extract("spoken")
