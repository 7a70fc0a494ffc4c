"""The door for providers' calls, `/in/<provider>/<secret path>`: carries a request to its adapter, and the answer back.

It stands before the pages' application and shares nothing with it, for it must be cheap: at a thousand SMS a second
every layer counts. A request is answered once what it says is durable; where the store is away or slow it is 503, and
the provider comes again. Everything that nothing proves is 403 with the same words, whether the provider exists or not.
The path is a secret and never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import maillog
from gateway.maillog import Event
from gateway.providers.base import Forged, Unreadable, WebhookAnswer, WebhookRequest, Webhooks
from gateway.store.database import StoreUnavailableError

DOOR = "/in/"
MAX_BODY = 1_000_000
"""Bytes in one request."""
BODY_SECONDS = 10.0
"""How long a request may take to come in."""
ANSWER_SECONDS = 8.0
"""How long what it says may take to be stored: vendors wait for 10 to 15 seconds. Answered 503, they come again."""
_METHODS = frozenset({"GET", "POST"})


class _Refused(Exception):
    """A request that is refused before its adapter sees it."""

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(cause)
        self.status = status
        self.cause = cause


class WebhookDoor:
    """Takes the requests under `/in/`, and hands all others on."""

    def __init__(self, app: ASGIApp, providers: Mapping[str, Webhooks]) -> None:
        self._app = app
        self._providers = providers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a provider's call."""
        if scope["type"] != "http" or not scope["path"].startswith(DOOR):
            await self._app(scope, receive, send)
            return
        name, _, path = scope["path"].removeprefix(DOOR).partition("/")
        answer = await self._answer(name, path, scope, receive)
        if answer is not None:
            await _send(answer, send)

    async def _answer(self, name: str, path: str, scope: Scope, receive: Receive) -> WebhookAnswer | None:
        """What a request is answered; None where the client has gone."""
        try:
            return await self._carry(name, path, scope, receive)
        except (Forged, Unreadable, _Refused) as error:
            known = name if name in self._providers else None
            maillog.warn(Event.WEBHOOK_REFUSED, provider=known, peer=_client(scope), cause=error.cause)
            return _refusal(error)
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, cause=str(error), where=f"{DOOR}{name}")
            return WebhookAnswer(503, "cannot store anything right now, try again later\n")
        except Exception as error:  # the last place where it can be answered; its words stay in the log
            maillog.fault(Event.FAULT, error, where=f"{DOOR}{name}")
            return WebhookAnswer(500, "something went wrong here, try again later\n")

    async def _carry(self, name: str, path: str, scope: Scope, receive: Receive) -> WebhookAnswer | None:
        provider = self._providers.get(name)
        if provider is None:
            raise Forged("no such provider")
        client = _client(scope)
        provider.admit(path, client)
        if scope["method"] not in _METHODS:
            raise _Refused(405, "GET or POST")
        body = await _body(receive)
        if body is None:
            return None
        return await _in_time(
            provider.hear(
                WebhookRequest(
                    method=scope["method"],
                    path=path,
                    query=scope["query_string"].decode("latin-1"),
                    headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
                    body=body,
                    client=client,
                )
            )
        )


async def _in_time(answer: Awaitable[WebhookAnswer]) -> WebhookAnswer:
    """An adapter's answer, or a refusal for now where the store is slow.

    What was handed to the store by then may still be committed; when the provider comes again it is known.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer
    except TimeoutError:
        raise StoreUnavailableError(f"not stored within {ANSWER_SECONDS:.0f} s") from None


def _refusal(error: Forged | Unreadable | _Refused) -> WebhookAnswer:
    match error:
        case Forged():
            return WebhookAnswer(403, "forbidden\n")
        case Unreadable():
            return WebhookAnswer(400, f"cannot read this: {error.cause}\n")
        case _:
            return WebhookAnswer(error.status, f"{error.cause}\n")


def _client(scope: Scope) -> str:
    client = scope["client"]
    return client[0] if client else ""


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where the client goes before it has come. Raises `_Refused`."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = bytearray()
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    raise _Refused(413, f"at most {MAX_BODY} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(408, "the body did not come in time") from None


async def _send(answer: WebhookAnswer, send: Send) -> None:
    body = answer.text.encode()
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if answer.status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
