"""An application that is made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class Later:
    """An application that is made, in a thread, when the first request comes."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: asyncio.Task[ASGIApp] | None = None

    def prepare(self) -> asyncio.Task[ASGIApp]:
        """Make it, if nobody has yet: whoever asks next need not wait for it."""
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return self._made

    async def ready(self) -> ASGIApp:
        """The application."""
        return await asyncio.shield(self.prepare())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (await self.ready())(scope, receive, send)
