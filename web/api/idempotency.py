"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the same POST twice is one deed with one answer.

In: the caller, the client's word, what is asked. Out: leave to do it, or what it was answered the first time. Promises:
an answer leaves only when it is kept; of two calls at once one is done and one hears 409; what a process that died was
at is done over (and an SMS then knows by its identity that it has left); answers are sealed, since one may hold a key's
secret.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.keyring import Keyring
from gateway.model import Clock
from gateway.store.database import Database
from web.api.problems import CallRefused, problem_of
from web.identity.actor import Actor
from web.store import answer_sql
from web.store.answer_sql import Answer, Claim

HEADER = "Idempotency-Key"
KEPT_SECONDS = 86_400.0
"""How long an answer is given again."""
RUNNING_SECONDS = 60.0
"""Longer than any call takes: one that was claimed before that is free, whatever became of it."""
LONGEST = 255
_NOT_KEPT = frozenset({403, 429})
"""What another try may be answered otherwise, beside the 5xx."""
_HEADERS = ("content-type", "location", "etag")


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Answers:
    """Keeps answers of calls that carry the header."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, process: str) -> None:
        """`process` is this one's lease (`Spool.lease`): what it holds is free when it is gone."""
        self._process = process
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def begin(self, key_id: str, word: str, asked: bytes) -> Begun | Given:
        """Claim a call, or give what it was answered. Raises CallRefused."""
        now = self._clock.now()
        begun = Begun(key_id, self._keyring.digest(f"{key_id} {word}", "idempotency"), secrets.token_hex(8))
        request = self._keyring.digest(asked.decode("latin-1"), "idempotent request")
        known = await self._database.write(
            answer_sql.claim,
            Claim(
                key_id=key_id,
                name=begun.name,
                request=request,
                claim=begun.claim,
                process=self._process,
                now=now,
                kept_since=now - KEPT_SECONDS,
                running_since=now - RUNNING_SECONDS,
            ),
        )
        if known.request != request:
            raise CallRefused(422, "idempotency-key-used", f"another call had this {HEADER}: make a new one")
        if known.status is not None:
            headers, body = orjson.loads(self._keyring.open(known.answer, begun.name))
            return Given(known.status, tuple((name, value) for name, value in headers), body.encode())
        if known.claim != begun.claim:
            detail = f"a call with this {HEADER} is running: wait for its answer"
            raise CallRefused(409, "still-running", detail, {"Retry-After": "1"})
        return begun

    async def end(self, begun: Begun, given: Given) -> None:
        """Keep an answer; durable when this returns."""
        if given.status >= 500 or given.status in _NOT_KEPT:
            await self.give_up(begun)
            return
        sealed = self._keyring.seal(orjson.dumps([given.headers, given.body.decode()]).decode(), begun.name)
        await self._database.write(answer_sql.keep, Answer(begun.key_id, begun.name, begun.claim, given.status, sealed))

    async def give_up(self, begun: Begun) -> None:
        """Let the same call be made again at once."""
        await self._database.write(answer_sql.drop, (begun.key_id, begun.name, begun.claim))


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that is being answered."""

    key_id: str
    name: str
    claim: str


class Idempotency:
    """Stands before the routes, behind the gate."""

    def __init__(self, app: ASGIApp, *, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or answer what it was answered before."""
        word = Headers(scope=scope).get(HEADER) if scope["method"] == "POST" else None
        if word is None or "body" not in scope.get("state", {}):  # of a file that still comes nothing is known
            await self._app(scope, receive, send)
            return
        try:
            begun = await self._begin(scope, word)
        except CallRefused as refused:
            await problem_of(refused)(scope, receive, send)
            return
        if isinstance(begun, Given):
            await _give(begun, send, again=True)
            return
        try:
            given = await self._listen(scope, receive)
        except BaseException:
            await self._answers.give_up(begun)
            raise
        await self._answers.end(begun, given)
        await _give(given, send)

    async def _begin(self, scope: Scope, word: str) -> Begun | Given:
        if not (1 <= len(word) <= LONGEST and word.isascii() and word.isprintable()):
            raise CallRefused(422, "invalid", f"{HEADER} has 1 to {LONGEST} printable ASCII characters")
        caller: Actor = scope["state"]["caller"]
        asked = b"\n".join((scope["path"].encode(), scope["query_string"], scope["state"]["body"]))
        return await self._answers.begin(caller.id, word, asked)

    async def _listen(self, scope: Scope, receive: Receive) -> Given:
        """What the routes answer, all of it."""
        started: list[Message] = []
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        headers = Headers(raw=started[0]["headers"])
        kept = tuple((name, headers[name]) for name in _HEADERS if name in headers)
        return Given(started[0]["status"], kept, bytes(body))


async def _give(given: Given, send: Send, *, again: bool = False) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.headers]
    headers.append((b"content-length", str(len(given.body)).encode()))
    if again:
        headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": given.status, "headers": headers})
    await send({"type": "http.response.body", "body": given.body})
