"""The connections of `public_http`: each address is judged on the socket that is about to connect to it.

In: a URL that `public_http.check_url` let pass. Out: the answer, or Unsafe, NoAnswer.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.dns import DnsError, Resolver
from gateway.providers.http_call import Answer
from gateway.public_addresses import Network, is_public
from gateway.public_http import NoAnswer, Unsafe

MAX_ANSWER = 4096
"""Bytes of an answer's body that are read."""
_BODY_TIMEOUT = 2.0
"""Seconds for the body: the status has said it all."""
_HEADERS = {"User-Agent": "Brevdue", "Accept-Encoding": "identity"}


class _NotPublicError(OSError):
    """An address that may not be connected to; OSError is what the client takes for a reason not to connect."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EACCES, sentence)


class PublicSession:
    """A pool of connections to addresses that may be reached."""

    def __init__(self, resolver: Resolver, opened: Sequence[Network], context: ssl.SSLContext, timeout: float) -> None:
        """Nothing is connected yet. `timeout`: seconds from the look-up of the name to the status."""
        self._opened = opened
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=15,
                ssl=context,
                resolver=_PublicNames(resolver, opened),
                use_dns_cache=False,
                socket_factory=self._socket,
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one request. Raises Unsafe, NoAnswer."""
        try:
            return await self._ask(URL(url), body, {**_HEADERS, **headers})
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(cause := _system_error(error), _NotPublicError):
                raise Unsafe(cause.strerror) from None
            raise NoAnswer(_words(error, cause)) from None

    async def _ask(self, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with asyncio.timeout(self._timeout):
            response = await self._session.post(url, data=body, headers=headers, allow_redirects=False)
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


def _system_error(error: BaseException) -> BaseException:
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _words(error: BaseException, cause: BaseException) -> str:
    """What went wrong, without the URL, which may hold secrets."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    words = cause.strerror if isinstance(cause, OSError) else None
    return f"no answer: {words or type(error).__name__}"
