"""Answers without an end: server-sent events (WHATWG HTML §9.2), until whoever asks has enough or the server stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

BEGINNING: Final = "retry: 1000\n: listening\n\n"
"""Comes first: the browser asks again after a second where a stream has broken off."""
STILL_HERE: Final = ": still here\n\n"
"""Comes where nothing happens, so that nobody in between takes the silence for the end."""
_STOPPING: Final = "brevdue.stopping"


def streamed(events: AsyncIterator[str]) -> StreamingResponse:
    """Events as the answer to a request."""
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}  # nginx passes each event on at once
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def pause(request: Request, seconds: float) -> bool:
    """Wait; True where the server stops meanwhile, and the answer with it."""
    stopping: asyncio.Event = request.scope[_STOPPING]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
    return stopping.is_set()


class KnowEnd:
    """Lets what is mounted know when the server stops."""

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        await self._app({**scope, _STOPPING: self._stopping}, receive, send)
