"""`/incoming`: SMS from phones; `/conversations`: what an account and a phone said to each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gateway.listed_sms import Conversation, LogFilter, Way
from gateway.scopes import Scope
from web.api.answers import listed, one
from web.api.forms import Listed, Phone, Shown, Word
from web.api.messages import StoryShown, story_shown
from web.api.routing import Caller, Cursor, Limit, PhonePath, ThingId, needs, router
from web.api.sms import AccountFilter, PhoneFilter, Since, SmsShown, TextFilter, Until, shown
from web.desk.desk import Desk


class ConversationShown(Shown):
    """A phone that an account writes with."""

    phone: Phone
    unanswered: bool
    """Whether the phone has had the last word."""
    last: SmsShown


def incoming_routes(desk: Desk) -> APIRouter:
    """Routes under `/incoming` and `/conversations`."""
    routes = router("incoming")
    _add_incoming(routes, desk)
    _add_conversations(routes, desk)
    return routes


def _add_incoming(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/incoming", response_model=Listed[SmsShown], **needs(Scope.MESSAGES_READ, 404))
    async def list_incoming(
        request: Request,
        caller: Caller,
        account: AccountFilter = None,
        phone: PhoneFilter = None,
        text: TextFilter = None,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """SMS from phones, the newest first."""
        wanted = LogFilter(
            way=Way.IN,
            account_id=(await desk.messages.account_named(caller, account)).id if account else None,
            phone=phone,
            text=text,
            since=since.timestamp() if since else None,
            until=until.timestamp() if until else None,
        )
        return listed(request, (await desk.messages.list(caller, wanted, cursor=cursor, size=limit)).map(shown))

    @routes.get("/incoming/{message_id}", response_model=SmsShown, **needs(Scope.MESSAGES_READ, 304, 404))
    async def get_incoming(request: Request, caller: Caller, message_id: ThingId) -> Response:
        """One SMS from a phone."""
        return one(request, shown(await desk.messages.get(caller, message_id, Way.IN)))

    @routes.get("/incoming/{message_id}/trace", response_model=StoryShown, **needs(Scope.MESSAGES_READ, 304, 404))
    async def trace_incoming(request: Request, caller: Caller, message_id: ThingId) -> Response:
        """Its whole story: how it came, whom it was for, the mail that it became."""
        return one(request, story_shown(await desk.messages.trace(caller, message_id, Way.IN)))


def _add_conversations(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/conversations", response_model=Listed[ConversationShown], **needs(Scope.MESSAGES_READ, 404))
    async def list_conversations(
        request: Request,
        caller: Caller,
        account: Annotated[Word, Query(description="Whose: id, number or mail address.")],
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """The phones that an account writes with, the latest first."""
        owner = await desk.messages.account_named(caller, account)
        found = await desk.messages.conversations(caller, owner.id, cursor=cursor, size=limit)
        return listed(request, found.map(_conversation))

    @routes.get(
        "/conversations/{account_id}/{phone}", response_model=Listed[SmsShown], **needs(Scope.MESSAGES_READ, 404)
    )
    async def get_conversation(
        request: Request,
        caller: Caller,
        account_id: ThingId,
        phone: PhonePath,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """What an account (by id) and a phone said to each other, both ways, the newest first."""
        owner = await desk.messages.account_named(caller, account_id)
        found = await desk.messages.conversation(caller, owner.id, phone, cursor=cursor, size=limit)
        return listed(request, found.map(shown))


def _conversation(found: Conversation) -> ConversationShown:
    return ConversationShown(phone=found.phone, unanswered=found.unanswered, last=shown(found.last))
