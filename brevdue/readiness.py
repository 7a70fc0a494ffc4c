"""What makes a gateway ready for mail: a database that takes writes, room on the disks, nothing stuck.

In: the rooms that know. Out: checks for `/readyz`, each with a sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from gateway.figures import FigureReader
from gateway.settings import GatewaySettings
from gateway.store.database import StoreUnavailableError
from web.health import Check

LEAST_FREE = 256 * 1024 * 1024
"""Bytes that a disk must have left: room for some minutes of mail at full speed after the balancer has turned away."""
STUCK_SECONDS = 600.0
"""A message that has been due for longer is worth a person's look: no provider takes it, or nothing sends."""


def places(settings: GatewaySettings) -> dict[str, Path]:
    """Directories on whose disks mail and messages are kept, by what is kept there."""
    kept = {"state": settings.store.secret_file.parent}
    kind, _, file = settings.store.url.partition(":///")
    if kind == "sqlite":
        kept["database"] = Path(file).parent
    if settings.mail_out.relay.startswith("maildir:"):
        kept["inbox"] = Path(settings.mail_out.relay.removeprefix("maildir:"))
    return kept


def free_bytes(directories: Mapping[str, Path]) -> dict[str, int]:
    """What the disks have left; a directory that is not there yet is on its parent's disk."""
    return {name: shutil.disk_usage(_existing(path)).free for name, path in directories.items()}


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


def readiness(settings: GatewaySettings, figures: FigureReader, lease: str) -> tuple[Check, ...]:
    """Make the checks; `lease` names this process in the database."""
    directories = places(settings)

    async def database() -> str:
        try:
            await figures.prove_write(lease)
        except StoreUnavailableError:
            return "the database takes no writes: is it running, is its disk full or read-only? The log has the cause"
        return ""

    async def disk() -> str:
        free = await asyncio.to_thread(free_bytes, directories)
        short = [f"{directories[name]} has {size // 2**20} MB left" for name, size in free.items() if size < LEAST_FREE]
        return f"{'; '.join(sorted(set(short)))}: less than {LEAST_FREE // 2**20} MB" if short else ""

    async def waiting() -> str:
        now = await figures.read()
        if now.overdue_seconds < STUCK_SECONDS:
            return ""
        return (
            f"{now.due} messages wait to be sent, the oldest for {now.overdue_seconds / 60:.0f} minutes: "
            "look at 'brevdue status' and at sms-delayed in the log"
        )

    return (
        Check("database", database),
        Check("disk", disk),
        Check("waiting", waiting, warns_only=True),
    )
