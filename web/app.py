"""The web application: which routes there are, and the rules and headers that hold for every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from python_multipart.multipart import parse_options_header
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.short_links import ShortLinks
from campaigns.unsubscribing import Unsubscribing
from gateway.providers.base import Webhooks
from gateway.providers.simulator import SimulatorProvider
from web.health import Check, health_routes
from web.later import Later
from web.leaving import LeavingDoor
from web.metrics import Sources, metric_routes
from web.problems import Faults, ProblemResponse, refused
from web.short_links import short_link_routes
from web.static_files import static_files
from web.webhooks import WebhookDoor

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UTF8 = frozenset({b"utf-8", b"utf8", b"us-ascii"})
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PAGES = frozenset({"same-origin", "none"})


class TellsEnd:
    """Gives requests of pages `state.stopping`, which is set when the server stops."""

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        scope.setdefault("state", {})["stopping"] = self._stopping
        await self._app(scope, receive, send)


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
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        await self._app(scope, receive, complete)


class PlainForms:
    """Refuses forms in another encoding than UTF-8, which no browser sends (HTML §4.10.21.7 names it in the form).

    Decoding is left to whatever codec the request names, and some take minutes for a megabyte (punycode), or make
    halves of characters.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 415."""
        if scope["type"] == "http":
            kind, options = parse_options_header(Headers(scope=scope).get("content-type"))
            if kind == b"multipart/form-data" and options.get(b"charset", b"utf-8").lower() not in _UTF8:
                await ProblemResponse(415, "send text in UTF-8")(scope, receive, send)
                return
        await self._app(scope, receive, send)


class OwnPagesOnly:
    """Refuses what another site's page makes a browser send. Programs send no Sec-Fetch-Site and pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in _HARMLESS:
            site = Headers(scope=scope).get("sec-fetch-site", "none")
            if site not in _OWN_PAGES:
                await ProblemResponse(403, "this was sent by a page of another site")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def make_app(
    *,
    checks: Sequence[Check],
    simulators: Mapping[str, SimulatorProvider],
    region: str,
    sources: Sources | None = None,
    webhooks: Mapping[str, Webhooks] | None = None,
    site: ASGIApp | None = None,
    short_links: ShortLinks | None = None,
    unsubscribing: Unsubscribing | None = None,
) -> Starlette:
    """Put the application together; `webhooks` are the providers that call us, `region` says how phones write numbers.

    `site` answers what people ask for, and programs under `/api`; `short_links` those who follow one. What stands here
    itself is imported at every start, and asks no more of Starlette than it must.

    `app.state.stopping` (an Event) tells endless answers that the server stops; pages have it in a request's state.
    """
    stopping = asyncio.Event()
    routes: list[BaseRoute] = [*health_routes(checks)]
    if sources is not None:
        routes += metric_routes(sources, checks)
    if short_links is not None:
        routes += short_link_routes(short_links)
    if simulators:
        phones = TellsEnd(Later(partial(_make_phones, simulators, region)), stopping)
        routes += [Route("/sim", phones), Route("/sim/{path:path}", phones)]
    routes.append(Mount("/static", static_files))
    if site is not None:
        routes.append(Mount("/", TellsEnd(site, stopping)))
    # Providers are no browsers, and mail programs post from wherever they show the mail: these two come first.
    layers = [Middleware(WebhookDoor, providers=webhooks or {})]
    if unsubscribing is not None:
        layers.append(Middleware(LeavingDoor, unsubscribing=unsubscribing))
    layers += [Middleware(SafeHeaders), Middleware(OwnPagesOnly), Middleware(PlainForms), Middleware(Faults)]
    app = Starlette(routes=routes, middleware=layers, exception_handlers={HTTPException: refused})
    app.router.redirect_slashes = False  # such a redirect believes the Host that a client names
    app.state.stopping = stopping
    return app


def _make_phones(simulators: Mapping[str, SimulatorProvider], region: str) -> ASGIApp:
    # What it is made of takes long to import, and only who looks at a phone needs it.
    from web.simulator import make_phones

    return make_phones(simulators, region)
