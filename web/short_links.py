"""The door of short links: `/l/CODE` leads whoever follows it to where the campaign's text says.

Promises: it leads nowhere else; nothing of it is kept by browsers or told to the target; a look ahead, by a machine
that shows what is behind a link, or by whoever asks for the head alone, is no click; who tries codes has to wait.
"""

from __future__ import annotations

import re
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaigns.short_links import DOOR, ShortLinks
from gateway.rates import Rate
from web.by_link import HEADERS, languages, page
from web.language import gettext as _
from web.language import speak

MISSES: Final = 30
"""Codes that lead nowhere, from one address, before it has to wait."""
MISS_SECONDS: Final = 10.0
"""How long it takes until one more is free."""
_MACHINES: Final = re.compile(
    r"bot\b|bot/|crawl|spider|preview|slurp|facebookexternalhit|facebookcatalog|meta-external|whatsapp|telegram|viber"
    r"|skypeuri|discord|slack|embedly|pinterest|vkshare|headless|lighthouse|scan|monitor|curl/|wget/|python|java/|okhttp"
    r"|go-http|libwww|httpclient|axios|node-fetch|google-(?:read|safety|pagerenderer|inspection)|barracuda|proofpoint"
    r"|mimecast|safelinks|googleimageproxy|yahoomailproxy",
    re.IGNORECASE,
)
"""What machines that look ahead call themselves; people's programs call themselves Mozilla."""
_AHEAD: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers by which browsers say that nobody has asked yet."""


def short_link_routes(links: ShortLinks) -> list[Route]:
    """The door."""
    misses = Rate(MISSES, MISS_SECONDS)

    async def follow(request: Request) -> Response:
        speak(languages(request.headers.get("accept-language", "")), ())
        client = request.client.host if request.client else ""
        wait = misses.wait(client, time.monotonic())
        if wait:
            later = {"Retry-After": str(int(wait) + 1)}
            return page(429, _("Too many tries"), _("Try again in a while."), headers=later)
        followed = await links.follow(request.path_params["code"])
        if followed is None:
            misses.count(client, time.monotonic())
            return page(404, _("This link leads nowhere"), _("Look whether it was copied as a whole."))
        if request.method == "GET" and not looks_ahead(request.headers):
            links.clicked(followed)
        return Response(status_code=302, headers=HEADERS | {"Location": followed.target})

    return [Route(DOOR + "{code}", follow)]


def looks_ahead(headers: Headers) -> bool:
    """Whether it is a machine that asks, or a browser before somebody has clicked."""
    if any(word in headers.get(name, "").lower() for name in _AHEAD for word in ("prefetch", "preview", "prerender")):
        return True
    agent = headers.get("user-agent", "")
    return not agent or _MACHINES.search(agent) is not None
