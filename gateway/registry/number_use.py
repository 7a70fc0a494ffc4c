"""Whose a number of ours is: one account's, several accounts' that share it, an organisation's, or nobody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import Account


@dataclass(frozen=True, slots=True)
class Keyword:
    """A first word by which an SMS to an organisation's number finds its reader."""

    word: str
    """As it is compared (`gateway.keywords`)."""
    written: str
    email: str
    reply: str = ""
    """What the phone is answered at once; empty for nothing."""


@dataclass(frozen=True, slots=True)
class OrganisationNumber:
    """A number that belongs to an organisation and to none of its accounts."""

    number: str
    org_id: str
    provider: str
    email: str
    """Who reads what no keyword is for."""
    since: float
    keywords: Mapping[str, Keyword]
    """By the word as it is compared."""


@dataclass(frozen=True, slots=True)
class NumberUse:
    """Who has a number; `accounts` are the open ones, the oldest first."""

    accounts: tuple[Account, ...] = ()
    organisation_number: OrganisationNumber | None = None

    @property
    def org_id(self) -> str:
        """Whose it is: a number is shared within one organisation alone. "" where nobody has it."""
        owner = self.organisation_number or (self.accounts[0] if self.accounts else None)
        return owner.org_id if owner is not None else ""
