"""One conditional change of a thing at a time: between looking at `If-Match` and changing, nobody else changes it.

So of many who saw the same state one is let change it, and the others read 412 (RFC 9110 §13.1.1). Counted within this
process: where several share the port, two that come to different ones in the same moment both pass.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class Turns:
    """Stands before the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, when the one before it is answered."""
        if scope["type"] != "http" or "if-match" not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        lock = self._locks.setdefault(scope["path"], asyncio.Lock())
        async with lock:
            await self._app(scope, receive, send)
