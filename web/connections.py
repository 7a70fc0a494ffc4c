"""One HTTP connection, with an end: so long for a request to come in, so much of it, and so many connections.

Whoever reaches the port reaches it before anything is proven, and what he takes there is missing elsewhere: files that
SMTP needs for its own clients, and memory. uvicorn itself waits for a request as long as the client likes, and keeps
addresses and headers whatever their size.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_SECONDS = 15.0
"""How long a request may take to come in, from the connection or its first byte to its last."""
MAX_HEAD = 65_536
"""Bytes of a request's line and headers."""
MAX_REQUEST = 4_000_000
"""Bytes of a whole request; what reads a body has a limit of its own below it, and says so in words."""
MAX_TOLD = 64_000_000
"""Bytes of a request that is told that it is too big: a browser reads the answer only when it has sent all of it."""
_TOO_BIG = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s"
)
LARGE_PATHS = frozenset({b"/imports", b"/api/v1/imports"})
"""What takes files of contacts: who asks is looked at before more than a little of the body is read."""
LARGE = "brevdue.large"
"""In the scope of such a request: called with a number of bytes by what has found out who asks, it lets so many in."""
LARGE_SECONDS = 3600.0
"""How long they may take."""
MAX_CONNECTIONS = 1000
"""Connections at the same time; one more is closed at once."""


class BoundedConnection(HttpToolsProtocol):
    """Closes what comes too slowly, is too big, or is one too many."""

    _deadline: asyncio.TimerHandle | None = None
    _size = 0
    """Bytes of the request that is coming in."""
    _in_head = True
    _most = MAX_REQUEST
    """Bytes of the request that may come in."""
    _large = False
    """Whether it may be one with a large file."""
    _unread = 0
    """Bytes of a body that is too big and still comes; they are thrown away."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn declares it
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as the request is not too big."""
        if self._unread:
            self._throw_away(len(data))
            return
        self._size += len(data)
        super().data_received(data)
        if self._size > (MAX_HEAD if self._in_head else self._room()) and self._deadline is not None:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request: here its time begins as well, unless it has."""
        super().on_message_begin()
        self._in_head = True
        self._most = MAX_REQUEST
        if self._deadline is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """The body follows, unless it says that it is too big."""
        self._in_head = False
        length = int(next((value for name, value in self.headers if name == b"content-length"), b"0")[:20] or 0)
        self._large = self.url.partition(b"?")[0] in LARGE_PATHS
        if self._large:
            self.scope[LARGE] = self._let_in  # type: ignore[literal-required] # of our own
        elif MAX_REQUEST < length <= MAX_TOLD and (self.cycle is None or self.cycle.response_complete):
            self._unread = length
            words = b"This is too big: %d MB at most. Choose a smaller file.\n" % (MAX_REQUEST // 1_000_000)
            self.transport.write(_TOO_BIG % (len(words), words))
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if self._unread:
            self._throw_away(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here: how long the answer takes is our own affair."""
        if self._unread:
            return
        self._wait_no_more()
        self._size = 0
        self._in_head = True
        super().on_message_complete()

    def _let_in(self, most: int) -> None:
        """Take a large body, for as long as one takes."""
        if self._deadline is not None:
            self._most = most
            self._wait_no_more()
            self._deadline = self.loop.call_later(LARGE_SECONDS, self._cut)

    def _room(self) -> int:
        """Bytes that may come: what is left of a large file that was refused is thrown away, so that it is told so."""
        refused = self._large and self.cycle is not None and self.cycle.response_complete
        return max(self._most, MAX_TOLD) if refused else self._most

    def _throw_away(self, size: int) -> None:
        self._unread -= size
        if self._unread <= 0:
            self._unread = 1  # whatever comes after it goes the same way
            self.transport.close()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._cut)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        self.transport.abort()
