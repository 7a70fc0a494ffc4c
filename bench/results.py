"""What was measured: runs, their medians, and rows with a target."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One measurement of one side: how many messages, how long, at what cost."""

    messages: int
    seconds: float
    cpu: float
    """Seconds of CPU of all processes of that side."""
    peak: float
    """MB of memory at the most, by proportional share."""
    delays: tuple[float, ...] = ()
    """Seconds, one per message that was watched."""

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_per_message(self) -> float:
        """Milliseconds."""
        return self.cpu / self.messages * 1e3


@dataclass(frozen=True)
class Side:
    """The median run of one side of a comparison; delays of all its runs together."""

    name: str
    rate: float
    cpu_ms: float
    peak_mb: float
    p50_ms: float | None
    p99_ms: float | None
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` is what the target speaks of, in `unit`."""

    name: str
    what: str
    target: str
    value: float
    unit: str
    reached: bool | None
    """None where there is no target."""
    sides: tuple[Side, ...] = ()
    note: str = ""


@dataclass
class Plan:
    """How much is measured, and with which gateways."""

    folder: Path
    """For what is used more than once."""
    short: bool = False
    gateways: tuple[str, ...] = ("",)
    """Arguments of `brevdue serve`, one way after the other; "" is the embedded default."""
    kept: dict[str, object] = field(default_factory=dict)
    """What a row has found out that others need, by name."""

    @property
    def repeats(self) -> int:
        return 1 if self.short else 3

    def some(self, many: int) -> int:
        """So many messages, or a fifth of them in the short form."""
        return many // 5 if self.short else many


def alternately(repeats: int, sides: Mapping[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Measure every side once, then every side again: what else the machine does then meets all of them."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            runs[name].append(measure())
    return runs


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def side(name: str, runs: Sequence[Run]) -> Side:
    """Medians of several runs."""
    delays = [delay for run in runs for delay in run.delays]
    return Side(
        name=name,
        rate=statistics.median(run.rate for run in runs),
        cpu_ms=statistics.median(run.cpu_per_message for run in runs),
        peak_mb=max(run.peak for run in runs),
        p50_ms=percentile(delays, 0.5) * 1e3 if delays else None,
        p99_ms=percentile(delays, 0.99) * 1e3 if delays else None,
        rates=tuple(round(run.rate, 1) for run in runs),
    )


def at_least(name: str, what: str, ours: Side, theirs: Side, times: float) -> Row:
    """A row whose target is a multiple of somebody else's rate."""
    ratio = ours.rate / theirs.rate
    return Row(name, what, f"≥ {times:g} ×", ratio, "×", ratio >= times, (ours, theirs))
