"""A throw-away PostgreSQL: its own cluster in a temporary directory, on a unix socket and a free loopback port.

`fsync` stays on, because the program refuses a server without it. PostgreSQL does not run as root: then it runs as
the user `postgres`, who comes with the Debian package.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

_STARTS_WITHIN = 30.0
_STOPS_WITHIN = 20.0
_ENOUGH = 2_000_000_000


@dataclass
class PostgresServer:
    """A cluster, running between `start` and `stop`."""

    programs: Path
    directory: Path
    port: int
    settings: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, on the same port each time, and wait for it to answer."""
        self._process = _start(self.programs, self.directory, self.port, self.settings)
        _wait_until_ready(self._process, self.programs, self.directory, self.port)

    def stop(self) -> None:
        """Stop as `pg_ctl stop -m fast` does: sessions end at once."""
        if self._process is not None:
            _stop(self._process)
            self._process = None

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
def postgres_server(programs: Path, *settings: str, place: Path | None = None) -> Iterator[PostgresServer]:
    """Make a cluster with the programs in a directory, start it with `settings` ("name=value"), remove it at the end.

    It is made below `place`: on a disk, where what a commit costs is of interest.
    """
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=place or _roomiest()))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        _run_as_owner(
            programs / "initdb", "-D", directory / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"
        )
        server = PostgresServer(programs, directory, free_port(), settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _roomiest() -> str:
    """Memory, where there is plenty: a cluster is made and thrown away faster there."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH else "/tmp"


def _start(programs: Path, directory: Path, port: int, settings: tuple[str, ...]) -> subprocess.Popen[bytes]:
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
        return subprocess.Popen(
            [programs / "postgres", "-D", directory / "data", *options],
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=directory,
            **_owner(),
        )


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
