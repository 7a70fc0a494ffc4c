"""What a start costs: time until mail is taken, memory while nothing happens, and what is not imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway_process import BREVDUE, Gateway

MEGABYTE = 1024 * 1024
LATER = [
    "fastapi",
    "alembic",
    "PIL",
    "qrcode",
    "segno",
    "jinja2",
    "prometheus_client",
    "asyncpg",
    "rich.live",
    "liquid",
    "babel",
    "holidays",
]
"""What only some deployments, some commands or some mails need."""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.stopwatch
@pytest.mark.proves("cold start")
@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_a_start_is_quick_and_small(tmp_path, again):
    """The best of some, for others may use this machine: about 1.2 s of CPU and 109 MB where 2 s and 120 are allowed."""
    folders = [tmp_path] * 4 if again else [tmp_path / str(number) for number in range(3)]
    costs = [_cost_of_a_start(folder) for folder in folders]
    if again:
        del costs[0]
    assert min(seconds for seconds, _ in costs) < 2.0
    assert min(size for _, size in costs) < 120 * MEGABYTE


def _cost_of_a_start(folder: Path) -> tuple[float, int]:
    folder.mkdir(exist_ok=True)
    with Gateway(folder) as gateway:
        assert gateway.process is not None
        return cpu_seconds(gateway.process.pid), resident_bytes(gateway.process.pid)


def test_what_is_needed_later_is_imported_later():
    program = f"import sys, brevdue.cli, brevdue.app; print([name for name in {LATER} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.stopwatch
def test_a_small_command_costs_little(tmp_path):
    before = os.times()
    subprocess.run([*BREVDUE, "version"], check=True, capture_output=True, cwd=tmp_path)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.6
