"""Webhooks as people and programs manage them: who is called, about what, with which secret, and how that goes.

Each call names the organisation; what another one owns is not found. What cannot be done is an AccountError with a
sentence for a person. Secrets are sealed in the database, and given out when they are made or asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.hooks.caller import Caller
from gateway.hooks.events import CHOICES, EventType, HookEvent, event_id, read_choice
from gateway.hooks.signing import new_secret
from gateway.keyring import Keyring, KeyringError
from gateway.model import Clock, new_id
from gateway.public_http import PublicHttp, Unsafe
from gateway.registry.errors import BadValue, NotFound, WrongSecretFile
from gateway.store import webhook_call_sql, webhook_sql
from gateway.store.database import Database
from gateway.store.webhook_call_sql import CallRecord, Page
from gateway.store.webhook_sql import Change, Limited, Rotation, Webhook, WebhookState

MOST = 20
"""Webhooks that an organisation may have."""
ROTATION_HOURS = 24.0
"""How long the old secret signs as well, where nobody says otherwise."""
_LONGEST_ROTATION = 30 * 24.0
_LONGEST_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class Ping:
    """What a test call came to."""

    taken: bool
    status: int | None
    cause: str


class WebhookEndpoints:
    """Makes, changes and tests webhooks."""

    def __init__(self, *, database: Database, keyring: Keyring, clock: Clock, http: PublicHttp, caller: Caller) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._http = http
        self._caller = caller

    # --- who is called -----------------------------------------------------------------------------------------

    async def create(
        self, org_id: str, url: str, events: Sequence[str] = (), description: str = ""
    ) -> tuple[Webhook, str]:
        """Make a webhook; returns it with its secret ("whsec_…"). No events means all of them. Raises BadValue."""
        now = self._clock.now()
        made = Webhook(
            id=new_id(now),
            org_id=org_id,
            url=self._valid_url(url),
            description=_valid_description(description),
            events=_valid_events(events) if events else CHOICES,
            state=WebhookState.ACTIVE,
            state_reason="",
            state_at=now,
            created_at=now,
        )
        secret = new_secret()
        sealed = self._keyring.seal(secret, made.id)
        if not await self._database.write(webhook_sql.create, Limited(made, sealed, MOST)):
            raise BadValue(f"an organisation can have {MOST} webhooks: delete one first")
        return made, secret

    async def all_of(self, org_id: str | None) -> list[Webhook]:
        """The webhooks of an organisation, or of all for who runs the gateway, the oldest first."""
        return await self._database.read(lambda connection: webhook_sql.list_webhooks(connection, org_id))

    async def get(self, org_id: str, webhook_id: str) -> Webhook:
        """One webhook. Raises NotFound."""
        return _found(await self._database.read(lambda connection: webhook_sql.find(connection, org_id, webhook_id)))

    async def edit(
        self,
        org_id: str,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
    ) -> Webhook:
        """Change what is given; None leaves it as it is. Raises NotFound, BadValue."""
        values: dict[str, Any] = {}
        if url is not None:
            values["url"] = self._valid_url(url)
        if events is not None:
            values["events"] = " ".join(_valid_events(events))
        if description is not None:
            values["description"] = _valid_description(description)
        if not values:
            return await self.get(org_id, webhook_id)
        return _found(await self._database.write(webhook_sql.change, Change(org_id, webhook_id, values)))

    async def pause(self, org_id: str, webhook_id: str) -> Webhook:
        """Call it no more for now: what happens meanwhile waits. Raises NotFound; BadValue where it is disabled."""
        if (await self.get(org_id, webhook_id)).state is WebhookState.DISABLED:
            raise BadValue("this webhook is disabled: nothing is called")
        return await self._set_state(org_id, webhook_id, WebhookState.PAUSED)

    async def resume(self, org_id: str, webhook_id: str) -> Webhook:
        """Call it (again), whoever had stopped that. Raises NotFound."""
        return await self._set_state(org_id, webhook_id, WebhookState.ACTIVE)

    async def delete(self, org_id: str, webhook_id: str) -> None:
        """Forget it, and all calls to it. Raises NotFound."""
        removed = await self._database.write(webhook_sql.remove, (org_id, webhook_id))
        _found(removed or None)

    async def _set_state(self, org_id: str, webhook_id: str, state: WebhookState) -> Webhook:
        values = {"state": state, "state_reason": "", "state_at": self._clock.now(), "failing_since": None}
        return _found(await self._database.write(webhook_sql.change, Change(org_id, webhook_id, values)))

    def _valid_url(self, url: str) -> str:
        try:
            return self._http.check(url)
        except Unsafe as error:
            raise BadValue(str(error)) from error

    # --- secrets -----------------------------------------------------------------------------------------------

    async def secrets(self, org_id: str, webhook_id: str) -> list[str]:
        """The secrets that sign now, the newest first. Raises NotFound, WrongSecretFile."""
        now = self._clock.now()
        sealed = await self._database.read(
            lambda connection: webhook_sql.sealed_secrets(connection, org_id, webhook_id, now)
        )
        try:
            return [self._keyring.open(each, webhook_id) for each in _found(sealed or None)]
        except KeyringError as error:
            raise WrongSecretFile(str(error)) from error

    async def rotate(self, org_id: str, webhook_id: str, hours: float = ROTATION_HOURS) -> str:
        """Make a new secret and return it; for so many hours the old one signs as well. Raises NotFound, BadValue."""
        if not 0 <= hours <= _LONGEST_ROTATION:
            raise BadValue(f"the old secret can go on signing for 0 to {_LONGEST_ROTATION:.0f} hours")
        secret = new_secret()
        until = self._clock.now() + hours * 3600
        wish = Rotation(org_id, webhook_id, self._keyring.seal(secret, webhook_id), until)
        rotated = await self._database.write(webhook_sql.rotate, wish)
        _found(rotated or None)
        return secret

    # --- calls -------------------------------------------------------------------------------------------------

    async def ping(self, org_id: str, webhook_id: str) -> Ping:
        """Make a test call now, whatever the webhook's state, and say what came of it. Raises NotFound."""
        webhook = await self.get(org_id, webhook_id)
        now = self._clock.now()
        sealed = await self._database.read(
            lambda connection: webhook_sql.sealed_secrets(connection, org_id, webhook_id, now)
        )
        event = HookEvent(
            org_id, event_id("ping", new_id(now)), EventType.PING, now, {"webhook": webhook.id, "url": webhook.url}
        )
        tried = await self._caller.call(webhook.id, webhook.url, sealed, event.id, event.body())
        tested = webhook_call_sql.Tested(webhook.id, event, tried.taken, tried.status, tried.cause)
        await self._database.write(webhook_call_sql.note_test, tested)
        return Ping(tried.taken, tried.status, tried.cause)

    async def calls(
        self,
        org_id: str,
        webhook_id: str,
        *,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[CallRecord]:
        """Calls to a webhook, the latest first; `before` is the id of the last one seen. Raises NotFound, BadValue."""
        if state not in {None, webhook_call_sql.QUEUED, webhook_call_sql.DELIVERED, webhook_call_sql.FAILED}:
            raise BadValue(f"calls are queued, delivered or failed, not '{state}'")
        await self.get(org_id, webhook_id)
        page = Page(org_id, webhook_id, state, before, limit)
        return await self._database.read(lambda connection: webhook_call_sql.list_calls(connection, page))

    async def call_again(self, org_id: str, call_id: str) -> None:
        """Make a call once more, with the id that it had; it waits while its webhook is not called. Raises NotFound."""
        wish = (org_id, call_id, self._clock.now())
        if not await self._database.write(webhook_call_sql.call_again, wish):
            raise NotFound("there is no such call")


_Found = TypeVar("_Found")


def _found(webhook: _Found | None) -> _Found:
    if webhook is None:
        raise NotFound("there is no such webhook")
    return webhook


def _valid_events(words: Sequence[str]) -> tuple[EventType, ...]:
    try:
        chosen = read_choice(words)
    except ValueError as error:
        raise BadValue(str(error)) from error
    if not chosen:
        raise BadValue(f"choose at least one event: {', '.join(CHOICES)}")
    return chosen


def _valid_description(text: str) -> str:
    description = " ".join(text.split())
    if len(description) > _LONGEST_DESCRIPTION or not description.isprintable():
        raise BadValue(f"a description has at most {_LONGEST_DESCRIPTION} letters")
    return description
