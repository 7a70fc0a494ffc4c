"""What the gateway says of itself to programs: `/metrics` for Prometheus, `/status` for `brevdue status`.

Promises: no phone number, mail address, key, id of a message or text stands in either; a database that is away costs
the figures that come from it and nothing else. Counts are those of all processes that share the port, figures of the
database are everybody's; only `process_*` is about the process that happened to answer.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.figures import FigureReader
from gateway.model import JsonDict
from gateway.store.figures_sql import Figures
from gateway.tally import BUCKETS, Histogram, expected
from gateway.tally_files import Totals
from web.health import Check, look_at

if TYPE_CHECKING:
    from prometheus_client import Metric

FIGURES_SECONDS = 3.0
"""How long a scrape waits for the database."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from."""

    version: str
    totals: Callable[[], Totals]
    """What all processes behind this port have counted."""
    figures: FigureReader
    providers: Sequence[str]
    free_bytes: Callable[[], dict[str, int]]
    """What the disks have left, by what is kept there."""
    certificate_expiry: Callable[[], float | None]
    """When the certificate ends (seconds since the epoch); None without one."""


def metric_routes(sources: Sources, checks: Sequence[Check]) -> list[Route]:
    """`/metrics` and `/status`."""

    async def metrics(_request: Request) -> Response:
        content = await asyncio.to_thread(exposition, sources, await _figures(sources))
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def status(_request: Request) -> JSONResponse:
        figures, findings = await asyncio.gather(_figures(sources), look_at(checks))
        return JSONResponse(
            {
                "version": sources.version,
                **_counted_lately(await asyncio.to_thread(sources.totals)),
                "figures": None if figures is None else asdict(figures),
                "checks": [asdict(finding) for finding in findings],
            }
        )

    return [Route("/metrics", metrics), Route("/status", status)]


async def _figures(sources: Sources) -> Figures | None:
    try:
        async with asyncio.timeout(FIGURES_SECONDS):
            return await sources.figures.read()
    except Exception:  # the database is away: /readyz says so, and brevdue_database_up
        return None


def _counted_lately(totals: Totals) -> JsonDict:
    return {
        "pids": totals.pids,
        "started_at": totals.started_at,
        "connections": totals.connections,
        "providers": {name: _state(said) for name, said in totals.providers.items()},
        "breakers_open": sorted(totals.breakers_open),
        "lately": {span: {"seconds": seconds, "events": events} for span, (events, seconds) in totals.lately.items()},
    }


def _state(said: set[str]) -> str:
    """A provider is up while it is for one of the processes."""
    return "up" if "up" in said else min(said)


# --- Prometheus ----------------------------------------------------------------------------------------------------


def exposition(sources: Sources, figures: Figures | None) -> bytes:
    """Everything in Prometheus's text format (version 0.0.4)."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import Collector

    class OfGateway(Collector):
        def collect(self) -> Iterator[Metric]:
            totals = sources.totals()
            yield from _counted(sources, totals)
            yield from _now(sources, totals)
            yield from _stored(figures)

    registry = CollectorRegistry()
    registry.register(OfGateway())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _gauge(name: str, text: str, values: Mapping[str, float], label: str = "") -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    gauge = GaugeMetricFamily(f"brevdue_{name}", text, labels=[label] if label else [])
    for value_of, value in values.items():
        gauge.add_metric([value_of] if label else [], value)
    return gauge


def _counted(sources: Sources, totals: Totals) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    events = CounterMetricFamily(
        "brevdue_events",
        "Log events. 'word' is an event's own: a report's state, a mail's proof or kind.",
        labels=["event", "provider", "word"],
    )
    counts = dict.fromkeys(expected(sources.providers), 0) | totals.counts
    for kind, count in counts.items():
        events.add_metric([kind.event, kind.provider, kind.word], count)
    yield events
    yield _histogram("submission", "From acceptance to the provider's yes, retries included.", totals.to_submission)
    yield _histogram("report", "From the provider's yes to the report that settles the message.", totals.to_report)


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    bounds = [*map(str, BUCKETS), "+Inf"]
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(f"brevdue_{name}_seconds", text, buckets=buckets, sum_value=histogram.sum)


def _now(sources: Sources, totals: Totals) -> Iterator[Metric]:
    from prometheus_client.core import InfoMetricFamily

    build = {"version": sources.version, "python": platform.python_version()}
    yield InfoMetricFamily("brevdue_build", "What runs.", value=build)
    yield _gauge("smtp_connections", "Open SMTP, submission and LMTP connections.", {"": totals.connections})
    up = {name: float(_state(said) == "up") for name, said in totals.providers.items()}
    yield _gauge("provider_up", "Whether a provider's connection stands.", up, "provider")
    breakers = {name: float(name in totals.breakers_open) for name in sources.providers}
    yield _gauge("provider_breaker_open", "Whether a provider takes nothing and is only probed.", breakers, "provider")
    free = {name: float(size) for name, size in sources.free_bytes().items()}
    yield _gauge("disk_free_bytes", "What the disk has left, by what is kept on it.", free, "place")
    if (expiry := sources.certificate_expiry()) is not None:
        yield _gauge("certificate_expiry_timestamp_seconds", "When the TLS certificate ends.", {"": expiry})


def _stored(figures: Figures | None) -> Iterator[Metric]:
    yield _gauge("database_up", "Whether the database answers.", {"": float(figures is not None)})
    if figures is None:
        return
    messages = {
        "queued": figures.queued,
        "due": figures.due,
        "submitting": figures.in_flight,
        "unknown": figures.unknown,
    }
    yield _gauge("messages", "SMS by state; 'due' are those of 'queued' whose time has come.", messages, "state")
    yield _gauge("messages_overdue_seconds", "How long the oldest due SMS has been due.", {"": figures.overdue_seconds})
    yield _gauge("mails", "Mails that wait to leave.", {"": figures.mails})
    yield _gauge(
        "mails_overdue_seconds", "How long the oldest due mail has been due.", {"": figures.mails_overdue_seconds}
    )
    inbound = {"held": figures.held, "asked": figures.asked, "unrouted": figures.unrouted}
    yield _gauge(
        "inbound", "Incoming SMS that wait for a pause's end or a reader, or belong to nobody.", inbound, "state"
    )
    alive = sum(process.alive for process in figures.processes)
    processes = {"alive": alive, "dead": len(figures.processes) - alive}
    yield _gauge("processes", "Processes of this database by their heartbeat.", processes, "state")
