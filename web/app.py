"""The web application: which routes there are, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.providers.simulator import SimulatorProvider
from web.health import Check, health_routes
from web.simulator import simulator_routes

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class SafeHeaders:
    """Adds the headers that keep a page from running what it was not given."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete its answer's headers."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)


def make_app(*, checks: dict[str, Check], simulators: Mapping[str, SimulatorProvider]) -> FastAPI:
    """Put the application together."""
    app = FastAPI(title="Brevdue", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.include_router(health_routes(checks))
    if simulators:
        app.include_router(simulator_routes(simulators))
        app.include_router(_front_door("/sim"))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_middleware(SafeHeaders)
    return app


def _front_door(target: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def front() -> RedirectResponse:
        return RedirectResponse(target)

    return router
