"""The HTTP client of all adapters that make requests: a request leaves once, and it is told how far it came.

In: a call, complete. Out: its answer; or `NotMade` where no byte of it has left, or `CutOff` where the provider may
have had it. It never repeats a request, follows no redirection and keeps no cookies; no cause holds an address or a
secret.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from gateway.errors import Outcome
from gateway.providers.base import Unreachable
from gateway.providers.http_call import Answer, Call
from gateway.providers.options import ConnectionOptions
from gateway.sms import SubmitResult

MAX_ANSWER = 65_536
"""Bytes of an answer that are read; a longer one is none."""
_HEADERS = {"User-Agent": "Brevdue", "Accept-Encoding": "identity"}
_NOT_MADE = (
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.InvalidURL,
)
"""What the client raises before a byte of the request has left."""


class NotMade(Unreachable):
    """No byte of the request has left."""


class CutOff(Unreachable):
    """The request may have been taken, and there is no answer."""


class _LostConnectionError(aiohttp.ClientError):
    """The connection ended under a request."""


class HttpClient:
    """Connections to one provider, as many as its options allow."""

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._free = asyncio.Semaphore(options.connections)
        """Connections that may still be opened: the client's own limit does not serve first who came first."""
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make the pool of connections; the first is opened by the first request."""
        options = self._options
        context: ssl.SSLContext | bool = True
        if options.ca_file is not None:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=options.ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=options.keepalive, ssl=context),
            timeout=aiohttp.ClientTimeout(connect=options.connect_timeout, sock_read=options.timeout, total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_once,),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        """Close the connections; whoever asks has had the answer by now."""
        if self._session is not None:
            await self._session.close()

    async def submit(
        self, call: Call, read: Callable[[Answer], SubmitResult], expected: tuple[str, ...] = ()
    ) -> SubmitResult:
        """Make one request that hands a message over, and read its answer. Raises nothing.

        `expected` are ids by which reports will name the message even where no answer was read.
        """
        try:
            answer = await self.ask(call)
        except NotMade as error:
            return SubmitResult(Outcome.TEMPORARY, cause=str(error))
        except CutOff as error:
            return SubmitResult(Outcome.UNKNOWN, refs=expected, cause=str(error))
        return read(answer)

    async def ask(self, call: Call) -> Answer:
        """Make one request. Raises `NotMade`, `CutOff`."""
        if self._session is None:
            raise NotMade("not started")
        if not await self._has_turn():
            raise NotMade("all connections are busy")
        try:
            return await self._attempt(self._session, call)
        finally:
            self._free.release()

    async def _has_turn(self) -> bool:
        """Wait for a connection that is free; False where all stay busy."""
        if not self._free.locked():
            return await self._free.acquire()
        try:
            async with asyncio.timeout(self._options.timeout):
                return await self._free.acquire()
        except TimeoutError:
            return False

    async def _attempt(self, session: aiohttp.ClientSession, call: Call) -> Answer:
        try:
            async with asyncio.timeout(self._options.connect_timeout + self._options.timeout):
                answer = await _ask(session, call)
        except _NOT_MADE as error:
            raise NotMade(f"no connection: {_kind(error)}") from None
        except TimeoutError:
            raise CutOff("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CutOff(f"no answer: {_kind(error)}") from None
        if answer is None:
            raise CutOff(f"an answer of more than {MAX_ANSWER} bytes")
        return answer


async def _ask(session: aiohttp.ClientSession, call: Call) -> Answer | None:
    """One request, one answer; None for an answer that is too long."""
    async with session.request(
        call.method,
        URL(call.url, encoded=True),
        data=call.body,
        headers={**_HEADERS, **call.headers},
        allow_redirects=False,
    ) as response:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_ANSWER:
                return None
        return Answer(response.status, body.decode("utf-8", "replace"), response.headers.get("Retry-After"))


def _kind(error: BaseException) -> str:
    """The kind of a fault and the system's words; the client's own hold the address, and with it perhaps secrets."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    words = inner.strerror if isinstance(inner, OSError) else None
    return f"{type(error).__name__} ({words})" if words else type(error).__name__


async def _once(request: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the client from sending a GET or PUT again where a kept connection was lost: it may have been taken."""
    try:
        return await send(request)
    except _NOT_MADE:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _LostConnectionError(type(error).__name__) from error
