"""What makes a gateway ready for mail: a database that takes writes, room on the disks, nothing stuck.

In: the rooms that know. Out: checks for `/readyz`, each with a sentence that says what to do.
"""

from __future__ import annotations

import asyncio

from brevdue.places import free_bytes, places
from gateway.figures import FigureReader
from gateway.settings import GatewaySettings
from gateway.store.database import StoreUnavailableError
from web.health import Check

LEAST_FREE = 256 * 1024 * 1024
"""Bytes that a disk must have left: room for some minutes of mail at full speed after the balancer has turned away."""
STUCK_SECONDS = 600.0
"""A message that has been due for longer is worth a person's look: no provider takes it, or nothing sends."""


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
