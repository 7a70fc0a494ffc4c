"""What a part costs at each provider, as far as the configuration says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.money import Money

OTHER = "other"
"""For countries that are not named."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """One provider's prices for a part."""

    prefixes: tuple[tuple[str, Money], ...] = ()
    """The longest first."""
    countries: Mapping[str, Money] = field(default_factory=dict)
    other: Money | None = None

    @classmethod
    def of(cls, prices: Mapping[str, Money]) -> PriceList:
        """Read prices by prefix ("+4520"), country ("DK") and "other"."""
        prefixes = [(name, price) for name, price in prices.items() if name.startswith("+")]
        return cls(
            tuple(sorted(prefixes, key=lambda each: -len(each[0]))),
            {name: price for name, price in prices.items() if not name.startswith("+") and name != OTHER},
            prices.get(OTHER),
        )

    def part(self, phone: str, country: str) -> Money | None:
        """What a part to a phone costs; None where that is not known."""
        for prefix, price in self.prefixes:
            if phone.startswith(prefix):
                return price
        return self.countries.get(country, self.other)
