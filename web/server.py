"""The HTTP server inside the program: uvicorn as one service among others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 5


class _Embedded(uvicorn.Server):
    """A server that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take over no signals."""
        yield


class WebServer:
    """Serves an application on a host and port."""

    name = "http"

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._server = _Embedded(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                http="httptools",
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._host = host
        self._port = port
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind, then serve; returns when connections are taken. Raises OSError where the address is in use."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        sock = socket.create_server((self._host, self._port), family=family, backlog=1024)
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]), name="http")
        while not self._server.started:
            if self._task.done():
                return self._task.result()
            await asyncio.sleep(0.005)
        return None

    async def stop(self) -> None:
        """Finish open requests, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
