"""What administrators are shown of keys, accounts and numbers: one record per line of a list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import Account, ApiKey


@dataclass(frozen=True, slots=True)
class KeyListing:
    """A key as an administrator sees it in a list."""

    key: ApiKey
    organisation: str
    live_secrets: int
    """1, or 2 while the key is being rotated."""
    retires_at: float | None
    """When the older of two secrets stops working."""
    open_accounts: int


@dataclass(frozen=True, slots=True)
class AccountListing:
    """An account as an administrator sees it in a list (D6)."""

    account: Account
    organisation: str
    key_label: str
    sent: int
    received: int
    active_at: float | None
    has_password: bool
    """Whether it can sign in to submission."""
    key_paused: bool


class AccountState(StrEnum):
    """What accounts are picked by."""

    OPEN = "open"
    CLOSED = "closed"
    PAUSED = "paused"
    """Open, under a paused key."""
    REFUSED = "refused"
    """Open, with a mailbox that last refused mail for good."""


class AccountSort(StrEnum):
    """What a list of accounts is sorted by."""

    EMAIL = "email"
    NUMBER = "number"
    SINCE = "since"
    """When it was opened."""
    SENT = "sent"
    RECEIVED = "received"
    ACTIVE = "active"
    """When it last sent or got an SMS; never counts as longest ago."""


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts, in which order. None leaves a question out; an `org_id` of None is for operators alone."""

    org_id: str | None = None
    key_id: str | None = None
    search: str | None = None
    """A part of the address or of the number."""
    state: AccountState | None = AccountState.OPEN
    sort: AccountSort = AccountSort.SINCE
    descending: bool = False


class NumberState(StrEnum):
    """Where a number of the pool stands; a free one has no row."""

    IN_USE = "in use"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class NumberListing:
    """A number that is not free to be drawn."""

    number: str
    provider: str
    state: NumberState
    taken_at: float
    free_after: float | None
    """End of the quarantine; None while in use."""
    account_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """Which numbers. None leaves a question out; an `org_id` of None is for operators alone.

    One that rests in quarantine is no organisation's.
    """

    org_id: str | None = None
    state: NumberState | None = None
    search: str | None = None
    """A part of the number, or of the address that has it."""


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """How full one provider's numbers are."""

    provider: str
    size: int
    in_use: int
    quarantined: int
    shared: bool = False
    """Whether several accounts may have one of them."""

    @property
    def free(self) -> int:
        """Numbers that can be drawn now."""
        return self.size - self.in_use - self.quarantined
