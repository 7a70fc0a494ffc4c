"""Liveness and readiness, for whatever starts and watches the program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

Check = Callable[[], Awaitable[None]]
"""Raises an exception whose text says what is not ready."""


def health_routes(checks: dict[str, Check]) -> APIRouter:
    """`/livez` answers while the loop runs; `/readyz` when every check passes, else 503 and a line for each."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    @router.get("/readyz")
    async def readyz() -> PlainTextResponse:
        lines, ready = [], True
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:  # whatever is wrong, the answer is "not ready", with the kind of fault
                ready = False
                lines.append(f"{name}: {type(error).__name__}")
            else:
                lines.append(f"{name}: fine")
        return PlainTextResponse("\n".join(lines) + "\n", 200 if ready else 503)

    return router
