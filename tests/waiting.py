"""How a test waits beside a running loop: for a condition, and never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(look: Callable[[], object], what: str = "what was waited for", *, seconds: float = 30.0) -> None:
    """Look until there is something true. The seconds end a test that hangs; what must be quick is measured instead."""
    try:
        async with asyncio.timeout(seconds):
            while not look():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds} s") from None
