"""Amounts of money as providers name them: a currency, and its minor units with what is smaller than one.

An SMS often costs less than a cent, so an amount keeps thousandths of a minor unit. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Self

_WITHOUT: Final[str] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WITH_THREE: Final[str] = "BHD IQD JOD KWD LYD OMR TND"
_PLACES: Final[dict[str, int]] = dict.fromkeys(_WITHOUT.split(), 0) | dict.fromkeys(_WITH_THREE.split(), 3)
"""Decimal places of the minor unit where they are not two (ISO 4217, list one)."""
_CURRENCY: Final[re.Pattern[str]] = re.compile(r"[A-Z]{3}")
_LARGEST: Final[Decimal] = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; below zero it is a debt."""

    thousandths: int
    """Thousandths of the currency's minor unit: 790 USD-thousandths are 0.79 cents."""
    currency: str
    """ISO 4217: "DKK"."""

    @classmethod
    def of(cls, amount: object, currency: object) -> Self | None:
        """Read an amount in major units ("0.0079", 0.0079, "12,50") and a currency; None where either says nothing.

        What a provider writes where it knows nothing (null, "", "N/A") is nothing, not zero.
        """
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency.strip().upper()):
            return None
        if isinstance(amount, bool) or not isinstance(amount, str | int | float | Decimal):
            return None
        try:
            major = Decimal(str(amount).strip().replace(",", "."))
        except InvalidOperation:
            return None
        if not major.is_finite() or abs(major) > _LARGEST:
            return None
        code = currency.strip().upper()
        return cls(round(major.scaleb(_PLACES.get(code, 2) + 3)), code)

    def __add__(self, other: Money) -> Money:
        """The sum. Raises ValueError where the currencies differ."""
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        return Money(self.thousandths + other.thousandths, self.currency)

    def __mul__(self, times: int) -> Money:
        """So many times the amount."""
        return Money(self.thousandths * times, self.currency)

    @property
    def major(self) -> Decimal:
        """Major units: 12.50 for 1250 øre."""
        return Decimal(self.thousandths).scaleb(-_PLACES.get(self.currency, 2) - 3)

    def __str__(self) -> str:
        """Major units with at least the currency's own places: "0.0079 USD", "12.50 DKK"."""
        places = _PLACES.get(self.currency, 2)
        whole = f"{self.major:.{places + 3}f}"
        return f"{whole[: len(whole) - 3]}{whole[len(whole) - 3 :].rstrip('0')}".rstrip(".") + f" {self.currency}"
