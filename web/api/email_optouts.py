"""`/email-optouts`: mail addresses that have unsubscribed from the organisation's campaigns, and shall get none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from campaigns.store.email_optout_sql import EmailOptOut
from gateway.scopes import Scope
from web.api.answers import listed, nothing, one, only_if_unchanged
from web.api.forms import Id, Line, Listed, Moment, Shown, moment
from web.api.routing import Caller, Cursor, IfMatch, Limit, needs, router
from web.desk.desk import Desk

AddressPath = Annotated[str, Path(max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["vera@customer.example"])]


class EmailOptOutShown(Shown):
    """An address on the list."""

    address: str = Field(examples=["vera@customer.example"], description="Without capitals.")
    since: Moment
    how: str = Field(
        examples=["one-click"],
        description="one-click (their mail program), page, mail, complaint (called junk), hand (noted by somebody).",
    )
    campaign: Id | None = Field(description="Whose mail was answered so.")


def email_optout_routes(desk: Desk) -> APIRouter:
    """Routes under `/email-optouts`."""
    routes = router("opt-outs")

    @routes.get("/email-optouts", response_model=Listed[EmailOptOutShown], **needs(Scope.OPTOUTS_READ))
    async def list_email_optouts(
        request: Request,
        caller: Caller,
        address: Annotated[Line | None, Query(description="Only addresses that contain this.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Addresses that want no e-mails of campaigns, the latest first."""
        found = await desk.email_optouts.list(caller, search=address, cursor=cursor, size=limit)
        return listed(request, found.map(_shown))

    @routes.get("/email-optouts/{address}", response_model=EmailOptOutShown, **needs(Scope.OPTOUTS_READ, 304, 404))
    async def get_email_optout(request: Request, caller: Caller, address: AddressPath) -> Response:
        """Whether an address is on the list: 404 where it is not."""
        return one(request, _shown(await desk.email_optouts.get(caller, address)))

    @routes.put(
        "/email-optouts/{address}",
        response_model=EmailOptOutShown,
        **needs(Scope.OPTOUTS_WRITE, 404, created=EmailOptOutShown),
    )
    async def put_email_optout(request: Request, caller: Caller, address: AddressPath) -> Response:
        """Put an address on the list, at its person's wish. Once more changes nothing."""
        entry, added = await desk.email_optouts.add(caller, address)
        return one(request, _shown(entry), 201 if added else 200)

    @routes.delete("/email-optouts/{address}", status_code=204, **needs(Scope.OPTOUTS_WRITE, 404, 412))
    async def delete_email_optout(
        request: Request, caller: Caller, address: AddressPath, if_match: IfMatch = None
    ) -> Response:
        """Take an address off the list: only where its person has asked for e-mails again."""
        if if_match is not None:
            only_if_unchanged(request, _shown(await desk.email_optouts.get(caller, address)))
        await desk.email_optouts.remove(caller, address)
        return nothing()

    return routes


def _shown(entry: EmailOptOut) -> EmailOptOutShown:
    return EmailOptOutShown(
        address=entry.address, since=moment(entry.since), how=entry.how, campaign=entry.campaign_id or None
    )
