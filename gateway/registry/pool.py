"""The number pool: every number that a provider routes to us, and the order in which they are tried.

In: the `[[pool]]` settings. Out: batches of candidates, random ones first, so that a number tells nothing about its
neighbours; then every number once, so that a pool is only drained when its last number is taken. Which of them are
free is the database's business. Numbers that several accounts may share stand apart, for when no other is left.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from gateway.numbers import NumberRange
from gateway.settings import PoolSettings

_DRAW_SIZE = 32
_DRAWS = 8
_SCAN_SIZE = 500
MOST_SHARED = 1000
"""Numbers in a range that is shared, at most."""


class NumberPool:
    """The ranges of all providers, as one row of numbers with positions from 0."""

    def __init__(self, pools: Sequence[PoolSettings]) -> None:
        self.ranges = [(pool.provider, numbers) for pool in pools if not pool.shared for numbers in _ranges(pool)]
        self.shared_ranges = [(pool.provider, numbers) for pool in pools if pool.shared for numbers in _ranges(pool)]
        self._starts = [0, *accumulate(numbers.size for _, numbers in self.ranges)]
        self.size = self._starts.pop()

    def at(self, position: int) -> tuple[str, str]:
        """Number and provider at a position below `size`."""
        index = bisect_right(self._starts, position) - 1
        provider, numbers = self.ranges[index]
        return numbers.at(position - self._starts[index]), provider

    def provider_of(self, number: str) -> str | None:
        """The provider that routes a number to us, for one account or for several; None for no number of ours."""
        return next((name for name, numbers in (*self.ranges, *self.shared_ranges) if number in numbers), None)

    def is_shared(self, number: str) -> bool:
        """Whether several accounts may have a number."""
        return any(number in numbers for _, numbers in self.shared_ranges)

    def shared(self) -> dict[str, str]:
        """The numbers that accounts may share, with their providers."""
        return {numbers.at(place): name for name, numbers in self.shared_ranges for place in range(numbers.size)}

    def candidates(self) -> Iterator[dict[str, str]]:
        """Batches of number → provider: evenly drawn ones first, then the whole pool from a random place on."""
        if self.size > _SCAN_SIZE:
            for _ in range(_DRAWS):
                yield dict(self.at(secrets.randbelow(self.size)) for _ in range(_DRAW_SIZE))
        first = secrets.randbelow(self.size) if self.size else 0
        for offset in range(0, self.size, _SCAN_SIZE):
            batch = range(offset, min(offset + _SCAN_SIZE, self.size))
            yield dict(self.at((first + position) % self.size) for position in batch)


def _ranges(pool: PoolSettings) -> Iterator[NumberRange]:
    if pool.range is not None:
        yield NumberRange.parse(pool.range)
    for number in pool.numbers:
        yield NumberRange(number, number)
