"""Log lines on their way out: those of one turn of the loop leave in one write.

Promises: lines leave in order, whole, and before the process ends by `exit`, by an exception or by a signal that it
handles; an urgent line takes those before it along at once. What dies without a word (SIGKILL, power) loses the lines
of the turn that it was in, and no others. A reader that is gone or a full disk costs lines, never the service.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import threading
from collections import deque
from collections.abc import Callable

Write = Callable[[bytes], object]
"""Takes whole lines."""


class LogLines:
    """The lines of one process."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: deque[bytes] = deque()
        self._turn_of: asyncio.AbstractEventLoop | None = None
        self._alone = threading.Lock()
        atexit.register(self.flush)

    def info(self, line: bytes) -> None:
        """Take one line, without its line end; written with the turn of the loop, or at once where there is none."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a thread, or a program without a loop
            self.flush()
            return
        if loop is not self._turn_of:
            self._turn_of = loop
            loop.call_soon(self.flush)

    def warning(self, line: bytes) -> None:
        """Take one line and write it at once, with those before it."""
        self._waiting.append(line)
        self.flush()

    debug = info
    error = critical = warning

    def flush(self) -> None:
        """Write what waits."""
        with self._alone:
            self._turn_of = None
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if lines:
                lines.append(b"")
                self._write(b"\n".join(lines))

    def close(self) -> None:
        """Write what waits; nothing is added any more."""
        self.flush()
        atexit.unregister(self.flush)


def to_descriptor(descriptor: int) -> Write:
    """Write to a file descriptor, all of it; whoever set it to not blocking is waited for."""

    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                select.select((), (descriptor,), ())
            except OSError:  # the reader is gone, or the disk is full: mail goes on without a log
                return

    return write
