"""What strangers can make us do has an end, whatever the clock does."""

from __future__ import annotations

import pytest

from gateway.budget import Budget


class Clock:
    time = 1000.0

    def now(self) -> float:
        return self.time


@pytest.mark.proves("amplification")
def test_a_budget_is_spent_and_fills_again_with_time():
    clock = Clock()
    budget = Budget(3, 60, clock)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    clock.time += 20
    assert [budget.spend() for _ in range(2)] == [True, False]
    clock.time += 10_000
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]


@pytest.mark.proves("amplification")
def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing():
    clock = Clock()
    budget = Budget(1, 60, clock)
    assert budget.spend()
    clock.time -= 86_400
    assert not budget.spend()
    clock.time += 60
    assert budget.spend()
