"""What is known of countries: their public holidays, and their time zones.

In: a country (ISO 3166 alpha-2). Out: dates of a year (the `holidays` package, public holidays of the whole country),
and zones (zone.tab of the tz database, the zone of most people put first). Each is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Final

_MOST_PEOPLE: Final = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KZ": "Asia/Almaty",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Gaza",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
}
"""Of countries with several zones; the table orders them from west to east or otherwise."""


@lru_cache(2_000)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """Public holidays; none where the country is not known."""
    # It takes a tenth of a second to load, and only campaigns that run need it.
    from holidays import country_holidays

    try:
        return frozenset(country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


def zones_of(country: str) -> tuple[str, ...]:
    """Time zones, the one of most people first; none where the country is not known."""
    return _zones().get(country, ())


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    for country, most in _MOST_PEOPLE.items():
        found[country] = (most, *(zone for zone in found.get(country, ()) if zone != most))
    return found
