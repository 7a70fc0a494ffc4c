"""When a campaign may write to somebody: a window of the day in the contact's own time zone. Pure.

In: a window, a zone's name (IANA), a moment. Out: the moment at which it may leave, now or later. Where clocks are put
forward the window opens with the hour that follows; where they are put back it opens the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
        opens = datetime(day.year, day.month, day.day, window.begins // 60, window.begins % 60, tzinfo=place)
        if day.weekday() in window.days and opens.timestamp() > minute * 60:
            return opens.timestamp()
    raise AssertionError("a window opens within eight days")


def read_window(text: str, zone: str = "UTC") -> Window:
    """Read "09:00-20:00" or "mon-fri 09:00-20:00"; "" is always. Raises BadValue."""
    words = text.lower().split()
    if not words:
        return Window(0, _DAY_MINUTES, zone=zone)
    zone_named(zone)
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
    days = "" if window.days == EVERY_DAY else " ".join(_DAYS[day] for day in sorted(window.days)) + " "
    return days + hours


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
