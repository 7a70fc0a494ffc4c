"""The HTTP client for URLs that users give: it reaches the public Internet and nothing else.

In: a request to such a URL. Out: the answer, its body cut; or `Unsafe` where the URL leads into a network that is not
public, or `NoAnswer`. Each address is judged on the socket that is about to connect to it, so a name that means
something else a moment later gains nothing. No redirection is followed, no proxy asked, no cookie kept, nothing
unpacked; a request leaves once, and none lasts longer than its time.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.dns import DnsError, Resolver
from gateway.providers.http_call import Answer
from gateway.public_addresses import Network, is_public
from gateway.settings import WebhookSettings

TIMEOUT = 15.0
"""Seconds from the look-up of the name to the status."""
MAX_ANSWER = 4096
"""Bytes of an answer's body that are read."""
_BODY_TIMEOUT = 2.0
"""Seconds for the body: the status has said it all."""
_MAX_URL = 2000
_HEADERS = {"User-Agent": "Brevdue", "Accept-Encoding": "identity"}
_WEB_PORTS = frozenset({80, 443})
_FIRST_FREE_PORT = 1024
"""Below it lie mail, files and terminals, none of which shall get our request."""


class Unsafe(Exception):
    """The URL may not be asked; the text says why, for whom it belongs to."""


class NoAnswer(Exception):
    """There is no answer; the text says why. The request may have been taken."""


class _NotPublicError(OSError):
    """An address that may not be connected to; OSError is what the client takes for a reason not to connect."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EACCES, sentence)


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
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def configured(cls, settings: WebhookSettings, resolver: Resolver) -> PublicHttp:
        """Make the client as `[webhooks]` says."""
        return cls(resolver, settings.open_networks, plain=settings.plain_http, ca_file=settings.ca_file)

    def check(self, url: str) -> str:
        """See `check_url`."""
        return check_url(url, self._opened, plain=self._plain)

    async def start(self) -> None:
        """Make the pool of connections; nothing is connected yet."""
        context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=15,
                ssl=context,
                resolver=_PublicNames(self._resolver, self._opened),
                use_dns_cache=False,
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
        )

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one request. Raises Unsafe, NoAnswer."""
        if self._session is None:
            raise NoAnswer("not started")
        address = URL(self.check(url))
        try:
            return await self._ask(self._session, address, body, {**_HEADERS, **headers})
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(cause := _system_error(error), _NotPublicError):
                raise Unsafe(cause.strerror) from None
            raise NoAnswer(_words(error, cause)) from None

    async def _ask(self, session: aiohttp.ClientSession, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with asyncio.timeout(self._timeout):
            response = await session.post(url, data=body, headers=headers, allow_redirects=False)
        try:
            text = await _beginning(response)
        finally:
            if response.content.at_eof():
                response.release()
            else:  # the rest is of no interest, and its connection of no further use
                response.close()
        return Answer(response.status, text, response.headers.get("Retry-After"))

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket that connects, unless the address is none to connect to."""
        family, kind, protocol, _, address = info
        host = str(address[0])
        if not is_public(host, self._opened):
            raise _NotPublicError(f"{host} is not an address of the public Internet")
        return socket.socket(family, kind, protocol)


class _PublicNames(AbstractResolver):
    """What names mean, save addresses that may not be reached."""

    def __init__(self, resolver: Resolver, opened: Sequence[Network]) -> None:
        self._resolver = resolver
        self._opened = opened

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - any will do
    ) -> list[ResolveResult]:
        """The addresses of a name that may be reached. Raises OSError where there is none."""
        found = await asyncio.gather(self._resolver.aaaa(host), self._resolver.a(host), return_exceptions=True)
        addresses = [each for answer in found if not isinstance(answer, BaseException) for each in answer]
        if not addresses:
            faults = [each for each in found if isinstance(each, BaseException)]
            if others := [each for each in faults if not isinstance(each, DnsError)]:
                raise others[0]
            raise OSError(errno.ENOENT, f"cannot find {host}: {'; '.join(sorted({str(each) for each in faults}))}")
        public = [each for each in addresses if is_public(each, self._opened)]
        if not public:
            raise _NotPublicError(f"{host} is {addresses[0]}, which is not an address of the public Internet")
        return [_result(host, each, port) for each in public]

    async def close(self) -> None:
        """Nothing to close."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first bytes of a body, as far as they come soon."""
    body = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_BODY_TIMEOUT):
            while len(body) < MAX_ANSWER and (chunk := await response.content.read(MAX_ANSWER - len(body))):
                body += chunk
    return body.decode("utf-8", "replace")


def _is_address(host: str) -> bool:
    """Whether a host can be no name: it has a colon, or ends in a number (WHATWG URL §3.5), as "127.1" does."""
    return ":" in host or host.rstrip(".").rpartition(".")[2][:1].isdigit()


def _system_error(error: BaseException) -> BaseException:
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _words(error: BaseException, cause: BaseException) -> str:
    """What went wrong, without the URL, which may hold secrets."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    words = cause.strerror if isinstance(cause, OSError) else None
    return f"no answer: {words or type(error).__name__}"
