"""Where a gateway keeps things: what its disks have left, and whether this user may write there.

In: the settings. Out: directories by what is kept there, and sentences about those that cannot be used.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from brevdue.settings_mistakes import Mistake
from gateway.settings import GatewaySettings

_KEYS = {"state": "store.secret_file", "database": "store.url", "inbox": "mail_out.relay"}
"""The setting that says where a thing is kept."""


def places(settings: GatewaySettings) -> dict[str, Path]:
    """Directories on whose disks mail and messages are kept, by what is kept there."""
    kept = {"state": settings.store.secret_file.parent}
    if (file := _database_file(settings)) is not None:
        kept["database"] = file.parent
    if settings.mail_out.relay.startswith("maildir:"):
        kept["inbox"] = Path(settings.mail_out.relay.removeprefix("maildir:"))
    return kept


def free_bytes(directories: Mapping[str, Path]) -> dict[str, int]:
    """What the disks have left; a directory that is not there yet is on its parent's disk."""
    return {name: shutil.disk_usage(_existing(path)).free for name, path in directories.items()}


def unusable(settings: GatewaySettings, where: str) -> Iterator[Mistake]:
    """Try to write where things are kept, and to open what is there already; nothing that stays is made.

    `where` names the configuration. It tells of the user who asks: root may write nearly everywhere.
    """
    for name, directory in places(settings).items():
        at = directory
        try:
            at = _existing(directory)
            with tempfile.TemporaryFile(dir=at):
                pass
        except OSError as error:
            yield _mistake(where, name, f"cannot write in {at} ({error.strerror})")
    files = (("state", settings.store.secret_file, "rb"), ("database", _database_file(settings), "r+b"))
    for name, file, mode in files:
        try:
            if file is not None and file.exists():
                file.open(mode).close()
        except OSError as error:
            yield _mistake(where, name, f"cannot open {file} ({error.strerror})")


def _mistake(where: str, name: str, problem: str) -> Mistake:
    return Mistake(where, _KEYS[name], f"{problem}: run this as the user that the service runs as, or give it to them")


def _database_file(settings: GatewaySettings) -> Path | None:
    kind, _, file = settings.store.url.partition(":///")
    return Path(file) if kind == "sqlite" else None


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)
