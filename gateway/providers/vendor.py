"""What the adapters of vendors with an HTTP interface have in common: a client, a door, our address, questions."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from gateway.errors import Outcome
from gateway.providers.base import EventSink, Forged, Unreachable, WebhookAnswer, WebhookRequest
from gateway.providers.gate import Gate
from gateway.providers.http_call import Call
from gateway.providers.http_client import HttpClient
from gateway.providers.options import ConnectionOptions, DoorOptions
from gateway.providers.places import ABSENT, parse_json
from gateway.sms import InboundEvent

MAX_EVENTS = 1000
"""Events in one call: each costs a transaction's share before the call is answered."""


class HttpVendor(ABC):
    """One account at a vendor. Without a door (`[provider.webhook]`) nobody may call us."""

    heard = WebhookAnswer()
    """What the vendor reads when its call is durable."""

    def __init__(self, name: str, options: ConnectionOptions, door: DoorOptions | None) -> None:
        self.name = name
        self.window = options.connections
        self.validity = math.inf if door is None else options.validity
        self.client = HttpClient(options)
        self.callback = ""
        """Our address with its secret, for the vendor's calls; empty where it shall not call."""
        self._secret = "" if door is None else door.secret.get_secret_value()
        self._gate = None if door is None else Gate(door)
        self._sink: EventSink | None = None

    def listen_at(self, url: str) -> None:
        """Learn the public address of our door."""
        self.callback = f"{url}/{self._secret}" if self._secret else ""

    async def start(self, sink: EventSink) -> None:
        """Make the pool of connections; the first is opened by the first request."""
        self._sink = sink
        await self.client.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self.client.stop()

    async def told(self, call: Call, unknown: int | None = None) -> Any:
        """Ask something beside sending; the JSON document that comes. Raises Unreachable.

        None where the status is `unknown`: the vendor does not know what was asked about.
        """
        answer = await self.client.ask(call)
        if answer.status == unknown:
            return None
        if answer.outcome is not Outcome.ACCEPTED:
            raise Unreachable(answer.phrase)
        document = parse_json(answer.text)
        if document is ABSENT:
            raise Unreachable(f"{answer.phrase}: the answer cannot be read")
        return document

    def admit(self, path: str, client: str) -> None:
        """Check the secret in the path and the network. Raises `Forged`."""
        if self._gate is None:
            raise Forged("this provider has no webhook")
        self._gate.admit(path, client)

    async def hear(self, request: WebhookRequest) -> WebhookAnswer:
        """Prove an admitted call, store what it says, and answer."""
        if self._gate is None or self._sink is None:
            raise Forged("this provider has no webhook")
        await self._sink(self.events(request, time.time()))
        return self.heard

    @abstractmethod
    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Prove an admitted call and read it. Raises `Forged`, `Unreadable`."""
