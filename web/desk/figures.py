"""Figures of traffic, within what an actor sees."""

from __future__ import annotations

from datetime import tzinfo

from gateway.scopes import Scope
from gateway.statistics import Statistics, Step, Traffic
from web.identity.actor import Actor


class FigureDesk:
    """Reads."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    async def traffic(
        self, actor: Actor, since: float, until: float, zone: tzinfo, step: Step, org_id: str | None = None
    ) -> Traffic:
        """What went between two moments, of one organisation, or for operators of all. Raises BadValue."""
        actor.require(Scope.SPEND_READ)
        return await self._statistics.traffic(actor.org_id or org_id, since, until, zone, step)
