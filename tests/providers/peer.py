"""An HTTP server that a provider's adapter talks to: it answers as a table says, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Self


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def wire(self) -> bytes:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Whatever"
        headers = {"Content-Length": str(len(body))} | self.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} {phrase}\r\n{head}\r\n".encode() + body


class Fault(StrEnum):
    """What goes wrong once the request has come."""

    SILENCE = "never an answer"
    CLOSE = "the connection closes without an answer"
    RESET = "the connection is reset"
    HALF_HEAD = "the answer breaks off within its headers"
    HALF_BODY = "the answer breaks off within its body"
    DRIBBLE = "the answer comes a byte at a time, for ever"
    GARBAGE = "the answer is not HTTP"
    ENDLESS = "the answer never ends"


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Step = Answer | Fault | Callable[[Request], Answer]
"""What comes of a request; an answer may depend on it."""


class Peer:
    """Listens on a port of loopback. `script` holds what comes next; an empty script repeats the last."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: list[Step] = [Answer()]
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._serve(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; False where that ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method, target, headers, body))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if not isinstance(step, Answer | Fault):
            step = step(self.requests[-1])
        if isinstance(step, Answer):
            writer.write(step.wire)
            await writer.drain()
            return step.headers.get("Connection", "").lower() != "close"
        await self._misbehave(step, writer)
        return False

    async def _misbehave(self, fault: Fault, writer: asyncio.StreamWriter) -> None:
        match fault:
            case Fault.SILENCE:
                await asyncio.Event().wait()
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case Fault.HALF_HEAD:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            case Fault.HALF_BODY:
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id":')
            case Fault.DRIBBLE:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            case Fault.GARBAGE:
                writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
            case Fault.ENDLESS:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    await writer.drain()
            case Fault.CLOSE:
                pass
