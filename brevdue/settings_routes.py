"""What routes and prices must be to the providers, and to what is known of countries.

In: the well-formed tables by their place in the file. Out: (path, sentence) pairs, one for each mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from brevdue.settings_checks import Finding, no_such_provider
from gateway.routing.configured import known_countries
from gateway.routing.rules import OWNER
from gateway.routing.senders import Names, is_name, objection_to
from gateway.settings import PriceSettings, ProviderSettings, RouteSettings, WaySettings


def check_prices(prices: Mapping[int, PriceSettings], names: Sequence[str]) -> Iterator[Finding]:
    """Check that each price list belongs to a provider, and each provider has one at most."""
    seen: set[str] = set()
    for index, price in prices.items():
        path = ("price", index, "provider")
        if price.provider not in names:
            yield path, no_such_provider(price.provider, list(names))
        if price.provider in seen:
            yield path, f"must differ from the other [[price]] tables, not '{price.provider}' again"
        seen.add(price.provider)


def check_routes(
    routes: Mapping[int, RouteSettings],
    providers: Mapping[int, ProviderSettings],
    names: Sequence[str],
    prices: Mapping[int, PriceSettings],
) -> Iterator[Finding]:
    """Check that routes lead somewhere, that each can be told by its name, and that none is never asked."""
    seen: set[str] = set()
    if routes:
        for index, provider in providers.items():
            if provider.name == OWNER:
                yield (
                    ("provider", index, "name"),
                    f"must not be '{OWNER}': routes mean the number's owner by it",
                )
    everything = ""
    for index, route in routes.items():
        if route.name in seen:
            yield ("route", index, "name"), f"must differ from the other routes, not '{route.name}' again"
        seen.add(route.name)
        if everything:
            yield ("route", index), f"is never asked: '{everything}' stands before it and fits every message"
        everything = everything or ("" if _conditions(route) else route.name)
        if (route.cheapest or route.at_most) and not prices:
            key = "cheapest" if route.cheapest else "at_most"
            yield ("route", index, key), "needs prices: write a [[price]] table for each provider"
        for key, place, way in _ways(route):
            for wrong, text in _mistakes(way, route, names):
                yield ("route", index, key, place, wrong), text


def _conditions(route: RouteSettings) -> bool:
    return bool(route.countries or route.prefixes or route.organisations or route.kinds)


def _ways(route: RouteSettings) -> Iterator[tuple[str, int, WaySettings]]:
    yield from (("via", place, way) for place, way in enumerate(route.via))
    yield from (("fallback", place, way) for place, way in enumerate(route.fallback))


def _mistakes(way: WaySettings, route: RouteSettings, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    if way.provider != OWNER and way.provider not in names:
        yield "provider", no_such_provider(way.provider, [*names, OWNER])
    if way.registered and not (way.sender and is_name(way.sender)):
        yield "registered", "needs a name as sender beside it: that is what is registered"
    if way.sender:
        yield from (("sender", text) for text in _refused(way, route.countries))


def _refused(way: WaySettings, countries: Iterable[str]) -> Iterator[str]:
    """Why the sender can never stand in countries that the route names. What is not certain is left to the run."""
    known = known_countries()
    for country in countries:
        sure = country in known and (known[country].sure or known[country].names is Names.REGISTERED)
        objection = objection_to(way.sender, country, frozenset(way.registered), known)
        if objection and sure:
            yield f"cannot stand there: {objection}"
