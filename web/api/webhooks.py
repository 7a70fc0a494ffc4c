"""`/webhooks`: whom we call when something happens, and how the calls go. `docs/webhooks.md` is for who is called."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway import paging
from gateway.hooks.events import CHOICES, EventType
from gateway.paging import Cursor as Place
from gateway.paging import Page
from gateway.scopes import Scope
from gateway.store.webhook_call_sql import CallRecord
from gateway.store.webhook_sql import Webhook, WebhookState
from web.api.answers import listed, nothing, one, only_if_unchanged, told
from web.api.forms import Form, Id, Line, Listed, Moment, Shown, Word, moment, moment_or_none
from web.api.routing import Caller, Cursor, IfMatch, Limit, ThingId, needs, router
from web.desk.desk import Desk
from web.desk.webhooks import WebhookDesk
from web.identity.actor import Actor

_CALLS = "webhook calls -"


class WebhookForm(Form):
    """A webhook to be made."""

    url: Word = Field(examples=["https://hooks.example.com/sms"])
    events: list[EventType] = Field(
        [], max_length=50, examples=[[EventType.MESSAGE_RECEIVED]], description="None: all of them."
    )
    description: Annotated[Line, Field(max_length=200, examples=["Orders"])] = ""


class WebhookEdit(Form):
    """What is to be changed; what is left out stays."""

    url: Word | None = Field(None, examples=["https://hooks.example.com/sms"])
    events: list[EventType] | None = Field(None, min_length=1, max_length=50, examples=[[CHOICES[0]]])
    description: Annotated[Line | None, Field(max_length=200, examples=["Orders"])] = None


class WebhookShown(Shown):
    """An endpoint that is called."""

    id: Id
    url: str = Field(examples=["https://hooks.example.com/sms"])
    description: str = Field(examples=["Orders"])
    events: list[EventType]
    state: WebhookState
    state_reason: str = Field(examples=[""])
    created_at: Moment
    failing_since: Moment | None = Field(description="When the tries in vain began; null while it takes what comes.")
    old_secret_until: Moment | None = Field(description="Until then the secret before the last rotation signs as well.")


class WebhookSecretShown(Shown):
    """An endpoint with its new secret, which is not shown again."""

    webhook: WebhookShown
    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class PingShown(Shown):
    """What a test call came to."""

    taken: bool
    status: int | None = Field(examples=[204])
    cause: str = Field(examples=[""])


class CallShown(Shown):
    """One call."""

    id: Id
    event_id: str = Field(examples=["01KB0V3Y8QF6ZC5RCA3N4M7T2E-1-delivered"])
    type: str = Field(examples=[EventType.MESSAGE_DELIVERED])
    state: str = Field(examples=["delivered"], description="queued, delivered or failed.")
    created_at: Moment
    due_at: Moment | None = Field(description="When it is tried next; null where it has ended.")
    attempts: int = Field(examples=[1])
    tried_at: Moment | None
    status: int | None = Field(examples=[204], description="What the last try was answered.")
    cause: str = Field(examples=[""])
    body: str = Field(examples=['{"type":"message.delivered"}'])


def webhook_routes(desk: Desk) -> APIRouter:
    """Routes under `/webhooks`."""
    routes = router("webhooks")
    _add_looking(routes, desk)
    _add_changing(routes, desk)
    _add_testing(routes, desk)
    _add_calls(routes, desk)
    return routes


def _add_looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/webhooks", response_model=Listed[WebhookShown], **needs(Scope.WEBHOOKS_READ))
    async def list_webhooks(request: Request, caller: Caller) -> Response:
        """All webhooks of the organisation, the oldest first."""
        return listed(request, Page(tuple(map(_shown, await desk.webhooks.list(caller)))))

    @routes.get("/webhooks/{webhook_id}", response_model=WebhookShown, **needs(Scope.WEBHOOKS_READ, 304, 404))
    async def get_webhook(request: Request, caller: Caller, webhook_id: ThingId) -> Response:
        """One webhook."""
        return one(request, await _one(desk.webhooks, caller, webhook_id))


def _add_changing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/webhooks",
        status_code=201,
        response_model=WebhookSecretShown,
        **needs(Scope.WEBHOOKS_WRITE, 404, is_repeatable=True),
    )
    async def create_webhook(request: Request, caller: Caller, form: WebhookForm) -> Response:
        """Make a webhook. The secret that signs calls is in this answer alone."""
        made, secret = await desk.webhooks.create(caller, caller.org_id or "", form.url, form.events, form.description)
        return told(request, WebhookSecretShown(webhook=_shown(made), secret=secret), 201, f"/webhooks/{made.id}")

    @routes.patch("/webhooks/{webhook_id}", response_model=WebhookShown, **needs(Scope.WEBHOOKS_WRITE, 404, 412))
    async def edit_webhook(
        request: Request, caller: Caller, webhook_id: ThingId, form: WebhookEdit, if_match: IfMatch = None
    ) -> Response:
        """Change URL, events or description."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk.webhooks, caller, webhook_id))
        changed = await desk.webhooks.edit(
            caller, webhook_id, url=form.url, events=form.events, description=form.description
        )
        return one(request, _shown(changed))

    @routes.delete("/webhooks/{webhook_id}", status_code=204, **needs(Scope.WEBHOOKS_WRITE, 404, 412))
    async def delete_webhook(
        request: Request, caller: Caller, webhook_id: ThingId, if_match: IfMatch = None
    ) -> Response:
        """Forget a webhook, and all calls to it."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk.webhooks, caller, webhook_id))
        await desk.webhooks.delete(caller, webhook_id)
        return nothing()


def _add_testing(routes: APIRouter, desk: Desk) -> None:
    how = needs(Scope.WEBHOOKS_WRITE, 404, is_repeatable=True)

    @routes.post("/webhooks/{webhook_id}/pause", response_model=WebhookShown, **how)
    async def pause_webhook(request: Request, caller: Caller, webhook_id: ThingId) -> Response:
        """Call it no more for now: what happens meanwhile waits."""
        return one(request, _shown(await desk.webhooks.pause(caller, webhook_id)))

    @routes.post("/webhooks/{webhook_id}/resume", response_model=WebhookShown, **how)
    async def resume_webhook(request: Request, caller: Caller, webhook_id: ThingId) -> Response:
        """Call it again, whoever had stopped that."""
        return one(request, _shown(await desk.webhooks.resume(caller, webhook_id)))

    @routes.post("/webhooks/{webhook_id}/rotate", status_code=201, response_model=WebhookSecretShown, **how)
    async def rotate_webhook(request: Request, caller: Caller, webhook_id: ThingId) -> Response:
        """Give it a new secret; for a day the old one signs as well."""
        secret = await desk.webhooks.rotate(caller, webhook_id)
        shown = await _one(desk.webhooks, caller, webhook_id)
        return told(request, WebhookSecretShown(webhook=shown, secret=secret), 201)

    @routes.post("/webhooks/{webhook_id}/ping", response_model=PingShown, **how)
    async def ping_webhook(request: Request, caller: Caller, webhook_id: ThingId) -> Response:
        """Make a test call now, and say what it came to."""
        ping = await desk.webhooks.ping(caller, webhook_id)
        return told(request, PingShown(taken=ping.taken, status=ping.status, cause=ping.cause))


def _add_calls(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/webhooks/{webhook_id}/calls", response_model=Listed[CallShown], **needs(Scope.WEBHOOKS_READ, 404))
    async def list_calls(
        request: Request,
        caller: Caller,
        webhook_id: ThingId,
        state: Annotated[Literal["queued", "delivered", "failed"] | None, Query(description="Only those.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Calls to it, the latest first."""
        at = paging.cursor(cursor, _CALLS, (str,))
        before = str(at.place[0]) if at else None
        found = await desk.webhooks.calls(caller, webhook_id, state=state, before=before, limit=limit + 1)
        more = str(Place(_CALLS, (found[limit - 1].id,))) if len(found) > limit else None
        return listed(request, Page(tuple(map(_call, found[:limit])), more))

    @routes.post(
        "/webhooks/{webhook_id}/calls/{call_id}/again",
        status_code=204,
        **needs(Scope.WEBHOOKS_WRITE, 404, is_repeatable=True),
    )
    async def call_again(caller: Caller, webhook_id: ThingId, call_id: ThingId) -> Response:
        """Make a call once more, with the id that it had."""
        await desk.webhooks.call_again(caller, webhook_id, call_id)
        return nothing()


async def _one(webhooks: WebhookDesk, caller: Actor, webhook_id: str) -> WebhookShown:
    return _shown(await webhooks.get(caller, webhook_id))


def _shown(webhook: Webhook) -> WebhookShown:
    return WebhookShown(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        events=list(webhook.events),
        state=webhook.state,
        state_reason=webhook.state_reason,
        created_at=moment(webhook.created_at),
        failing_since=moment_or_none(webhook.failing_since),
        old_secret_until=moment_or_none(webhook.old_secret_until),
    )


def _call(call: CallRecord) -> CallShown:
    return CallShown(
        id=call.id,
        event_id=call.event_id,
        type=call.type,
        state=call.state,
        created_at=moment(call.created_at),
        due_at=moment_or_none(call.due_at),
        attempts=call.attempts,
        tried_at=moment_or_none(call.tried_at),
        status=call.status,
        cause=call.cause,
        body=call.body,
    )
