"""The language and time zone in which somebody is answered, for the length of one request.

`speak` chooses them; templates (`{% trans %}…{% endtrans %}`, `{{ gettext("Close") }}`) and code
(`from web.language import gettext as _`) then say their texts in that language, with what the gateway says there as
well: refusals, reasons. Text for scripts stands in `data-` attributes of the page, so there is one way to translate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from gateway import csv_cells, local_forms
from gateway.money import Money
from gateway.registry.errors import AccountError
from gateway.translation import SOURCE, Sentence, Translations, Value, known, translations

if TYPE_CHECKING:
    from babel import Locale
    from jinja2 import Environment

NAMES: Final[Mapping[str, str]] = {"en": "English", "da": "Dansk", "de": "Deutsch", "fr": "Français", "ru": "Русский"}
"""Languages of the pages, each in its own words; a person who has another one reads English."""
LANGUAGES: Final = tuple(NAMES)


@dataclass(frozen=True, slots=True)
class Tongue:
    """How one viewer is spoken to."""

    words: Translations
    zone: tzinfo
    zone_name: str
    """By the IANA, "Europe/Copenhagen"."""

    @property
    def locale(self) -> Locale:
        """How dates and numbers are written; English as in Europe, the day before the month."""
        from babel import Locale  # what it takes to import is paid by who looks at a page

        return Locale("en", "GB") if self.words.language == SOURCE else Locale(self.words.language)

    @property
    def sheet(self) -> csv_cells.Form:
        """How tables are written that the viewer opens in a spreadsheet."""
        return csv_cells.COMMAS if self.words.language == SOURCE else csv_cells.SEMICOLONS


def page_words(language: str) -> Translations:
    """The texts of the pages, and of what the gateway says there: refusals, reasons."""
    return translations(known(language, LANGUAGES), "web", "campaigns", "gateway")


_ENGLISH: Final = Tongue(page_words(SOURCE), UTC, "UTC")
_tongue: ContextVar[Tongue] = ContextVar("tongue")


def speak(languages: Sequence[str], zones: Sequence[str]) -> Tongue:
    """From here on use the first language and the first zone of those that there are; wrong ones count for nothing."""
    language = next((each for each in languages if each in LANGUAGES), SOURCE)
    zone = next((each for each in zones if each in _zones()), "UTC")
    chosen = Tongue(page_words(language), ZoneInfo(zone), zone)
    use(chosen)
    return chosen


def use(chosen: Tongue) -> None:
    """From here on speak like this."""
    _tongue.set(chosen)


def tongue() -> Tongue:
    """How this request's viewer is spoken to."""
    return _tongue.get(_ENGLISH)


# --- texts ---------------------------------------------------------------------------------------------------------


def gettext(text: str, /, **values: Value) -> str:
    """A text in the viewer's language, its values filled in."""
    return tongue().words.gettext(text, **values)


def pgettext(context: str, text: str, /, **values: Value) -> str:
    """One of several texts that are alike in English; `context` tells translators which."""
    return tongue().words.pgettext(context, text, **values)


def ngettext(one: str, many: str, amount: int, /, **values: Value) -> str:
    """The form that the language has for an amount; "%(num)s" is the amount."""
    return tongue().words.ngettext(one, many, amount, **values)


def say(what: Sentence) -> str:
    """A sentence of the gateway's in the viewer's language."""
    return tongue().words.say(what)


def told(error: AccountError) -> str:
    """Why something cannot be done, in the viewer's language."""
    return error.say(tongue().words)


def teach(environment: Environment) -> None:
    """Let templates translate, and fill in values escaped; line breaks within a text are spaces."""
    environment.policies["ext.i18n.trimmed"] = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # made by the extension
        partial(_untold, "gettext"),
        partial(_untold, "ngettext"),
        newstyle=True,
        pgettext=partial(_untold, "pgettext"),
        npgettext=partial(_untold, "npgettext"),
    )


def _untold(form: str, *asked: str | int) -> str:
    """A text without its values, which the template engine fills in: the viewer is known when it is asked for only."""
    text: str = getattr(tongue().words.catalog, form)(*asked)
    return text


# --- numbers and moments -------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A number as the viewer's language groups it."""
    from babel.numbers import format_decimal

    return format_decimal(value, locale=tongue().locale)


def amount(money: Money) -> str:
    """Money as the viewer's language writes it, with as many places as it needs: "0,158 DKK"."""
    return local_forms.amount(money, tongue().words.language)


def moment(at: float | None, form: str = "short") -> str:
    """A moment in the viewer's zone; empty for none. `form`: short, medium, long, or a pattern of Babel's."""
    from babel.dates import format_datetime

    if at is None:
        return ""
    return format_datetime(datetime.fromtimestamp(at, UTC), form, tzinfo=tongue().zone, locale=tongue().locale)


def ago(seconds: float) -> str:
    """How long ago, in round words."""
    from babel.dates import format_timedelta

    return format_timedelta(-round(seconds), add_direction=True, locale=tongue().locale)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# --- what a browser asks for ---------------------------------------------------------------------------------------


def preferred(accept_language: str) -> str:
    """The language of ours that a browser asks for (RFC 9110 §12.5.4), English where it asks for none of them."""
    wishes = []
    for wish in accept_language.split(",")[:20]:
        tag, _, weight = wish.strip().partition(";")
        wishes.append((_quality(weight), tag.strip()))
    for quality, tag in sorted(wishes, key=lambda wish: -wish[0]):
        language = known(tag, LANGUAGES)
        if quality > 0 and (language != SOURCE or tag.lower().startswith(SOURCE)):
            return language
    return SOURCE


def _quality(weight: str) -> float:
    name, _, number = weight.replace(" ", "").partition("=")
    try:
        return min(float(number), 1.0) if name in {"q", "Q"} else 1.0
    except ValueError:
        return 0.0
