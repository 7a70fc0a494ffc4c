"""What a text would cost before it is sent: by the routes' prices, else by asking a provider that can tell.

In: an account, phones, a text. Out: an amount for each phone, or None: not available with the current provider.
Promises: an estimate, never a bill: what an SMS has cost stands at its message. A provider is asked for a few phones
only and once for a text of so many parts, and nobody waits for its answer longer than a person at a form would.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.model import Account, Clock
from gateway.money import Money
from gateway.providers.base import Capability, NotAvailable, Priced, Provider, Unreachable
from gateway.routing.choice import Candidate
from gateway.routing.router import Router
from gateway.sms import Encoding, OutgoingSms, SmsText

ASKED_MOST = 10
"""Phones that providers are asked about for one estimate; for more there is no price where none is configured."""
ASKED_SECONDS = 3.0
"""How long an answer is waited for."""
KEPT_SECONDS = 600.0
"""How long an answer is good for."""
_KEPT = 2000
_Question = tuple[str, str, Encoding, int]
"""Provider, phone, encoding and parts: what prices depend on."""


@dataclass(frozen=True, slots=True)
class PhonePrice:
    """What one phone would cost."""

    phone: str
    provider: str
    """That would carry it; "" where none can."""
    price: Money | None
    """Of all parts; None where nobody tells."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a text would cost, phone by phone."""

    parts: int
    """To each phone."""
    phones: tuple[PhonePrice, ...]

    @property
    def total(self) -> Money | None:
        """All together; None where one is not known, or their currencies differ."""
        prices = [each.price for each in self.phones]
        known = [price for price in prices if price is not None]
        if not known or len(known) < len(prices) or len({price.currency for price in known}) > 1:
            return None
        return Money(sum(price.thousandths for price in known), known[0].currency)


class Pricing:
    """Estimates of one process."""

    def __init__(self, router: Router, providers: Mapping[str, Provider], clock: Clock) -> None:
        """`router` also where no `[[route]]` is written (`routing.configured.make_router`): it knows prices.

        `providers` are those that are started in this process.
        """
        self._router = router
        self._priced = {
            name: provider
            for name, provider in providers.items()
            if isinstance(provider, Priced) and Capability.PRICE in provider.capabilities
        }
        self._clock = clock
        self._kept: OrderedDict[_Question, tuple[float, Money]] = OrderedDict()

    async def estimate(self, account: Account, phones: Sequence[str], text: SmsText) -> Estimate:
        """What a text from an account to phones (E.164) would cost now."""
        firsts = [self._first(account, phone, text) for phone in phones]
        asks = sum(first is not None and first.price is None for first in firsts) <= ASKED_MOST
        prices = await asyncio.gather(
            *(self._price(account, phone, text, first, asks=asks) for phone, first in zip(phones, firsts, strict=True))
        )
        return Estimate(
            text.parts,
            tuple(
                PhonePrice(phone, first.provider if first else "", price)
                for phone, first, price in zip(phones, firsts, prices, strict=True)
            ),
        )

    def _first(self, account: Account, phone: str, text: SmsText) -> Candidate | None:
        """Who would carry it while every provider takes messages."""
        message = OutgoingSms(
            "", account.org_id, account.id, account.key_id, account.number, phone, text, account.provider
        )
        return self._router.choose(message, lambda _provider: False, account.provider).first

    async def _price(
        self, account: Account, phone: str, text: SmsText, first: Candidate | None, *, asks: bool
    ) -> Money | None:
        if first is None:
            return None
        if first.price is not None:
            return first.price * text.parts
        question = (first.provider, phone, text.encoding, text.parts)
        at, price = self._kept.get(question, (0.0, None))
        if price is not None and 0 <= self._clock.now() - at < KEPT_SECONDS:
            return price
        provider = self._priced.get(first.provider)
        if provider is None or not asks:
            return None
        with contextlib.suppress(NotAvailable, Unreachable, TimeoutError):
            async with asyncio.timeout(ASKED_SECONDS):
                price = await provider.price(text, phone, first.sender or account.number)
            return self._keep(question, price)
        return None

    def _keep(self, question: _Question, price: Money) -> Money:
        self._kept[question] = self._clock.now(), price
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return price
