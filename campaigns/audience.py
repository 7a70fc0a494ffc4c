"""Who gets a campaign: contacts, page by page, as the runner asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Member:
    """A contact as a campaign needs it."""

    contact_id: int
    """Ids are in order; the last one of a page is where the next begins."""
    phone: str
    """E.164; "" where there is none."""
    language: str = ""
    zone: str = ""
    """A time zone (IANA); "" where it is not known."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What macros read."""
    no_sms: bool = False
    """Whether the contact is marked "do not use SMS" (C6)."""


class Audience(Protocol):
    """Reads members of an organisation by what a campaign says of its audience."""

    async def page(self, org_id: str, audience: str, after: int, size: int) -> Sequence[Member]:
        """Up to `size` members in the order of their ids behind `after`; fewer where these are the last."""
        ...

    async def members(self, org_id: str, contact_ids: Sequence[int]) -> Sequence[Member]:
        """These contacts, as far as they are still there."""
        ...

    async def count(self, org_id: str, audience: str) -> int:
        """How many there are now."""
        ...
