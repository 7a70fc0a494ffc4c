"""The choice: which providers may carry a message, in order, and why others may not. Pure.

In: the facts, the book (rules, prices, senders), and which providers take nothing at the moment. Out: candidates. The
order is the rule's; among those of `via` it is the price's where the rule says so. A provider whose breaker is open
stays in the order, and is passed by while there is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.money import Money
from gateway.routing.prices import PriceList
from gateway.routing.rules import OWNER, Facts, Rule, Way, in_order, rule_for
from gateway.routing.senders import Countries, objection_to
from gateway.sms import Priority

Rests = Callable[[str], bool]
"""Whether a provider takes nothing at the moment: its breaker is open."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that choices are made by."""

    rules: tuple[Rule, ...]
    providers: frozenset[str]
    any_sender: frozenset[str] = frozenset()
    """Providers that take every number as sender, not their own alone."""
    prices: Mapping[str, PriceList] = field(default_factory=dict)
    countries: Countries = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider in its place."""

    provider: str
    sender: str = ""
    """What stands instead of the account's number; "" for the number itself."""
    price: Money | None = None
    """For one part; None where it is not known."""
    objection: str = ""
    """Why it cannot carry the message; "" where it can."""
    rests: bool = False
    """Whether its breaker is open."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The candidates, in order, and the rule that named them."""

    rule: Rule
    candidates: tuple[Candidate, ...]

    @property
    def first(self) -> Candidate | None:
        """Who carries it: the first that can and does not rest; else the first that can; None where none can."""
        able = [each for each in self.candidates if not each.objection]
        return next((each for each in able if not each.rests), able[0] if able else None)


def choose(book: Book, facts: Facts, rests: Rests) -> Choice:
    """Put a rule's providers in order for one message."""
    rule = rule_for(book.rules, facts)
    candidates = [_candidate(book, facts, rule, way, rests) for way in in_order(rule, facts)]
    if rule.cheapest:
        named = len(list(in_order(Rule("", rule.via), facts)))
        candidates[:named] = sorted(candidates[:named], key=_cost)
    return Choice(rule, tuple(candidates))


def _cost(candidate: Candidate) -> tuple[bool, int]:
    """What is cheapest comes first, what is not known last; among equals the weights decide."""
    return candidate.price is None, candidate.price.thousandths if candidate.price else 0


def _candidate(book: Book, facts: Facts, rule: Rule, way: Way, rests: Rests) -> Candidate:
    prices = book.prices.get(way.provider)
    price = prices.part(facts.to_number, facts.country) if prices else None
    sender, objection = _sender(book, facts, way)
    objection = next(iter(_objections(book, rule, way, price)), objection)
    return Candidate(way.provider, sender, price, objection, not objection and rests(way.provider))


def _objections(book: Book, rule: Rule, way: Way, price: Money | None) -> Iterator[str]:
    if way.provider not in book.providers:
        yield "no pool holds the number: nobody owns it" if way.provider == OWNER else "there is no such provider"
    if rule.at_most is not None and price is not None and price.thousandths > rule.at_most.thousandths:
        yield f"too dear: {price} a part, and the rule says at most {rule.at_most}"


def _sender(book: Book, facts: Facts, way: Way) -> tuple[str, str]:
    """What stands as sender, "" for the account's number; and why nothing can.

    A dialog keeps its number wherever it may, for only there the answer comes back. A campaign has the rule's sender
    wherever the country takes it, and else the number.
    """
    keeps = way.provider == facts.owner or way.provider in book.any_sender
    if keeps and not (way.sender and facts.priority is Priority.CAMPAIGN):
        return "", ""
    if not way.sender:
        return "", f"cannot send as {facts.from_number}, which is not its own, and the rule names no other sender"
    objection = objection_to(way.sender, facts.country, way.registered, book.countries)
    if objection and keeps:
        return "", ""
    return way.sender, objection
