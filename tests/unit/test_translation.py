"""How a text becomes one in the reader's language, in mails and in templates."""

from __future__ import annotations

import time
from contextvars import copy_context
from datetime import UTC
from pathlib import Path

import pytest
from jinja2 import Environment

from gateway.money import Money
from gateway.translation import LANGUAGES, Sentence, catalog, known, sentence, sentences, translations
from web.language import Tongue, page_words, preferred, speak, teach, use
from web.pages.render import templates

pytestmark = pytest.mark.proves("the reader's language")

CATALOG = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: ru\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

msgid "sent to %(number)s"
msgstr "отправлено на %(number)s"

msgid "%(num)s part"
msgid_plural "%(num)s parts"
msgstr[0] "%(num)s часть"
msgstr[1] "%(num)s части"
msgstr[2] "%(num)s частей"

msgid "refused: %(why)s"
msgstr "отклонено: %(why)s"

msgctxt "a key"
msgid "Open"
msgstr "Открыт"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package of a name of its own, with a Russian catalog; what is read is kept by its name."""
    name = f"spoken_{abs(hash(request.node.name))}"
    (tmp_path / name / "locale").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "locale" / "ru.po").write_text(CATALOG, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_text_is_said_with_its_values(package: str):
    words = translations("ru", package)
    assert words.gettext("sent to %(number)s", number="+45") == "отправлено на +45"
    assert words.pgettext("a key", "Open") == "Открыт"
    assert words.gettext("Open") == "Open"


@pytest.mark.parametrize(
    ("amount", "said"),
    [(1, "1 часть"), (2, "2 части"), (5, "5 частей"), (11, "11 частей"), (21, "21 часть"), (104, "104 части")],
)
def test_russian_counts_in_three_forms(package: str, amount: int, said: str):
    assert translations("ru", package).ngettext("%(num)s part", "%(num)s parts", amount) == said


def test_a_sentence_waits_for_its_reader(package: str):
    parts = sentences("%(num)s part", "%(num)s parts", 3)
    refused = sentence("refused: %(why)s", why=parts)
    assert str(refused) == "refused: 3 parts"
    assert translations("ru", package).say(refused) == "отклонено: 3 части"
    assert translations("da", package).say(refused) == "refused: 3 parts"


def test_the_first_package_that_has_a_text_says_it(package: str):
    words = translations("ru", "web", package)
    assert words.gettext("sent to %(number)s", number="5") == "отправлено на 5"


def test_a_missing_value_is_noticed():
    with pytest.raises(KeyError):
        translations("en").gettext("sent to %(number)s", phone="5")
    assert str(Sentence("100 %%", {})) == "100 %"


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("da", "da"),
        ("de-AT", "de"),
        ("nb", "no"),
        ("nn_NO", "no"),
        ("FR", "fr"),
        ("pl", "en"),
        ("", "en"),
        ("../x", "en"),
    ],
)
def test_language_codes(code: str, language: str):
    assert known(code) == language
    assert translations(code).language == language


def test_a_file_that_is_not_there_reads_english():
    assert catalog("gateway", "xx").gettext("anything") == "anything"


@pytest.mark.stopwatch
@pytest.mark.parametrize("package", ["gateway", "web"])
def test_a_language_is_read_quickly(package: str):
    from gateway.translation import _compiled

    catalog(package, "da")  # what reads it is imported
    _compiled.cache_clear()
    start = time.process_time()
    for language in LANGUAGES:
        catalog(package, language)
    assert (time.process_time() - start) / len(LANGUAGES) < 0.1


# --- pages ---------------------------------------------------------------------------------------------------------


def test_templates_speak_and_escape(package: str):
    environment = Environment(autoescape=True)
    teach(environment)
    page = environment.from_string(
        """{{ _("sent to %(number)s", number=phone) }}; {{ pgettext("a key", "Open") }};
        {%- trans num=parts -%} {{ num }} part
        {%- pluralize -%} {{ num }} parts {%- endtrans %}; {{ ngettext("%(num)s part", "%(num)s parts", 21) }}"""
    )
    use(Tongue(translations("ru", package), UTC, "UTC"))
    said = page.render(phone="<b>", parts=2)
    use(Tongue(page_words("en"), UTC, "UTC"))
    assert said == "отправлено на &lt;b&gt;; Открыт;2 части; 21 часть"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("da-DK,da;q=0.9,en;q=0.8", "da"),
        ("nl, de;q=0.5", "de"),
        ("en-GB;q=0.1,ru;q=0.05", "en"),
        ("en;q=0.3, fr ; q=0.4", "fr"),
        ("sv,nb,da;q=0", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=x;q, ;;, fr;q=0.2", "fr"),
    ],
)
def test_a_browser_says_what_is_read(header: str, language: str):
    assert preferred(header) == language


def test_pages_have_no_half_language():
    assert page_words("sv").language == "en"
    assert page_words("da").language == "da"


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "1,234.50 DKK"), ("da", "1.234,50 DKK"), ("de", "1.234,50 DKK"), ("ru", "1\xa0234,50 DKK")],
)
def test_pages_write_amounts_as_the_reader_does(language: str, written: str):
    def page() -> str:
        speak([language], ["UTC"])
        return templates().from_string("{{ price | amount }}").render(price=Money(123_450_000, "DKK"))

    assert copy_context().run(page) == written
