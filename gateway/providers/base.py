"""What every SMS provider adapter is: a translator between our records and one wire format.

No database, no retry loop, no sleeping. It declares what it can do; what it cannot do is answered with `NotAvailable`,
never with a guess. Adapters are found by the entry point group `brevdue.providers`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Forged(Exception):
    """A webhook whose signature does not hold. Answered 403."""

    cause: str
