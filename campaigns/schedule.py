"""When a campaign may write to somebody: its window, quiet hours and holidays, by the contact's own clock. Pure.

In: a calendar, a zone's name (IANA), a country, a moment. Out: the moment at which it may leave, now or later. Where
clocks are put forward a window opens with the hour that follows; where they are put back it opens the first time, and
is open again as soon as its hours are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.model import Hours
from gateway.registry.errors import BadValue
from gateway.translation import sentence

_DAY_MINUTES: Final = 24 * 60
EVERY_DAY: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of the day from which and until which messages leave, on these days of the week (Monday is 0).

    One that ends before it begins goes over midnight, and belongs to the day on which it begins.
    """

    begins: int
    ends: int
    days: frozenset[int] = EVERY_DAY
    zone: str = "UTC"
    """Of contacts whose own is not known."""

    def __post_init__(self) -> None:
        known = 0 <= self.begins < _DAY_MINUTES and 0 <= self.ends <= _DAY_MINUTES and self.begins != self.ends
        if not known or not self.days or not self.days <= EVERY_DAY:
            raise BadValue(sentence("a window has a beginning, another end and at least one day, as 09:00-20:00"))

    @property
    def always(self) -> bool:
        """Whether it is never shut."""
        return (self.begins, self.ends) == (0, _DAY_MINUTES) and self.days == EVERY_DAY


ALWAYS: Final = Window(0, _DAY_MINUTES)


def zone_named(name: str) -> tzinfo:
    """A time zone. Raises BadValue."""
    found = _zone(name)
    if found is None:
        raise BadValue(sentence("there is no time zone called %(name)s: write it as Europe/Copenhagen", name=name))
    return found


@lru_cache(1000)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def opens_at(window: Window, zone: str, now: float) -> float:
    """When a message may leave: `now` itself where the window is open."""
    if window.always:
        return now
    return _opens_at(window, zone, int(now) // 60) or now


@lru_cache(10_000)
def _opens_at(window: Window, zone: str, minute: int) -> float:
    """The same for all of a minute since the epoch; 0 where it is open."""
    place = (_zone(zone) if zone else None) or _zone(window.zone) or _zone("UTC")
    moment = datetime.fromtimestamp(minute * 60, place)
    at = moment.hour * 60 + moment.minute
    over_midnight = window.ends < window.begins
    yesterday = (moment.weekday() - 1) % 7
    if over_midnight and at < window.ends and yesterday in window.days:
        return 0.0
    if moment.weekday() in window.days and window.begins <= at and (over_midnight or at < window.ends):
        return 0.0
    for later in range(9):
        day = moment.date() + timedelta(days=later)
        if day.weekday() not in window.days:
            continue
        for fold in (0, 1):  # where clocks are put back the hour comes twice
            opens = _moment(day, window.begins, place, fold)
            if opens > minute * 60:
                return opens
    raise AssertionError("a window opens within eight days")


def _moment(day: date, minutes: int, place: tzinfo | None, fold: int = 0) -> float:
    return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=place, fold=fold).timestamp()


# --- with quiet hours and holidays ---------------------------------------------------------------------------------


class Holidays(Protocol):
    """Knows holidays."""

    def __call__(self, country: str, year: int) -> Collection[date]:
        """Those of a country (ISO 3166) in a year; none where it is not known."""
        ...


class Zones(Protocol):
    """Knows where countries are."""

    def __call__(self, country: str) -> Sequence[str]:
        """The time zones of a country (ISO 3166), the one of most people first; none where it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Calendar:
    """All that says when messages may leave."""

    window: Window = ALWAYS
    awake: Window = ALWAYS
    """What quiet hours leave of the day."""
    holidays: Holidays | None = None
    """None where they are days as all others."""
    zones: Zones | None = None

    @property
    def always(self) -> bool:
        """Whether it is never shut."""
        return self.window.always and self.awake.always and self.holidays is None


MOST_STEPS: Final = 500
"""From one thing that is shut to the next, until it is said that they never open together."""


def zone_of(calendar: Calendar, zone: str, country: str) -> str:
    """The zone to go by: the contact's; the country's; the campaign's, and that first where the country has it."""
    own = calendar.window.zone
    if zone and _zone(zone) is not None:
        return zone
    known = calendar.zones(country) if calendar.zones is not None and country else ()
    return own if own in known or not known else known[0]


def next_opening(calendar: Calendar, zone: str, country: str, now: float) -> float | None:
    """When a message may leave: `now` itself where nothing is against it; None where that never comes."""
    if calendar.always:
        return now
    zone = zone_of(calendar, zone, country)
    at = now
    for _ in range(MOST_STEPS):
        hour = opens_at(calendar.awake, zone, opens_at(calendar.window, zone, at))
        later = _after_holiday(calendar, zone, country, hour)
        if later == at:
            return at
        at = later
    return None


def _after_holiday(calendar: Calendar, zone: str, country: str, at: float) -> float:
    if calendar.holidays is None or not country:
        return at
    place = _zone(zone) or _zone("UTC")
    day = datetime.fromtimestamp(at, place).date()
    if day not in calendar.holidays(country, day.year):
        return at
    return _moment(day + timedelta(days=1), 0, place)


def shuts_at(calendar: Calendar, zone: str, country: str, at: float) -> float:
    """Until when a message may leave whose hours are open at a moment; where they go on, they open again then."""
    place = _zone(zone_of(calendar, zone, country)) or _zone("UTC")
    ends = [each.ends for each in (calendar.window, calendar.awake) if not each.always]
    if calendar.holidays is not None and country:
        ends.append(_DAY_MINUTES)
    end = min((_next(minutes, place, at) for minutes in ends), default=math.inf)
    if not ends or datetime.fromtimestamp(at, place).utcoffset() == datetime.fromtimestamp(end, place).utcoffset():
        return end
    put = _clocks_put(place, int(at), int(end))
    return end if next_opening(calendar, zone, country, put) == put else put


def _clocks_put(place: tzinfo | None, before: int, after: int) -> int:
    """The first second after a clock was put: it may have jumped over an end, or back behind it."""
    was = datetime.fromtimestamp(before, place).utcoffset()
    while after - before > 1:
        between = (before + after) // 2
        if datetime.fromtimestamp(between, place).utcoffset() == was:
            before = between
        else:
            after = between
    return after


def _next(minutes: int, place: tzinfo | None, at: float) -> float:
    """When a clock shows so many minutes of the day next; 24:00 is the midnight that ends it."""
    days, minutes = divmod(minutes, _DAY_MINUTES)
    day = datetime.fromtimestamp(at, place).date() + timedelta(days)
    for later in range(-1, 3):
        for fold in (0, 1):
            moment = _moment(day + timedelta(later), minutes, place, fold)
            if moment > at:
                return moment
    raise AssertionError("each hour comes within two days")


class Openings:
    """Openings of one calendar, worked out once for all contacts of a zone, a country and a minute."""

    __slots__ = ("_calendar", "_hours", "_known", "_minute", "always")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._known: dict[tuple[str, str], float] = {}
        self._hours: dict[tuple[str, str], Hours | None] = {}
        self._minute = 0
        self.always = calendar.always
        """Whether it is never shut."""

    def at(self, zone: str, country: str, now: float) -> float:
        """When a message may leave; where that never comes, when the campaign's own window opens."""
        self._turn_to(int(now) // 60)
        opens = self._known.get((zone, country))
        if opens is None:
            begin = self._minute * 60
            found = next_opening(self._calendar, zone, country, begin)
            if found is None:
                found = opens_at(self._calendar.window, zone_of(self._calendar, zone, country), begin)
            opens = self._known[zone, country] = found if found > begin else 0.0
        return opens or now

    def hours(self, zone: str, country: str, now: float) -> Hours | None:
        """Between when and when a message may leave, now or next; None for always."""
        if self.always:
            return None
        self._turn_to(int(now) // 60)
        place = zone, country
        if place not in self._hours:
            opens = self.at(zone, country, now)
            begins = 0.0 if opens == now else opens
            ends = shuts_at(self._calendar, zone, country, opens)
            self._hours[place] = Hours(begins, ends, write_place(zone, country)) if ends < math.inf else None
        return self._hours[place]

    def _turn_to(self, minute: int) -> None:
        """Forget what was worked out for another minute."""
        if minute != self._minute:
            self._minute, self._known, self._hours = minute, {}, {}


def write_place(zone: str, country: str) -> str:
    """Whose hours count, as a word for the spool (`Hours.place`)."""
    return f"{zone} {country}"


def read_place(place: str) -> tuple[str, str]:
    """The zone and the country of such a word; either can be empty."""
    zone, _, country = place.partition(" ")
    return zone, country


def awake_hours(quiet: str) -> Window:
    """What quiet hours as "21:00-08:00" leave of the day; "" leaves all of it. Raises BadValue."""
    if not quiet:
        return ALWAYS
    hours = read_window(quiet)
    return Window(hours.ends % _DAY_MINUTES, hours.begins, zone=hours.zone)


def ever_opens(window: Window, awake: Window) -> bool:
    """Whether a campaign's window and the hours that are not quiet have a minute in common."""
    return bool(_minutes_of(window) & _minutes_of(awake))


def _minutes_of(window: Window) -> set[int]:
    if window.begins < window.ends:
        return set(range(window.begins, window.ends))
    return set(range(window.begins, _DAY_MINUTES)) | set(range(window.ends))


def read_window(text: str, zone: str = "UTC") -> Window:
    """Read "09:00-20:00" or "mon-fri 09:00-20:00"; "" is always. Raises BadValue."""
    words = text.lower().split()
    zone_named(zone)
    if not words:
        return Window(0, _DAY_MINUTES, zone=zone)
    try:
        begins, ends = (_minutes(each) for each in words[-1].split("-", 1))
        days = EVERY_DAY if len(words) == 1 else frozenset(day for word in words[:-1] for day in _days(word))
    except ValueError:
        raise BadValue(
            sentence("%(text)s is no window: write it as 09:00-20:00, or mon-fri 09:00-20:00", text=text)
        ) from None
    return Window(begins, ends, days, zone)


def write_window(window: Window) -> str:
    """As `read_window` reads it."""
    if window.always:
        return ""
    hours = "-".join(f"{each // 60:02}:{each % 60:02}" for each in (window.begins, window.ends))
    days = "" if window.days == EVERY_DAY else " ".join(_spans(sorted(window.days))) + " "
    return days + hours


def _spans(days: Sequence[int]) -> Iterator[str]:
    """Days as they are written: three or more in a row by the first and the last."""
    for _, in_a_row in groupby(enumerate(days), key=lambda each: each[1] - each[0]):
        names = [_DAYS[day] for _, day in in_a_row]
        yield from ([f"{names[0]}-{names[-1]}"] if len(names) > 2 else names)


_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _days(word: str) -> list[int]:
    first, _, last = word.strip(",").partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    if not (hours.isdecimal() and (minutes.isdecimal() or not minutes)) or int(minutes or 0) > 59:
        raise ValueError(clock)
    return int(hours) * 60 + int(minutes or 0)
