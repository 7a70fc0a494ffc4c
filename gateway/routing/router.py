"""The router: asks the book for messages, and knows whom a number belongs to. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from gateway.numbers import NumberRange
from gateway.routing.choice import Book, Candidate, Choice, Rests, choose
from gateway.routing.rules import Facts
from gateway.sms import OutgoingSms

NOWHERE = "-"
"""The provider of a message that nobody may carry: none can be called so. It fails as soon as it is looked at."""


class Router:
    """The rules of one configuration."""

    def __init__(self, book: Book, pools: Sequence[tuple[str, NumberRange]]) -> None:
        """`pools` says which numbers belong to which provider."""
        self.book = book
        self._pools = sorted(pools, key=lambda pool: int(pool[1].first))
        self._starts = [int(numbers.first) for _, numbers in self._pools]

    def owner_of(self, number: str) -> str:
        """The provider that a number belongs to; "" where no pool holds it."""
        place = bisect_right(self._starts, int(number[1:])) - 1 if number[1:].isdecimal() else -1
        provider, numbers = self._pools[place] if place >= 0 else ("", None)
        return provider if numbers is not None and number in numbers else ""

    def choose(self, message: OutgoingSms, rests: Rests, owner: str = "") -> Choice:
        """The candidates for a message; providers that have refused it for good are none any more.

        `owner` is whom the number belongs to where no pool holds it.
        """
        owner = self.owner_of(message.from_number) or owner
        facts = Facts(message.to_number, message.from_number, message.org_id, message.priority, owner)
        choice = choose(self.book, facts, rests)
        refused = message.refused_by.split()
        if not refused:
            return choice
        return Choice(choice.rule, tuple(_without(each, refused) for each in choice.candidates))

    def assign(self, message: OutgoingSms, rests: Rests) -> OutgoingSms:
        """A new message of its account's provider, as it leaves by the first candidate; by `NOWHERE` without one."""
        return led(message, self.choose(message, rests, message.provider).first)

    def escape(self, message: OutgoingSms, rests: Rests) -> OutgoingSms | None:
        """The message as it leaves by another provider than the one that it waits for; None where it stays."""
        if message.bound:
            return None
        first = self.choose(message, rests).first
        if first is None or first.rests or first.provider == message.provider:
            return None
        return led(message, first)


def led(message: OutgoingSms, to: Candidate | None) -> OutgoingSms:
    """The message as it leaves by a candidate."""
    provider, sender = (to.provider, to.sender) if to else (NOWHERE, "")
    if (message.provider, message.sender) == (provider, sender):
        return message
    return replace(message, provider=provider, sender=sender)


def _without(candidate: Candidate, refused: Sequence[str]) -> Candidate:
    if candidate.provider not in refused or candidate.objection:
        return candidate
    return replace(candidate, objection="has refused it for good", rests=False)
