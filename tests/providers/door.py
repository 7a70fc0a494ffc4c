"""The door for providers' calls as the program opens it, and a sink behind it that a test reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from gateway.providers.base import Provider, Webhooks
from gateway.sms import InboundEvent
from web.app import make_app
from web.server import WebServer


class Sink:
    """Takes events as the program does: durable when it returns, and a fault where the store is away."""

    def __init__(self) -> None:
        self.events: list[InboundEvent] = []
        self.fault: Exception | None = None

    async def __call__(self, events: Sequence[InboundEvent]) -> None:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        self.events += events


@asynccontextmanager
async def door(provider: Provider) -> AsyncIterator[aiohttp.ClientSession]:
    assert isinstance(provider, Webhooks)
    server = WebServer(
        make_app(checks=(), simulators={}, region="DK", webhooks={provider.name: provider}), "127.0.0.1", 0
    )
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            yield session
    finally:
        await server.stop()
