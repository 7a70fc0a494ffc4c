"""A campaign that is under way, in memory: how large its pages may be, and what was looked at of its audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.audience import Wanted
from campaigns.campaign import Campaign
from campaigns.model import Channel, Recipient
from campaigns.recipients import Terms
from campaigns.store.run_sql import Advance

SMALLEST_PAGE = 100
"""Contacts that are always worth a transaction."""


@dataclass(frozen=True, slots=True)
class Pages:
    """How much of an audience one transaction takes."""

    most: int
    """Contacts."""
    seconds: float
    """How long it may take to be committed, the wait for others included."""


IN_TURN, BESIDE = Pages(500, 0.03), Pages(2000, 0.15)
"""Where others wait for a page just as long; and where they commit beside it: there larger ones cost less."""


def pages_for(writers: int) -> Pages:
    """What fits a database that commits so many transactions at once."""
    return IN_TURN if writers == 1 else BESIDE


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
    page: int = IN_TURN.most
    """Contacts that are committed at once."""
    most: int = 0
    """Contacts that it may reach as it was started or approved; 0 for any number."""
    providers: set[str] = field(default_factory=set)
    """Those that it sends by, as far as is known."""

    @property
    def by_mail(self) -> bool:
        """Whether it is one of e-mails."""
        return self.campaign.content.channel is Channel.EMAIL

    @property
    def limited(self) -> bool:
        """Whether the campaign may spend only so much."""
        return self.campaign.content.limits.end

    def learn(self, took: float, pages: Pages) -> None:
        """Go by how long a page took: smaller ones where it was too long, half as large again where it was not."""
        fitting = self.page * min(1.5, pages.seconds / took) if took else pages.most
        self.page = int(min(pages.most, max(SMALLEST_PAGE, fitting)))


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
