"""Figures: SMS over time, what providers made of them, delivery times; and limits with what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from gateway.scopes import Scope
from gateway.statistics import Step, Traffic
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import number, tongue
from web.pages import drawing
from web.pages.asked import Asked
from web.pages.render import page


@dataclass(frozen=True, slots=True)
class Range:
    """A time that figures are shown of."""

    days: int
    step: Step
    per: int
    """Slots that are one bar."""


RANGES: Mapping[str, Range] = {"day": Range(1, "hour", 1), "week": Range(7, "hour", 6), "month": Range(30, "day", 1)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see, as the address of the page says it."""

    range: str = "day"
    org: str = ""

    @property
    def wanted(self) -> Range:
        """The time; the last day where none is named."""
        return RANGES.get(self.range, RANGES["day"])

    def link(self, path: str = "/figures", **other: str) -> str:
        """The same page, but for some values."""
        said = {name: value for name, value in ({"range": self.range, "org": self.org} | other).items() if value}
        return path + (f"?{urlencode(said)}" if said else "")


Wished = Annotated[Wish, Depends()]


def figure_pages(desk: Desk) -> APIRouter:
    """Routes under `/figures` and `/limits`."""
    router = APIRouter()

    @router.get("/figures")
    async def figures(request: Request, actor: Asked, wish: Wished) -> Response:
        traffic = await traffic_of(desk, actor, wish.wanted, wish.org or None)
        spent = await desk.spend.days(actor, wish.org or None)
        values: dict[str, Any] = {
            "wish": wish,
            "ranges": [("day", _("24 hours")), ("week", _("7 days")), ("month", _("30 days"))],
            "organisations": await organisations(desk, actor),
            "traffic": traffic,
            "drawn": drawing.traffic(traffic.slots, wish.wanted.per, by_day=wish.wanted.step == "day"),
            "outcomes": list(drawing.outcomes(traffic.total)),
            "providers": [(each, list(drawing.outcomes(each))) for each in traffic.providers],
            "times": drawing.delivery_times(traffic.providers),
            "seconds": drawing.seconds,
            "spend": drawing.spend(spent.days, spent.parts_cap),
        }
        return page(request, "figures/page.html", fragment="figures", **values)

    @router.get("/limits")
    async def limits(request: Request, actor: Asked, org: str = "") -> Response:
        actor.require(Scope.SPEND_READ)
        if actor.org_id is None and not org:
            return await _of_all(request, actor, desk)
        return await _of_one(request, actor, desk, org)

    return router


async def traffic_of(desk: Desk, actor: Actor, wanted: Range, org_id: str | None) -> Traffic:
    """What went in the last days, up to the end of the running hour; bars of several hours begin where days do."""
    now = datetime.now(tongue().zone)
    until = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    if wanted.days > 1:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since, until = midnight - timedelta(wanted.days - 1), midnight + timedelta(1)
    else:
        since = until - timedelta(wanted.days)
    return await desk.figures.traffic(actor, since.timestamp(), until.timestamp(), tongue().zone, wanted.step, org_id)


async def organisations(desk: Desk, actor: Actor) -> list[tuple[str, str]]:
    """Organisations (id, name) to choose from, where the actor sees several."""
    if actor.org_id is not None:
        return []
    return [(each.id, each.name) for each in await desk.organisations.list(actor)]


async def _of_all(request: Request, actor: Actor, desk: Desk) -> Response:
    spent = await desk.spend.days(actor)
    values: dict[str, Any] = {
        "organisations": await desk.spend.by_organisation(actor),
        "limits": desk.spend.limits,
        "spend": drawing.spend(spent.days, spent.parts_cap),
        "money": drawing.money,
        "count": number,
    }
    return page(request, "limits/all.html", **values)


async def _of_one(request: Request, actor: Actor, desk: Desk, org_id: str) -> Response:
    within = await desk.spend.within(actor, org_id or None)
    spent = await desk.spend.days(actor, within.organisation.id)
    named = tongue().locale.territories
    countries = within.countries
    values: dict[str, Any] = {
        "within": within,
        "limits": desk.spend.limits,
        "countries": None if countries is None else sorted(named.get(code, code) for code in countries),
        "spend": drawing.spend(spent.days, spent.parts_cap),
        "money": drawing.money,
        "count": number,
    }
    return page(request, "limits/one.html", **values)
