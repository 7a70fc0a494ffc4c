"""What a process and its descendants cost, read from /proc.

CPU is user and system time in seconds, ended children included (they are counted by whoever waited for them). Memory is
in MB of 1e6 bytes: the proportional share (PSS), so that pages shared by many processes of one server count once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.5
_STOP_SECONDS = 30.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: state, ppid, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
    found = [root]
    for pid in found:
        found += children[pid]
    return found


def cpu_seconds(root: int) -> float:
    """CPU time of a tree so far."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
    return total / _TICKS


def shared_memory(root: int) -> float:
    """MB that a tree holds now, by proportional share."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total * 1024 / 1e6


def resident(root: int, word: str = "VmRSS") -> float:
    """MB resident in a tree, page sharing ignored; `VmHWM` for the most that it ever was."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(word + ":"):
                    total += int(line.split()[1])
    return total * 1024 / 1e6


def open_files(root: int) -> int:
    """Open files and sockets of a tree."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in tree(root))


@dataclass
class Meter:
    """CPU and peak memory of some trees between its start and its end."""

    roots: tuple[int, ...]
    cpu: float = 0.0
    peak: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def sample(self) -> None:
        """Look at the memory until done."""
        while True:
            self.peak = max(self.peak, sum(shared_memory(root) for root in self.roots))
            if self.done.wait(_SAMPLE_SECONDS):
                return


@contextlib.contextmanager
def metered(*roots: int) -> Iterator[Meter]:
    """Measure trees while the block runs; the meter is complete after it."""
    meter = Meter(roots)
    began = sum(map(cpu_seconds, roots))
    sampler = threading.Thread(target=meter.sample, daemon=True)
    sampler.start()
    try:
        yield meter
    finally:
        meter.cpu = sum(map(cpu_seconds, roots)) - began
        meter.done.set()
        sampler.join()


class Service:
    """A program that runs in the foreground, with its own log, until it is stopped by its process id."""

    def __init__(self, name: str, command: list[str], log: Path, *, talks: bool = False) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._talks = talks
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it; whether it serves already, the caller finds out."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if self._talks else log, stderr=log
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it says on stdout, where it `talks`."""
        if self.process.stdout is None:
            raise RuntimeError(f"{self.name} says nothing")
        return self.process.stdout

    def alive(self) -> bool:
        """Whether it still runs; raises with its log where it ended by itself with an error."""
        status = self.process.poll()
        if status:
            raise RuntimeError(f"{self.name} ended with {status}:\n{self._log.read_text()[-2000:]}")
        return status is None

    def stop(self, sign: int = signal.SIGTERM) -> None:
        """Ask it to end, insist after a while."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(sign)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()
