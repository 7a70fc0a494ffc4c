"""Moments and amounts as people write them where they live."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.local_forms import amount, moment, zone_of
from gateway.money import Money

pytestmark = pytest.mark.proves("the reader's language")

SUMMER = datetime(2026, 7, 1, 12, 5, 59, tzinfo=UTC).timestamp()
WINTER = datetime(2026, 1, 1, 23, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("region", "otherwise", "zone"),
    [
        ("DK", "", "Europe/Copenhagen"),
        ("DK", "Asia/Tokyo", "Europe/Copenhagen"),
        ("DE", "", "Europe/Berlin"),
        ("US", "", "UTC"),
        ("US", "America/Chicago", "America/Chicago"),
        ("RU", "Europe/Moscow", "Europe/Moscow"),
        ("ZZ", "", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_a_region_has_a_clock_where_it_has_one(region: str, otherwise: str, zone: str):
    assert zone_of(region, otherwise).key == zone


@pytest.mark.parametrize(
    ("at", "zone", "language", "region", "text"),
    [
        (SUMMER, "Europe/Copenhagen", "da", "DK", "1. jul. 2026 14.05"),
        (WINTER, "Europe/Copenhagen", "da", "DK", "2. jan. 2026 00.30"),
        (SUMMER, "Europe/Berlin", "de", "DE", "01.07.2026, 14:05"),
        (SUMMER, "Europe/Moscow", "ru", "RU", "1 июл. 2026 г., 15:05"),
        (SUMMER, "Europe/Oslo", "no", "NO", "1. juli 2026, 14:05"),
        (SUMMER, "America/New_York", "en", "US", "Jul 1, 2026, 8:05 AM"),
        (SUMMER, "Europe/London", "en", "GB", "1 Jul 2026, 13:05"),
        (SUMMER, "UTC", "fr", "FR", "1 juil. 2026, 12:05 UTC"),
        (SUMMER, "UTC", "da", "DE", "1. jul. 2026 12.05 UTC"),
        (SUMMER, "UTC", "ru", "", "1 июл. 2026 г., 12:05 UTC"),
    ],
)
def test_moments(at: float, zone: str, language: str, region: str, text: str):
    assert moment(at, ZoneInfo(zone), language, region).replace("\u202f", " ").replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("money", "language", "region", "text"),
    [
        (Money(15_800, "DKK"), "da", "DK", "0,158 DKK"),
        (Money(1_250_000, "DKK"), "en", "GB", "12.50 DKK"),
        (Money(123_456_789_000, "EUR"), "de", "DE", "1.234.567,89 EUR"),
        (Money(5_000, "JPY"), "en", "US", "5 JPY"),
        (Money(-790, "USD"), "ru", "RU", "-0,0079 USD"),
    ],
)
def test_amounts(money: Money, language: str, region: str, text: str):
    assert amount(money, language, region).replace("\xa0", " ") == text
