"""What an employee sees who followed a mailed link: their number, its QR code, their SMS, and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway.listed_sms import ListedSms, Way
from web.desk.desk import Desk
from web.language import gettext as _
from web.pages.asked import Asked
from web.pages.cookies import Cookies
from web.pages.pictures import archive, picture
from web.pages.render import page


def employee_pages(desk: Desk) -> APIRouter:
    """Routes under `/mine`."""
    router = APIRouter(prefix="/mine")

    @router.get("")
    async def mine(request: Request, actor: Asked, cursor: str = "") -> Response:
        listing = await desk.own.listing(actor)
        found = await desk.own.history(actor, cursor or None)
        values: dict[str, Any] = {
            "listing": listing,
            "account": listing.account,
            "found": found,
            "is_first": not cursor,
            "states": {each.id: _state(each) for each in found.items},
        }
        return page(request, "my/account.html", fragment="history", **values)

    @router.get("/close")
    async def ask(request: Request, actor: Asked) -> Response:
        listing = await desk.own.listing(actor)
        return page(request, "my/close.html", fragment="dialog", account=listing.account)

    @router.post("/close")
    async def close(request: Request, actor: Asked) -> Response:
        account = await desk.own.close(actor)
        cookies: Cookies = request.app.state.cookies
        request.state.actor = None
        response = page(request, "my/closed.html", fragment="dialog", account=account)
        cookies.drop_session(response)
        return response

    @router.get("/qr.png")
    async def qr(actor: Asked) -> Response:
        return picture(await desk.own.qr(actor))

    @router.get("/qr.zip")
    async def qr_package(actor: Asked) -> Response:
        return archive(*await desk.own.qr_package(actor))

    return router


def _state(sms: ListedSms) -> tuple[str, str]:
    """Where an SMS stands, in words and in a colour. What came in has arrived, or waits for the pause to end."""
    if sms.way is Way.IN:
        return (_("waits: the key is paused"), "orange") if sms.state == "held" else ("", "")
    words: Mapping[str, tuple[str, str]] = {
        "queued": (_("waits"), "blue"),
        "submitting": (_("is being sent"), "blue"),
        "submitted": (_("sent"), "blue"),
        "delivered": (_("delivered"), "green"),
        "failed": (_("not delivered"), "red"),
        "expired": (_("no word that it arrived"), "orange"),
        "unknown": (_("may have been sent"), "orange"),
    }
    return words.get(sms.state, (sms.state, "secondary"))
