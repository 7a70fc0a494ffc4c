"""Liveness and readiness, for whatever starts and watches the program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

Check = Callable[[], Awaitable[None]]
"""Raises an exception when something is not ready; its kind is shown, its words are not."""

CHECK_SECONDS = 3.0
"""A check that takes longer has failed: whoever asks does not wait for ever either."""


def health_routes(checks: dict[str, Check]) -> APIRouter:
    """`/livez` answers while the loop runs; `/readyz` 200 when every check passes, else 503; a line for each."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/livez", methods=["GET", "HEAD"])
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz() -> PlainTextResponse:
        faults = dict(zip(checks, await asyncio.gather(*map(_fault, checks.values())), strict=True))
        lines = ["not ready" if any(faults.values()) else "ready"]
        lines += [f"{name}: {fault or 'fine'}" for name, fault in faults.items()]
        return PlainTextResponse("\n".join(lines) + "\n", 503 if any(faults.values()) else 200)

    return router


async def _fault(check: Check) -> str:
    """The kind of fault that a check finds, or ""."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        return type(error).__name__
    return ""
