"""Whoever asks for many estimates waits for their own, not everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from campaigns.campaign import Campaign
from gateway.model import SystemClock
from gateway.scopes import Scope
from tests.unit.test_campaign import campaign
from web.desk.campaign_estimates import AT_ONCE, EstimateDesk
from web.identity.actor import Actor, ActorKind

ACTOR = Actor(ActorKind.KEY, "K", "k", frozenset({Scope.CAMPAIGNS_READ}), None)


class Looked:
    """Campaigns whose estimates take until somebody lets them go on."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.go_on = asyncio.Event()

    async def get(self, _org_id: str | None, campaign_id: str) -> Campaign:
        return replace(campaign(), id=campaign_id, org_id=campaign_id[0])

    async def estimate(self, _org_id: str | None, campaign_id: str) -> AsyncIterator[object]:
        self.under_way.append(campaign_id)
        await self.go_on.wait()
        self.under_way.remove(campaign_id)
        yield None


@pytest.mark.proves("C10")
async def test_an_organisation_has_one_estimate_at_a_time_and_all_have_two() -> None:
    looked = Looked()
    desk = EstimateDesk(looked, SystemClock())  # type: ignore[arg-type]  # as much of it as estimates need
    names = ["A1", "A2", "A3", "B1", "C1"]
    begun = [await desk.begin(ACTOR, name) for name in names]
    await asyncio.sleep(0.01)
    assert looked.under_way == ["A1", "B1"]
    assert len(looked.under_way) == AT_ONCE
    looked.go_on.set()
    await asyncio.wait_for(asyncio.gather(*(each.task for each in begun if each.task)), 5)
    assert looked.under_way == []
