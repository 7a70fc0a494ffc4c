"""Estimates that grow while somebody waits: each is made once, however many look, and kept for a while.

They live in the process that was asked. Where another one is asked it makes its own.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field

from campaigns.campaign import Campaign, Content
from campaigns.campaigns import Campaigns
from campaigns.estimate import Estimate
from gateway.model import Clock
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web.identity.actor import Actor

_KEPT = 100
AT_ONCE = 2
"""Estimates that grow at the same time, one of each organisation: each renders a text for every contact."""
_FRESH_SECONDS = 600.0
"""An audience may be another one after that."""


@dataclass(slots=True)
class Estimating:
    """An estimate that grows."""

    content: Content
    """What the campaign said when it was begun."""
    begun_at: float
    estimate: Estimate | None = None
    error: AccountError | None = None
    """Why there is none."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def finished(self) -> bool:
        """Whether it is exact, or will not come."""
        return self.error is not None or (self.estimate is not None and self.estimate.finished)


class EstimateDesk:
    """Begins estimates and shows them."""

    def __init__(self, campaigns: Campaigns, clock: Clock) -> None:
        self._campaigns = campaigns
        self._clock = clock
        self._known: OrderedDict[str, Estimating] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._own_turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def begin(self, actor: Actor, campaign_id: str, *, anew: bool = False) -> Estimating:
        """The estimate of a campaign as it stands; a new one where there is none yet. Raises NotFound.

        One that failed is said once, to whoever waits for it; then it is tried again.
        """
        actor.require(Scope.CAMPAIGNS_READ)
        campaign = await self._campaigns.get(actor.org_id, campaign_id)
        failed = self._known.get(campaign.id)
        if failed is not None and failed.error is not None and failed.content == campaign.content and not anew:
            return self._known.pop(campaign.id)
        known = self._of(campaign)
        if known is not None and not (anew and known.finished):
            return known
        begun = Estimating(campaign.content, self._clock.now())
        begun.task = asyncio.create_task(self._grow(campaign, begun))
        self._keep(campaign.id, begun)
        return begun

    async def whole(self, actor: Actor, campaign_id: str) -> Estimate:
        """The finished estimate, however long that takes. Raises NotFound, AccountError."""
        begun = await self.begin(actor, campaign_id)
        if begun.task is not None:
            await asyncio.wait([begun.task])
        if begun.error is not None:
            raise begun.error
        if begun.estimate is None:
            raise RuntimeError("an estimate has ended without a word")
        return begun.estimate

    def _of(self, campaign: Campaign) -> Estimating | None:
        """The estimate of just this content, as long as it is fresh."""
        known = self._known.get(campaign.id)
        if known is None or known.content != campaign.content or known.error is not None:
            return None
        if known.task is not None and known.task.done() and not known.finished:
            return None
        return known if self._clock.now() - known.begun_at < _FRESH_SECONDS or not known.finished else None

    def _keep(self, campaign_id: str, begun: Estimating) -> None:
        before = self._known.pop(campaign_id, None)
        if before is not None and before.task is not None:
            before.task.cancel()
        self._known[campaign_id] = begun
        while len(self._known) > _KEPT:
            _, oldest = self._known.popitem(last=False)
            if oldest.task is not None:
                oldest.task.cancel()

    async def _grow(self, campaign: Campaign, begun: Estimating) -> None:
        try:
            # An organisation waits for its own estimates first, and so never keeps others waiting for more than one.
            async with self._own_turns[campaign.org_id], self._turns:
                async for begun.estimate in self._campaigns.estimate(campaign.org_id, campaign.id):
                    pass
        except AccountError as error:
            begun.error = error
