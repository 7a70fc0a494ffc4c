"""Providers: which there are, how they stand, and what they answer when they are asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from gateway.money import Money
from gateway.providers.base import Capability, Funded, NotAvailable, Provider, Reachable, Unreachable
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.tally_files import Totals
from gateway.translation import sentence
from web.identity.actor import Actor


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """One provider as a list shows it."""

    name: str
    kind: str
    window: int
    """Messages under way to it at once."""
    capabilities: frozenset[Capability]
    state: str
    """"up", or what its connections say instead."""
    rests: bool
    """Whether its breaker is open: it takes nothing and is only probed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said when it was asked."""

    reachable: bool
    why_not: str = ""
    """Its words, or ours."""
    balance: Money | None = None
    """What is left to send with; None where it cannot tell."""


Opened = Callable[[str], AbstractAsyncContextManager[Provider]]
"""A provider by its name, on a connection of its own, for one question."""


class ProviderDesk:
    """Looks at providers and asks them."""

    def __init__(
        self,
        providers: Sequence[tuple[str, Provider]],
        opened: Opened,
        totals: Callable[[], Awaitable[Totals]],
    ) -> None:
        """`providers` are (kind, provider), in the order of the configuration; `totals` what all processes counted."""
        self._providers = providers
        self._opened = opened
        self._totals = totals

    async def list(self, actor: Actor) -> list[ProviderFacts]:
        """Every provider of the gateway."""
        actor.require(Scope.PROVIDERS_READ)
        totals = await self._totals()
        return [_facts(kind, provider, totals) for kind, provider in self._providers]

    async def ask(self, actor: Actor, name: str) -> Answer:
        """Whether a provider is there and takes our credentials, and for operators its balance; nothing is sent.

        Raises NotFound.
        """
        actor.require(Scope.PROVIDERS_READ)
        if name not in {provider.name for _, provider in self._providers}:
            raise NotFound(sentence("there is no such provider"))
        try:
            async with self._opened(name) as provider:
                if Capability.PING in provider.capabilities and isinstance(provider, Reachable):
                    await provider.ping()
                return Answer(reachable=True, balance=await _balance(provider) if actor.may(Scope.GATEWAY) else None)
        except Unreachable as error:
            return Answer(reachable=False, why_not=str(error))


async def _balance(provider: Provider) -> Money | None:
    if Capability.BALANCE not in provider.capabilities or not isinstance(provider, Funded):
        return None
    try:
        return await provider.balance()
    except NotAvailable:
        return None


def _facts(kind: str, provider: Provider, totals: Totals) -> ProviderFacts:
    said = totals.providers.get(provider.name, set())
    return ProviderFacts(
        name=provider.name,
        kind=kind,
        window=provider.window,
        capabilities=provider.capabilities,
        state="up" if "up" in said else min(said, default="not running"),
        rests=provider.name in totals.breakers_open,
    )
