"""`/campaigns`: looked at, checked, estimated, started and stopped (C7-C12)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from campaigns.campaign import State
from campaigns.campaigns import PAGE
from gateway.paging import Page
from gateway.scopes import Scope
from web.api.answers import listed, one, told
from web.api.campaign_forms import CampaignShown, ResumeForm, shown, with_budget
from web.api.campaign_writing import add_campaign_writing
from web.api.forms import Amount, Form, Line, Listed, Moment, Shown, Word, amount, moment_or_none
from web.api.routing import Caller, Limit, ThingId, needs, router
from web.desk.desk import Desk


class VersionShown(Shown):
    """What became of a version's messages."""

    version: str = Field(examples=["a"])
    sent: int = Field(examples=[100])
    delivered: int = Field(examples=[97])
    clicked: int = Field(examples=[12], description="Contacts.")
    answered: int = Field(examples=[3])
    opted_out: int = Field(examples=[1])


class PickForm(Form):
    """The version that all others get."""

    version: Word = Field(examples=["b"])


class LinkFigures(Shown):
    """How often a link was followed."""

    link: str = Field(examples=["https://example.com/spring"], description="As the text writes it.")
    contacts: int = Field(examples=[80], description="Each once.")
    clicks: int = Field(examples=[95])


class CampaignFigures(Shown):
    """What became of a campaign's messages."""

    states: dict[str, int] = Field(examples=[{"delivered": 970}])
    skipped: dict[str, int] = Field(examples=[{"opted-out": 20}])
    variants: dict[str, int] = Field(examples=[{"da": 900}])
    parts: int = Field(examples=[980])
    costs: list[Amount] = Field(description="What providers have said; empty where they say nothing.")
    replies: int = Field(examples=[12], description="Phones that have answered.")
    optouts: int = Field(examples=[1], description="Phones that have said STOP since.")
    clicked: int = Field(examples=[82], description="Contacts that have followed a short link.")
    links: list[LinkFigures]
    versions: list[VersionShown] = Field(description="Empty where the text has one version.")


class EstimateShown(Shown):
    """What would happen if a campaign started now."""

    contacts: int = Field(examples=[1000])
    messages: int = Field(examples=[980])
    parts: int = Field(examples=[980])
    cost: Amount | None = Field(description="As far as prices are known.")
    unpriced: int = Field(examples=[0], description="Messages of which no price is known.")
    skipped: dict[str, int] = Field(examples=[{"opted-out": 20}])
    gaps: dict[str, int] = Field(examples=[{"first_name": 3}], description="Macros that leave a gap, and in how many.")
    later: int = Field(examples=[0], description="Messages that wait for their contacts' hours where it starts now.")
    first_at: Moment | None = Field(description="When the first of these hours open.")


class CopyForm(Form):
    """What a copy is called."""

    name: Word = Field(examples=["Summer"])


class SendBackForm(Form):
    """Why it is sent back."""

    word: Annotated[str, Field(max_length=1000)] = Field("", examples=["Write we, not I."])


_RUNS = needs(Scope.CAMPAIGNS_RUN, 404, 409)


def campaign_routes(desk: Desk) -> APIRouter:
    """Routes under `/campaigns`."""
    routes = router("campaigns")
    add_campaign_writing(routes, desk)
    _add_looking(routes, desk)
    _add_preparing(routes, desk)
    _add_running(routes, desk)
    return routes


def _add_looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/campaigns", response_model=Listed[CampaignShown], **needs(Scope.CAMPAIGNS_READ))
    async def list_campaigns(
        request: Request,
        caller: Caller,
        state: Annotated[State | None, Query()] = None,
        cursor: Annotated[Line | None, Query(description="The `next` of the page before.")] = None,
        limit: Limit = PAGE,
    ) -> Response:
        """Campaigns, the newest first."""
        found = await desk.campaigns.list(caller, state=state, before=cursor, size=limit)
        following = found[-1].id if len(found) == limit else None
        return listed(request, Page(tuple(map(shown, found)), next=following))

    @routes.get("/campaigns/{campaign_id}", response_model=CampaignShown, **needs(Scope.CAMPAIGNS_READ, 304, 404))
    async def get_campaign(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """One campaign."""
        return one(request, shown(await desk.campaigns.get(caller, campaign_id)))

    @routes.get(
        "/campaigns/{campaign_id}/statistics", response_model=CampaignFigures, **needs(Scope.CAMPAIGNS_READ, 404)
    )
    async def get_campaign_statistics(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """How its messages stand, as of a moment ago."""
        figures = (await desk.campaigns.standing(caller, campaign_id)).figures
        said = CampaignFigures(
            states=dict(figures.states),
            skipped=dict(figures.skipped),
            variants=dict(figures.variants),
            parts=figures.parts,
            costs=[each for each in map(amount, figures.costs) if each],
            replies=figures.replies,
            optouts=figures.optouts,
            clicked=figures.clicked,
            links=[LinkFigures(link=each.written, contacts=each.people, clicks=each.clicks) for each in figures.links],
            versions=[VersionShown(**asdict(each)) for each in figures.versions],
        )
        return told(request, said)


def _add_preparing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/campaigns/{campaign_id}/copy",
        status_code=201,
        response_model=CampaignShown,
        **needs(Scope.CAMPAIGNS_WRITE, 404, is_repeatable=True),
    )
    async def copy_campaign(request: Request, caller: Caller, campaign_id: ThingId, form: CopyForm) -> Response:
        """A draft that says the same."""
        made = await desk.campaigns.copy(caller, campaign_id, form.name)
        return one(request, shown(made), 201, f"/campaigns/{made.id}")

    @routes.post("/campaigns/{campaign_id}/estimate", response_model=EstimateShown, **needs(Scope.CAMPAIGNS_READ, 404))
    async def estimate_campaign(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """Make every text and count: exact for this moment. Nothing is sent. Large audiences take their time."""
        found = await desk.estimates.whole(caller, campaign_id)
        said = EstimateShown(
            contacts=found.total,
            messages=found.messages,
            parts=found.parts,
            cost=amount(found.cost),
            unpriced=found.unpriced,
            skipped={str(reason): count for reason, count in found.skipped.items()},
            gaps=dict(found.gaps),
            later=found.later,
            first_at=moment_or_none(found.first_at),
        )
        return told(request, said)


def _add_running(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/campaigns/{campaign_id}/start", response_model=CampaignShown, **_RUNS)
    async def start_campaign(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """Start it, or let it wait for its start date; a large one waits until a person approves it, on its page."""
        return one(request, shown(await desk.campaigns.start(caller, campaign_id)))

    @routes.post("/campaigns/{campaign_id}/send-back", response_model=CampaignShown, **_RUNS)
    async def send_back_campaign(
        request: Request, caller: Caller, campaign_id: ThingId, form: SendBackForm
    ) -> Response:
        """Let one that waits for approval be a draft again; never by the key that has started it."""
        return one(request, shown(await desk.campaigns.send_back(caller, campaign_id, form.word)))

    @routes.post("/campaigns/{campaign_id}/pick", response_model=CampaignShown, **_RUNS)
    async def pick_version(request: Request, caller: Caller, campaign_id: ThingId, form: PickForm) -> Response:
        """Let a version go to all who wait for the winner. It is decided once."""
        return one(request, shown(await desk.campaigns.pick(caller, campaign_id, form.version)))

    @routes.post("/campaigns/{campaign_id}/pause", response_model=CampaignShown, **_RUNS)
    async def pause_campaign(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """From now on nothing leaves."""
        return one(request, shown(await desk.campaigns.pause(caller, campaign_id)))

    @routes.post("/campaigns/{campaign_id}/resume", response_model=CampaignShown, **_RUNS)
    async def resume_campaign(
        request: Request, caller: Caller, campaign_id: ThingId, form: ResumeForm | None = None
    ) -> Response:
        """It goes on where it was; nobody gets it twice. One whose budget is spent needs a larger one."""
        budget = partial(with_budget, form) if form is not None else None
        return one(request, shown(await desk.campaigns.resume(caller, campaign_id, budget=budget)))

    @routes.post("/campaigns/{campaign_id}/cancel", response_model=CampaignShown, **_RUNS)
    async def cancel_campaign(request: Request, caller: Caller, campaign_id: ThingId) -> Response:
        """Nothing more leaves, for ever."""
        return one(request, shown(await desk.campaigns.cancel(caller, campaign_id)))
