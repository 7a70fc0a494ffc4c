"""What every SMS provider adapter is: a translator between our records and one wire format.

No database, no retry loop, no sleeping. It declares what it can do; what it cannot do is answered with `NotAvailable`,
never with a guess. Adapters are found by the entry point group `brevdue.providers`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from gateway.model import InboundEvent, OutgoingSms, SubmitResult


class Capability(StrEnum):
    """What a provider can tell or do beyond sending."""

    PRICE = "price"
    BALANCE = "balance"
    PING = "ping"
    BATCH = "batch"
    SCHEDULE = "schedule"
    LOOKUP = "lookup"
    INBOUND = "inbound"
    CONCATENATES_INBOUND = "concatenates_inbound"
    IDEMPOTENT = "idempotent"
    """Knows a message again by our id: submitting it a second time sends no second SMS."""


class NotAvailable(Exception):
    """Not available with the current provider."""


EventSink = Callable[[Sequence[InboundEvent]], Awaitable[None]]
"""Where a provider puts what it hears on its own accord; returns when stored durably."""


@runtime_checkable
class Provider(Protocol):
    """One configured connection to one SMS provider."""

    name: str
    capabilities: frozenset[Capability]
    window: int
    """Messages that it may be given at once, before it has answered any."""

    async def start(self, sink: EventSink) -> None:
        """Open connections. `sink` takes incoming messages and reports, and returns once they are durable."""
        ...

    async def stop(self) -> None:
        """Close connections after outstanding answers arrived or timed out."""
        ...

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Try once to hand one SMS over. Never raises for anything the provider or the network does."""
        ...


class ProviderFactory(Protocol):
    """What an entry point names: makes a provider from its `[[provider]]` table."""

    def __call__(self, name: str, options: Mapping[str, Any]) -> Provider:
        """Make the provider; raise `ValueError` with a sentence for each wrong option."""
        ...


# --- what a provider calls us with ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request that came in under `/in/<provider>/`, as far as it has been read."""

    method: str
    path: str
    """What follows `/in/<provider>/`, percent-decoded: where the secret stands."""
    query: str
    """As it came, still percent-encoded, without the question mark."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    client: str
    """The IP address that it came from, as a trusted proxy reports it."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What the provider reads back."""

    status: int = 200
    text: str = ""
    media_type: str = "text/plain; charset=utf-8"


class WebhookRefusal(Exception):
    """A call that is not taken. `cause` is for the log, and never holds a secret."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Forged(WebhookRefusal):
    """Nothing proves it: a wrong address, network, signature or secret. Answered 403."""


class Unreadable(WebhookRefusal):
    """Proven, but it does not say what it must. Answered 400 with the cause, so that the provider shows it."""


@runtime_checkable
class Webhooks(Protocol):
    """The capability of a provider that calls us by HTTP."""

    def listen_at(self, url: str) -> None:
        """Learn, before the start, the public address that leads here: `https://sms.example.com/in/<provider>`."""
        ...

    def admit(self, path: str, client: str) -> None:
        """Look at where a request goes to and comes from, before its body is read. Raises `Forged`."""
        ...

    async def hear(self, request: WebhookRequest) -> WebhookAnswer:
        """Check an admitted request, hand what it says to the sink, and answer: durable by then, or not at all.

        Raises `Forged`, `Unreadable`, and whatever the sink raises: then the provider has to come again.
        """
        ...
