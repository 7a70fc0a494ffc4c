"""The cookies that pages set: who is signed in, a visit before that, and what the next page says once.

All of them are HttpOnly and SameSite=Lax, so that a link in a mail opens the page and no other site's form does
anything; over https they are Secure and carry the `__Host-` prefix (RFC 6265bis §4.1.3.2), which no neighbour's
subdomain can set.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.responses import Response

_FLASH_SECONDS = 60


class Cookies:
    """Reads and sets them, by the scheme of `[http] public_url`."""

    def __init__(self, *, secure: bool, digest: Callable[[str, str], str]) -> None:
        """`digest` is the keyring's: (text, purpose) -> HMAC in hex."""
        self.secure = secure
        self._digest = digest
        self._prefix = "__Host-" if secure else ""

    def session(self, request: Request) -> str:
        """The token of the session, or nothing."""
        return request.cookies.get(f"{self._prefix}brevdue", "")

    def keep_session(self, response: Response, token: str, seconds: int) -> None:
        """Sign a browser in."""
        self._set(response, "brevdue", token, seconds)

    def drop_session(self, response: Response) -> None:
        """Sign a browser out."""
        self._set(response, "brevdue", "", 0)

    def visit(self, request: Request) -> str:
        """The name of a visit without a session."""
        return request.cookies.get(f"{self._prefix}visit", "")

    def keep_visit(self, response: Response, name: str) -> None:
        """Remember a visit until the browser closes."""
        self._set(response, "visit", name, None)

    def csrf(self, token: str) -> str:
        """The token that pages carry for a session or visit."""
        return self._digest(token, "csrf")

    def attempt(self, request: Request) -> str:
        """What belongs to an attempt to sign in at a provider, sealed."""
        return request.cookies.get(f"{self._prefix}attempt", "")

    def keep_attempt(self, response: Response, sealed: str, seconds: int) -> None:
        """Remember it until the browser comes back; 0 seconds forget it."""
        self._set(response, "attempt", sealed, seconds)

    def flash(self, request: Request) -> tuple[str, str] | None:
        """What was done last, to be said once: (kind, sentence)."""
        try:
            said = json.loads(unquote(request.cookies.get(f"{self._prefix}flash", "")))
        except (ValueError, RecursionError):
            return None
        match said:
            case [str(kind), str(words)]:
                return kind, words
        return None

    def set_flash(self, response: Response, words: str, kind: str = "success") -> None:
        """Let the next page say something."""
        self._set(response, "flash", quote(json.dumps([kind, words])), _FLASH_SECONDS)

    def drop_flash(self, response: Response) -> None:
        """Say it no more."""
        self._set(response, "flash", "", 0)

    def _set(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        response.set_cookie(
            f"{self._prefix}{name}", value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )
