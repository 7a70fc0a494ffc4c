"""So many a minute for each name: bursts, waits, clocks and floods of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import too_many_mails
from gateway.rates import Rate

NOW = 1_800_000_000.0


@pytest.mark.proves("mails per minute and address", "amplification")
@pytest.mark.parametrize("burst", [1, 3, 120, 600, 10_000])
def test_a_burst_then_the_rate(burst: int) -> None:
    rate = Rate(burst, 60 / burst)
    assert [rate.take("a", NOW) for _ in range(burst)] == [0.0] * burst
    wait = rate.take("a", NOW)
    assert wait == pytest.approx(60 / burst, abs=0.01)
    assert rate.take("b", NOW) == 0.0, "another name feels nothing"
    assert rate.take("a", NOW + wait) == 0.0, "who waits as told gets through"
    assert rate.take("a", NOW + wait) > 0
    assert [rate.take("a", NOW + wait + 60) for _ in range(burst)] == [0.0] * burst


@pytest.mark.proves("calls a minute")
def test_what_is_left_is_what_may_still_be_had() -> None:
    rate = Rate(5, 12)
    assert rate.left("a", NOW) == (5, 0)
    for taken in range(1, 6):
        rate.take("a", NOW)
        assert rate.left("a", NOW) == (5 - taken, 12 * taken)
    assert rate.take("a", NOW) > 0
    assert rate.left("a", NOW + 12) == (1, 48)


@pytest.mark.proves("guessing passwords")
def test_failures_are_forgotten_one_by_one() -> None:
    rate = Rate(burst=3, seconds=30)
    for _ in range(5):
        rate.count("a", NOW)
    assert rate.wait("a", NOW)
    assert not rate.wait("b", NOW)
    assert rate.wait("a", NOW + 20)
    assert not rate.wait("a", NOW + 31)
    rate.count("a", NOW + 31)
    assert rate.wait("a", NOW + 31)
    assert not rate.wait("a", NOW + 30 * 10)


@pytest.mark.proves("clock stepping")
def test_a_clock_that_steps_back_forgets_nothing_and_locks_nobody_out() -> None:
    rate = Rate(burst=3, seconds=30)
    for _ in range(3):
        rate.count("a", NOW)
    assert rate.wait("a", NOW - 100)
    assert rate.wait("a", NOW - 86_400) <= 30
    rate.count("a", NOW - 86_400)
    assert rate.wait("a", NOW - 86_400 + 31) == 0.0


@pytest.mark.proves("guessing passwords")
def test_a_flood_of_names_is_forgotten_in_bounds_and_hides_nobody() -> None:
    rate = Rate(burst=3, seconds=30)
    for _ in range(3):
        rate.count("guesser", NOW)
    for number in range(120_000):
        rate.count(str(number), NOW + number / 100_000)
        assert len(rate._empty_at) <= Rate.MANY
    assert rate.wait("guesser", NOW + 2), "the fullest are kept"


@pytest.mark.proves("mails per minute and address")
@given(st.integers(1, 50), st.floats(0.01, 60), st.lists(st.floats(0, 100), max_size=200))
def test_never_more_than_the_burst_and_the_rate_allow(burst: int, seconds: float, pauses: list[float]) -> None:
    rate = Rate(burst, seconds)
    now, taken = NOW, 0
    for pause in pauses:
        now += pause
        taken += rate.take("a", now) == 0.0
    assert taken <= burst + (now - NOW + 0.1) / seconds


@pytest.mark.proves("mails per minute and address")
@pytest.mark.parametrize(("seconds", "words"), [(0.2, "in 1 second"), (20, "in 20 seconds"), (600.5, "in 11 minutes")])
def test_the_wait_in_words(seconds: float, words: str) -> None:
    refusal = too_many_mails("your account", seconds)
    assert refusal.smtp_reply.startswith("450 4.7.1 too many mails from your account")
    assert refusal.smtp_reply.endswith(words)
