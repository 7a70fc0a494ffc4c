"""Work that is done again and again: whatever one round meets, the next one comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from gateway import maillog
from gateway.maillog import Event
from gateway.store.database import StoreUnavailableError


class Rounds:
    """A task that waits and works by turns, from `start` to `stop`."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], wait: Callable[[], Awaitable[object]]) -> None:
        """The name stands in the log; `wait` goes before each round."""
        self._name = name
        self._work = work
        self._wait = wait
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._go_round(), name=self._name)

    async def stop(self) -> None:
        """End, also in the middle of a round: what it works on is kept in the database."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _go_round(self) -> None:
        while True:
            await self._wait()
            try:
                await self._work()
            except StoreUnavailableError as error:
                maillog.warn(Event.FAULT, where=self._name, cause=str(error))
            except Exception as error:  # the next round must come
                maillog.fault(Event.FAULT, error, where=self._name)
