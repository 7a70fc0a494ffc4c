"""The recipients of a campaign: the list, and files of it and of those who would get nothing."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from campaigns.recipients import Skip
from campaigns.store.recipient_list_sql import RecipientState
from web.desk.desk import Desk
from web.language import gettext as _
from web.language import say
from web.pages.asked import Asked
from web.pages.campaigns import WORDS, skip_words
from web.pages.render import page


class Wish:
    """What a visitor wants to see, as the address of the page says it."""

    def __init__(self, state: str = "", reason: str = "", cursor: str = "") -> None:
        self.state = state
        self.reason = reason
        self.cursor = cursor

    def link(self, **other: str) -> str:
        """The query of the same list, but for some values."""
        said = {"state": self.state, "reason": self.reason, "cursor": ""} | other
        return "?" + urlencode({name: value for name, value in said.items() if value})


def _states() -> list[tuple[str, str]]:
    words = {
        RecipientState.SENT: _("sent"),
        RecipientState.FAILED: _("failed"),
        RecipientState.WAITING: _("waiting"),
        RecipientState.SKIPPED: _("skipped"),
    }
    return [("", _("all")), *((str(state), word) for state, word in words.items())]


def campaign_recipient_pages(desk: Desk) -> APIRouter:
    """Routes under one campaign."""
    router = APIRouter(prefix="/campaigns/{campaign_id}")

    @router.get("/recipients")
    async def recipients(
        request: Request, actor: Asked, campaign_id: str, wish: Annotated[Wish, Depends()]
    ) -> Response:
        campaign = await desk.campaigns.get(actor, campaign_id)
        state = RecipientState(wish.state) if wish.state in set(RecipientState) else None
        found = await desk.recipients.page(
            actor, campaign_id, state=state, reason=wish.reason, cursor=wish.cursor or None
        )
        values: dict[str, Any] = {"campaign": campaign, "found": found, "wish": wish, "states": _states()}
        values |= {"reasons": [(str(each), say(each.words)) for each in Skip], "skip_words": skip_words}
        return page(request, "campaigns/recipients.html", fragment="results", **values, **WORDS)

    @router.get("/recipients.csv")
    async def file(actor: Asked, campaign_id: str) -> Response:
        return _file(await desk.recipients.csv(actor, campaign_id), "recipients")

    @router.get("/skipped.csv")
    async def skipped(actor: Asked, campaign_id: str) -> Response:
        return _file(await desk.recipients.skipped(actor, campaign_id), "skipped")

    return router


def _file(rows: Any, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)
