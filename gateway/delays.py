"""How long SMS took to arrive, as counts in classes: of any number of hours together a median can be read, closely.

Pure. Seconds throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

LIMITS = (
    0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0,
    3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0, 172_800.0, 345_600.0,
)  # fmt: skip
"""Upper ends of the classes; the last class has none."""
Counts = Mapping[int, int]
"""Messages by the number of their class, from 0."""


def added(some: Iterable[Counts]) -> dict[int, int]:
    """Several counts together."""
    sums: dict[int, int] = {}
    for counts in some:
        for number, count in counts.items():
            sums[number] = sums.get(number, 0) + count
    return sums


def quantile(counts: Counts, share: float) -> float | None:
    """The time within which this share (0 to 1) of the messages arrived; None where none did.

    Within a class times are taken to lie evenly, so that it is off by less than the class is wide.
    """
    wanted = sum(counts.values()) * share
    if not counts:
        return None
    ends = [(0.0, LIMITS[0]), *pairwise(LIMITS), (LIMITS[-1], LIMITS[-1])]
    passed = 0
    for number in sorted(counts):
        low, high = ends[number]
        if passed + counts[number] >= wanted:
            return low + (high - low) * (wanted - passed) / counts[number]
        passed += counts[number]
    return ends[max(counts)][1]
