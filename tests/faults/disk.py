"""A disk that loses its power, fails to sync, or is full: a directory seen through `disk.c`, which is preloaded.

    disk = Disk(folder, scratch)
    Gateway(folder, **disk.environment) …   # every process that writes there has to be started with it
    disk.power_cut(chance)                  # after SIGKILL: folder holds what had been synced, and nothing else for sure

What was written and not synced may or may not have reached a real disk, page by page, name by name: with a `chance`
each does by the toss of a coin, without one none does.
"""

from __future__ import annotations

import mmap
import random
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = 4096
_ORDERS = struct.Struct("4I")


@cache
def library() -> Path:
    """Compile `disk.c`, once for each run of the tests."""
    made = Path(tempfile.mkdtemp(prefix="disk-")) / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", made, source, "-ldl"], check=True)
    return made


@dataclass(frozen=True)
class Lost:
    """What a power cut took: pages that had been written, and names that had been made."""

    pages: int
    names: int


class Disk:
    """The directory `folder` as such a disk; `scratch` is on the same file system. What is in it now is durable."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._platter = scratch / "platter"
        scratch.mkdir(parents=True, exist_ok=True)
        orders = scratch / "orders"
        orders.write_bytes(bytes(_ORDERS.size))
        with orders.open("r+b") as file:
            self._orders = mmap.mmap(file.fileno(), _ORDERS.size)
        self.environment = {
            "LD_PRELOAD": str(library()),
            "FAULTY_DISK": str(folder),
            "FAULTY_PLATTER": str(self._platter),
            "FAULTY_ORDERS": str(orders),
        }
        self._begin()

    # --- orders ----------------------------------------------------------------------------------------------------

    def fail_syncs(self, on: bool) -> None:
        """Let every sync fail with EIO, or no longer."""
        self._order(0, on)

    def be_full(self, on: bool) -> None:
        """Let no file grow any more, or let it again."""
        self._order(1, on)

    @property
    def syncs(self) -> int:
        """Syncs of files and directories so far."""
        return int(_ORDERS.unpack(self._orders[:])[2])

    @property
    def failures(self) -> int:
        """Calls that failed by order so far."""
        return int(_ORDERS.unpack(self._orders[:])[3])

    def _order(self, place: int, on: bool) -> None:
        self._orders[place * 4 : place * 4 + 4] = struct.pack("I", on)

    # --- power -----------------------------------------------------------------------------------------------------

    def power_cut(self, chance: random.Random | None = None) -> Lost:
        """Put the folder back to what a disk would hold after the power went, with no process on it any more."""
        found = self._folder.with_name(self._folder.name + ".before")
        self._folder.rename(found)
        lost = self._rebuild(found, self._folder, _key(found), chance)
        shutil.rmtree(found)
        shutil.rmtree(self._platter)
        self._begin()
        return lost

    def _begin(self) -> None:
        """Make an empty platter, and everything in the folder durable as it is."""
        (self._platter / "held").mkdir(parents=True)
        self._keep(self._folder)

    def _rebuild(self, before: Path | None, after: Path, key: str, chance: random.Random | None) -> Lost:
        """Make a directory from its durable names; `before` is what the process saw."""
        after.mkdir()
        durable = self._names(key)
        seen = {path.name: (path.is_dir(), _key(path)) for path in before.iterdir()} if before else {}
        pages = missing = 0
        for name in sorted(durable.keys() | seen.keys()):
            entry = seen.get(name) if durable.get(name) == seen.get(name) or _survives(chance) else durable.get(name)
            missing += name in seen and entry is None
            if entry is None:
                continue
            is_directory, own = entry
            visible = before / name if before and name in seen else None
            if is_directory:
                inner = self._rebuild(visible, after / name, own, chance)
                pages, missing = pages + inner.pages, missing + inner.names
            else:
                pages += _restore(self._held(own, visible), self._durable(own), after / name, chance)
        return Lost(pages, missing)

    def _held(self, key: str, before: Path | None) -> bytes:
        """What the process saw in a file; in one that it did not open itself (its log): what is there."""
        held = self._platter / "held" / key
        return held.read_bytes() if held.exists() else before.read_bytes() if before else b""

    def _durable(self, key: str) -> bytes:
        """What had been synced of a file."""
        path = self._platter / key
        return path.read_bytes() if path.exists() else b""

    def _names(self, key: str) -> dict[str, tuple[bool, str]]:
        """The durable names in a directory, with whether each is a directory and its key."""
        names = self._platter / key
        lines = names.read_text().splitlines() if names.exists() else []
        return {name: (kind == "d", own) for kind, own, name in (line.split(" ", 2) for line in lines)}

    def _keep(self, directory: Path) -> None:
        """Make what is in a directory durable."""
        lines = []
        for path in sorted(directory.iterdir()):
            lines.append(f"{'d' if path.is_dir() else 'f'} {_key(path)} {path.name}\n")
            if path.is_dir():
                self._keep(path)
            else:
                shutil.copyfile(path, self._platter / _key(path))
                (self._platter / "held" / _key(path)).hardlink_to(path)
        (self._platter / _key(directory)).write_text("".join(lines))


def _key(path: Path) -> str:
    """As `disk.c` names an inode."""
    return f"{path.stat().st_ino:x}"


def _restore(seen: bytes, durable: bytes, target: Path, chance: random.Random | None) -> int:
    """Write a file as the disk has it; the number of pages that are not what the process saw."""
    size = len(seen) if _survives(chance) else len(durable)
    content, lost = bytearray(size), max(0, len(seen) - size + PAGE - 1) // PAGE
    for start in range(0, size, PAGE):
        old, new = durable[start : start + PAGE], seen[start : start + PAGE]
        survives = old == new or _survives(chance)
        page = new if survives else old
        content[start : start + len(page)] = page
        lost += not survives
    target.write_bytes(content[:size])
    target.chmod(0o600)
    return lost


def _survives(chance: random.Random | None) -> bool:
    return chance is not None and chance.random() < 0.5
