"""How a campaign stands, while one watches: server-sent events (WHATWG HTML §9.2), each the whole of what changes.

A page that gets none, because something between holds them back, is read again every half minute (`one.html`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from campaigns.campaign import State
from gateway.registry.errors import NotFound
from web.desk.campaign_live import Snapshot, Watched
from web.desk.desk import Desk
from web.identity.actor import Actor, NotAllowed
from web.pages.asked import Asked
from web.pages.campaigns import standing_of
from web.pages.cookies import Cookies
from web.pages.render import part

QUIET_SECONDS = 5.0
"""After so long without news the stream says that it is still there, and whether one may still look is asked anew."""
_ENDED = "event: ended\ndata: \n\n"
"""The browser comes back no more."""

ActorOf = Callable[[str, str], Awaitable[Actor | None]]


def campaign_live_pages(desk: Desk, actor_of: ActorOf) -> APIRouter:
    """`/campaigns/{id}/live`; `actor_of` says who holds a session's token."""
    router = APIRouter(prefix="/campaigns/{campaign_id}")

    @router.get("/live")
    async def live(request: Request, actor: Asked, campaign_id: str) -> Response:
        campaign = await desk.campaigns.get(actor, campaign_id)
        if campaign.state in {State.DRAFT, State.APPROVAL}:
            return Response(status_code=204)  # nothing moves, and a browser does not ask again
        if not desk.live.has_room(actor.id):
            return Response(status_code=204)  # the page is read again every half minute
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}  # nginx passes each event on at once
        events = _events(request, desk, actor, campaign_id, actor_of)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    return router


async def _events(
    request: Request, desk: Desk, actor: Actor, campaign_id: str, actor_of: ActorOf
) -> AsyncIterator[str]:
    campaign = await desk.campaigns.get(actor, campaign_id)
    account = await desk.campaigns.responsible(actor, campaign)
    stopping: asyncio.Event = request.state.stopping
    asked_at, seen = time.monotonic(), None
    async with desk.live.watch(campaign, actor.id) as watched:
        while not stopping.is_set():
            if time.monotonic() - asked_at >= QUIET_SECONDS:
                if not await _may_still(request, desk, campaign_id, actor_of):
                    yield _ENDED
                    return
                asked_at = time.monotonic()
            snapshot = await _next(watched, seen, stopping)
            if snapshot is not None:
                seen = snapshot
                values = standing_of(desk, actor, snapshot.campaign, account, snapshot.figures)
                yield event(part(request, "campaigns/one.html", "figures", **values))
            elif watched.over:
                yield _ENDED
                return
            else:
                yield ": still here\n\n"


async def _next(watched: Watched, seen: Snapshot | None, stopping: asyncio.Event) -> Snapshot | None:
    """What is new, as soon as it is; None after a while without, and where nothing comes any more."""
    news, stop = asyncio.create_task(watched.after(seen)), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([news, stop], timeout=QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return news.result() if news.done() else None
    finally:
        news.cancel()
        stop.cancel()


async def _may_still(request: Request, desk: Desk, campaign_id: str, actor_of: ActorOf) -> bool:
    """Whether whoever watches is still signed in and may still look."""
    cookies: Cookies = request.app.state.cookies
    client = request.client.host if request.client else ""
    actor = await actor_of(cookies.session(request), client)
    try:
        if actor is not None:
            await desk.campaigns.get(actor, campaign_id)
    except (NotAllowed, NotFound):
        return False
    return actor is not None


def event(text: str) -> str:
    """A text as one event."""
    return "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
