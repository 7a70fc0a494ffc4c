"""What the gateway needs while little happens: to start, to be idle, to hold clients that say nothing."""

from __future__ import annotations

import statistics
import time

from bench.clients.idle import idle_clients
from bench.measured import Measured
from bench.processes import cpu_seconds, open_files, resident
from bench.results import Plan, Row
from bench.scratch import scratch
from tests.ports import free_port

_STARTS = 5
_READY_SECONDS, _IDLE_MB = 1.5, 120
_REST = 3.0
"""Seconds after which memory has come to rest."""
_WARM_UP = 50
_MANY = {"BREVDUE_SMTP__MAX_CONNECTIONS_PER_CLIENT": "20000"}
"""All clients have the address of loopback."""


def cold_start(plan: Plan) -> list[Row]:
    """The embedded default in an empty folder: the database is made, then it is ready; then idle."""
    seconds, memory, cpu = [], [], []
    for _ in range(1 if plan.short else _STARTS):
        with scratch() as home, Measured(home) as gateway:
            seconds.append(gateway.ready_after)
            cpu.append(cpu_seconds(gateway.pid))
            time.sleep(_REST)
            memory.append(resident(gateway.pid))
    ready, idle = statistics.median(seconds), max(memory)
    note = f"{statistics.median(cpu):.2f} s of CPU; starts {', '.join(f'{each:.2f}' for each in sorted(seconds))} s"
    return [
        Row(
            "start",
            "cold start of the embedded default in an empty folder, until /readyz answers 200",
            f"≤ {_READY_SECONDS} s",
            ready,
            "s",
            ready <= _READY_SECONDS,
            note=note,
        ),
        Row("idle", "resident while idle", f"≤ {_IDLE_MB} MB", idle, "MB", idle <= _IDLE_MB),
    ]


def idle_smtp(plan: Plan) -> list[Row]:
    """Clients that have said EHLO."""
    return [_idle("idle-smtp", "idle SMTP clients", 5000, 80, plan, tls=False)]


def idle_tls(plan: Plan) -> list[Row]:
    """The same behind TLS from the first byte."""
    return [_idle("idle-tls", "idle TLS clients", 2000, 120, plan, tls=True)]


def _idle(name: str, what: str, clients: int, limit: float, plan: Plan, *, tls: bool) -> Row:
    """How much more memory the gateway holds while so many clients are connected."""
    some = plan.some(clients)
    with scratch() as home:
        tls_port = free_port()
        gateway = Measured(home, f"[submission]\ntls_port = {tls_port}\n", environment=_MANY)
        with gateway:
            port = tls_port if tls else gateway.smtp_port
            with idle_clients(port, _WARM_UP, tls=tls):
                pass
            time.sleep(_REST)
            before = resident(gateway.pid)
            with idle_clients(port, some, tls=tls):
                time.sleep(_REST)
                more = resident(gateway.pid) - before
                if open_files(gateway.pid) < some:
                    raise RuntimeError("the gateway has sent clients away")
    share = some / clients
    note = f"{more / some * 1e3:.1f} kB each, on top of {before:.0f} MB; what the kernel holds for sockets is not in it"
    what = f"{some:,} {what}: memory on top"
    return Row(name, what, f"≤ {limit * share:g} MB", more, "MB", more <= limit * share, note=note)
