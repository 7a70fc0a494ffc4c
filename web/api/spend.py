"""`/spend`: what was sent today, and how much may be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.scopes import Scope
from gateway.spending import DAY
from web.api.answers import one
from web.api.forms import Id, Shown, Word
from web.api.routing import Caller, needs, router
from web.desk.desk import Desk
from web.desk.spend import Spent


class PurseShown(Shown):
    """Something that has limits."""

    whose: Literal["account", "key", "organisation"]
    id: Id
    parts: int = Field(examples=[120], description="SMS parts sent today.")
    parts_limit: int | None = Field(examples=[100000], description="Null for none.")
    cost: int = Field(examples=[0], description="Minor units of the currency that `[limits] part_cost` is written in.")
    cost_limit: int | None = Field(examples=[None], description="Null for none.")


class SpendShown(Shown):
    """One day."""

    day: str = Field(json_schema_extra={"format": "date", "examples": ["2026-11-26"]}, description="UTC.")
    purses: list[PurseShown]


def spend_routes(desk: Desk) -> APIRouter:
    """Routes under `/spend`."""
    routes = router("spend")

    @routes.get("/spend", response_model=SpendShown, **needs(Scope.SPEND_READ, 304, 404))
    async def get_spend(
        request: Request,
        caller: Caller,
        account: Annotated[Word | None, Query(description="Also of this account and its key.")] = None,
    ) -> Response:
        """What was sent since midnight UTC, beside the limits of a day."""
        return one(request, _shown(await desk.spend.today(caller, account or "")))

    return routes


def _shown(found: list[Spent]) -> SpendShown:
    return SpendShown(
        day=datetime.fromtimestamp(found[0].day * DAY, UTC).date().isoformat(),
        purses=[
            PurseShown(
                whose=each.purse.whose,
                id=each.purse.id,
                parts=each.parts,
                parts_limit=each.purse.parts_cap or None,
                cost=each.cost,
                cost_limit=each.purse.cost_cap or None,
            )
            for each in found
        ],
    )
