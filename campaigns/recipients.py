"""What one contact gets of a campaign: a message, a later moment, or nothing and the reason. Pure.

In: a member of the audience and the terms of the campaign. Out: a `Decided`. The same decides for the check (C10), for
the estimate and for the run, so that what is shown before is what happens. What only the moment of leaving knows is
decided there (`store.run_sql`): who has said STOP, which phone has its message already, which limits are reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from campaigns.campaign import Content, text_for
from campaigns.macros import Fields, Macros, TooMuch
from campaigns.model import Recipient
from campaigns.schedule import opens_at
from campaigns.short_texts import ShortText
from gateway.model import Account
from gateway.money import Money
from gateway.numbers import country_of
from gateway.routing.router import NOWHERE
from gateway.sms import OutgoingSms, Priority, SmsText
from gateway.sms_text import prepare
from gateway.translation import Sentence, sentence


class Skip(StrEnum):
    """Why a contact gets no message."""

    NO_PHONE = "no-phone"
    NO_SMS = "no-sms"
    OPTED_OUT = "opted-out"
    COUNTRY = "country"
    DUPLICATE = "duplicate"
    WEEKLY = "weekly"
    NO_TEXT = "no-text"
    TOO_LONG = "too-long"
    TEXT = "text"
    NO_ROUTE = "no-route"
    GONE = "gone"

    @property
    def words(self) -> Sentence:
        """The same for people."""
        return _WORDS[self]


_WORDS = {
    Skip.NO_PHONE: sentence("has no mobile number"),
    Skip.NO_SMS: sentence("is marked: do not use SMS"),
    Skip.OPTED_OUT: sentence("has said STOP"),
    Skip.COUNTRY: sentence("is in a country that the account may not write to"),
    Skip.DUPLICATE: sentence("has the same number as another contact who gets it"),
    Skip.WEEKLY: sentence("has got as many messages this week as anybody shall"),
    Skip.NO_TEXT: sentence("would get an empty text"),
    Skip.TOO_LONG: sentence("would get a text of too many parts"),
    Skip.TEXT: sentence("the text cannot be made from this contact's fields"),
    Skip.NO_ROUTE: sentence("no operator takes messages to this number"),
    Skip.GONE: sentence("was deleted before it was time"),
}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a contact gets."""

    contact_id: int
    variant: str = ""
    """The language of the text."""
    message: OutgoingSms | None = None
    price: Money | None = None
    """Of the message, all parts together; None where it is not known."""
    reason: str = ""
    """A word of `Skip` where there is neither message nor later moment."""
    due_at: float | None = None
    """When the contact's window opens."""

    @property
    def cost(self) -> int:
        """Thousandths of a minor unit; 0 where no price is known."""
        return self.price.thousandths if self.price is not None else 0


Lead = Callable[[OutgoingSms], tuple[OutgoingSms, Money | None]]
"""The message as it leaves by a route, and what a part costs there, where that is known."""


@dataclass(frozen=True, slots=True)
class Terms:
    """All that decisions hang on beside the contact."""

    content: Content
    account: Account
    texts: Mapping[str, Macros]
    """The campaign's texts, read, by variant."""
    countries: frozenset[str] | None
    """That the account may write to; None for all."""
    max_parts: int
    lead: Lead
    short: Mapping[str, ShortText] = field(default_factory=dict)
    """The texts with short links, by variant, where the campaign has them."""


def decide(member: Recipient, terms: Terms, now: float, message_id: str, *, whenever: bool = False) -> Decided:
    """What a contact gets at a moment; `whenever` regardless of its window."""
    if reason := _unreachable(member, terms):
        return Decided(member.contact_id, reason=reason)
    content = terms.content
    if not whenever and not content.window.always:
        opens = opens_at(content.window, member.zone, now)
        if opens > now:
            return Decided(member.contact_id, due_at=opens)
    _, variant = text_for(content.texts, member.language)
    short = terms.short.get(variant)
    if short is None:
        text = written(terms.texts[variant], member.fields, smart=content.smart)
    else:
        text = written(short.macros, short.fields(member), smart=content.smart)
    if isinstance(text, SmsText) and text.parts > terms.max_parts:
        text = Skip.TOO_LONG
    if isinstance(text, Skip):
        return Decided(member.contact_id, variant, reason=text)
    message, price = terms.lead(_message(terms.account, member.phone or "", text, message_id, now))
    if message.provider == NOWHERE:
        return Decided(member.contact_id, variant, reason=Skip.NO_ROUTE)
    return Decided(member.contact_id, variant, message, price * text.parts if price else None)


def _unreachable(member: Recipient, terms: Terms) -> Skip | None:
    """Why nothing can go to a contact, whatever the text."""
    if member.phone is None:
        return Skip.NO_PHONE
    if member.no_sms:
        return Skip.NO_SMS
    if member.opted_out:
        return Skip.OPTED_OUT
    if terms.countries is not None and (member.country or country_of(member.phone)) not in terms.countries:
        return Skip.COUNTRY
    return None


def written(macros: Macros, fields: Fields, *, smart: bool) -> SmsText | Skip:
    """The very text that a contact would get, or why there is none."""
    try:
        own = macros.render(fields).strip()
    except TooMuch:
        return Skip.TEXT
    return prepare(own, smart=smart) if own else Skip.NO_TEXT


def _message(account: Account, phone: str, text: SmsText, message_id: str, now: float) -> OutgoingSms:
    return OutgoingSms(
        id=message_id,
        org_id=account.org_id,
        account_id=account.id,
        key_id=account.key_id,
        from_number=account.number,
        to_number=phone,
        text=text,
        provider=account.provider,
        priority=Priority.CAMPAIGN,
        created_at=now,
    )
