"""`brevdue status`: one screen that says how the gateway stands, once or every second."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from brevdue.console import DEFAULT, CommandError, Options, cell, moment, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from brevdue.status import Status

EVERY_SECONDS = 1.0

_QUEUES = (
    ("SMS to send", "due", "overdue_seconds"),
    ("  for later", "later", ""),
    ("  on their way", "in_flight", ""),
    ("  unknown", "unknown", ""),
    ("mails to send", "mails", "mails_overdue_seconds"),
    ("SMS held", "held", ""),
    ("SMS asked about", "asked", ""),
    ("SMS to nobody", "unrouted", ""),
)
"""What waits: its name, its figure, and the figure that says for how long."""
_RATES = (
    ("mails taken", "mail-accepted"),
    ("mails refused", "mail-refused"),
    ("SMS submitted", "sms-submitted"),
    ("SMS delayed", "sms-delayed"),
    ("SMS reports", "sms-report"),
    ("SMS received", "sms-received"),
    ("mails sent", "mail-sent"),
)
"""What is counted: its name, and its log event."""


def status(
    *,
    watch: Annotated[bool, Parameter(negative=(), help="Show it anew every second, until Ctrl-C.")] = False,
    options: Options = DEFAULT,
) -> int:
    """Show how the gateway stands: queues, rates, providers, problems. Exit status 1 when it is not ready."""
    from brevdue.settings import find_file, load
    from brevdue.status import look

    settings = load(find_file(options.config, os.environ), os.environ)

    def now() -> Status:
        return asyncio.run(look(settings))

    if watch:
        _watch(now, options)
        return 0
    seen = now()
    if options.json:
        say("", seen.as_json(), options)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(screen(seen))
    else:
        say("\n".join(lines(seen)), None, options)
    return 0 if seen.ready else 1


def _watch(now: Any, options: Options) -> None:
    if options.json or not sys.stdout.isatty():
        raise CommandError("--watch draws on a terminal: leave it out to get one status, as text or as JSON")
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    interrupts: list[int] = []

    def interrupted(signum: int, _frame: object) -> None:
        interrupts.append(signum)  # an exception alone can be lost in what it interrupts
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not interrupts:
                began = time.monotonic()
                live.update(screen(now(), watched=True), refresh=True)
                time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - began)))
    except KeyboardInterrupt:
        return


def headline(seen: Status) -> str:
    """Whether it runs, since when, and who says so."""
    gateway = seen.gateway
    if gateway is None:
        return "Brevdue is not running"
    state = "running" if seen.ready else "running and not ready for mail"
    return f"Brevdue {gateway['version']} is {state} since {moment(gateway['started_at'])}"


def queue_rows(seen: Status) -> list[tuple[str, str, str]]:
    """What waits: name, number, age of the oldest."""
    from brevdue.status import ago

    figures = seen.figures
    if figures is None:
        return [(name, "?", "") for name, _, _ in _QUEUES]
    known = {**figures, "later": figures["queued"] - figures["due"]}
    return [(name, f"{known[key]:,}", ago(known[age]) if age and known[key] else "") for name, key, age in _QUEUES]


def rate_rows(seen: Status) -> list[tuple[str, str, str]]:
    """What happened: name, in the last minute, in the last hour."""
    if seen.gateway is None:
        return [(name, "-", "-") for name, _ in _RATES]
    minute, hour = (seen.gateway["lately"][span]["events"] for span in ("minute", "hour"))
    return [(name, f"{minute.get(event, 0):,}", f"{hour.get(event, 0):,}") for name, event in _RATES]


def more_lines(seen: Status) -> list[str]:
    """Connections, providers and processes."""
    said = []
    if seen.gateway is not None:
        said.append(f"SMTP connections  {seen.gateway['connections']:,}")
        states, resting = seen.gateway["providers"].items(), seen.gateway["breakers_open"]
        shown = (f"{name} {'breaker open' if name in resting else state}" for name, state in states)
        said.append("providers         " + ", ".join(shown))
    if seen.figures is not None:
        alive = [process for process in seen.figures["processes"] if process["alive"]]
        names = ", ".join(f"{process['host']}/{process['pid']}" for process in alive)
        said.append(f"processes         {names or 'none'}")
    return said


def lines(seen: Status) -> list[str]:
    """Everything as plain text."""
    return [
        headline(seen),
        "",
        f"{'waiting':16}{'now':>12}{'oldest':>10}",
        *(f"{name:16}{number:>12}{age:>10}".rstrip() for name, number, age in queue_rows(seen)),
        "",
        f"{'lately':16}{'minute':>12}{'hour':>10}",
        *(f"{name:16}{minute:>12}{hour:>10}" for name, minute, hour in rate_rows(seen)),
        "",
        *([*map(cell, more_lines(seen)), ""] if seen.figures or seen.gateway else []),
        *(f"! {cell(problem)}" for problem in seen.problems),
        *([] if seen.problems else ["no problems"]),
    ]


def screen(seen: Status, *, watched: bool = False) -> RenderableType:
    """Everything as a terminal of 80 columns and 24 lines shows it; `watched` says when this was and how it ends."""
    from rich.columns import Columns
    from rich.console import Group
    from rich.text import Text

    problems = [Text(f"! {cell(problem)}", style="bold red") for problem in seen.problems]
    return Group(
        Text(headline(seen), style="bold green" if seen.ready else "bold red"),
        Text(),
        Columns(
            [
                _table(("waiting", "now", "oldest"), queue_rows(seen)),
                _table(("lately", "minute", "hour"), rate_rows(seen)),
            ],
            padding=(0, 3),
        ),
        Text(),
        *(Text(cell(line)) for line in more_lines(seen)),
        Text(),
        *(problems or [Text("no problems", style="green")]),
        *([Text(f"\n{moment(seen.at)}  Ctrl-C ends", style="dim")] if watched else []),
    )


def _table(heads: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(heads[0], min_width=15, no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right", min_width=8, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
