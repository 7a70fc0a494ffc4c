"""`/attention`: SMS that wait for somebody's decision, and deciding."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.listed_sms import Need
from gateway.scopes import Scope
from web.api.answers import listed, nothing, told
from web.api.forms import Form, Listed, Shown, Word
from web.api.routing import Caller, Cursor, Limit, ThingId, needs, router
from web.api.sms import SmsShown, shown
from web.desk.attention import Verdict, Waiting
from web.desk.desk import Desk


class WaitingShown(Shown):
    """An SMS that waits."""

    need: Need = Field(
        description="unknown: it may have been sent; held: its key is paused; asked: to a shared number, and nobody "
        "has said to be meant; unrouted: nobody has the number."
    )
    sms: SmsShown
    likely: list[str] = Field(
        examples=[["anna@firm.example"]], description="Addresses of open accounts that it could be for."
    )
    last: str = Field(examples=[""], description="Who had the number last, where nobody has it now.")


class VerdictForm(Form):
    """What became of an SMS in doubt."""

    verdict: Verdict = Field(
        examples=[Verdict.NOT_SENT],
        description="sent: wait for its report; not-sent: it shall not go; again: the phone may get it twice.",
    )


class HandForm(Form):
    """To whom an incoming SMS is handed."""

    to: Word = Field(
        examples=["anna@firm.example"], description="An account's id, number or address; or any other mail address."
    )


class HandedShown(Shown):
    """Where it goes."""

    email: str = Field(examples=["anna@firm.example"])
    answerable: bool = Field(description="Whether the address has an account, so that an answer reaches the phone.")


def attention_routes(desk: Desk) -> APIRouter:
    """Routes under `/attention`."""
    routes = router("attention")

    @routes.get("/attention", response_model=Listed[WaitingShown], **needs(Scope.MESSAGES_READ))
    async def list_waiting(
        request: Request,
        caller: Caller,
        need: Annotated[Need | None, Query(description="Only what waits for that.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """What waits for a decision, the newest first."""
        found = await desk.attention.list(caller, need, cursor=cursor, size=limit)
        return listed(request, found.map(_shown))

    @routes.post(
        "/attention/{message_id}/rule",
        status_code=204,
        **needs(Scope.MESSAGES_RESOLVE, 404, is_repeatable=True),
    )
    async def rule_message(caller: Caller, message_id: ThingId, form: VerdictForm) -> Response:
        """Say what became of an SMS in doubt; 404 where it is in doubt no more."""
        await desk.attention.rule(caller, message_id, form.verdict)
        return nothing()

    @routes.post(
        "/attention/{message_id}/deliver",
        response_model=HandedShown,
        **needs(Scope.MESSAGES_RESOLVE, 404, is_repeatable=True),
    )
    async def deliver_message(request: Request, caller: Caller, message_id: ThingId, form: HandForm) -> Response:
        """Mail an incoming SMS that has reached nobody to somebody."""
        handed = await desk.attention.deliver(caller, message_id, form.to)
        return told(request, HandedShown(email=handed.email, answerable=handed.answerable))

    return routes


def _shown(waiting: Waiting) -> WaitingShown:
    return WaitingShown(need=waiting.need, sms=shown(waiting.sms), likely=list(waiting.likely), last=waiting.last)
