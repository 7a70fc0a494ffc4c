"""What stands before every call: who calls, how often, and how much they may send.

It is passed before a byte of the body is understood. `request.state.caller` is the `Actor` behind it. Each answer tells
how many calls are left (draft-ietf-httpapi-ratelimit-headers-10), counted in this process. HEAD is GET without a body.
"""

from __future__ import annotations

import math

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.model import Clock
from gateway.rates import Rate
from web.api import problems
from web.api.bearer import Bearers
from web.api.problems import CallRefused, problem_of
from web.identity.actor import Actor

MOST_BYTES = 256_000
"""Of a body: thousands of phones and a text fit."""
STREAMED = ("POST", "/imports")
"""What takes a file, which its route reads as it comes, when it has looked who asks."""
DOCUMENT = "/openapi.json"
"""What is shown without a key."""


class Gate:
    """Lets in who has a key and is not too fast."""

    def __init__(self, app: ASGIApp, *, bearers: Bearers, clock: Clock, per_minute: int) -> None:
        """`per_minute` calls are allowed to one key, 0 for any number."""
        self._app = app
        self._bearers = bearers
        self._clock = clock
        self._per_minute = per_minute
        self._rate = Rate(per_minute, 60 / per_minute) if per_minute else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or answer it with a problem."""
        if scope["type"] != "http":
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server keeps the body back
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == DOCUMENT:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        headers: dict[str, str] = {}
        try:
            peer_ip = request.client.host if request.client else ""
            caller = await self._bearers.actor(request.headers.get("authorization", ""), peer_ip)
            wait = self._count(caller, headers)
            if wait:
                raise problems.too_many(wait, "calls with this key")
            body = None if (scope["method"], path) == STREAMED else await _body(request)
        except CallRefused as refused:
            await problem_of(refused)(scope, receive, _with(headers, send))
            return
        request.state.caller = caller
        if body is not None:
            request.state.body = body
            receive = _again(body, receive)
        await self._app(scope, receive, _with(headers, send))

    def _count(self, caller: Actor, headers: dict[str, str]) -> float:
        """Count a call; the seconds to wait where it is one too many."""
        if self._rate is None:
            return 0.0
        now = self._clock.now()
        wait = self._rate.take(caller.id, now)
        left, seconds = self._rate.left(caller.id, now)
        headers["RateLimit-Policy"] = f'"key";q={self._per_minute};w=60'
        headers["RateLimit"] = f'"key";r={left};t={math.ceil(seconds)}'
        return wait


async def _body(request: Request) -> bytes:
    """All of the body. Raises CallRefused where it is too large."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MOST_BYTES:
        raise problems.too_large(MOST_BYTES)
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > MOST_BYTES:
            raise problems.too_large(MOST_BYTES)
    return bytes(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to whoever reads it next."""
    told = False

    async def once_more() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _with(headers: dict[str, str], send: Send) -> Send:
    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return complete
