"""Figures as charts and as the tables beside them, in the viewer's words. Pure but for the viewer's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.numbers import format_decimal
from markupsafe import Markup

from gateway.listed_sms import Way
from gateway.statistics import ProviderFigures, Slot, SpentDay
from web import charts
from web.charts import Bar, Heading, Line, Series, Span
from web.language import gettext as _
from web.language import ngettext, number, tongue

Kinds = frozenset[tuple[Way, str]]
_OUT, _IN = Way.OUT, Way.IN


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart, what its colours mean, and its numbers as a table: heads, then rows."""

    chart: Markup
    series: tuple[Series, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def kinds() -> list[tuple[Series, Kinds]]:
    """What becomes of SMS, as it is piled up in charts."""
    return [
        (Series(_("delivered"), "c-delivered"), frozenset({(_OUT, "delivered")})),
        (Series(_("sent"), "c-sent"), frozenset({(_OUT, "submitted")})),
        (Series(_("under way"), "c-waits"), frozenset({(_OUT, "queued"), (_OUT, "submitting")})),
        (Series(_("expired or unknown"), "c-doubt"), frozenset({(_OUT, "expired"), (_OUT, "unknown")})),
        (Series(_("failed"), "c-failed"), frozenset({(_OUT, "failed")})),
        (
            Series(_("from phones"), "c-in", below=True),
            frozenset({(_IN, state) for state in ("mailed", "held", "asked", "unrouted")}),
        ),
    ]


def traffic(slots: Sequence[Slot], per: int, *, by_day: bool) -> Drawn:
    """SMS over time; `per` slots together are one bar."""
    known = kinds()
    places = [_place(slots[n : n + per], known, by_day=by_day) for n in range(0, len(slots), per)]
    used = [n for n in range(len(known)) if n in {0, len(known) - 1} or any(place.values[n] for place in places)]
    series = tuple(known[n][0] for n in used)
    bars = [Bar(each.short, each.whole, tuple(each.values[n] for n in used)) for each in places]
    sums = [sum(bar.values[n] for bar in bars) for n in range(len(used))]
    summary = ", ".join(f"{each.words}: {number(total)}" for each, total in zip(series, sums, strict=True))
    heading = Heading("traffic", _("SMS over time"), summary)
    rows = tuple((bar.whole, *map(number, bar.values)) for bar in bars if any(bar.values))
    return Drawn(
        charts.bars(heading, series, bars, number), series, (_("When"), *(each.words for each in series)), rows
    )


def _place(slots: Sequence[Slot], known: Sequence[tuple[Series, Kinds]], *, by_day: bool) -> Bar:
    first = slots[0].start
    values = tuple(
        float(sum(count for slot in slots for kind, count in slot.counts.items() if kind in wanted))
        for _series, wanted in known
    )
    if by_day:
        return Bar(_day(first), format_date(first, "full", locale=tongue().locale), values)
    hour = format_datetime(first, "HH" if len(slots) == 1 else "EEE HH", tzinfo=first.tzinfo, locale=tongue().locale)
    whole = f"{_day(first)} {format_time(first, 'short', tzinfo=first.tzinfo, locale=tongue().locale)}"
    return Bar(hour, whole, values)


def _day(day: date) -> str:
    """Day and month, as short as they are written."""
    return format_skeleton("MMMd", day, locale=tongue().locale)


def delivery_times(providers: Sequence[ProviderFigures]) -> Markup | None:
    """How long SMS took to arrive, by provider; None where none did."""
    rows = [
        Span(
            each.provider,
            each.median_seconds,
            each.p95_seconds,
            _(
                "half within %(half)s, 95%% within %(most)s",
                half=seconds(each.median_seconds),
                most=seconds(each.p95_seconds),
            ),
        )
        for each in providers
        if each.median_seconds is not None and each.p95_seconds is not None
    ]
    if not rows:
        return None
    summary = "; ".join(f"{row.name}: {row.words}" for row in rows)
    return charts.spans(Heading("times", _("Delivery times"), summary), rows)


def seconds(value: float | None) -> str:
    """A length of time, in the unit that suits it."""
    if value is None:
        return "–"
    if value < _MINUTES:
        return _("%(n)s s", n=number(round(value, 1) if value < 10 else round(value)))
    if value < _HOURS:
        return _("%(n)s min", n=number(round(value / 60)))
    return _("%(n)s h", n=number(round(value / 3600)))


_MINUTES = 120
_HOURS = 7200
"""Seconds from which on minutes and hours are easier to read."""


def spend(days: Sequence[SpentDay], cap: int) -> Drawn:
    """SMS parts by day (UTC), with the limit where there is one."""
    series = (Series(_("SMS parts"), "c-sent"),)
    bars = [Bar(_day(each.day), format_date(each.day, "full", locale=tongue().locale), (each.parts,)) for each in days]
    total = sum(each.parts for each in days)
    heading = Heading("spend", _("SMS parts by day"), ngettext("%(num)s part in all", "%(num)s parts in all", total))
    line = Line(_("limit %(cap)s", cap=number(cap)), cap) if cap else None
    rows = tuple(_spent(each, bar.whole) for each, bar in zip(days, bars, strict=True) if each.parts or each.cost)
    return Drawn(charts.bars(heading, series, bars, number, line), series, (_("Day"), _("SMS parts"), _("Cost")), rows)


def _spent(day: SpentDay, whole: str) -> tuple[str, ...]:
    return (whole, number(day.parts), money(day.cost))


def money(minor: int) -> str:
    """Minor units of the one currency that `[limits] part_cost` is written in, as whole ones: its name is not known."""
    return format_decimal(minor / 100, "#,##0.00", locale=tongue().locale)


def outcomes(figures: ProviderFigures) -> Iterator[tuple[Series, int]]:
    """How many SMS came to what."""
    for series, wanted in kinds():
        yield series, sum(count for kind, count in figures.counts.items() if kind in wanted)
