"""`/messages`: SMS to phones. Sending, what a text would cost, the log, one message and its story."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from gateway.composer import Count, Why
from gateway.listed_sms import LogFilter, Way
from gateway.scopes import Scope
from gateway.sending import Sent, SentTo
from gateway.sms import Encoding, MessageState
from gateway.trace import Story
from web.api.answers import listed, one, told
from web.api.forms import Amount, Form, Id, Listed, Moment, Phone, Shown, Word, amount, moment
from web.api.routing import Caller, Cursor, IdempotencyKey, Limit, ThingId, needs, router
from web.api.sms import AccountFilter, PhoneFilter, Since, SmsShown, TextFilter, Until, shown
from web.desk.desk import Desk

_LONGEST = 20_000


class MessageForm(Form):
    """An SMS to be sent."""

    account: Word = Field(examples=["anna@firm.example"], description="Whose number: id, number or mail address.")
    to: list[Word] = Field(
        min_length=1, max_length=1000, examples=[["+4530643064"]], description="Phones: E.164, or as people write them."
    )
    text: str = Field(max_length=_LONGEST, examples=["Hej Anders!"])


class SentToShown(Shown):
    """What became of one phone."""

    to: str = Field(examples=["+4530643064"], description="As it was written.")
    phone: Phone | None = Field(description="E.164; null where it is no number.")
    id: Id | None = Field(examples=["01KB0V3Y8QF6ZC5RCA3N4M7T2E.1"], description="The message; null where none goes.")
    problem: str | None = Field(None, examples=[None], description="bad-number, opted-out or country.")
    detail: str = Field("", examples=[""], description="The same in a sentence.")


class SentShown(Shown):
    """What became of a call: each phone that gets an SMS has a message of its own."""

    id: Id
    text: str = Field(examples=["Hej Anders!"], description="As it leaves.")
    encoding: Encoding
    parts: int = Field(examples=[1], description="To each phone.")
    messages: list[SentToShown]


class CountForm(Form):
    """A text that is thought about."""

    text: str = Field(max_length=_LONGEST, examples=["Vi ses kl. 10 – husk kaffe…"])
    account: Word | None = Field(None, examples=["anna@firm.example"], description="With phones: for the price.")
    to: list[Word] = Field([], max_length=1000, examples=[["+4530643064"]])


class DearShown(Shown):
    """A character that makes the text dearer."""

    character: str = Field(examples=["🙂"])
    name: str = Field(examples=["SLIGHTLY SMILING FACE"])
    why: Why
    at: list[int] = Field(examples=[[11]], description="Code points in `text`, from 0.")


class ChangeShown(Shown):
    """A character and what is written instead."""

    character: str = Field(examples=["–"])
    instead: str = Field(examples=["-"])
    at: list[int] = Field(examples=[[14]])


class CheaperShown(Shown):
    """A text that says nearly the same in fewer parts."""

    text: str = Field(examples=["Vi ses kl. 10 - husk kaffe..."])
    encoding: Encoding
    parts: int = Field(examples=[1])
    changes: list[ChangeShown]


class PhonePriceShown(Shown):
    """What one phone would cost."""

    phone: Phone
    price: Amount | None


class CountShown(Shown):
    """What a text costs."""

    text: str = Field(examples=["Vi ses kl. 10 – husk kaffe…"])
    encoding: Encoding
    parts: int = Field(examples=[1], description="0 for no text.")
    units: int = Field(examples=[27], description="Septets (gsm7) or 16-bit units (ucs2).")
    left: int = Field(examples=[133], description="Until the next part begins.")
    per_part: int = Field(examples=[160])
    dear: list[DearShown] = Field(description="What makes it dear.")
    smart: list[ChangeShown] = Field(description="What is written plainly when it leaves, since that saves parts.")
    cheaper: CheaperShown | None
    prices: list[PhonePriceShown] = Field(description="An estimate by phone.")
    total: Amount | None = Field(description="Null where one price is not known.")


class StepShown(Shown):
    """Something that happened."""

    at: Moment
    event: str = Field(examples=["attempt begun"])
    facts: dict[str, Any] = Field(examples=[{"attempt": 1, "provider": "simulator"}])


class StoryShown(Shown):
    """A message's story, in order."""

    id: Id
    steps: list[StepShown]


def message_routes(desk: Desk) -> APIRouter:
    """Routes under `/messages`."""
    routes = router("messages")
    _add_sending(routes, desk)
    _add_reading(routes, desk)
    return routes


def _add_sending(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/messages", status_code=201, response_model=SentShown, **needs(Scope.MESSAGES_SEND, 404, 409))
    async def send(
        request: Request, caller: Caller, form: MessageForm, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Send an SMS to one or several phones. What is answered is stored; 422 where no phone gets one.

        Failures and answers come to the account's mailbox as well, as of a mail.
        """
        sent = await desk.sending.send(caller, form.account, form.to, form.text, idempotency_key)
        return told(request, _sent(sent), 201)

    @routes.post("/messages/count", response_model=CountShown, **needs(Scope.MESSAGES_SEND, 404, 409))
    async def count(request: Request, caller: Caller, form: CountForm) -> Response:
        """Count parts, see what makes a text dear, a cheaper text, and the price where account and phones are named."""
        quote = await desk.sending.count(caller, form.text, form.account or "", form.to)
        estimate = quote.estimate
        prices = [
            PhonePriceShown(phone=each.phone, price=amount(each.price))
            for each in (estimate.phones if estimate else ())
        ]
        return told(request, _count(quote.count, prices, amount(estimate.total) if estimate else None))


def _add_reading(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/messages", response_model=Listed[SmsShown], **needs(Scope.MESSAGES_READ, 404))
    async def list_messages(
        request: Request,
        caller: Caller,
        account: AccountFilter = None,
        phone: PhoneFilter = None,
        state: Annotated[list[MessageState] | None, Query(description="Only those that stand so; any of them.")] = None,
        text: TextFilter = None,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """SMS to phones, the newest first."""
        wanted = LogFilter(
            way=Way.OUT,
            account_id=(await desk.messages.account_named(caller, account)).id if account else None,
            phone=phone,
            states=frozenset(state or ()),
            text=text,
            since=since.timestamp() if since else None,
            until=until.timestamp() if until else None,
        )
        return listed(request, (await desk.messages.list(caller, wanted, cursor=cursor, size=limit)).map(shown))

    @routes.get("/messages/{message_id}", response_model=SmsShown, **needs(Scope.MESSAGES_READ, 304, 404))
    async def get_message(request: Request, caller: Caller, message_id: ThingId) -> Response:
        """One SMS, and where it stands."""
        return one(request, shown(await desk.messages.get(caller, message_id, Way.OUT)))

    @routes.get("/messages/{message_id}/trace", response_model=StoryShown, **needs(Scope.MESSAGES_READ, 304, 404))
    async def trace_message(request: Request, caller: Caller, message_id: ThingId) -> Response:
        """One SMS's whole story: who wrote it, attempts, reports, mails about it."""
        return one(request, story_shown(await desk.messages.trace(caller, message_id, Way.OUT)))


def story_shown(story: Story) -> StoryShown:
    """A story as it is shown."""
    steps = [StepShown(at=moment(step.at), event=step.event, facts=dict(step.facts)) for step in story.steps]
    return StoryShown(id=story.id, steps=steps)


def _sent(sent: Sent) -> SentShown:
    return SentShown(
        id=sent.id,
        text=sent.text.text,
        encoding=sent.text.encoding,
        parts=sent.text.parts,
        messages=[_sent_to(each) for each in sent.phones],
    )


def _sent_to(each: SentTo) -> SentToShown:
    return SentToShown(
        to=each.written, phone=each.phone, id=each.message_id, problem=each.problem, detail=str(each.public_text)
    )


def _count(count: Count, prices: list[PhonePriceShown], total: Amount | None) -> CountShown:
    return CountShown.model_validate(asdict(count) | {"prices": prices, "total": total})
