"""What a request that went wrong is answered: RFC 9457 problem details, in sentences that say what would be right.

Promises: wrong input is called by its field's name and not repeated (it may hold a key or a text); an unforeseen
exception's words stay in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import maillog
from gateway.maillog import Event
from gateway.store.database import StoreUnavailableError

_PLACES = {
    "body": "the form",
    "query": "the query",
    "path": "the path",
    "header": "the headers",
    "cookie": "the cookies",
}


class ProblemResponse(JSONResponse):
    """A problem as `application/problem+json`; `more` are members of its own: `code` is a word for programs."""

    media_type = "application/problem+json"

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        title = HTTPStatus(status).phrase
        problem = {"title": title, "status": status, "detail": detail, "code": title.lower().replace(" ", "-")}
        super().__init__(problem | more, status, headers)


def answer_problems(app: FastAPI) -> None:
    """Let an application answer refusals and wrong input as problems."""

    @app.exception_handler(RequestValidationError)
    async def wrong_input(_request: Request, error: RequestValidationError) -> ProblemResponse:
        errors = mistakes(error)
        return ProblemResponse(422, "; ".join(found["message"] for found in errors), errors=errors)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> ProblemResponse:
        return ProblemResponse(error.status_code, error.detail, error.headers)


def mistakes(error: RequestValidationError) -> list[dict[str, str]]:
    """Each field that cannot be taken, with a sentence."""
    return [_mistake(found) for found in error.errors()]


def _mistake(found: Mapping[str, Any]) -> dict[str, str]:
    """One of pydantic's findings as the field's name and a sentence."""
    place, *path = (str(step) for step in found["loc"])
    where = _PLACES.get(place, place)
    field = ".".join(path)
    if found["type"] == "missing":
        return {"field": field, "message": f"'{field}' is missing or empty in {where}"}
    message = str(found["msg"])
    return {"field": field, "message": f"'{field}' in {where}: {message[:1].lower()}{message[1:]}"}


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
