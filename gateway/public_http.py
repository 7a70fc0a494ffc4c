"""The HTTP client for URLs that users give: it reaches the public Internet and nothing else.

In: a request to such a URL. Out: the answer, its body cut; or `Unsafe` where the URL leads into a network that is not
public, or `NoAnswer`. Each address is judged on the socket that is about to connect to it, so a name that means
something else a moment later gains nothing. No redirection is followed, no proxy asked, no cookie kept, nothing
unpacked; a request leaves once, and none lasts longer than its time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yarl import URL

from gateway.dns import Resolver
from gateway.providers.http_call import Answer
from gateway.public_addresses import Network, is_public
from gateway.settings import WebhookSettings

if TYPE_CHECKING:
    from gateway.public_session import PublicSession

TIMEOUT = 15.0
"""Seconds from the look-up of the name to the status."""
_MAX_URL = 2000
_WEB_PORTS = frozenset({80, 443})
_FIRST_FREE_PORT = 1024
"""Below it lie mail, files and terminals, none of which shall get our request."""


class Unsafe(Exception):
    """The URL may not be asked; the text says why, for whom it belongs to."""


class NoAnswer(Exception):
    """There is no answer; the text says why. The request may have been taken."""


def check_url(text: str, opened: Sequence[Network], *, plain: bool) -> str:
    """A user's URL in the form in which it is asked. Raises Unsafe; names are not looked up yet.

    `plain` lets it be http as well as https.
    """
    try:
        url = URL(text.strip())
        port = url.port
    except ValueError as error:
        raise Unsafe(f"this is no URL: {error}") from error
    if len(str(url)) > _MAX_URL:
        raise Unsafe(f"the URL is longer than {_MAX_URL} characters")
    if url.scheme not in ({"http", "https"} if plain else {"https"}) or not url.host:
        raise Unsafe(f"the URL must begin with https://{' or http://' if plain else ''} and name a host")
    if url.user or url.password:
        raise Unsafe("the URL must not hold a user name or password: calls are signed")
    if port not in _WEB_PORTS and (port or 0) < _FIRST_FREE_PORT:
        raise Unsafe(f"port {port} is no web server's: take 443, 80, or one from {_FIRST_FREE_PORT} on")
    if _is_address(url.host) and not is_public(url.host, opened):
        raise Unsafe(f"{url.host} is not an address of the public Internet")
    return str(url.with_fragment(None))


class PublicHttp:
    """The client, a service. `opened` are networks that may be reached although they are not public."""

    name = "public-http"

    def __init__(
        self,
        resolver: Resolver,
        opened: Sequence[Network] = (),
        *,
        plain: bool = False,
        ca_file: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """`plain` allows http; `ca_file` holds certificates (PEM) that servers' are checked against."""
        self._resolver = resolver
        self._opened = tuple(opened)
        self._plain = plain
        self._ca_file = ca_file
        self._timeout = timeout
        self._session: PublicSession | None = None
        self._starting = asyncio.Lock()

    @classmethod
    def configured(cls, settings: WebhookSettings, resolver: Resolver) -> PublicHttp:
        """Make the client as `[webhooks]` says."""
        return cls(resolver, settings.open_networks, plain=settings.plain_http, ca_file=settings.ca_file)

    def check(self, url: str) -> str:
        """See `check_url`."""
        return check_url(url, self._opened, plain=self._plain)

    async def start(self) -> None:
        """Nothing yet: the client behind it takes long to load, and only who calls somebody needs it."""

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one request. Raises Unsafe, NoAnswer."""
        address = self.check(url)
        return await (await self._opened_session()).post(address, body, headers)

    async def _opened_session(self) -> PublicSession:
        async with self._starting:
            if self._session is None:
                from gateway.public_session import PublicSession

                context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
                self._session = PublicSession(self._resolver, self._opened, context, self._timeout)
            return self._session


def _is_address(host: str) -> bool:
    """Whether a host can be no name: it has a colon, or ends in a number (WHATWG URL §3.5), as "127.1" does."""
    return ":" in host or host.rstrip(".").rpartition(".")[2][:1].isdigit()
