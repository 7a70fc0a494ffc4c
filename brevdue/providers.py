"""Providers out of their `[[provider]]` tables: for the gateway, or for one question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points

from gateway.providers.base import Provider, Webhooks
from gateway.settings import GatewaySettings, ProviderSettings
from gateway.sms import InboundEvent
from gateway.store.database import StoreUnavailableError
from web.webhooks import DOOR


def make_providers(tables: Sequence[ProviderSettings], public_url: str) -> dict[str, Provider]:
    """Make each `[[provider]]` by the entry point of its kind; those that call us learn where, whoever hears them."""
    kinds = entry_points(group="brevdue.providers")
    made: dict[str, Provider] = {table.name: kinds[table.kind].load()(table.name, table.options) for table in tables}
    for name, provider in made.items():
        if isinstance(provider, Webhooks):
            provider.listen_at(f"{public_url}{DOOR}{name}")
    return made


@asynccontextmanager
async def opened(name: str, settings: GatewaySettings) -> AsyncIterator[Provider]:
    """A provider on a connection of its own, for one question, whether a gateway runs or not.

    What comes on that connection unasked is not taken: the provider keeps it for the gateway. Raises KeyError.
    """
    tables = [table for table in settings.provider if table.name == name]
    provider = make_providers(tables, settings.http.public_url)[name]
    await provider.start(_not_now)
    try:
        yield provider
    finally:
        await provider.stop()


async def _not_now(_events: Sequence[InboundEvent]) -> None:
    raise StoreUnavailableError("only a question was asked")
