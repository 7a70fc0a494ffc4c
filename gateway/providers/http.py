"""A provider that is all configuration: what its HTTP requests, answers and webhooks look like.

In: an SMS. Out: one request, and what its answer means (`http_wire` reads the configuration and compiles it at the
start). A request is sent once: the HTTP client never repeats it on its own. Where no connection was made the outcome
is temporary; from then on whatever cuts the answer off leaves it unknown.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from gateway.errors import Outcome
from gateway.model import OutgoingSms, SubmitResult
from gateway.providers.base import Capability, EventSink, Forged, WebhookAnswer, WebhookRequest
from gateway.providers.http_wire.answers import Answer, AnswerReader
from gateway.providers.http_wire.options import HttpOptions, read_options
from gateway.providers.http_wire.templates import Compiler, Template
from gateway.providers.http_wire.webhooks import WebhookReader

MAX_ANSWER = 65_536
"""Bytes of an answer that are read; a longer one is none."""
_NOT_MADE = (
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.InvalidURL,
)
"""What the client raises before a byte of the request has left."""


class _CutOffError(aiohttp.ClientError):
    """The connection ended under a request."""


class HttpProvider:
    """One provider's HTTP interface, as `options` describe it (`http_wire.options.HttpOptions`)."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._options = made = read_options(options)
        self._answers = AnswerReader(made.answer, made.secrets)
        self._webhooks = None if made.webhook is None else WebhookReader(name, made.webhook)
        self.window = made.connections
        self.capabilities = frozenset(_capabilities(made))
        self._request = _Request(made, "")
        self._free = asyncio.Semaphore(made.connections)
        self.window = made.connections
        """Connections that may still be opened: the client's own limit does not serve first who came first."""
        self._session: aiohttp.ClientSession | None = None
        self._sink: EventSink | None = None

    def listen_at(self, url: str) -> None:
        """Learn the public address of our webhooks, for the requests that tell it."""
        if self._options.webhook is not None:
            self._request = _Request(self._options, f"{url}/{self._options.webhook.secret.get_secret_value()}")

    async def start(self, sink: EventSink) -> None:
        """Make the pool of connections; the first is opened by the first message."""
        self._sink = sink
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
        """Close the connections; whoever submits has had the outcome by now."""
        if self._session is not None:
            await self._session.close()

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Make one request and read its answer."""
        if self._session is None:
            return SubmitResult(Outcome.TEMPORARY, cause="not started")
        if not await self._has_turn():
            return SubmitResult(Outcome.TEMPORARY, cause="all connections are busy")
        try:
            return await self._attempt(self._session, message)
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

    async def _attempt(self, session: aiohttp.ClientSession, message: OutgoingSms) -> SubmitResult:
        try:
            async with asyncio.timeout(self._options.connect_timeout + self._options.timeout):
                answer = await self._ask(session, message)
        except _NOT_MADE as error:
            return SubmitResult(Outcome.TEMPORARY, cause=f"no connection: {_kind(error)}")
        except TimeoutError:
            return self._unknown(message, "no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._unknown(message, f"no answer: {_kind(error)}")
        if answer is None:
            return self._unknown(message, f"an answer of more than {MAX_ANSWER} bytes")
        return self._answers.read(answer, message.id, message.text.text, time.time())

    def _unknown(self, message: OutgoingSms, cause: str) -> SubmitResult:
        """Perhaps taken; where reports carry our own id they will tell."""
        return SubmitResult(Outcome.UNKNOWN, refs=self._answers.expected_refs(message.id), cause=cause)

    async def _ask(self, session: aiohttp.ClientSession, message: OutgoingSms) -> Answer | None:
        """One request, one answer; None for an answer that is too long."""
        request = self._request
        async with session.request(
            request.method,
            URL(request.url.render(message), encoded=True),
            data=None if request.body is None else request.body.render(message).encode(errors="replace"),
            headers={name: value.render(message) for name, value in request.headers.items()},
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER:
                    return None
            return Answer(response.status, body.decode("utf-8", "replace"), response.headers.get("Retry-After"))

    def admit(self, path: str, client: str) -> None:
        """Check the secret in the path and the network. Raises `Forged`."""
        if self._webhooks is None:
            raise Forged("this provider has no webhook")
        self._webhooks.admit(path, client)

    async def hear(self, request: WebhookRequest) -> WebhookAnswer:
        """Take what the provider tells."""
        if self._webhooks is None or self._options.webhook is None or self._sink is None:
            raise Forged("this provider has no webhook")
        await self._sink(self._webhooks.read(request, time.time()))
        answer = self._options.webhook.answer
        return WebhookAnswer(answer.status, answer.text, answer.media_type)


class _Request:
    """What leaves, compiled; `webhook` is our own address."""

    def __init__(self, options: HttpOptions, webhook: str) -> None:
        compiler = Compiler({str(name): word for name, word in options.encodings.items()}, webhook)
        self.method = options.method
        self.url = compiler.url(options.url, options.query)
        self.body: Template | None = None
        media_type = ""
        if options.form is not None:
            self.body, media_type = compiler.form(options.form), "application/x-www-form-urlencoded"
        elif options.json_ is not None:
            self.body, media_type = compiler.json(options.json_), "application/json"
        elif options.xml is not None:
            self.body, media_type = compiler.xml(options.xml), "application/xml; charset=utf-8"
        headers = {"User-Agent": "Brevdue", "Accept-Encoding": "identity"}
        if media_type:
            headers["Content-Type"] = media_type
        if sign_in := _authorization(options):
            headers["Authorization"] = sign_in
        self.headers = {name: compiler.header(name, text) for name, text in (headers | options.headers).items()}


def _authorization(options: HttpOptions) -> str:
    """Basic (RFC 7617) or Bearer (RFC 6750)."""
    if options.token is not None:
        return f"Bearer {options.token.get_secret_value()}"
    if options.user is not None and options.password is not None:
        pair = f"{options.user}:{options.password.get_secret_value()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return ""


def _capabilities(options: HttpOptions) -> set[Capability]:
    able = {Capability.IDEMPOTENT} if options.idempotent else set()
    message = options.webhook.message if options.webhook else None
    if message is not None:
        able.add(Capability.INBOUND)
        if message.part_ref is None:
            able.add(Capability.CONCATENATES_INBOUND)
    return able


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
        raise _CutOffError(type(error).__name__) from error
