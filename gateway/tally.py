"""What happened since the process started: log events counted, times measured from one event to the next.

In: every log event with its fields (`hear` is a watcher of `gateway.maillog`). Out: totals, histograms, and how many of
each event there were in the last minute and hour. Nobody counts anything by a second call, so figures and log cannot
disagree. No key, number, address or id is kept with a count; ids of submitted messages are held to time their reports.
"""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway import maillog
from gateway.maillog import BREAKER, Event
from gateway.model import MailKind, Origin, ProofMethod, time_of
from gateway.sms import MessageState

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)
"""Upper bounds in seconds: from what a good minute looks like to what has waited a day."""
REMEMBER_SECONDS = 10.0
"""How often totals are put aside, to tell what the last minute and hour added."""
MINUTE, HOUR = 60.0, 3600.0
_GENERATION = 20_000
"""Submitted messages whose reports are timed: as many, and up to as many before them."""


class Kind(NamedTuple):
    """What is counted: an event, the provider that it is about ("" for none), and the event's own word."""

    event: Event
    provider: str
    word: str


_WORD: dict[Event, tuple[str, Sequence[str]]] = {
    Event.MAIL_ACCEPTED: ("proof", tuple(ProofMethod)),
    Event.SMS_WRITTEN: ("origin", tuple(Origin)),
    Event.SMS_REPORT: ("state", (MessageState.DELIVERED, MessageState.FAILED, MessageState.EXPIRED)),
    Event.MAIL_SENT: ("kind", tuple(MailKind)),
    Event.MAIL_DELAYED: ("kind", tuple(MailKind)),
    Event.MAIL_FAILED: ("kind", tuple(MailKind)),
}
"""The field of an event that is counted apart, and its values."""
_PROVIDER = frozenset(
    {
        Event.SMS_SUBMITTED, Event.SMS_DELAYED, Event.SMS_MOVED, Event.SMS_FAILED, Event.SMS_UNKNOWN, Event.SMS_REPORT,
        Event.SMS_LOOKED_UP, Event.SMS_RECEIVED, Event.SMS_HELD, Event.SMS_ASKED, Event.SMS_UNROUTED,
        Event.PROVIDER_STATE,
    }
)  # fmt: skip


def expected(providers: Iterable[str]) -> Iterator[Kind]:
    """Every kind that can come up: what has not happened yet is 0, or its first time would look like no change."""
    names = tuple(providers)
    for event in Event:
        _, words = _WORD.get(event, ("", ("",)))
        for provider in names if event in _PROVIDER else ("",):
            yield from (Kind(event, provider, word) for word in words)


class Histogram:
    """Durations in seconds, by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        """Per bucket, not added up; the last one is for what is longer than all bounds."""
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration; a clock that was set back makes it 0."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += max(0.0, seconds)

    def add(self, other: Histogram) -> None:
        """Take in what another has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    def copy(self) -> Histogram:
        """The same, as it stands."""
        made = Histogram()
        made.add(self)
        return made


class Tally:
    """The counts of one process, and as a service what keeps their last hour."""

    name = "tally"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.started_at = now()
        self.counts: dict[Kind, int] = {}
        self.to_submission = Histogram()
        """From the acceptance of a mail to the provider's yes to each of its messages, retries included."""
        self.to_report = Histogram()
        """From that yes to the report that settles the message; what another process submitted is not timed."""
        self.breakers_open: set[str] = set()
        """Providers that take nothing: what can go another way does."""
        self._links: dict[str, dict[object, str]] = {}
        self._submitted: dict[str, float] = {}
        self._submitted_before: dict[str, float] = {}
        self._past: deque[tuple[float, dict[Kind, int]]] = deque(maxlen=int(HOUR / REMEMBER_SECONDS) + 2)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to hear."""
        maillog.watch(self.hear)
        self._task = asyncio.create_task(self._remember_forever(), name=self.name)

    async def stop(self) -> None:
        """Hear no more."""
        maillog.unwatch(self.hear)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def hear(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Count one event."""
        provider = fields.get("provider", "") if event in _PROVIDER else ""
        kind = Kind(event, provider, fields.get(_WORD[event][0], "") if event in _WORD else "")
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if event is Event.SMS_SUBMITTED:
            self._time_submission(fields.get("id", ""))
        elif event is Event.SMS_REPORT:
            self._time_report(fields.get("id", ""))
        elif event is Event.PROVIDER_STATE and fields.get("bind") == BREAKER:
            (self.breakers_open.add if fields.get("state") == "open" else self.breakers_open.discard)(provider)
        elif event is Event.PROVIDER_STATE:
            self._links.setdefault(provider, {})[fields.get("bind")] = str(fields.get("state", ""))

    def _time_submission(self, message_id: str) -> None:
        now = self._now()
        with contextlib.suppress(ValueError):
            self.to_submission.observe(now - time_of(message_id))
        self._submitted[message_id] = now
        if len(self._submitted) >= _GENERATION:
            self._submitted_before, self._submitted = self._submitted, {}

    def _time_report(self, message_id: str) -> None:
        submitted_at = self._submitted.pop(message_id, None) or self._submitted_before.pop(message_id, None)
        if submitted_at is not None:
            self.to_report.observe(self._now() - submitted_at)

    def provider_state(self, provider: str) -> str:
        """What a provider's connections last said: "up" while one of them is, or while none has said anything."""
        said = self._links.get(provider, {}).values()
        return "up" if not said or "up" in said else next(iter(said))

    def total(self, event: Event) -> int:
        """How often an event happened since the start."""
        return sum(count for kind, count in list(self.counts.items()) if kind.event is event)

    def lately(self, seconds: float) -> tuple[dict[Event, int], float]:
        """How often each event happened in the last `seconds`, and the seconds that were really looked at."""
        now = self._now()
        then, before = self._past[0] if self._past else (self.started_at, {})
        for at, counts in self._past:
            if at > now - seconds:
                break
            then, before = at, counts
        added: dict[Event, int] = {}
        for kind, count in list(self.counts.items()):
            if more := count - before.get(kind, 0):
                added[kind.event] = added.get(kind.event, 0) + more
        return added, max(now - then, 1.0)

    def remember(self) -> None:
        """Put the totals aside."""
        self._past.append((self._now(), dict(self.counts)))

    async def _remember_forever(self) -> None:
        while True:
            self.remember()
            await asyncio.sleep(REMEMBER_SECONDS)
