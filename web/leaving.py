"""The door for those who want no more e-mail of campaigns, `/u/<token>`: one click of a mail program, or a page.

It asks nobody who they are: the token stood in their mail, and can do nothing but this (RFC 8058). POST unsubscribes at
once, with the body that mail programs send or that of the page's own button. GET changes nothing, for scanners open
every link of a mail. It stands before the pages' application, whose forms take nothing from other sites.
"""

from __future__ import annotations

import html
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from campaigns.emails import DOOR
from campaigns.store.email_sql import Left
from campaigns.unsubscribing import Unsubscribing, Way
from gateway import maillog
from gateway.maillog import Event
from gateway.store.database import StoreUnavailableError
from web.by_link import HEADERS, languages, page
from web.language import gettext as _
from web.language import speak

_MAX_BODY: Final = 10_000
"""Bytes: both forms are a few words."""


class LeavingDoor:
    """Takes the requests under `/u/`, and hands all others on."""

    def __init__(self, app: ASGIApp, unsubscribing: Unsubscribing) -> None:
        self._app = app
        self._unsubscribing = unsubscribing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer somebody who leaves."""
        if scope["type"] != "http" or not scope["path"].startswith(DOOR):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        speak(languages(request.headers.get("accept-language", "")), ())
        try:
            answer = await self._answer(request, scope["path"].removeprefix(DOOR))
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, cause=str(error), where=DOOR)
            answer = page(503, _("Try again later"), _("Nothing can be stored right now."))
        except Exception as error:  # the last place where it can be answered; its words stay in the log
            maillog.fault(Event.FAULT, error, where=DOOR)
            answer = page(500, _("Try again later"), _("Something went wrong here."))
        await answer(scope, receive, send)

    async def _answer(self, request: Request, token: str) -> Response:
        if request.method in {"GET", "HEAD"}:
            left = await self._unsubscribing.whom(token)
            return _unknown() if left is None else _asks(left)
        if request.method != "POST":
            return Response("GET or POST\n", 405, headers=HEADERS | {"Allow": "GET, HEAD, POST"})
        body = await _body(request)
        if body is None:
            return Response("too much\n", 413, headers=HEADERS)
        left = await self._unsubscribing.leave(token, Way.PAGE if b"page=1" in body else Way.ONE_CLICK)
        return _unknown() if left is None else _done(left)


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return None
    return body


def _asks(left: Left) -> Response:
    button = f'<form method="post"><button name="page" value="1">{html.escape(_("Unsubscribe"))}</button></form>'
    words = _("Shall %(organisation)s write no more e-mails to this address?", organisation=left.organisation)
    return page(200, _("Unsubscribe"), words, button)


def _done(left: Left) -> Response:
    words = _("%(organisation)s sends no more such e-mails to this address.", organisation=left.organisation)
    return page(200, _("You are unsubscribed"), words)


def _unknown() -> Response:
    return page(404, _("This link is not complete"), _("Copy the whole link from the e-mail, or answer the e-mail."))
