"""Estimates: by configured prices, else by providers that tell, else none."""

from __future__ import annotations

import asyncio

import pytest

from gateway import pricing
from gateway.model import Account
from gateway.money import Money
from gateway.numbers import NumberRange
from gateway.pricing import ASKED_MOST, KEPT_SECONDS, Pricing
from gateway.providers.base import Capability, EventSink, Unreachable
from gateway.routing.choice import Book
from gateway.routing.prices import PriceList
from gateway.routing.router import Router
from gateway.routing.rules import Rule, Way
from gateway.sms import OutgoingSms, SmsText, SubmitResult
from gateway.sms_text import measure
from tests.integration.test_spool import Clock

pytestmark = pytest.mark.proves("C2")

POOL = [("a", NumberRange.parse("+45609946000000..+45609946000999"))]
ANNA = Account("A", "O", "K", "anna@firm.example", "+45609946000001", "a", "da", "DK", False, 1.0)
DANE, SWEDE = "+4530643064", "+46701234567"
TWO_PARTS = measure("a" * 200)
DEAR, CHEAP = Money(50_000, "DKK"), Money(20_000, "DKK")


class Teller:
    """A provider that tells prices as it is told."""

    window = 1
    validity = 3600.0

    def __init__(self, name: str, answer: Money | Exception | None) -> None:
        self.name = name
        self.capabilities = frozenset({Capability.PRICE} if answer is not None else set())
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def start(self, sink: EventSink) -> None: ...

    async def stop(self) -> None: ...

    async def submit(self, message: OutgoingSms) -> SubmitResult: ...

    async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:
        self.asked.append((to_number, from_number))
        if self.answer is None or isinstance(self.answer, Exception):
            raise self.answer or AssertionError("asked although it cannot tell")
        return self.answer * text.parts


def made(
    *tellers: Teller,
    prices: dict[str, PriceList] | None = None,
    rules: tuple[Rule, ...] = (),
    clock: Clock | None = None,
) -> Pricing:
    book = Book(rules, frozenset({"a", "b"}), frozenset({"b"}), prices or {})
    return Pricing(Router(book, POOL), {each.name: each for each in tellers}, clock or Clock())


async def test_configured_prices_count_parts_and_phones():
    asked = made(prices={"a": PriceList.of({"DK": DEAR, "other": CHEAP})})
    found = await asked.estimate(ANNA, [DANE, SWEDE], TWO_PARTS)
    assert [(each.provider, each.price) for each in found.phones] == [("a", DEAR * 2), ("a", CHEAP * 2)]
    assert (found.parts, found.total) == (2, Money(140_000, "DKK"))


async def test_the_route_says_whose_price_it_is():
    rule = Rule("swedes", (Way("b"),), countries=frozenset({"SE"}))
    prices = {"a": PriceList.of({"other": DEAR}), "b": PriceList.of({"other": CHEAP})}
    found = await made(prices=prices, rules=(rule,)).estimate(ANNA, [DANE, SWEDE], measure("Hej"))
    assert [(each.provider, each.price) for each in found.phones] == [("a", DEAR), ("b", CHEAP)]


async def test_a_provider_that_can_tell_is_asked_once():
    clock, teller = Clock(), Teller("a", CHEAP)
    asked = made(teller, clock=clock)
    for text in (TWO_PARTS, TWO_PARTS, measure("b" * 210)):
        assert (await asked.estimate(ANNA, [DANE], text)).total == CHEAP * 2
    assert teller.asked == [(DANE, ANNA.number)]
    assert (await asked.estimate(ANNA, [DANE], measure("Hej"))).total == CHEAP
    clock.time += KEPT_SECONDS
    await asked.estimate(ANNA, [DANE], TWO_PARTS)
    assert len(teller.asked) == 3


@pytest.mark.parametrize("answer", [None, Unreachable("away")], ids=["cannot", "away"])
async def test_where_nobody_tells_it_is_not_available(answer: Exception | None):
    found = await made(Teller("a", answer)).estimate(ANNA, [DANE], TWO_PARTS)
    assert (found.parts, found.phones[0].price, found.total) == (2, None, None)


async def test_nobody_waits_long_for_a_provider(monkeypatch: pytest.MonkeyPatch):
    class Slow(Teller):
        async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(pricing, "ASKED_SECONDS", 0.01)
    assert (await made(Slow("a", CHEAP)).estimate(ANNA, [DANE], TWO_PARTS)).total is None


async def test_a_long_list_is_not_asked_about():
    teller = Teller("a", CHEAP)
    phones = [f"+453064{n:04}" for n in range(ASKED_MOST + 1)]
    assert (await made(teller).estimate(ANNA, phones, TWO_PARTS)).total is None
    assert teller.asked == []


async def test_no_total_of_two_currencies_or_of_nothing():
    rule = Rule("swedes", (Way("b"),), countries=frozenset({"SE"}))
    prices = {"a": PriceList.of({"other": DEAR}), "b": PriceList.of({"other": Money(1000, "SEK")})}
    assert (await made(prices=prices, rules=(rule,)).estimate(ANNA, [DANE, SWEDE], TWO_PARTS)).total is None
    assert (await made().estimate(ANNA, [], TWO_PARTS)).total is None


async def test_what_nobody_may_carry_has_no_price():
    rule = Rule("nobody", (Way("c"),))
    found = await made(rules=(rule,)).estimate(ANNA, [DANE], TWO_PARTS)
    assert (found.phones[0].provider, found.total) == ("", None)
