"""SMS as answers show them, whichever way they went."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from gateway.listed_sms import ListedSms, Way
from gateway.sms import MessageState
from web.api.forms import Amount, Id, Instant, Line, Moment, Phone, Shown, amount, moment


class SmsShown(Shown):
    """One SMS."""

    id: Id
    way: Way = Field(description="`out` to a phone, `in` from one.")
    state: str = Field(
        examples=[MessageState.DELIVERED],
        description="Outgoing: queued, submitting, submitted, delivered, failed, expired, unknown (may have been sent,"
        " and is never sent again blindly). Incoming: mailed, held, asked, unrouted and such.",
    )
    state_at: Moment
    created_at: Moment
    account_id: Id | None = Field(description="Whose it is; null where it is nobody's.")
    account: str = Field(examples=["anna@firm.example"], description="The account's mail address.")
    number: Phone = Field(description="Our side.")
    sender: str = Field("", examples=[""], description="The name that stands on the phone instead of the number.")
    phone: Phone = Field(description="The other side.")
    text: str | None = Field(
        examples=["Hej Anders!"], description="Null once it was removed: texts are kept for so long."
    )
    parts: int | None = Field(None, examples=[1], description="Of outgoing SMS.")
    price: Amount | None = Field(None, description="Of all parts, once it is known.")
    reason: str = Field("", examples=[""], description="Why it failed, a word for programs.")
    cause: str = Field("", examples=[""], description="What the provider said.")
    incomplete: bool = Field(description="Parts of an incoming SMS never came.")


def shown(sms: ListedSms) -> SmsShown:
    """One SMS as it is shown."""
    return SmsShown(
        id=sms.id,
        way=sms.way,
        state=sms.state,
        state_at=moment(sms.state_at),
        created_at=moment(sms.at),
        account_id=sms.account_id,
        account=sms.email,
        number=sms.number,
        sender=sms.sender,
        phone=sms.phone,
        text=sms.text,
        parts=sms.parts,
        price=amount(sms.price),
        reason=sms.reason,
        cause=sms.cause,
        incomplete=sms.incomplete,
    )


AccountFilter = Annotated[Line | None, Query(description="Only this account's: id, number or mail address.")]
PhoneFilter = Annotated[Line | None, Query(description="Only to or from this phone, E.164.")]
TextFilter = Annotated[Line | None, Query(description="Only texts that contain this.")]
Since = Annotated[Instant | None, Query(description="Stored at that time or later (RFC 3339).")]
Until = Annotated[Instant | None, Query(description="Stored before that time.")]
