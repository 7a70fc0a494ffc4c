"""Several processes behind the same ports: `brevdue serve --workers N`.

The first process only starts the others, starts one anew that dies, and passes a stop on. Workers share the ports
(SO_REUSEPORT: the kernel gives each connection to one of them) and the database, and know nothing of each other. Each
ends by itself when the first one is gone, whatever it died of: then its standard input ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from gateway import maillog
from gateway.maillog import Event

WORKER = "BREVDUE_WORKER"
"""The environment variable that tells a process that it is a worker."""
TALLIES = "BREVDUE_TALLIES"
"""The environment variable that names the folder where workers leave what they have counted."""
STOP_SECONDS = 40.0
"""How long workers may take to stop before they are killed."""
_PAUSES = (0.1, 1.0, 5.0, 15.0)
"""Seconds before a worker that died is started again, longer with each death; the last one repeats."""
_SOUND_AFTER = 60.0
"""Seconds of life after which earlier deaths are forgotten."""
_LOOK_SECONDS = 0.1


def is_worker() -> bool:
    """Whether this process was started by `Workers`."""
    return WORKER in os.environ


def tallies() -> Path | None:
    """Where a worker leaves what it has counted; None where there is one process."""
    folder = os.environ.get(TALLIES)
    return None if folder is None else Path(folder)


class _Worker:
    """One of them, as often as it has to be started."""

    def __init__(self, command: Sequence[str], number: int) -> None:
        self._command = command
        self._number = number
        self._lives = 0
        self._deaths = 0
        self._start_at = 0.0
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self.hopeless = False
        """Whether its first start ended with an exit status of its own."""

    def look_after(self, now: float) -> None:
        """Start it, or start it again; `now` is monotonic."""
        if self._process is None:
            if now >= self._start_at:
                self._lives += 1
                self._process = subprocess.Popen(  # noqa: S603 - this very program
                    self._command, stdin=subprocess.PIPE, env=os.environ | {WORKER: str(self._number)}
                )
                self._started_at = now
        elif self._process.poll() is not None:
            self._deaths = 1 if now - self._started_at > _SOUND_AFTER else self._deaths + 1
            self._start_at = now + _PAUSES[min(self._deaths, len(_PAUSES)) - 1]
            self.hopeless = self._lives == 1 and now - self._started_at < _SOUND_AFTER and self._process.returncode > 0
            maillog.warn(Event.WORKER_DIED, worker=self._number, status=self._process.returncode)
            self._process = None

    def tell_to_stop(self) -> None:
        """Ask it to finish what is in hand."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end, and kill it where that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """The workers of one gateway. `command` starts one."""

    def __init__(self, count: int, command: Sequence[str]) -> None:
        self._workers = [_Worker(command, number) for number in range(count)]
        self._stopping = False

    def run(self) -> int:
        """Run in a folder of their own for what they count; see `_run`."""
        with tempfile.TemporaryDirectory(prefix="brevdue-") as folder:
            os.environ[TALLIES] = folder
            return self._run()

    def _run(self) -> int:
        """Keep them running until SIGTERM or SIGINT, then stop them; the exit status.

        One that ends by itself before it has lived at all has said why, and so would all its successors: then 1.
        """
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop)
        hopeless = False
        while not (self._stopping or hopeless):
            for worker in self._workers:
                worker.look_after(time.monotonic())
            hopeless = any(worker.hopeless for worker in self._workers)
            time.sleep(_LOOK_SECONDS)
        for worker in self._workers:
            worker.tell_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.wait(deadline)
        return 1 if hopeless else 0

    def _stop(self, _sign: int, _frame: FrameType | None) -> None:
        self._stopping = True
