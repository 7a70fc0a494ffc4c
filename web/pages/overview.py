"""The first page: how today goes, what needs somebody, what was said last; and first steps while nothing is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from campaigns.campaign import Campaign, State
from gateway.listed_sms import LogFilter, Way
from gateway.scopes import Scope
from gateway.statistics import Traffic
from web.desk.desk import Desk
from web.desk.providers import ProviderFacts
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import tongue
from web.pages import drawing
from web.pages.asked import Asked
from web.pages.attention import approvals
from web.pages.render import page

_LAST = 8
"""Messages that are shown."""
_RUNNING = 3
"""Campaigns that are shown."""
_UNDER_WAY = frozenset({"queued", "submitting"})


@dataclass(frozen=True, slots=True)
class Step:
    """Something that has to be done before SMS go."""

    words: str
    why: str
    path: str
    """Empty where the visitor may not do it."""
    done: bool


def overview_pages(desk: Desk) -> APIRouter:
    """The route `/`."""
    router = APIRouter()

    @router.get("/")
    async def overview(request: Request, actor: Asked) -> Response:
        if actor.account_id is not None:
            return RedirectResponse("/mine", 303)
        traffic = await _today(desk, actor)
        last = (await desk.messages.list(actor, LogFilter(), size=_LAST)).items
        values: dict[str, Any] = {
            "out": _count(traffic, Way.OUT),
            "came": _count(traffic, Way.IN),
            "under_way": _count(traffic, Way.OUT, _UNDER_WAY),
            "failed": _count(traffic, Way.OUT, frozenset({"failed", "expired"})),
            "as_of": traffic.as_of,
            "drawn": drawing.traffic(traffic.slots, 1, by_day=False) if traffic.total.counts else None,
            "counts": await desk.attention.count(actor),
            "approvals": await approvals(desk, actor),
            "running": await _running(desk, actor),
            "last": last,
            "silent": await _silent(desk, actor),
            "pools": await desk.numbers.pool(actor),
            "steps": [] if last else await _steps(desk, actor),
        }
        return page(request, "overview/page.html", **values)

    return router


async def _today(desk: Desk, actor: Actor) -> Traffic:
    """Today's traffic, hour by hour, as the viewer's clock has today."""
    zone = tongue().zone
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since, until = midnight.timestamp(), (midnight + timedelta(1)).timestamp()
    return await desk.figures.traffic(actor, since, until, zone, "hour")


def _count(traffic: Traffic, way: Way, states: frozenset[str] | None = None) -> int:
    counts = traffic.total.counts.items()
    return sum(count for (kind, state), count in counts if kind is way and (states is None or state in states))


async def _running(desk: Desk, actor: Actor) -> list[Campaign]:
    """The campaigns that leave now, the newest first."""
    if not actor.may(Scope.CAMPAIGNS_READ):
        return []
    return (await desk.campaigns.list(actor, state=State.RUNNING))[:_RUNNING]


async def _silent(desk: Desk, actor: Actor) -> list[ProviderFacts]:
    """Providers that take nothing now."""
    if not actor.may(Scope.PROVIDERS_READ):
        return []
    return [each for each in await desk.providers.list(actor) if each.rests or each.state != "up"]


async def _steps(desk: Desk, actor: Actor) -> list[Step]:
    """What is to be done before the first SMS, and what of it is done."""
    steps: list[Step] = []
    if actor.may(Scope.GATEWAY):
        some = await desk.organisations.list(actor)
        why = _("Keys, accounts, people and limits belong to one.")
        steps.append(Step(_("Make an organisation"), why, "/organisations/new", bool(some)))
    keys = await desk.keys.dialog_keys(actor)
    why = _("It makes the mail address that employees write to.")
    path = "/keys/new" if actor.may(Scope.KEYS_WRITE) else ""
    steps.append(Step(_("Make a key"), why, path, bool(keys)))
    accounts = (await desk.accounts.count(actor)).number
    why = _("It gives an employee's mail address a number of its own.")
    path = "/accounts/new" if actor.may(Scope.ACCOUNTS_WRITE) else ""
    steps.append(Step(_("Open an account"), why, path, bool(accounts)))
    why = _("From here, or by a mail to the key's address with a mobile number in the subject.")
    steps.append(Step(_("Write an SMS"), why, "/write" if actor.may(Scope.MESSAGES_SEND) else "", done=False))
    return steps
