"""What may be spent: on phones of which countries, how many parts and how much money a day, on what numbers.

Pure, save for `Runs`, which remembers in memory whom an account wrote to. In: settings, accounts, messages, times. Out:
countries, charges, suspicions. Whether a charge still fits is decided where it is committed (`store.spend_sql`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.model import Account
from gateway.numbers import country_of
from gateway.settings import LimitSettings
from gateway.sms import OutgoingSms

_ROAMING = (
    frozenset(
        """
        AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO
        GB CH GG JE IM GI FO GL AX AD MC SM VA GP MQ GF RE YT MF SJ UA MD
        """.split()  # noqa: SIM905 - a list of this length reads better as words
    ),
    frozenset({"US", "CA"}),
)
"""Countries whose phones are used among each other as at home (ISO 3166): Europe's roaming area with the islands and
small states around it (Regulation (EU) 2022/612), and North America."""
DAY = 86_400
"""Seconds; a day begins at midnight UTC."""
_REMEMBERED = 256
"""Numbers that are remembered of one account."""
_ACCOUNTS = 10_000


@dataclass(frozen=True, slots=True)
class Purse:
    """Something that has caps: `whose` is account, key or organisation. Caps are per day, 0 means none."""

    whose: str
    id: str
    parts_cap: int
    cost_cap: int

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{self.whose}:{self.id}"


@dataclass(frozen=True, slots=True)
class Charge:
    """What messages cost, and who pays. `parts` and `costs` (minor units) are in the order of the messages."""

    day: int
    """Days since the epoch."""
    purses: tuple[Purse, ...]
    parts: tuple[int, ...]
    costs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OverCap:
    """A cap that a charge would pass."""

    whose: str
    limit: int
    what: str
    """What is counted, in words."""


def countries_of(region: str, limits: LimitSettings) -> frozenset[str] | None:
    """The countries (ISO 3166) that accounts of a region may write to; None for all."""
    return _countries(region, limits.countries)


@lru_cache(1000)
def _countries(region: str, named: tuple[str, ...]) -> frozenset[str] | None:
    if "any" in named:
        return None
    near = frozenset().union(*(area for area in _ROAMING if region in area and "near" in named))
    return near | {region, *named}


def charge(account: Account, messages: Sequence[OutgoingSms], limits: LimitSettings, now: float) -> Charge:
    """What the messages of one account cost at `now`."""
    purses = (
        Purse("account", account.id, limits.account_parts, limits.account_cost),
        Purse("key", account.key_id, limits.key_parts, limits.key_cost),
        Purse("organisation", account.org_id, limits.organisation_parts, limits.organisation_cost),
    )
    return charge_to(purses, messages, limits, now)


def charge_to(purses: tuple[Purse, ...], messages: Sequence[OutgoingSms], limits: LimitSettings, now: float) -> Charge:
    """What messages cost at `now`, and who pays."""
    return Charge(
        day=int(now) // DAY,
        purses=purses,
        parts=tuple(message.text.parts for message in messages),
        costs=tuple(_cost(message, limits) for message in messages),
    )


def _cost(message: OutgoingSms, limits: LimitSettings) -> int:
    if not limits.part_cost:
        return 0
    price = limits.part_cost.get(country_of(message.to_number), limits.part_cost.get("other", 0))
    return price * message.text.parts


class Runs:
    """Notices accounts that write to phones with adjacent numbers, as fraud and guessing do and people seldom."""

    def __init__(self, length: int) -> None:
        """`length` adjacent numbers are a run; 0 for never."""
        self._length = length
        self._written: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    def notice(self, account_id: str, phones: Sequence[str], now: float) -> int:
        """Remember the phones; the length of the run that they complete, 0 where they complete none."""
        if not self._length:
            return 0
        written = self._written.setdefault(account_id, deque(maxlen=_REMEMBERED))
        self._written.move_to_end(account_id)
        if len(self._written) > _ACCOUNTS:
            self._written.popitem(last=False)
        known = {number for at, number in written if at > now - DAY}
        longest = 0
        for number in (int(phone[1:]) for phone in phones):
            if number not in known:
                known.add(number)
                written.append((now, number))
                longest = max(longest, _run(known, number))
        if longest < self._length:
            return 0
        written.clear()  # told once; the next run is another one
        return longest


def _run(known: set[int], number: int) -> int:
    """How many numbers without a gap there are around one."""
    first = last = number
    while first - 1 in known:
        first -= 1
    while last + 1 in known:
        last += 1
    return last - first + 1
