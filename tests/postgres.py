"""A throw-away PostgreSQL: its own cluster in a temporary directory, on a unix socket and a free loopback port.

`fsync` stays on, because the program refuses a server without it. PostgreSQL does not run as root: then it runs as
the user `postgres`, who comes with the Debian package.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STARTS_WITHIN = 30.0
_STOPS_WITHIN = 20.0
_ENOUGH = 2_000_000_000


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster."""

    programs: Path
    directory: Path
    port: int
    pid: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> str:
        """Run one statement outside a transaction, as an administrator would."""
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p", str(self.port)]
        done = subprocess.run(
            [*command, "-U", "postgres", "-d", database, "-c", statement],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


@contextmanager
def postgres_server(programs: Path, *settings: str) -> Iterator[PostgresServer]:
    """Make a cluster with the programs in a directory, start it with `settings` ("name=value"), remove it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=_roomiest()))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        _run_as_owner(
            programs / "initdb", "-D", directory / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"
        )
        server = _start(programs, directory, settings)
        try:
            _wait_until_ready(server[0], programs, directory, server[1])
            yield PostgresServer(programs, directory, server[1], server[0].pid)
        finally:
            _stop(server[0])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _roomiest() -> str:
    """Memory, where there is plenty: a cluster is made and thrown away faster there."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH else "/tmp"


def _start(programs: Path, directory: Path, settings: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], int]:
    port = _free_port()
    ours = (
        f"port={port}",
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={directory}",
        "shared_buffers=32MB",
        "max_connections=60",
        "log_min_messages=fatal",
    )
    options = [word for setting in (*ours, *settings) for word in ("-c", setting)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", directory / "data", *options],
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=directory,
            **_owner(),
        )
    return process, port


def _wait_until_ready(process: subprocess.Popen[bytes], programs: Path, directory: Path, port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    ready = [programs / "pg_isready", "-q", "-h", directory, "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(directory / 'log').read_text()}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(_STOPS_WITHIN)


def _run_as_owner(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/tmp", **_owner())
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _owner() -> dict[str, str | list[str]]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
