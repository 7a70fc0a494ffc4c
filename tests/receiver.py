"""A receiver of webhooks on loopback that misbehaves on demand.

    async with Receiver() as receiver:
        receiver.answer("/slow", Hang())
        ... f"{receiver.url}/slow" ...
        receiver.calls

Each path answers as it was told last; all others answer 204.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Heard:
    """A call as it came."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Says:
    """An answer."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Hang:
    """Takes the call and says nothing."""


class Drip:
    """Says 200 and then a byte of its body now and then, for ever."""


class Flood:
    """Says 200 and never stops."""


class Endless:
    """Says headers for ever."""


class Close:
    """Hangs up on the call."""


Behaviour = Says | Hang | Drip | Flood | Endless | Close
_OK = Says()
OPEN = '[webhooks]\nopen_networks = ["127.0.0.0/8"]\nplain_http = true\n'
"""The settings with which a gateway calls receivers on this machine."""


class Receiver:
    """The server. `calls` lists what came, in order; `connections` counts."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.calls: list[Heard] = []
        self.connections = 0
        self._behaviours: dict[str, Behaviour] = {}
        self._host, self._port, self._context = host, port, context
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, ssl=self._context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http{'s' if self._context else ''}://{self._host}:{self.port}"

    def answer(self, path: str, behaviour: Behaviour) -> None:
        """How a path answers from now on."""
        self._behaviours[path] = behaviour

    def to(self, path: str) -> list[Heard]:
        """The calls to a path so far."""
        return [call for call in self.calls if call.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            await self._hear(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path = head[0].split(" ")[1]
                self.calls.append(Heard(path, headers, body))
                if not await self._behave(self._behaviours.get(path, _OK), writer):
                    break

    async def _behave(self, behaviour: Behaviour, writer: asyncio.StreamWriter) -> bool:
        """Answer; whether the connection goes on."""
        match behaviour:
            case Says(status, headers, body):
                lines = [f"HTTP/1.1 {status} Said"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                lines += [] if status == 204 else [f"Content-Length: {len(body)}"]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
                return True
            case Hang():
                await asyncio.Event().wait()
            case Drip():
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.1)
            case Flood():
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                    await writer.drain()
            case Endless():
                writer.write(b"HTTP/1.1 200 OK\r\n")
                while True:
                    writer.write(b"X-More: " + b"x" * 4000 + b"\r\n")
                    await writer.drain()
            case Close():
                pass
        return False


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver in a thread of its own."""
    receiver, loop, ended = Receiver(), asyncio.new_event_loop(), threading.Event()

    async def serve(ready: threading.Event) -> None:
        async with receiver:
            ready.set()
            await asyncio.to_thread(ended.wait)

    ready = threading.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(ready)))
    thread.start()
    try:
        assert ready.wait(10)
        yield receiver
    finally:
        ended.set()
        thread.join(10)
        loop.close()
