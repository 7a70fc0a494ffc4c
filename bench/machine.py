"""The setup of a measurement in one sentence: machine, file system, versions."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

_SYNCS = 100
_VERSIONS = {
    "Postfix": ["postconf", "-hd", "mail_version"],
    "Kannel": ["dpkg-query", "-Wf", "${Version}", "kannel"],
    "nginx": ["dpkg-query", "-Wf", "${Version}", "nginx-light"],
    "Node.js": ["node", "--version"],
}


def setup(folder: Path) -> str:
    """What a figure depends on, `folder` being where queues and databases lie."""
    versions = ", ".join(f"{name} {_said(command)}" for name, command in _VERSIONS.items())
    today = dt.datetime.now(dt.UTC).date()
    return (
        f"Measured on {today}: {os.cpu_count()} CPUs ({_cpu()}), {_memory():.0f} GB, Linux {platform.release()}, "
        f"{_file_system(folder)}, {sync_ms(folder):.2f} ms per fsync, Python {platform.python_version()}, {versions}, "
        f"node-smpp. Load average at the start {os.getloadavg()[0]:.1f}."
    )


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _file_system(folder: Path) -> str:
    return _said(["df", "--output=fstype", str(folder)]).split()[-1]


def sync_ms(folder: Path) -> float:
    """Milliseconds that a write of 4 kB with fsync takes."""
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        began = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
        return (time.perf_counter() - began) / _SYNCS * 1e3
