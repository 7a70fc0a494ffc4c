"""Amounts as providers write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.money import Money

pytestmark = pytest.mark.proves("C2", "C5")


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.0079", "USD", Money(790, "USD")),
        (0.0079, "usd", Money(790, "USD")),
        ("-0.00750", "USD", Money(-750, "USD")),
        ("12,50", "DKK", Money(1_250_000, "DKK")),
        (Decimal("1.5"), "JPY", Money(1500, "JPY")),
        ("0.001", "KWD", Money(1000, "KWD")),
        (0, "EUR", Money(0, "EUR")),
        ("", "EUR", None),
        (None, "EUR", None),
        ("N/A", "EUR", None),
        ("NaN", "EUR", None),
        ("1e99", "EUR", None),
        (True, "EUR", None),
        ("1", None, None),
        ("1", "euro", None),
    ],
)
def test_an_amount_is_read_as_it_is_written(amount: object, currency: object, expected: Money | None):
    assert Money.of(amount, currency) == expected


def test_amounts_add_up_in_one_currency():
    assert Money(790, "USD") + Money(10, "USD") == Money(800, "USD")
    assert Money(790, "USD") * 3 == Money(2370, "USD")
    with pytest.raises(ValueError, match="DKK and USD"):
        Money(1, "DKK") + Money(1, "USD")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(790, "USD"), "0.0079 USD"),
        (Money(1_250_000, "DKK"), "12.50 DKK"),
        (Money(-1_000_000, "DKK"), "-10.00 DKK"),
        (Money(1500, "JPY"), "1.5 JPY"),
        (Money(2000, "JPY"), "2 JPY"),
        (Money(1000, "KWD"), "0.001 KWD"),
    ],
)
def test_an_amount_reads_as_people_write_it(money: Money, text: str):
    assert str(money) == text
