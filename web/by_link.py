"""Pages of those who come by a link in a message and are nobody to us: a few words in their language.

Promises: nothing of it is kept by browsers, found by search engines, or told to where a link leads.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

from starlette.responses import HTMLResponse, Response

from web.language import tongue

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
"""Of every answer to them."""


def languages(header: str) -> list[str]:
    """The languages of an Accept-Language."""
    return [each.partition(";")[0].strip().partition("-")[0].lower() for each in header.split(",")[:10]]


def page(status: int, title: str, words: str, form: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A page with a title, a sentence, and a form where there is something to do."""
    head = (
        f'<!doctype html>\n<html lang="{tongue().words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
        '<link rel="stylesheet" href="/static/pages.css"></head>'
    )
    said = f"<h1>{html.escape(title)}</h1><p>{html.escape(words)}</p>{form}"
    body = f'<body><main class="narrow">{said}</main></body></html>'
    return HTMLResponse(f"{head}\n{body}\n", status, headers=HEADERS | dict(headers or {}))
