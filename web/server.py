"""The HTTP server inside the program: uvicorn as one service among others.

Promises: signals stay the program's; `stop` ends within `STOP_SECONDS` and a moment, whatever clients do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.applications import Starlette

from web.connections import BoundedConnection

STOP_SECONDS = 3
"""How long requests that are being answered may go on while the server stops."""


class _Embedded(uvicorn.Server):
    """A server that leaves signals to the program, and no task behind."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take over no signals."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close; what had to be cancelled has ended, and its connection with it, when this returns."""
        await super().shutdown(sockets)
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


class WebServer:
    """Serves an application of `make_app` on a host and port (0: any that is free).

    `proxies` are the networks whose X-Forwarded-For says who asks.
    """

    name = "http"

    def __init__(
        self,
        app: Starlette,
        host: str,
        port: int,
        *,
        proxies: Sequence[str] = ("127.0.0.1",),
        reuse_port: bool = False,
    ) -> None:
        """`proxies` are believed about the client; `reuse_port` lets several processes share the port."""
        self._app = app
        self._server = _Embedded(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",  # faults are logged by the application; strangers' broken requests are not news
                access_log=False,
                server_header=False,
                lifespan="off",
                forwarded_allow_ips=list(proxies),
                http=BoundedConnection,
                ws="none",
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._host = host
        self._port = port
        self._reuse_port = reuse_port
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._port

    async def start(self) -> None:
        """Bind, then serve; returns when connections are taken. Raises OSError where the address is in use."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        sock = socket.create_server((self._host, self._port), family=family, backlog=1024, reuse_port=self._reuse_port)
        self._port = sock.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]), name="http")
        while not self._server.started:
            if self._task.done():
                sock.close()
                return self._task.result()
            await asyncio.sleep(0.005)
        return None

    async def stop(self) -> None:
        """Take nothing new, end endless answers, let the others finish, then close."""
        self._app.state.stopping.set()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
