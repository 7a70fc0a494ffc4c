"""The SMTP edge alone, into a taker that does nothing: `bench/smtp_edge.py`, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys

from bench.results import Plan, Row, Side

MAILS = 10_000
_LINE = re.compile(r"(?P<way>\S.*?) +(?P<cpu>\d+) µs CPU a mail +(?P<rate>\d+) mails/s")


def edge(plan: Plan) -> list[Row]:
    """One row with a side for each way of sending; it has no target."""
    command = [sys.executable, "-m", "bench.smtp_edge", str(plan.some(MAILS))]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    sides = tuple(
        Side(found["way"], float(found["rate"]), int(found["cpu"]) / 1e3, 0.0, None, None, (float(found["rate"]),))
        for found in map(_LINE.fullmatch, said.splitlines())
        if found is not None
    )
    dearest = max(sides, key=lambda way: way.cpu_ms)
    return [Row("edge", "CPU of the SMTP edge alone, 1 kB mails", "", dearest.cpu_ms, "ms", reached=None, sides=sides)]
