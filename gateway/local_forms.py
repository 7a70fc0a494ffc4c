"""How people write moments and amounts of money where they live, by Babel (Unicode CLDR).

In: a language and a region as an account has them, seconds since the epoch, money. Out: text. A region whose people
all share a clock, or nearly all, has a time zone of its own; for others somebody must name one, else it is UTC, and
says so.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from gateway.money import Money

if TYPE_CHECKING:
    from babel import Locale

_UTC: Final = "UTC"
_MOSTLY: Final = {
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "MH": "Pacific/Majuro",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}
"""Regions of several zones of which one is nearly everybody's: CLDR's primary zones, which Babel leaves out."""
_CLDR_LANGUAGE: Final = {"no": "nb"}


@cache
def zone_of(region: str, otherwise: str = "") -> ZoneInfo:
    """The clock of a region (ISO 3166), `otherwise` (an IANA name) where it has several, UTC where that is empty."""
    from babel.core import get_global  # what it takes to import is paid by who writes a moment

    zones = get_global("territory_zones").get(region, ())
    name = zones[0] if len(zones) == 1 else _MOSTLY.get(region) or otherwise or _UTC
    return ZoneInfo(name)


def moment(at: float, zone: ZoneInfo, language: str, region: str = "") -> str:
    """A date with its time of day, to the minute; UTC is named, for it is on nobody's wall."""
    from babel.dates import format_date, format_time, get_datetime_format

    locale = _locale(language, region)
    when = datetime.fromtimestamp(at, zone)
    form = str(get_datetime_format("medium", locale)).replace("'", "")
    text = form.format(format_time(when, "short", locale=locale), format_date(when, "medium", locale))
    return f"{text} {_UTC}" if zone.key == _UTC else text


def amount(money: Money, language: str, region: str = "") -> str:
    """Money with as many places as it needs, and its currency by name: "0,158 DKK"."""
    from babel.numbers import format_currency

    locale = _locale(language, region)
    return format_currency(money.major, money.currency, "#,##0.00 ¤¤", locale, decimal_quantization=False)


@cache
def _locale(language: str, region: str) -> Locale:
    """The habits of a language in a region; of the language, where nobody has written down how it is used there."""
    from babel import Locale, UnknownLocaleError

    code = _CLDR_LANGUAGE.get(language, language)
    try:
        return Locale.parse(f"{code}_{region}" if region else code)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(code)
