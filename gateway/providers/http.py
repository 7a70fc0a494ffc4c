"""A provider that is all configuration: what its HTTP requests, answers and webhooks look like.

In: an SMS. Out: one request, and what its answer means (`http_wire` reads the configuration and compiles it at the
start). Where no connection was made the outcome is temporary; whatever cuts the answer off leaves it unknown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from gateway.providers.base import Capability, EventSink, Forged, WebhookAnswer, WebhookRequest
from gateway.providers.gate import Gate
from gateway.providers.http_call import Call, basic
from gateway.providers.http_client import HttpClient
from gateway.providers.http_wire.answers import AnswerReader
from gateway.providers.http_wire.options import HttpOptions, read_options
from gateway.providers.http_wire.templates import Compiler, Template
from gateway.providers.http_wire.webhooks import WebhookReader
from gateway.sms import OutgoingSms, SubmitResult


class HttpProvider:
    """One provider's HTTP interface, as `options` describe it (`http_wire.options.HttpOptions`)."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._options = made = read_options(options)
        self._answers = AnswerReader(made.answer, made.secrets)
        self._webhooks = None if made.webhook is None else WebhookReader(name, made.webhook)
        self._gate = None if made.webhook is None else Gate(made.webhook)
        self.window = made.connections
        self.validity = made.validity if made.webhook is not None and made.webhook.report is not None else math.inf
        self.capabilities = frozenset(_capabilities(made))
        self._request = _Request(made, "")
        self._client = HttpClient(made)
        self._sink: EventSink | None = None

    def listen_at(self, url: str) -> None:
        """Learn the public address of our webhooks, for the requests that tell it."""
        if self._options.webhook is not None:
            self._request = _Request(self._options, f"{url}/{self._options.webhook.secret.get_secret_value()}")

    async def start(self, sink: EventSink) -> None:
        """Make the pool of connections; the first is opened by the first message."""
        self._sink = sink
        await self._client.start()

    async def stop(self) -> None:
        """Close the connections; whoever submits has had the outcome by now."""
        await self._client.stop()

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Make one request and read its answer; where reports carry our own id they tell what an answer did not."""
        return await self._client.submit(
            self._request.call(message),
            lambda answer: self._answers.read(answer, message.id, message.text.text, time.time()),
            self._answers.expected_refs(message.id),
        )

    def admit(self, path: str, client: str) -> None:
        """Check the secret in the path and the network. Raises `Forged`."""
        if self._gate is None:
            raise Forged("this provider has no webhook")
        self._gate.admit(path, client)

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
        headers: dict[str, str] = {}
        if media_type:
            headers["Content-Type"] = media_type
        if sign_in := _authorization(options):
            headers["Authorization"] = sign_in
        self.headers = {name: compiler.header(name, text) for name, text in (headers | options.headers).items()}

    def call(self, message: OutgoingSms) -> Call:
        """The request that hands one message over."""
        return Call(
            self.method,
            self.url.render(message),
            {name: value.render(message) for name, value in self.headers.items()},
            None if self.body is None else self.body.render(message).encode(errors="replace"),
        )


def _authorization(options: HttpOptions) -> str:
    """Bearer (RFC 6750) or Basic."""
    if options.token is not None:
        return f"Bearer {options.token.get_secret_value()}"
    if options.user is not None and options.password is not None:
        return basic(options.user, options.password.get_secret_value())
    return ""


def _capabilities(options: HttpOptions) -> set[Capability]:
    able = {Capability.IDEMPOTENT} if options.idempotent else set()
    message = options.webhook.message if options.webhook else None
    if message is not None:
        able.add(Capability.INBOUND)
        if message.part_ref is None:
            able.add(Capability.CONCATENATES_INBOUND)
    return able
