"""Our side of a connection to a message centre: a provider that runs, and what takes its events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from gateway.errors import Outcome
from gateway.providers.smpp import SmppProvider
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, OutgoingSms
from gateway.sms_text import measure
from tests.waiting import until

TAKEN, NOT_NOW, NEVER, PERHAPS = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN
LONG = "Hej Anders! " * 30
"""Three parts."""


def sms(text: str = "Hej æøå", to: str = "+4530643064", ident: str = "M1.1") -> OutgoingSms:
    return OutgoingSms(ident, "o", "a", "k", "+456099462196", to, measure(text), "smsc")


class Sink:
    """Takes events as the transport does: durably, or with an error."""

    def __init__(self) -> None:
        self.events: list[InboundEvent] = []
        self.calls: list[int] = []
        self.refuse: Callable[[InboundEvent], bool] = lambda _event: False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, events: Sequence[InboundEvent]) -> None:
        self.calls.append(len(events))
        await self.gate.wait()
        self.events += [event for event in events if not self.refuse(event)]
        if any(map(self.refuse, events)):
            raise ConnectionError("the database is away")

    @property
    def reports(self) -> list[DeliveryReport]:
        return [event for event in self.events if isinstance(event, DeliveryReport)]

    @property
    def messages(self) -> list[InboundSms]:
        return [event for event in self.events if isinstance(event, InboundSms)]


async def until_bound(provider: SmppProvider, links: int) -> None:
    """Wait until so many binds stand on our side: the message centre knows of each, and of its end, before we do."""
    binds = provider._binds
    assert binds is not None
    await until(lambda: sum(link.open for link in binds._links) == links, f"{links} binds")


@contextlib.asynccontextmanager
async def connected(centre: Any, sink: Sink | None = None, **options: Any) -> AsyncIterator[SmppProvider]:
    """A provider bound to a message centre on `centre.port`."""
    wanted = {"host": "127.0.0.1", "port": centre.port, "system_id": "firma", "password": "hemmelig", **options}
    provider = SmppProvider("smsc", wanted)
    await provider.start(sink or Sink())
    try:
        yield provider
    finally:
        await provider.stop()
