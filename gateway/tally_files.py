"""What several processes behind one port count, added up: each leaves its tally in a file that the others read.

A scrape reaches whichever process the kernel gives the connection to. Counts of one process alone would jump from one
scrape to the next, and a counter that falls is taken for a restart. So each process of a service writes what it has
counted into the service's folder once a second, and whoever is asked adds the others' files to its own. The file of a
process that ended stays and keeps counting; the folder is made anew when the whole service starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from gateway.maillog import Event
from gateway.model import JsonDict
from gateway.tally import BUCKETS, HOUR, MINUTE, Histogram, Kind, Tally

WRITE_SECONDS = 1.0


@dataclass(slots=True)
class Totals:
    """One or more processes' counts."""

    started_at: float
    counts: Counter[Kind]
    to_submission: Histogram
    to_report: Histogram
    connections: int
    """Open SMTP connections."""
    providers: dict[str, set[str]]
    """What each provider's connections say, in all processes."""
    breakers_open: set[str]
    """Providers that take nothing from at least one process."""
    lately: dict[str, tuple[Counter[str], float]]
    """By "minute" and "hour": events, and the seconds that were looked at."""
    pids: list[int] = field(default_factory=lambda: [os.getpid()])

    def add(self, other: Totals) -> None:
        """Take in another process's counts."""
        self.started_at = min(self.started_at, other.started_at)
        self.counts.update(other.counts)
        self.to_submission.add(other.to_submission)
        self.to_report.add(other.to_report)
        for name, states in other.providers.items():
            self.providers.setdefault(name, set()).update(states)
        if any(map(_runs, other.pids)):
            self.breakers_open |= other.breakers_open
            self.connections += other.connections
            self.pids += other.pids
            for span, (events, seconds) in other.lately.items():
                mine, mine_seconds = self.lately[span]
                self.lately[span] = (mine + events, max(mine_seconds, seconds))


def totals_of(tally: Tally, providers: Sequence[str], connections: int) -> Totals:
    """What one process has counted so far."""
    spans = {"minute": tally.lately(MINUTE), "hour": tally.lately(HOUR)}
    return Totals(
        started_at=tally.started_at,
        counts=Counter(tally.counts),
        to_submission=tally.to_submission.copy(),
        to_report=tally.to_report.copy(),
        connections=connections,
        providers={name: {tally.provider_state(name)} for name in providers},
        breakers_open=set(tally.breakers_open),
        lately={
            span: (Counter({str(event): n for event, n in events.items()}), s) for span, (events, s) in spans.items()
        },
    )


class TallyFiles:
    """As a service: writes this process's file. `totals` adds everybody's; without a folder, there is nobody else."""

    name = "tally-files"

    def __init__(self, mine: Callable[[], Totals], folder: Path | None = None) -> None:
        self._mine = mine
        self._folder = folder
        self._file = f"{os.getpid()}.json"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write."""
        if self._folder is not None:
            self._task = asyncio.create_task(self._write_forever(self._folder), name=self.name)

    async def stop(self) -> None:
        """Leave the last counts."""
        if self._task is not None and self._folder is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await asyncio.to_thread(self._write, self._folder, _as_json(self._mine()))

    def totals(self) -> Totals:
        """What all processes of this service have counted, this one to the moment. Reads files: not for the loop."""
        sum_of_all = self._mine()
        if self._folder is not None:
            for path in self._folder.glob("*.json"):
                if path.name != self._file:
                    with contextlib.suppress(OSError, ValueError, KeyError):  # it was just being removed
                        sum_of_all.add(_from_json(orjson.loads(path.read_bytes())))
        return sum_of_all

    async def _write_forever(self, folder: Path) -> None:
        while True:
            content = _as_json(self._mine())
            with contextlib.suppress(OSError):  # a full disk costs figures
                await asyncio.to_thread(self._write, folder, content)
            await asyncio.sleep(WRITE_SECONDS)

    def _write(self, folder: Path, content: bytes) -> None:
        beside = folder / f"{self._file}.new"
        beside.write_bytes(content)
        beside.replace(folder / self._file)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _as_json(totals: Totals) -> bytes:
    return orjson.dumps(
        {
            "started_at": totals.started_at,
            "counts": [[*kind, count] for kind, count in totals.counts.items()],
            "to_submission": [totals.to_submission.counts, totals.to_submission.sum],
            "to_report": [totals.to_report.counts, totals.to_report.sum],
            "connections": totals.connections,
            "providers": {name: sorted(states) for name, states in totals.providers.items()},
            "breakers_open": sorted(totals.breakers_open),
            "lately": totals.lately,
            "pids": totals.pids,
        }
    )


def _from_json(told: JsonDict) -> Totals:
    return Totals(
        started_at=told["started_at"],
        counts=Counter({Kind(Event(event), provider, word): n for event, provider, word, n in told["counts"]}),
        to_submission=_histogram(*told["to_submission"]),
        to_report=_histogram(*told["to_report"]),
        connections=told["connections"],
        providers={name: set(states) for name, states in told["providers"].items()},
        breakers_open=set(told["breakers_open"]),
        lately={span: (Counter(events), seconds) for span, (events, seconds) in told["lately"].items()},
        pids=told["pids"],
    )


def _histogram(counts: list[int], total: float) -> Histogram:
    if len(counts) != len(BUCKETS) + 1:
        raise ValueError("the file of another version")
    made = Histogram()
    made.counts, made.sum = counts, total
    return made
