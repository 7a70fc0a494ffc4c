"""Times in classes, and hours that are counted until nothing changes any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway import delays
from gateway.hour_counts import EVERY_SECONDS, SETTLED_AFTER, is_due

pytestmark = pytest.mark.proves("statistics")


@given(some.lists(some.floats(0, 300_000), min_size=1, max_size=200), some.floats(0.05, 1))
def test_a_quantile_lies_in_the_class_where_it_is(times: list[float], share: float):
    counts: dict[int, int] = {}
    for seconds in times:
        number = next(place for place, limit in enumerate(delays.LIMITS) if seconds <= limit)
        counts[number] = counts.get(number, 0) + 1
    exact = sorted(times)[min(len(times) - 1, max(0, -int(-len(times) * share // 1) - 1))]
    found = delays.quantile(counts, share)
    assert found is not None
    place = next(place for place, limit in enumerate(delays.LIMITS) if exact <= limit)
    low, high = (0, *delays.LIMITS)[place], delays.LIMITS[place]
    assert low <= found <= high or abs(found - exact) < 1e-6


def test_nothing_has_no_quantile():
    assert delays.quantile({}, 0.5) is None
    assert delays.quantile({len(delays.LIMITS): 3}, 0.5) == delays.LIMITS[-1]
    assert delays.added([{1: 2}, {1: 1, 3: 1}]) == {1: 3, 3: 1}


def test_an_hour_is_counted_ever_more_seldom_and_at_last_when_it_is_settled():
    now, counted, times = 0.0, None, []
    while now < 3600 + 3 * SETTLED_AFTER:
        if is_due(0, counted, now):
            counted = now
            times.append(now)
        now += EVERY_SECONDS
    assert times[0] == 0
    assert 3600 + SETTLED_AFTER <= times[-1] <= 3600 + SETTLED_AFTER + 2 * EVERY_SECONDS
    assert len([at for at in times if at > 3600]) < 20
