"""Rules: which messages they are about, and the ways that those may take. Pure.

In: what is known of a message. Out: the first rule that fits it, and the rule's ways in the order in which they come
for this phone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from gateway.money import Money
from gateway.numbers import country_of
from gateway.sms import Priority

OWNER = "owner"
"""In a rule: the provider that the account's number belongs to, whichever it is."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a choice is made on."""

    to_number: str
    from_number: str
    """The account's number."""
    org_id: str
    priority: Priority
    owner: str
    """The provider that the account's number belongs to; "" where no pool holds it."""

    @property
    def country(self) -> str:
        """Of the phone (ISO 3166)."""
        return country_of(self.to_number)


@dataclass(frozen=True, slots=True)
class Way:
    """A provider, and how messages leave by it."""

    provider: str
    weight: int = 1
    sender: str = ""
    """What stands as sender where the account's number cannot; in a campaign wherever it may stand."""
    registered: frozenset[str] = frozenset()
    """Countries (ISO 3166) in which `sender` is registered."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is empty fits every message."""

    name: str
    via: tuple[Way, ...]
    fallback: tuple[Way, ...] = ()
    countries: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    organisations: frozenset[str] = frozenset()
    kinds: frozenset[Priority] = frozenset()
    cheapest: bool = False
    """Whether `via` goes by price where prices are known, instead of by weight."""
    at_most: Money | None = None
    """What a part may cost; None for any price."""

    def fits(self, facts: Facts) -> bool:
        """Whether it is about such a message."""
        return (
            (not self.kinds or facts.priority in self.kinds)
            and (not self.organisations or facts.org_id in self.organisations)
            and (not self.prefixes or facts.to_number.startswith(self.prefixes))
            and (not self.countries or facts.country in self.countries)
        )


DEFAULT = Rule("", (Way(OWNER),))
"""What holds where no rule fits: the answer comes back only to the provider that owns the number."""


def rule_for(rules: Sequence[Rule], facts: Facts) -> Rule:
    """The first rule that fits."""
    return next((rule for rule in rules if rule.fits(facts)), DEFAULT)


def in_order(rule: Rule, facts: Facts) -> Iterator[Way]:
    """A rule's ways, each provider once: `via` as the weights fall for this phone, then `fallback` as written."""
    seen: set[str] = set()
    drawn = sorted(rule.via, key=lambda way: _lot(way, facts)) if len(rule.via) > 1 else rule.via
    for way in (*drawn, *rule.fallback):
        provider = _provider(way, facts)
        if provider not in seen:
            seen.add(provider)
            yield way if provider == way.provider else Way(provider, way.weight, way.sender, way.registered)


def _provider(way: Way, facts: Facts) -> str:
    return (facts.owner or way.provider) if way.provider == OWNER else way.provider


def _lot(way: Way, facts: Facts) -> float:
    """Smaller is earlier. Weighted rendezvous hashing: a phone keeps its provider, and shares come out as weighted."""
    return -math.log(_chance(facts.to_number, _provider(way, facts))) / way.weight


@lru_cache(16384)
def _chance(phone: str, provider: str) -> float:
    """Evenly between 0 and 1, neither included; the same for the same two."""
    digest = blake2b(f"{phone} {provider}".encode(), digest_size=7).digest()
    return (int.from_bytes(digest) + 1) / (2**56 + 2)
