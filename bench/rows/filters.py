"""Filters counted over a million contacts, on either database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.clients.filters import FILTERS
from bench.results import Plan, Row
from bench.rows.campaigns import SERVER, installed_postgres
from bench.scratch import scratch
from tests.postgres import postgres_server

CONTACTS = 1_000_000
_MILLISECONDS = 300
_PATIENCE = 1800


def filters(plan: Plan) -> list[Row]:
    """A row for each filter on SQLite, and on PostgreSQL where it is installed."""
    contacts = plan.some(CONTACTS)
    with scratch() as home:
        rows = _rows("SQLite", f"sqlite:///{home / 'brevdue.db'}", home, contacts)
    programs = installed_postgres()
    if programs is not None:
        with scratch() as home, postgres_server(programs, *SERVER, place=home) as server:
            server.run("CREATE DATABASE bench")
            rows += _rows("PostgreSQL", server.url("bench"), home, contacts)
    return rows


def _rows(database: str, url: str, home: Path, contacts: int) -> list[Row]:
    command = [sys.executable, "-m", "bench.clients.filters", url, str(home), str(contacts)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE).stdout
    found = json.loads(said.splitlines()[-1])  # before it stands the log
    return [_row(database, contacts, what, found[what]) for what in FILTERS]


def _row(database: str, contacts: int, what: str, found: dict[str, float]) -> Row:
    took = found["seconds"] * 1e3
    return Row(
        "filter",
        f"count over {contacts:,} contacts, {what} (`{FILTERS[what]}`), {database}",
        f"≤ {_MILLISECONDS} ms",
        took,
        "ms",
        took <= _MILLISECONDS,
        note=f"{found['count']:,.0f} found",
    )
