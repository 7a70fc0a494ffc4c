"""Routes that say what they need: a scope each, asked before the body is read, and what they may answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from gateway.scopes import Scope
from web.api.idempotency import HEADER, LONGEST
from web.identity.actor import Actor

SCHEME = "bearer"


class ScopedRoute(APIRoute):
    """A route that only who holds its scope may take."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Ask for the scope first."""
        handle = super().get_route_handler()
        scope = scope_of(self.openapi_extra or {})

        async def handler(request: Request) -> Response:
            caller: Actor = request.state.caller
            caller.require(scope)
            return await handle(request)

        return handler


def scope_of(operation: dict[str, Any]) -> Scope:
    """The scope that an operation of the document needs."""
    return Scope(operation["security"][0][SCHEME][0])


def router(subject: str) -> APIRouter:
    """Routes of one subject."""
    return APIRouter(tags=[subject], route_class=ScopedRoute)


def needs(
    scope: Scope, *statuses: int, created: type[BaseModel] | None = None, is_repeatable: bool = False
) -> dict[str, Any]:
    """What a route needs and may answer beside success: `statuses` beyond those that all share.

    `created` is what it answers with 201 where that is not its only success; `is_repeatable` where it takes an
    Idempotency-Key.
    """
    declared = [Depends(_knows)] if 304 in statuses else []
    if is_repeatable:
        declared.append(Depends(_repeats))
        statuses = (*statuses, 409)
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": _PROBLEMS[status], "content": _BODY, "headers": _headers_of(status)}
        for status in sorted({401, 403, 413, 422, 429, 503, *statuses} - {304})
    }
    if 304 in statuses:
        responses[304] = {"description": "What `If-None-Match` names is still so."}
    if created is not None:
        responses[201] = {"description": "It is new.", "model": created}
    return {"openapi_extra": {"security": [{SCHEME: [scope.value]}]}, "responses": responses, "dependencies": declared}


_BODY = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEMS = {
    401: "No key, or none that is live.",
    403: "The key is paused, or lacks the scope.",
    404: "There is no such thing here; another organisation's looks the same.",
    409: "It does not fit how things stand.",
    412: "`If-Match` names another state than the one that is there.",
    413: "The body is too large.",
    422: "What was sent cannot be taken: the problem says what would be right.",
    429: "Too many calls.",
    502: "The other side did not answer as it should.",
    503: "Nothing can be stored right now.",
}


def _headers_of(status: int) -> dict[str, Any]:
    if status == 401:
        return {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status in {429, 503}:
        return {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
    return {}


async def _caller(request: Request) -> Actor:
    caller: Actor = request.state.caller
    return caller


Caller = Annotated[Actor, Depends(_caller)]
"""Who calls."""
IfMatch = Annotated[str | None, Header(description="The `ETag` that is to be changed; else 412.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[\x20-\x7e]+$",
        description="Any word of yours: the same call again within 24 hours is answered the same and does nothing.",
    ),
]


async def _knows(
    _if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="An `ETag` that is known: 304 where it is still so.")
    ] = None,
) -> None:
    """Declares what `answers.one` reads."""


async def _repeats(_idempotency_key: IdempotencyKey = None) -> None:
    """Declares what `idempotency` reads."""


Cursor = Annotated[str | None, Query(description="`next` of the page before.", max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows of a page.")]
ThingId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["01KB0V3Y8QF6ZC5RCA3N4M7T2E"])]
PhonePath = Annotated[str, Path(max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["+4530643064"])]
"""A phone: E.164, or as people write it where the organisation is."""
