"""Who asks for a page, and that it was they who asked.

A page is asked for with a cookie; what changes something also carries a token that only our own pages know (in the
header `X-CSRF-Token`, or in the form field `csrf`), made from that very cookie.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from web.identity.actor import Actor
from web.pages.cookies import Cookies

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_TEXT = re.compile("[\\0\ud800-\udfff]")


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""


class ForeignForm(Exception):
    """Something was sent that none of our pages sent: a forgery, or a page that was open for too long."""


async def asked(request: Request) -> Actor:
    """Whoever is signed in. Raises SignInNeeded, ForeignForm."""
    actor: Actor | None = request.state.actor
    if actor is None:
        raise SignInNeeded
    await own_form(request)
    return actor


async def own_form(request: Request) -> None:
    """Let pass what only reads, and what one of our pages sent. Raises ForeignForm, RequestValidationError."""
    _refuse_no_text(request.path_params.values())
    _refuse_no_text(request.query_params.values())
    if request.method in _HARMLESS:
        return
    fields = await request.form()
    _refuse_no_text(fields.values())
    given = request.headers.get("x-csrf-token", "")
    if not given:
        field = fields.get("csrf", "")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
        raise ForeignForm


def _refuse_no_text(values: Iterable[object]) -> None:
    """Refuse what no database keeps as text: NUL, and halves of characters, which some encodings of a form hold."""
    for value in values:
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise RequestValidationError([])


def csrf_token(request: Request) -> str:
    """What pages of this visitor carry: bound to the session, or before there is one to the visit."""
    cookies: Cookies = request.app.state.cookies
    return cookies.csrf(cookies.session(request) or visit(request))


def visit(request: Request) -> str:
    """The random name of a visit before anybody is signed in; made with the first page."""
    cookies: Cookies = request.app.state.cookies
    found = cookies.visit(request) or getattr(request.state, "visit", "")
    if not found:
        found = request.state.visit = secrets.token_urlsafe(32)
    return found


def keep_visit(request: Request, response: Response) -> None:
    """Set the cookie of a visit that began with this request."""
    begun = getattr(request.state, "visit", "")
    if begun:
        cookies: Cookies = request.app.state.cookies
        cookies.keep_visit(response, begun)


Asked = Annotated[Actor, Depends(asked)]
OwnForm = Depends(own_form)
