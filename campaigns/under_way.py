"""A campaign that is under way, in memory: how large its pages may be, and what was looked at of its audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.audience import Wanted
from campaigns.campaign import Campaign
from campaigns.model import Channel, Recipient
from campaigns.recipients import Terms
from campaigns.store.run_sql import Advance

PAGE, SMALLEST_PAGE = 500, 100
"""Contacts of one transaction at most: beyond that its fixed cost no longer shows; and what is always worth one."""
LONGEST_SECONDS = 0.03
"""How long a page may take to be committed, the wait for others included: they wait for it just as long."""


@dataclass(slots=True)
class Run:
    """A campaign that is under way."""

    campaign: Campaign
    terms: Terms
    wanted: Wanted
    room: int = 0
    """Messages that may be made before it is looked how many wait."""
    tokens: float = 0.0
    """Messages that its pace allows at the moment."""
    at: float = 0.0
    """When they were counted, on the monotonic clock."""
    organisation: str = ""
    """In whose name mails leave."""
    page: int = PAGE
    """Contacts that are committed at once."""

    @property
    def by_mail(self) -> bool:
        """Whether it is one of e-mails."""
        return self.campaign.content.channel is Channel.EMAIL

    @property
    def limited(self) -> bool:
        """Whether the campaign may spend only so much."""
        return self.campaign.content.limits.end

    def learn(self, took: float, most: int) -> None:
        """Go by how long a page took: smaller ones where it was too long, half as large again where it was not."""
        fitting = self.page * min(1.5, LONGEST_SECONDS / took) if took else most
        self.page = int(min(most, max(SMALLEST_PAGE, fitting)))


@dataclass(frozen=True, slots=True)
class Page:
    """Contacts that were looked at, behind a cursor."""

    members: Sequence[Recipient]
    size: int
    after: int = 0
    """The cursor."""
    gone: Sequence[int] = ()
    """Contacts that are not there any more."""
    waited: bool = False
    """Whether they have waited for their window: then no cursor is moved."""

    @property
    def last(self) -> bool:
        """Whether nobody comes behind them."""
        return len(self.members) < self.size


@dataclass(frozen=True, slots=True)
class Ready:
    """A page that was decided on."""

    page: Page
    item: Advance | None
    """None where the account may not send."""
