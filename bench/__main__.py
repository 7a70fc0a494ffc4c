"""`python -m bench`: all rows, or those that are named; see README.md."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from bench import report
from bench.machine import setup
from bench.results import Plan, Row
from bench.rows import (
    campaign_live,
    campaigns,
    edge,
    filters,
    full_spool,
    latency,
    mail_to_sms,
    million,
    sms_to_mail,
    standing,
)
from bench.scratch import scratch
from tests.gateway_process import BREVDUE

ROWS: dict[str, Callable[[Plan], list[Row]]] = {
    "relay": mail_to_sms.relay,
    "chain": mail_to_sms.chain,
    "cpu": mail_to_sms.cpu,
    "relay-kept": mail_to_sms.relay_kept,
    "latency": latency.latency,
    "spool-smpp": full_spool.smpp,
    "spool-http": full_spool.web,
    "webhook": sms_to_mail.webhook,
    "million": million.rates,
    "start-full": million.start,
    "campaign": campaigns.campaigns,
    "filters": filters.filters,
    "campaign-dialog": campaign_live.dialog,
    "campaign-pause": campaign_live.pause,
    "start": standing.cold_start,
    "idle-smtp": standing.idle_smtp,
    "idle-tls": standing.idle_tls,
    "edge": edge.edge,
}
_FILES = 20_000
"""Open files that a row with thousands of clients needs, in every process."""


def main() -> None:
    """Measure, print each row as soon as it is known, and write what was asked for."""
    asked = _asked()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
    where = setup(Path(tempfile.gettempdir()))
    print(where, flush=True)
    with scratch() as folder:
        plan = Plan(folder, asked.short, tuple(asked.gateway or _known_ways()))
        rows, faults = _measure(asked.rows or list(ROWS), plan)
    if asked.json:
        report.write_json(rows, where, asked.json)
    if asked.publish:
        report.publish(rows, where)
    if faults:
        sys.exit(f"these rows could not be measured: {', '.join(faults)}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"all where none is named: {', '.join(ROWS)}")
    parser.add_argument("--short", action="store_true", help="a fifth of the messages, once: for a first look")
    parser.add_argument(
        "--gateway",
        action="append",
        metavar="ARGUMENTS",
        help="arguments of 'brevdue serve', e.g. --gateway='--workers 2'; more than once for several ways",
    )
    parser.add_argument(
        "--publish", action="store_true", help="write what was measured into README.md and results.json"
    )
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if os.getuid() != 0:
        parser.error("Postfix's master process runs as root only: run this as root")
    return asked


def _known_ways() -> list[str]:
    """The embedded default, and two workers where this version has them."""
    said = subprocess.run([*BREVDUE, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    return ["", "--workers 2"] if "--workers" in said else [""]


def _measure(names: list[str], plan: Plan) -> tuple[list[Row], list[str]]:
    """What was found, and the names of rows that failed: one fault keeps no other row from being measured."""
    rows, faults = [], []
    for name in names:
        began = time.monotonic()
        try:
            for row in ROWS[name](plan):
                print(report.line(row), flush=True)
                rows.append(row)
        except Exception:
            traceback.print_exc()
            faults.append(name)
        print(f"{'':14}   {time.monotonic() - began:.0f} s", flush=True)
    return rows, faults


if __name__ == "__main__":
    main()
