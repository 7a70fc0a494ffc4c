"""When campaigns may write: windows, quiet hours and holidays together."""

from __future__ import annotations

import time
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.countries import holidays_of, zones_of
from campaigns.schedule import (
    ALWAYS,
    Calendar,
    Openings,
    awake_hours,
    ever_opens,
    next_opening,
    opens_at,
    read_place,
    read_window,
    shuts_at,
)
from gateway.model import Hours

AWAKE = awake_hours("21:00-08:00")
CALENDAR = Calendar(read_window("", "Europe/Copenhagen"), AWAKE, holidays_of, zones_of)


def at(text: str, zone: str = "Europe/Copenhagen", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.proves("campaign: quiet hours")
@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-26 12:00", "2026-11-26 12:00"),
        ("2026-11-26 08:00", "2026-11-26 08:00"),
        ("2026-11-26 20:59", "2026-11-26 20:59"),
        ("2026-11-26 21:00", "2026-11-27 08:00"),
        ("2026-11-26 03:00", "2026-11-26 08:00"),
        ("2026-12-24 22:00", "2026-12-27 08:00"),  # Christmas Day and Boxing Day lie between
        ("2026-12-25 12:00", "2026-12-27 08:00"),
        ("2026-12-26 23:59", "2026-12-27 08:00"),
        ("2026-03-29 01:00", "2026-03-29 08:00"),  # clocks go forward at two
        ("2026-10-25 02:30", "2026-10-25 08:00"),  # and back at three
    ],
)
def test_quiet_hours_and_holidays(now: str, opens: str) -> None:
    assert next_opening(CALENDAR, "Europe/Copenhagen", "DK", at(now)) == at(opens)


@pytest.mark.proves("campaign: quiet hours")
def test_hours_that_end_where_the_clock_jumps() -> None:
    """In Copenhagen 02:00-03:00 does not exist on 29 March 2026, and comes twice on 25 October."""
    zone = "Europe/Copenhagen"
    gap = Calendar(awake=awake_hours("21:00-02:30"))
    assert next_opening(gap, zone, "DK", at("2026-03-29 01:30")) == at("2026-03-29 03:30")
    fold = Calendar(awake=awake_hours("21:00-02:30"))
    first, second = at("2026-10-25 02:30"), at("2026-10-25 02:30", fold=1)
    assert second - first == 3600
    assert next_opening(fold, zone, "DK", at("2026-10-25 01:00")) == first
    assert next_opening(fold, zone, "DK", first + 60) == first + 60
    assert next_opening(fold, zone, "DK", at("2026-10-25 02:10", fold=1)) == second
    whole = Calendar(awake=awake_hours("02:00-03:00"))
    assert next_opening(whole, zone, "DK", at("2026-03-29 01:59")) == at("2026-03-29 01:59")
    assert next_opening(whole, zone, "DK", at("2026-03-29 01:59") + 60) == at("2026-03-29 03:00")


@pytest.mark.proves("campaign: quiet hours", "campaign: send window")
def test_the_window_and_the_quiet_hours_and_the_holidays_are_all_open() -> None:
    both = Calendar(read_window("mon-fri 06:00-22:00", "Europe/Copenhagen"), AWAKE, holidays_of, zones_of)
    zone = "Europe/Copenhagen"
    assert next_opening(both, zone, "DK", at("2026-12-24 21:30")) == at("2026-12-28 08:00")
    assert next_opening(both, zone, "DK", at("2026-12-28 06:30")) == at("2026-12-28 08:00")
    night = Calendar(read_window("22:00-06:00"), AWAKE)
    assert not ever_opens(night.window, night.awake)
    assert next_opening(night, zone, "DK", at("2026-12-28 12:00")) is None
    assert ever_opens(read_window("20:00-23:00"), AWAKE)
    assert ever_opens(ALWAYS, AWAKE)
    assert ever_opens(night.window, ALWAYS)


@pytest.mark.proves("campaign: quiet hours")
@pytest.mark.parametrize(
    ("zone", "country", "by"),
    [
        ("Asia/Tokyo", "DK", "Asia/Tokyo"),
        ("", "JP", "Asia/Tokyo"),
        ("", "RU", "Europe/Moscow"),
        ("No/Where", "SE", "Europe/Stockholm"),
        ("", "", "America/Los_Angeles"),
        ("", "XX", "America/Los_Angeles"),
        ("", "US", "America/Los_Angeles"),  # the campaign's own is one of the country's
    ],
)
def test_whose_clock(zone: str, country: str, by: str) -> None:
    calendar = Calendar(read_window("", "America/Los_Angeles"), AWAKE, None, zones_of)
    assert next_opening(calendar, zone, country, at("2026-11-26 22:00", by)) == at("2026-11-27 08:00", by)


@pytest.mark.proves("campaign: quiet hours")
def test_holidays_are_those_of_the_contacts_country() -> None:
    assert date(2026, 6, 6) in holidays_of("SE", 2026)
    assert date(2026, 6, 6) not in holidays_of("DK", 2026)
    assert date(2026, 11, 29) not in holidays_of("NO", 2026), "a Sunday as all others"
    assert holidays_of("XX", 2026) == frozenset()
    noon = at("2026-06-06 12:00", "Europe/Stockholm")
    assert next_opening(CALENDAR, "", "DK", noon) == noon
    assert next_opening(CALENDAR, "", "SE", noon) == at("2026-06-07 08:00", "Europe/Stockholm")
    allowed = Calendar(CALENDAR.window, AWAKE, None, zones_of)
    assert next_opening(allowed, "", "SE", noon) == noon


@pytest.mark.proves("campaign: quiet hours")
@given(
    st.integers(1_790_000_000, 1_830_000_000),
    st.sampled_from(
        ["Europe/Copenhagen", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
    ),
    st.sampled_from(["21:00-08:00", "02:30-03:15", "22:15-02:15", "00:00-23:00", ""]),
    st.sampled_from(["", "09:00-17:00", "sat sun 02:00-03:00", "mon-fri 20:00-04:00"]),
)
@example(int(at("2027-03-14 01:30", "America/St_Johns")), "America/St_Johns", "02:30-03:15", "")
@example(int(at("2026-10-25 01:30", "UTC")), "Europe/Copenhagen", "22:15-02:15", "")
@example(int(at("2027-10-31 00:20", "UTC")), "Europe/Copenhagen", "22:15-02:15", "sat sun 02:00-03:00")
def test_what_has_opened_is_open(now: int, zone: str, quiet: str, window: str) -> None:
    calendar = Calendar(read_window(window), awake_hours(quiet), holidays_of)
    opens = next_opening(calendar, zone, "DK", now)
    if opens is None:
        assert not ever_opens(calendar.window, calendar.awake)
        return
    assert opens >= now
    assert opens_at(calendar.window, zone, opens) == opens_at(calendar.awake, zone, opens) == opens
    assert datetime.fromtimestamp(opens, ZoneInfo(zone)).date() not in holidays_of("DK", 2026)
    shuts = shuts_at(calendar, zone, "DK", opens)
    assert opens < shuts <= opens + 25.5 * 3600
    for minute in {opens, *range(int(opens), int(shuts), 1260), shuts - 1}:
        assert next_opening(calendar, zone, "DK", minute) == minute, "open until it shuts"


@pytest.mark.proves("campaign: quiet hours", "campaign: send window")
@pytest.mark.parametrize(
    ("hours", "quiet", "now", "shuts"),
    [
        ("", "02:30-03:15", "2027-03-28 00:10", "2027-03-28 01:00"),  # 2:00 to 3:00, past the beginning of the quiet
        ("20:00-02:30", "", "2027-03-28 00:10", "2027-03-28 01:00"),  # past the end of the window
        ("", "22:15-02:15", "2026-10-25 00:20", "2026-10-25 01:00"),  # 3:00 to 2:00, behind the end of the quiet
        ("20:00-04:00", "", "2026-10-25 00:20", "2026-10-25 03:00"),  # an hour more
    ],
)
def test_clocks_that_are_put_shut_what_they_jump_out_of(hours: str, quiet: str, now: str, shuts: str) -> None:
    calendar = Calendar(read_window(hours), awake_hours(quiet))
    begin = at(now, "UTC")
    assert next_opening(calendar, "Europe/Copenhagen", "DK", begin) == begin
    assert shuts_at(calendar, "Europe/Copenhagen", "DK", begin) == at(shuts, "UTC")


@pytest.mark.proves("campaign: send window")
def test_hours_go_with_what_is_written_in_them() -> None:
    hours = Openings(CALENDAR).hours("", "DK", at("2026-11-26 12:00"))
    assert hours == Hours(0.0, at("2026-11-26 21:00"), " DK")
    asleep = Openings(CALENDAR).hours("Europe/Oslo", "NO", at("2026-11-26 22:00"))
    assert asleep == Hours(at("2026-11-27 08:00"), at("2026-11-27 21:00"), "Europe/Oslo NO")
    assert (read_place(" DK"), read_place("Europe/Oslo NO"), read_place("")) == (
        ("", "DK"),
        ("Europe/Oslo", "NO"),
        ("", ""),
    )
    assert Openings(Calendar()).hours("", "DK", 1.0) is None
    assert Openings(Calendar(holidays=holidays_of)).hours("", "", 1.0) is None, "no country, no holidays"


@pytest.mark.proves("campaign: quiet hours")
@pytest.mark.stopwatch
def test_it_is_worked_out_once_for_all_of_a_minute() -> None:
    asked = []

    def holidays(country: str, year: int) -> frozenset[date]:
        asked.append((country, year))
        return holidays_of(country, year)

    openings = Openings(Calendar(CALENDAR.window, AWAKE, holidays, zones_of))
    now = at("2026-11-26 12:00")
    began = time.process_time()
    for number in range(100_000):
        assert openings.at("", "DK", now + number % 60) == now + number % 60
    assert time.process_time() - began < 2
    assert asked == [("DK", 2026)]
    assert openings.at("", "DK", at("2026-12-25 12:00")) == at("2026-12-27 08:00")
