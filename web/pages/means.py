"""What every page works with, whatever it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from web.identity.cookies import SessionCookie
from web.pages.cookies import PageCookies


@dataclass(frozen=True, slots=True)
class PageMeans:
    """In `app.state.means` of the site."""

    cookies: PageCookies
    session_cookie: SessionCookie
    digest: Callable[[str, str], str]
    """The keyring's: (text, purpose) -> HMAC in hex."""
    phones: bool
    """Whether there are simulated phones to look at."""
