"""Which attempts may have left this process: noted in a file before their bytes do.

An attempt is committed before its bytes leave, so that nothing is sent twice. The commit alone cannot tell an attempt
that was about to leave from one that has left. This file can: it is not synced, so it outlives the process that wrote
it, though not the machine's power. What a process that died (and did not merely fall silent) had begun and not noted
here has surely not left, and may be sent.

An attempt is named by its message and its number: a message that one provider did not take may be on its way to another
before the outcome of the first attempt has come back to whoever waits for the commit.

Promises: what is not in the file of a dead process has not left; a file of an earlier boot, or one that could not be
written, says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_FORM = "attempts"
"""What the lines name. A file of another form, left by an earlier version, says nothing."""
_MOST = 4_000_000
"""Bytes after which the file is begun anew with what is still under way."""


class Handover:
    """The file of one process; `lease` is its token in the spool."""

    def __init__(self, folder: Path, lease: str) -> None:
        self._path = path_of(folder, lease)
        self._under_way: set[str] = set()
        self._fd: int | None = None
        self._size = 0

    @property
    def under_way(self) -> Collection[str]:
        """Attempts that may have left and have no durable outcome yet."""
        return self._under_way

    def open(self) -> None:
        """Begin the file. Where it cannot be written there is none."""
        self._begin()

    def note(self, attempts: Sequence[str]) -> None:
        """These attempts may leave from now on. In the kernel's hands when this returns."""
        self._under_way.update(attempts)
        if self._fd is None:
            return
        line = "".join([f"{each}\n" for each in attempts]).encode()
        try:
            written = os.write(self._fd, line)
        except OSError:
            written = 0
        if written < len(line):  # a full disk: what is missing here would look as if it had never left
            self.close()
            return
        self._size += written
        if self._size > _MOST:
            self._begin()

    def ended(self, attempt: str) -> None:
        """The outcome of this one is durable."""
        self._under_way.discard(attempt)

    def close(self) -> None:
        """Remove the file: from now on it says nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._path.unlink(missing_ok=True)

    def _begin(self) -> None:
        """Put a new file in the old one's place, with all that is under way."""
        beside = self._path.with_name(f"{self._path.name}.new")
        content = "".join([f"{each}\n" for each in (_head(), *self._under_way)]).encode()
        try:
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            complete = os.write(fd, content) == len(content)
            beside.replace(self._path)
        except OSError:
            complete, fd = False, -1
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._size = (fd, len(content)) if complete else (None, 0)
        if not complete:
            with suppress(OSError):
                os.close(fd)
            self._path.unlink(missing_ok=True)


def attempt_of(message_id: str, number: int) -> str:
    """The name of a message's attempt; the first is number 1."""
    return f"{message_id}/{number}"


def path_of(folder: Path, lease: str) -> Path:
    """Where the file of a process is."""
    return folder / f"handover.{lease}"


def left(folder: Path, lease: str) -> frozenset[str] | None:
    """The attempts that may have left a dead process; None where nobody knows."""
    try:
        head, *attempts = path_of(folder, lease).read_text().split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return frozenset(attempts) if head and head == _head() else None


def remove_all_but(folder: Path, leases: Collection[str]) -> None:
    """Remove the files of processes that are gone and dealt with."""
    kept = {path_of(folder, lease).name for lease in leases}
    for path in folder.glob("handover.*"):
        if path.name.removesuffix(".new") not in kept:
            path.unlink(missing_ok=True)


def _head() -> str:
    """What tells this boot of the machine from every other, and the form; empty where the system does not say."""
    try:
        return f"{_BOOT.read_text().strip()} {_FORM}"
    except OSError:
        return ""
