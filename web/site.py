"""Pages and API as one application beside the machines' doors: who asks, in which language, and what errors look like.

It is made when somebody first asks, not at the start: a gateway that only carries mail never pays for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.registry.errors import AccountError, NotFound
from web.desk.desk import Desk
from web.identity.actor import Actor, NotAllowed
from web.language import preferred, speak
from web.language import gettext as _
from web.pages.accounts import account_pages
from web.pages.asked import ForeignForm, SignInNeeded
from web.pages.cookies import Cookies
from web.pages.render import fragment_wanted, page
from web.problems import answer_problems

ActorOf = Callable[[str, str], Awaitable[Actor | None]]
"""Who holds a session's token, asking from an address."""


@dataclass(frozen=True, slots=True)
class SiteParts:
    """What the site is made of."""

    desk: Desk
    cookies: Cookies
    actor_of: ActorOf
    phones: bool
    """Whether there are simulated phones to look at."""


def make_site(parts: SiteParts) -> FastAPI:
    """Put pages and API together."""
    app = FastAPI(title="Brevdue", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.cookies = parts.cookies
    app.state.phones = parts.phones
    answer_problems(app)
    _answer_people(app)
    app.include_router(account_pages(parts.desk), include_in_schema=False)
    app.add_middleware(KnowWho, actor_of=parts.actor_of, cookies=parts.cookies)
    return app


class KnowWho:
    """Finds out who asks, and speaks their language from there on."""

    def __init__(self, app: ASGIApp, actor_of: ActorOf, cookies: Cookies) -> None:
        self._app = app
        self._actor_of = actor_of
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with `state.actor`, which is None for strangers."""
        if scope["type"] == "http":
            request = Request(scope)
            token = self._cookies.session(request)
            client = request.client.host if request.client else ""
            actor = await self._actor_of(token, client) if token else None
            request.state.actor = actor
            browser = preferred(request.headers.get("accept-language", ""))
            zone = unquote(request.cookies.get("timezone", ""))
            own = (actor.language, actor.timezone) if actor else ("", "")
            speak([own[0], request.cookies.get("language", ""), browser], [own[1], zone])
        await self._app(scope, receive, send)


def _answer_people(app: FastAPI) -> None:
    """Let refusals of pages be pages."""

    @app.exception_handler(SignInNeeded)
    async def strangers(request: Request, _error: SignInNeeded) -> Response:
        target = "/sign-in"
        if request.method == "GET" and not fragment_wanted(request):
            query = f"?{request.url.query}" if request.url.query else ""
            target = f"/sign-in?{urlencode({'next': request.url.path + query})}"
        if fragment_wanted(request):
            return Response(headers={"HX-Redirect": target})
        return RedirectResponse(target, 303)

    @app.exception_handler(ForeignForm)
    async def foreign(request: Request, _error: ForeignForm) -> Response:
        words = _("This page was open for too long, or another site sent the form. Go back, reload, and send it again.")
        return problem_page(request, 403, _("That did not come from here"), words)

    @app.exception_handler(NotAllowed)
    async def not_allowed(request: Request, _error: NotAllowed) -> Response:
        words = _("Your role does not include this. Ask an administrator of your organisation.")
        return problem_page(request, 403, _("You may not do this"), words)

    @app.exception_handler(NotFound)
    async def not_found(request: Request, _error: NotFound) -> Response:
        return problem_page(request, 404, _("There is nothing here"), _("It may have been closed, or it never was."))

    @app.exception_handler(AccountError)
    async def refused(request: Request, error: AccountError) -> Response:
        return problem_page(request, 422, _("That cannot be done"), str(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return await not_found(request, NotFound())
        return problem_page(request, error.status_code, _("That cannot be done"), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        return problem_page(request, 422, _("That cannot be read"), _("Something in the address or the form is wrong."))


def problem_page(request: Request, status: int, title: str, words: str) -> Response:
    """A page that says what went wrong, or the same in the dialog that asked."""
    return page(request, "problem.html", fragment="dialog", status=status, title=title, words=words)


class Later:
    """An application that is made, in a thread, when the first request comes."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: asyncio.Task[ASGIApp] | None = None

    async def ready(self) -> ASGIApp:
        """The application."""
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return await asyncio.shield(self._made)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (await self.ready())(scope, receive, send)
