"""`/optouts`: phones that have said STOP to the organisation, and shall get no SMS."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.scopes import Scope
from gateway.store.optout_sql import OptOut
from web.api.answers import listed, nothing, one, only_if_unchanged
from web.api.forms import Line, Listed, Moment, Phone, Shown, moment
from web.api.routing import Caller, Cursor, IfMatch, Limit, PhonePath, needs, router
from web.desk.desk import Desk


class OptOutShown(Shown):
    """A phone on the list."""

    phone: Phone
    since: Moment
    word: str = Field(examples=["STOP"], description="What the person wrote, or who put the phone on the list.")


def optout_routes(desk: Desk) -> APIRouter:
    """Routes under `/optouts`."""
    routes = router("opt-outs")

    @routes.get("/optouts", response_model=Listed[OptOutShown], **needs(Scope.OPTOUTS_READ))
    async def list_optouts(
        request: Request,
        caller: Caller,
        phone: Annotated[Line | None, Query(description="Only numbers that contain these digits.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Phones that want no SMS, the latest first."""
        found = await desk.optouts.list(caller, search=phone, cursor=cursor, size=limit)
        return listed(request, found.map(_shown))

    @routes.get("/optouts/{phone}", response_model=OptOutShown, **needs(Scope.OPTOUTS_READ, 304, 404))
    async def get_optout(request: Request, caller: Caller, phone: PhonePath) -> Response:
        """Whether a phone is on the list: 404 where it is not."""
        return one(request, _shown(await desk.optouts.get(caller, phone)))

    @routes.put(
        "/optouts/{phone}",
        response_model=OptOutShown,
        **needs(Scope.OPTOUTS_WRITE, 404, created=OptOutShown),
    )
    async def put_optout(request: Request, caller: Caller, phone: PhonePath) -> Response:
        """Put a phone on the list, at its person's wish. Once more changes nothing."""
        entry, added = await desk.optouts.add(caller, phone)
        return one(request, _shown(entry), 201 if added else 200)

    @routes.delete("/optouts/{phone}", status_code=204, **needs(Scope.OPTOUTS_WRITE, 404, 412))
    async def delete_optout(request: Request, caller: Caller, phone: PhonePath, if_match: IfMatch = None) -> Response:
        """Take a phone off the list. STOP is its person's own wish: only where they have asked for SMS again."""
        if if_match is not None:
            only_if_unchanged(request, _shown(await desk.optouts.get(caller, phone)))
        await desk.optouts.remove(caller, phone)
        return nothing()

    return routes


def _shown(entry: OptOut) -> OptOutShown:
    return OptOutShown(phone=entry.phone, since=moment(entry.since), word=entry.word)
