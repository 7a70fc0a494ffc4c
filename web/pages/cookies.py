"""The small cookies of pages: a visit before anybody is signed in, and what the next page says once.

Both are HttpOnly and SameSite=Lax; over https they are Secure and carry the `__Host-` prefix (RFC 6265bis §4.1.3.2),
which no neighbour's subdomain can set. The session has a cookie of its own (`web.identity.cookies`).
"""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.responses import Response

_FLASH_SECONDS = 60


class PageCookies:
    """Reads and sets them."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        self._prefix = "__Host-" if self._secure else ""

    def visit(self, request: Request) -> str:
        """The name of a visit, or nothing."""
        return request.cookies.get(f"{self._prefix}visit", "")

    def keep_visit(self, response: Response, name: str) -> None:
        """Remember a visit until the browser closes."""
        self._set(response, "visit", name, None)

    def flash(self, request: Request) -> tuple[str, str] | None:
        """What was done last, to be said once: ("success" or "error", sentence)."""
        try:
            kind, words = json.loads(unquote(request.cookies.get(f"{self._prefix}flash", "")))
        except (ValueError, TypeError):
            return None
        return (kind, words) if isinstance(kind, str) and isinstance(words, str) else None

    def set_flash(self, response: Response, words: str, kind: str = "success") -> None:
        """Let the next page say something."""
        self._set(response, "flash", quote(json.dumps([kind, words])), _FLASH_SECONDS)

    def drop_flash(self, response: Response) -> None:
        """Say it no more."""
        self._set(response, "flash", "", 0)

    def _set(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        response.set_cookie(
            f"{self._prefix}{name}", value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
