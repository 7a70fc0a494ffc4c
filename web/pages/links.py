"""Where one-time links lead: a page that asks before it does anything, for programs that open links in mails."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from gateway.registry.errors import AccountError, BadValue
from web.desk.door import Door
from web.identity.errors import DeadLink
from web.identity.model import Link, LinkKind
from web.identity.sessions import LIFE_SECONDS
from web.identity.sign_in import SignedIn
from web.language import gettext as _
from web.language import speak, told, tongue
from web.pages.asked import OwnForm
from web.pages.cookies import Cookies
from web.pages.refusals import problem_page
from web.pages.render import page
from web.pages.sign_in import browser_of, let_in

Text = Annotated[str, Form()]
_MAKES_PEOPLE = frozenset({LinkKind.OPERATOR, LinkKind.INVITATION})


def link_pages(door: Door) -> APIRouter:
    """Routes under `/link`."""
    router = APIRouter(dependencies=[OwnForm])

    @router.get("/link/{token}")
    async def look(request: Request, token: str) -> Response:
        try:
            link = await door.look(token)
        except DeadLink as error:
            return _dead(request, error)
        if link.language:
            speak([link.language], [tongue().zone_name])
        return page(request, "access/link.html", link=link, token=token, email=link.email, name=link.name, error="")

    @router.post("/link/{token}")
    async def follow(
        request: Request, token: str, email: Text = "", name: Text = "", password: Text = "", again: Text = ""
    ) -> Response:
        try:
            link = await door.look(token)
            if link.kind is LinkKind.SIGN_IN:
                return _employee(request, await door.own_account(token, browser_of(request)))
            if password != again:
                raise BadValue(_("The two passwords differ."))
            return let_in(request, await _come_in(door, request, link, token, email, name, password), "/")
        except DeadLink as error:
            return _dead(request, error)
        except AccountError as error:
            values: dict[str, Any] = {"email": link.email or email, "name": name, "error": told(error)}
            return page(request, "access/link.html", status=422, link=link, token=token, **values)

    return router


async def _come_in(
    door: Door, request: Request, link: Link, token: str, email: str, name: str, password: str
) -> SignedIn:
    browser = browser_of(request)
    if link.kind not in _MAKES_PEOPLE:
        return await door.new_password(token, password, browser)
    return await door.join(token, email=email, name=name, password=password, language=link.language, browser=browser)


def _dead(request: Request, error: DeadLink) -> Response:
    return problem_page(request, 410, _("This link does not work any more"), told(error))


def _employee(request: Request, token: str) -> Response:
    response = RedirectResponse("/mine", 303)
    cookies: Cookies = request.app.state.cookies
    cookies.keep_session(response, token, int(LIFE_SECONDS))
    return response
