"""The order in which a pool's numbers are tried."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from gateway.registry.pool import NumberPool
from gateway.settings import PoolSettings

pytestmark = pytest.mark.proves("D1")
MILLION = PoolSettings(provider="one", range="+45609946000000..+45609946999999")
TEN = PoolSettings(provider="two", range="+4530640000..+4530640009", numbers=("+4530643064", "+4540404040"))


def test_positions_run_through_all_ranges() -> None:
    pool = NumberPool([TEN, MILLION])
    assert pool.size == 1_000_012
    assert pool.at(0) == ("+4530640000", "two")
    assert pool.at(9) == ("+4530640009", "two")
    assert pool.at(10) == ("+4530643064", "two")
    assert pool.at(11) == ("+4540404040", "two")
    assert pool.at(12) == ("+45609946000000", "one")
    assert pool.at(1_000_011) == ("+45609946999999", "one")


@pytest.mark.parametrize("settings", [[], [TEN], [TEN, PoolSettings(provider="x", range="+4530650000..+4530652999")]])
def test_every_number_is_tried(settings: list[PoolSettings]) -> None:
    pool = NumberPool(settings)
    tried = {number for batch in pool.candidates() for number in batch}
    assert tried == {pool.at(position)[0] for position in range(pool.size)}


def test_drawing_is_even_over_a_large_pool() -> None:
    pool = NumberPool([MILLION])
    tenths = Counter(number[9] for _ in range(100) for batch in islice(pool.candidates(), 4) for number in batch)
    assert set(tenths) == set("0123456789")
    assert min(tenths.values()) > 1100  # of 1280 expected; six standard deviations are 1075
