"""A campaign's figures as they change, as server-sent events: the page that shows them asks for itself anew then.

However many look at a campaign, it is read once in a while (`campaigns.statistics` keeps what it has read). A stream
ends after a minute and the browser begins the next: so whoever is signed out, or may not look any more, sees no more.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.campaign import State
from web.desk.campaigns import Standing
from web.desk.desk import Desk
from web.endless import BEGINNING, STILL_HERE, pause, streamed
from web.identity.actor import Actor
from web.pages.asked import Asked

LOOK_SECONDS = 1.0
STREAM_SECONDS = 60.0
QUIET_SECONDS = 15.0
_STILL_COUNTED_SECONDS = 7 * 86_400.0
"""Reports and answers come in after the end."""
_MOVING = frozenset({State.SCHEDULED, State.APPROVAL, State.RUNNING, State.PAUSED})


def is_live(standing: Standing, now: float) -> bool:
    """Whether the figures of a campaign may still change."""
    campaign = standing.campaign
    ended = campaign.finished_at
    return campaign.state in _MOVING or (ended is not None and now - ended < _STILL_COUNTED_SECONDS)


def campaign_live_pages(desk: Desk) -> APIRouter:
    """The stream of one campaign."""
    router = APIRouter(prefix="/campaigns")

    @router.get("/{campaign_id}/live")
    async def live(request: Request, actor: Asked, campaign_id: str) -> Response:
        standing = await desk.campaigns.standing(actor, campaign_id)
        if not is_live(standing, time.time()):
            return Response(status_code=204)  # tells a browser not to ask again
        return streamed(_events(request, desk, actor, campaign_id))

    return router


async def _events(request: Request, desk: Desk, actor: Actor, campaign_id: str) -> AsyncIterator[str]:
    """What is shown, whenever it is something else than before."""
    yield BEGINNING
    said, until, quiet_since = "", time.monotonic() + STREAM_SECONDS, time.monotonic()
    while time.monotonic() < until:
        shown = _shown(await desk.campaigns.standing(actor, campaign_id))
        if shown != said:
            yield f"event: figures\ndata: {shown}\n\n"
            said, quiet_since = shown, time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            yield STILL_HERE
            quiet_since = time.monotonic()
        if await pause(request, LOOK_SECONDS):
            return


def _shown(standing: Standing) -> str:
    campaign, figures = standing.campaign, standing.figures
    counts = campaign.counts
    return json.dumps(
        {
            "state": campaign.state,
            "cause": campaign.cause,
            "recipients": counts.recipients,
            "messages": counts.messages,
            "waiting": counts.waiting,
            "skipped": counts.skipped,
            "states": dict(figures.states),
            "replies": figures.replies,
            "optouts": figures.optouts,
            "clicked": figures.clicked,
            "parts": figures.parts,
            "winner": campaign.verdict.winner,
        }
    )
