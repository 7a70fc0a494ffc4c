"""What a request that went wrong is answered: RFC 9457 problem details, in sentences that say what would be right.

Promises: an unforeseen exception's words stay in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import maillog
from gateway.maillog import Event
from gateway.store.database import StoreUnavailableError


class ProblemResponse(JSONResponse):
    """A problem as `application/problem+json`; `more` are members of its own: `code` is a word for programs."""

    media_type = "application/problem+json"

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        title = HTTPStatus(status).phrase
        problem = {"title": title, "status": status, "detail": detail, "code": title.lower().replace(" ", "-")}
        super().__init__(problem | more, status, headers)


async def refused(_request: Request, error: Exception) -> ProblemResponse:
    """The answer where something is refused with a status."""
    of = cast("HTTPException", error)  # the only kind that it is registered for
    return ProblemResponse(of.status_code, of.detail, of.headers)


class Faults:
    """Answers what nobody foresaw, and logs it; a database that is away is 503, so that whoever asked comes back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; whatever comes back instead of an answer becomes one, if none has begun."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:  # the last place where it can be answered
            response = _answer(error, scope)
            if not begun:
                await response(scope, receive, send)


def _answer(error: Exception, scope: Scope) -> ProblemResponse:
    if isinstance(error, StoreUnavailableError):
        maillog.warn(Event.FAULT, cause=str(error), where=scope["path"])
        return ProblemResponse(503, "cannot store anything right now, try again later", {"Retry-After": "5"})
    maillog.fault(Event.FAULT, error, where=scope["path"])
    return ProblemResponse(500, "something went wrong here, try again later")
