"""The way in: password, second factor, signing out, and a link by mail for who has no other way."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from gateway.registry.errors import AccountError, NotFound
from web.desk.door import Browser, Door
from web.identity.errors import DeadForm, ProviderAway, TooBusy, TooManyAttempts, WrongCredentials
from web.identity.model import Awaits
from web.identity.openid import ATTEMPT_SECONDS
from web.identity.sessions import LIFE_SECONDS
from web.identity.sign_in import SignedIn
from web.language import gettext as _
from web.language import told
from web.pages.asked import OwnForm
from web.pages.cookies import Cookies
from web.pages.render import page

Text = Annotated[str, Form()]


def sign_in_pages(door: Door) -> APIRouter:
    """Routes under `/sign-in`, `/sign-out` and `/forgotten`; strangers may come."""
    router = APIRouter(dependencies=[OwnForm])

    @router.get("/sign-in")
    async def sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the field's name in the address
        if request.state.actor is not None:
            home = "/mine" if request.state.actor.account_id else local_path(next)
            return RedirectResponse(home, 303)
        return sign_in_page(request, door, to=next)

    @router.post("/sign-in")
    async def signed_in(request: Request, email: Text = "", password: Text = "", next: Text = "/") -> Response:  # noqa: A002
        try:
            got_in = await door.sign_in(email, password, browser_of(request))
        except AccountError as error:
            return sign_in_page(request, door, to=next, email=email, error=error)
        await door.sign_out(token_of(request))  # whoever was signed in here before is no more
        return let_in(request, got_in, next)

    @router.post("/sign-in/passkey")
    async def passkey(request: Request, sealed: Text = "", answer: Text = "", next: Text = "/") -> Response:  # noqa: A002
        try:
            got_in = await door.by_passkey(sealed, answer, browser_of(request))
        except AccountError as error:
            return sign_in_page(request, door, to=next, error=error)
        await door.sign_out(token_of(request))
        return let_in(request, got_in, next)

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        cookies: Cookies = request.app.state.cookies
        await door.sign_out(cookies.session(request))
        response = RedirectResponse("/sign-in", 303)
        cookies.drop_session(response)
        return response

    _add_provider(router, door)
    _add_second_factor(router, door)
    _add_ways_back(router, door)
    return router


def sign_in_page(
    request: Request, door: Door, *, to: str = "/", email: str = "", error: AccountError | None = None
) -> Response:
    """The form, after an attempt that failed with what was wrong."""
    values = {"email": email, "next": local_path(to), "error": told(error) if error else ""}
    status = status_of(error) if error else 200
    return page(
        request,
        "access/sign_in.html",
        status=status,
        provider=door.provider_label,
        passkey=door.ask_passkey(),
        **values,
    )


def status_of(error: AccountError) -> int:
    """What programs read: to wait, that there is no room, that the provider is away, or that something is wrong."""
    match error:
        case TooManyAttempts():
            return 429
        case TooBusy():
            return 503
        case ProviderAway():
            return 502
        case _:
            return 422


def _add_provider(router: APIRouter, door: Door) -> None:
    @router.get("/sign-in/sso")
    async def begin(request: Request, next: str = "/") -> Response:  # noqa: A002
        try:
            beginning = await door.begin_at_provider(local_path(next))
        except ProviderAway as error:
            return sign_in_page(request, door, to=next, error=error)
        response = RedirectResponse(beginning.url, 303)
        cookies: Cookies = request.app.state.cookies
        cookies.keep_attempt(response, beginning.sealed, ATTEMPT_SECONDS)
        return response

    @router.get("/sign-in/sso/back")
    async def back(request: Request) -> Response:
        cookies: Cookies = request.app.state.cookies
        given = dict(request.query_params)
        try:
            got_in, to = await door.back_from_provider(given, cookies.attempt(request), browser_of(request))
        except NotFound:
            raise
        except AccountError as error:
            response = sign_in_page(request, door, error=error)
        else:
            response = let_in(request, got_in, to)
        cookies.keep_attempt(response, "", 0)
        return response


def _add_second_factor(router: APIRouter, door: Door) -> None:
    @router.get("/sign-in/code")
    async def code(request: Request, next: str = "/") -> Response:  # noqa: A002
        await door.half_of(token_of(request))
        return page(request, "access/code.html", next=local_path(next), error="")

    @router.post("/sign-in/code")
    async def given(request: Request, code: Text = "", next: Text = "/") -> Response:  # noqa: A002
        try:
            got_in = await door.give_code(token_of(request), code, browser_of(request))
        except WrongCredentials:
            return RedirectResponse("/sign-in", 303)
        except AccountError as error:
            return page(request, "access/code.html", status=status_of(error), next=local_path(next), error=told(error))
        return let_in(request, got_in, next)

    @router.get("/sign-in/second-factor")
    async def enrol(request: Request, next: str = "/") -> Response:  # noqa: A002
        return await _setup(request, door, next)

    @router.post("/sign-in/second-factor")
    async def enrolled(request: Request, code: Text = "", proposed: Text = "", next: Text = "/") -> Response:  # noqa: A002
        try:
            got_in, codes = await door.enrol(token_of(request), proposed, code, browser_of(request))
        except WrongCredentials:
            return RedirectResponse("/sign-in", 303)
        except DeadForm as error:
            return await _setup(request, door, next, error=told(error))
        except AccountError as error:
            return await _setup(request, door, next, proposed=proposed, error=told(error))
        # The session is another one now, and so is what proves that the next form is ours: the next page begins anew.
        response = page(request, "access/codes.html", codes=codes, next=local_path(next))
        keep(request, response, got_in)
        return response


async def _setup(request: Request, door: Door, to: str, *, proposed: str = "", error: str = "") -> Response:
    try:
        person, awaits = await door.half_of(token_of(request))
    except WrongCredentials:
        return RedirectResponse("/sign-in", 303)
    if awaits is not Awaits.ENROLMENT:
        return RedirectResponse("/sign-in/code", 303)
    proposed = proposed or door.propose(person)
    secret, picture = door.shown(person, proposed)
    values = {"proposed": proposed, "secret": secret, "picture": picture, "next": local_path(to), "error": error}
    return page(request, "access/enrol.html", status=422 if error else 200, **values)


def _add_ways_back(router: APIRouter, door: Door) -> None:
    @router.get("/forgotten")
    async def forgotten(request: Request) -> Response:
        return page(request, "access/forgotten.html", email="", error="")

    @router.post("/forgotten")
    async def asked(request: Request, email: Text = "") -> Response:
        try:
            await door.forgotten(email, browser_of(request))
        except AccountError as error:
            return page(request, "access/forgotten.html", status=status_of(error), email=email, error=told(error))
        return page(
            request, "access/sent.html", words=_("If somebody signs in with this address, a mail is on its way.")
        )

    @router.get("/sign-in/employee")
    async def employee(request: Request) -> Response:
        return page(request, "access/employee.html", email="", error="")

    @router.post("/sign-in/employee")
    async def employee_asked(request: Request, email: Text = "") -> Response:
        try:
            await door.show_own_account(email, browser_of(request))
        except AccountError as error:
            return page(request, "access/employee.html", status=status_of(error), email=email, error=told(error))
        return page(request, "access/sent.html", words=_("If this address has an SMS account, a mail is on its way."))


def let_in(request: Request, got_in: SignedIn, to: str) -> Response:
    """Go on: to where somebody wanted to go, or to what is still to be proven."""
    target = local_path(to)
    if got_in.awaits is not Awaits.NOTHING:
        step = "code" if got_in.awaits is Awaits.CODE else "second-factor"
        target = f"/sign-in/{step}" if target == "/" else f"/sign-in/{step}?{urlencode({'next': target})}"
    response = RedirectResponse(target, 303)
    keep(request, response, got_in)
    return response


def keep(request: Request, response: Response, got_in: SignedIn) -> None:
    """Give the browser its session."""
    cookies: Cookies = request.app.state.cookies
    cookies.keep_session(response, got_in.token, int(LIFE_SECONDS))


def token_of(request: Request) -> str:
    """The token of the session, or of half a session, that a browser brings."""
    cookies: Cookies = request.app.state.cookies
    return cookies.session(request)


def browser_of(request: Request) -> Browser:
    """What somebody comes with."""
    return Browser(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def local_path(target: str) -> str:
    """Where to go next, if it is a page of ours: nobody is led to another site by a link to this one."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours else "/"
