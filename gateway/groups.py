"""Work on groups: callers that come while a group is worked on share the next one.

One caller alone waits for nothing; many at once cost what one costs, as far as the work can be shared. The writing
thread does the same for transactions (`store/writer.py`); here it is for what is decided before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_GROUP = 256
"""Items that are worked on together: beyond that the loop would stand still for too long."""


class Groups(Generic[Item, Result]):
    """Gathers items for `work`, which gives one result per item, in order; an exception is that item's alone."""

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | BaseException]]], most: int = MAX_GROUP
    ) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._worker: asyncio.Task[None] | None = None

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Hand in one item; the future has its result. What is handed in is done whether or not anybody waits."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run())
        return done

    async def drain(self) -> None:
        """Wait until everything that was handed in is done."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do(group)
        finally:
            self._worker = None

    async def _do(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results: Sequence[Result | BaseException] = await self._work([item for item, _ in group])
        except Exception as error:  # it concerns them all, and they are who must hear of it
            results = [error] * len(group)
        for (_, done), result in zip(group, results, strict=True):
            if done.done():
                continue
            if isinstance(result, BaseException):
                done.set_exception(result)
                done.exception()  # heard, even where nobody waits any more
            else:
                done.set_result(result)
