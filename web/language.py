"""The language and time zone in which somebody is answered, for the length of one request.

Templates and code say `gettext("Close account")`; the words of the language that was chosen last in this context come
back. Times are written in the viewer's zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, negotiate_locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from babel.support import NullTranslations

LANGUAGES: Mapping[str, str] = {"en": "English", "da": "Dansk", "de": "Deutsch", "fr": "Français", "ru": "Русский"}
"""Languages of the pages, each in its own words."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """How one viewer is spoken to."""

    language: str
    zone: tzinfo
    zone_name: str


_tongue: ContextVar[Tongue] = ContextVar("tongue", default=Tongue("en", UTC, "UTC"))


def speak(wanted: Sequence[str], zones: Sequence[str]) -> Tongue:
    """From here on use the first language and zone that there are; wrong ones count for nothing."""
    language = negotiate_locale([each.replace("-", "_") for each in wanted if each], list(LANGUAGES), sep="_") or "en"
    zone = next((name for name in zones if name in _zones()), "UTC")
    tongue = Tongue(language, ZoneInfo(zone), zone)
    _tongue.set(tongue)
    return tongue


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110 §12.5.4), the most wanted first."""
    weighted = []
    for position, item in enumerate(header.split(",")[:20]):
        name, _, weight = item.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), position, name.partition("-")[0].lower()))
        except ValueError:
            continue
    return [name for _, _, name in sorted(weighted) if name]


def tongue() -> Tongue:
    """How this request's viewer is spoken to."""
    return _tongue.get()


def gettext(text: str, /, **values: object) -> str:
    """A text in the viewer's language, its values filled in."""
    said = _catalogue(_tongue.get().language).gettext(text)
    return said % values if values else said


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The form of a text that fits a count."""
    said = _catalogue(_tongue.get().language).ngettext(one, many, count)
    return said % {"num": number(count), **values}


def pgettext(context: str, text: str, /, **values: object) -> str:
    """A text that another meaning has as well: `context` tells them apart."""
    said = _catalogue(_tongue.get().language).pgettext(context, text)
    return said % values if values else said


def number(value: float) -> str:
    """A number as the viewer's language groups it."""
    return format_decimal(value, locale=_locale())


def moment(at: float | None, form: str = "short") -> str:
    """A moment in the viewer's zone; empty for none. `form`: short, medium, long, or a pattern of Babel's."""
    if at is None:
        return ""
    return format_datetime(datetime.fromtimestamp(at, UTC), form, tzinfo=_tongue.get().zone, locale=_locale())


def ago(seconds: float) -> str:
    """How long ago, in round words."""
    return format_timedelta(-seconds, add_direction=True, locale=_locale())


def _locale() -> Locale:
    return Locale("en", "GB") if _tongue.get().language == "en" else Locale(_tongue.get().language)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _catalogue(language: str) -> NullTranslations:
    return NullTranslations()
