"""The router as the configuration says it; none where there is no `[[route]]`: then owners carry all messages."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from gateway.money import Money
from gateway.numbers import NumberRange
from gateway.routing.choice import Book
from gateway.routing.prices import PriceList
from gateway.routing.router import Router
from gateway.routing.rules import Rule, Way
from gateway.routing.senders import Countries, read_countries
from gateway.settings import GatewaySettings, PoolSettings, RouteSettings, WaySettings
from gateway.sms import Priority


@cache
def known_countries() -> Countries:
    """What the package's data says of names as sender."""
    return read_countries(tomllib.loads(files("gateway").joinpath("data/senders.toml").read_text(encoding="utf-8")))


def router_of(settings: GatewaySettings) -> Router | None:
    """Read the rules, or say that there are none."""
    return make_router(settings) if settings.route else None


def make_router(settings: GatewaySettings) -> Router:
    """A router, if only of the one rule that holds where no other is written."""
    currency = settings.routing.currency
    return Router(
        Book(
            rules=tuple(_rule(route, currency) for route in settings.route),
            providers=frozenset(provider.name for provider in settings.provider),
            any_sender=frozenset(provider.name for provider in settings.provider if provider.senders == "any"),
            prices={
                table.provider: PriceList.of({name: _money(price, currency) for name, price in table.part.items()})
                for table in settings.price
            },
            countries=known_countries(),
        ),
        [(pool.provider, numbers) for pool in settings.pool for numbers in _ranges(pool)],
    )


def _rule(route: RouteSettings, currency: str) -> Rule:
    return Rule(
        name=route.name,
        via=tuple(map(_way, route.via)),
        fallback=tuple(map(_way, route.fallback)),
        countries=frozenset(route.countries),
        prefixes=route.prefixes,
        organisations=frozenset(route.organisations),
        kinds=frozenset(map(Priority, route.kinds)),
        cheapest=route.cheapest,
        at_most=_money(route.at_most, currency) if route.at_most else None,
    )


def _way(way: WaySettings) -> Way:
    return Way(way.provider, way.weight, way.sender, frozenset(way.registered))


def _money(amount: float, currency: str) -> Money:
    money = Money.of(amount, currency)
    if money is None:
        raise ValueError(f"{amount} {currency} is no price")
    return money


def _ranges(pool: PoolSettings) -> Iterator[NumberRange]:
    if pool.range is not None:
        yield NumberRange.parse(pool.range)
    yield from map(NumberRange.parse, pool.numbers)
