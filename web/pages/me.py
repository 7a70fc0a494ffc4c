"""One's own account: name, language, password, second factor, and where one is signed in."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.registry.errors import AccountError
from web.desk.me import MyDesk
from web.identity.actor import Actor
from web.identity.errors import DeadForm, WrongCredentials
from web.identity.sessions import LIFE_SECONDS
from web.language import NAMES, speak, told, tongue
from web.language import gettext as _
from web.pages.asked import Asked
from web.pages.browsers import browser_words
from web.pages.cookies import Cookies
from web.pages.render import done, page
from web.pages.sign_in import token_of

Text = Annotated[str, Form()]


def my_pages(desk: MyDesk) -> APIRouter:
    """Routes under `/me`."""
    router = APIRouter(prefix="/me")

    @router.get("")
    async def me(request: Request, actor: Asked) -> Response:
        return await _me(request, desk, actor)

    @router.post("")
    async def changed(
        request: Request, actor: Asked, name: Text = "", language: Text = "", timezone: Text = ""
    ) -> Response:
        try:
            await desk.change(actor, name=name, language=language, timezone=timezone)
        except AccountError as error:
            return await _me(request, desk, actor, status=422, error=told(error))
        speak([language, tongue().words.language], [timezone, tongue().zone_name])
        return done(request, _("Your settings are kept"), "/me")

    _add_password(router, desk)
    _add_second_factor(router, desk)
    _add_recovery_codes(router, desk)
    _add_sessions(router, desk)
    _add_passkeys(router, desk)
    return router


async def _me(request: Request, desk: MyDesk, actor: Actor, *, status: int = 200, error: str = "") -> Response:
    me = await desk.show(actor)
    languages = [("", _("As the browser says")), *NAMES.items()]
    zones = [("", _("As the browser says")), *((zone, zone) for zone in sorted(available_timezones()) if "/" in zone)]
    return page(request, "me/show.html", status=status, me=me, spoken=languages, zones=zones, error=error)


def _add_password(router: APIRouter, desk: MyDesk) -> None:
    @router.get("/password")
    async def password(request: Request, actor: Asked) -> Response:
        me = await desk.show(actor)
        return page(request, "me/password.html", fragment="dialog", me=me, errors={})

    @router.post("/password")
    async def changed(request: Request, actor: Asked, old: Text = "", new: Text = "", again: Text = "") -> Response:
        try:
            if new != again:
                return await _password_refused(request, desk, actor, again=_("The two passwords differ."))
            token = await desk.set_password(actor, token_of(request), old, new, _agent(request))
        except WrongCredentials:
            return await _password_refused(request, desk, actor, old=_("That is not your password."))
        except AccountError as error:
            return await _password_refused(request, desk, actor, new=told(error))
        return _kept(
            request, done(request, _("Your password is changed, and other browsers are signed out"), "/me"), token
        )


async def _password_refused(request: Request, desk: MyDesk, actor: Actor, **errors: str) -> Response:
    me = await desk.show(actor)
    return page(request, "me/password.html", fragment="dialog", status=422, me=me, errors=errors)


def _add_second_factor(router: APIRouter, desk: MyDesk) -> None:
    @router.get("/second-factor")
    async def setup(request: Request, actor: Asked) -> Response:
        return await _setup(request, desk, actor)

    @router.post("/second-factor")
    async def enrolled(
        request: Request, actor: Asked, proposed: Text = "", code: Text = "", password: Text = ""
    ) -> Response:
        try:
            token, codes = await desk.enrol(
                actor, token_of(request), password=password, proposed=proposed, code=code, user_agent=_agent(request)
            )
        except WrongCredentials:
            return await _setup(request, desk, actor, proposed, password=_("That is not your password."))
        except DeadForm as error:
            return await _setup(request, desk, actor, code=told(error))
        except AccountError as error:
            return await _setup(request, desk, actor, proposed, code=told(error))
        return _kept(request, page(request, "me/codes.html", codes=codes), token)

    @router.get("/second-factor/off")
    async def off(request: Request, actor: Asked) -> Response:
        return page(request, "me/second_factor_off.html", fragment="dialog", me=await desk.show(actor), error="")

    @router.post("/second-factor/off")
    async def taken_off(request: Request, actor: Asked, password: Text = "") -> Response:
        try:
            token = await desk.drop_second_factor(actor, token_of(request), password, _agent(request))
        except AccountError as error:
            values: dict[str, Any] = {"me": await desk.show(actor), "error": _of_password(error)}
            return page(request, "me/second_factor_off.html", fragment="dialog", status=422, **values)
        return _kept(request, done(request, _("The second factor is off"), "/me"), token)


async def _setup(request: Request, desk: MyDesk, actor: Actor, proposed: str = "", **errors: str) -> Response:
    me = await desk.show(actor)
    proposed = proposed or desk.propose(me.person)
    secret, picture = desk.shown(me.person, proposed)
    values: dict[str, Any] = {"me": me, "proposed": proposed, "secret": secret, "picture": picture, "errors": errors}
    return page(request, "me/second_factor.html", status=422 if errors else 200, **values)


def _add_recovery_codes(router: APIRouter, desk: MyDesk) -> None:
    @router.get("/recovery-codes")
    async def ask(request: Request, actor: Asked) -> Response:
        return page(request, "me/recovery_codes.html", fragment="dialog", me=await desk.show(actor), error="")

    @router.post("/recovery-codes")
    async def renewed(request: Request, actor: Asked, password: Text = "") -> Response:
        try:
            codes = await desk.renew_recovery_codes(actor, password)
        except AccountError as error:
            values: dict[str, Any] = {"me": await desk.show(actor), "error": _of_password(error)}
            return page(request, "me/recovery_codes.html", fragment="dialog", status=422, **values)
        return page(request, "me/codes.html", codes=codes)


def _add_sessions(router: APIRouter, desk: MyDesk) -> None:
    @router.post("/sessions/end-others")
    async def end_others(request: Request, actor: Asked) -> Response:
        await desk.end_other_sessions(actor)
        return done(request, _("You are signed out everywhere else"), "/me")

    @router.post("/sessions/{session_id}/end")
    async def end(request: Request, actor: Asked, session_id: str) -> Response:
        await desk.end_session(actor, session_id)
        return done(request, _("That browser is signed out"), "/me")


def _add_passkeys(router: APIRouter, desk: MyDesk) -> None:
    @router.get("/passkeys/new")
    async def ask(request: Request, actor: Asked) -> Response:
        return await _ask_passkey(request, desk, actor, browser_words(_agent(request)))

    @router.post("/passkeys/new")
    async def made(
        request: Request,
        actor: Asked,
        sealed: Text = "",
        answer: Text = "",
        label: Text = "",
        password: Text = "",
    ) -> Response:
        try:
            token = await desk.keep_passkey(
                actor,
                token_of(request),
                password=password,
                sealed=sealed,
                answer=answer,
                label=label,
                user_agent=_agent(request),
            )
        except AccountError as error:
            return await _ask_passkey(request, desk, actor, label, _of_password(error))
        return _kept(request, done(request, _("This device has a passkey now"), "/me"), token)

    @router.post("/passkeys/{passkey_id}/remove")
    async def removed(request: Request, actor: Asked, passkey_id: str) -> Response:
        await desk.remove_passkey(actor, passkey_id)
        return done(request, _("The passkey is forgotten"), "/me")


async def _ask_passkey(request: Request, desk: MyDesk, actor: Actor, label: str, error: str = "") -> Response:
    values: dict[str, Any] = {"me": await desk.show(actor), "question": await desk.ask_passkey(actor)}
    return page(request, "me/passkey.html", status=422 if error else 200, label=label, error=error, **values)


def _of_password(error: AccountError) -> str:
    return _("That is not your password.") if isinstance(error, WrongCredentials) else told(error)


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _kept(request: Request, response: Response, token: str) -> Response:
    cookies: Cookies = request.app.state.cookies
    cookies.keep_session(response, token, int(LIFE_SECONDS))
    return response
