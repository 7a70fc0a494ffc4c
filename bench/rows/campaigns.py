"""A campaign to a million contacts: estimated, and made into durable messages, on either database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench.results import Plan, Row, Run, side
from bench.scratch import scratch
from tests.postgres import postgres_server

CONTACTS = 1_000_000
_RATES = {"SQLite": 15_000, "PostgreSQL": 20_000}
_ESTIMATE_SECONDS, _RESIDENT_MB = 60, 300
_PATIENCE = 1800
SERVER = ("shared_buffers=1GB", "max_wal_size=4GB")
"""What an administrator gives PostgreSQL on a machine of some gigabytes; its data are on the disk, as SQLite's are."""


def campaigns(plan: Plan) -> list[Row]:
    """Rows for SQLite, and for PostgreSQL where it is installed."""
    contacts = plan.some(CONTACTS)
    with scratch() as home:
        rows = _rows("SQLite", f"sqlite:///{home / 'brevdue.db'}", home, contacts)
    programs = installed_postgres()
    if programs is not None:
        with scratch() as home, postgres_server(programs, *SERVER, place=home) as server:
            server.run("CREATE DATABASE bench")
            rows += _rows("PostgreSQL", server.url("bench"), home, contacts)
    return rows


def installed_postgres() -> Path | None:
    """Where its programs are; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    by_name = shutil.which("initdb")
    return found[-1].parent if found else Path(by_name).resolve().parent if by_name else None


def _rows(database: str, url: str, home: Path, contacts: int) -> list[Row]:
    command = [sys.executable, "-m", "bench.clients.campaign", url, str(home), str(contacts)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE).stdout
    found = json.loads(said.splitlines()[-1])  # before it stands the log
    ours = side(f"gateway, {database}", [Run(contacts, found["run"], found["cpu"], found["memory"])])
    target, seconds = _RATES[database], found["estimate"] * CONTACTS / contacts
    return [
        Row(
            "campaign",
            f"texts made and messages durable for {contacts:,} contacts, {database}",
            f"≥ {target:,}/s",
            ours.rate,
            "/s",
            ours.rate >= target,
            (ours,),
        ),
        Row(
            "campaign",
            f"exact estimate for {CONTACTS:,} contacts, {database}",
            f"≤ {_ESTIMATE_SECONDS} s",
            seconds,
            "s",
            seconds <= _ESTIMATE_SECONDS,
        ),
        Row(
            "campaign",
            f"most ever resident, {database}",
            f"≤ {_RESIDENT_MB} MB",
            found["memory"],
            "MB",
            found["memory"] <= _RESIDENT_MB,
        ),
    ]
