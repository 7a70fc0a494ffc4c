"""What every SMS provider adapter is: a translator between our records and one wire format.

No database, no retry loop, no sleeping. It declares what it can do; what it cannot do is answered with `NotAvailable`,
never with a guess. Adapters are found by the entry point group `brevdue.providers`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from gateway.money import Money
from gateway.sms import InboundEvent, OutgoingSms, SmsText, SubmitResult


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


class Unreachable(Exception):
    """A question to the provider had no answer that can be used; `str()` says why and holds no secret."""


EventSink = Callable[[Sequence[InboundEvent]], Awaitable[None]]
"""Where a provider puts what it hears on its own accord; returns when stored durably."""


@runtime_checkable
class Provider(Protocol):
    """One configured connection to one SMS provider."""

    name: str
    capabilities: frozenset[Capability]
    window: int
    """Messages that it may be given at once, before it has answered any."""
    validity: float
    """Seconds from a submit after which it reports no more: a message without a report has expired by then.

    Infinite where nothing is ever reported: then silence means nothing.
    """

    async def start(self, sink: EventSink) -> None:
        """Open connections. `sink` takes incoming messages and reports, and returns once they are durable."""
        ...

    async def stop(self) -> None:
        """Close connections after outstanding answers arrived or timed out."""
        ...

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Try once to hand one SMS over. Never raises for anything the provider or the network does."""
        ...


# --- what some providers can do beyond sending; each declares it among its capabilities -------------------------------


@runtime_checkable
class Batching(Protocol):
    """`Capability.BATCH`: takes several messages in one call."""

    batch: int
    """Messages in one call, at most."""

    async def submit_many(self, messages: Sequence[OutgoingSms]) -> Sequence[SubmitResult]:
        """Try once to hand SMS over in one call: one result per message, in order. Never raises, as `submit`."""
        ...


@runtime_checkable
class Priced(Protocol):
    """`Capability.PRICE`."""

    async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:
        """Ask what this text to this phone would cost, all parts together. Raises NotAvailable, Unreachable."""
        ...


@runtime_checkable
class Funded(Protocol):
    """`Capability.BALANCE`."""

    async def balance(self) -> Money:
        """Ask what is left to send with. Raises NotAvailable, Unreachable."""
        ...


@runtime_checkable
class Reachable(Protocol):
    """`Capability.PING`."""

    async def ping(self) -> None:
        """Ask whether it would take messages now, with our credentials, without sending one. Raises Unreachable."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """`Capability.LOOKUP`."""

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask what became of a message, by its ids there (none where it is unknown) or our own id.

        Late answers and reports, as if it had sent them; empty where it knows nothing. Raises Unreachable.
        """
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
