"""What one contact gets of a campaign: a message, a later moment, or nothing and the reason. Pure.

In: a member of the audience and the terms of the campaign. Out: a `Decided`. The same decides for the check (C10), for
the estimate and for the run, so that what is shown before is what happens. What only the moment of leaving knows is
decided there (`store.run_sql`): who has said STOP, which phone has its message already, which limits are reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from campaigns.campaign import Content, text_for
from campaigns.emails import Email, subject_line
from campaigns.model import Channel, Obstacle, Recipient
from campaigns.schedule import Openings
from campaigns.short_texts import ShortText
from campaigns.text_errors import TooMuch
from campaigns.trial import FIRST, Split, version_of
from gateway.model import Account, Hours
from gateway.money import Money
from gateway.numbers import country_of
from gateway.routing.router import NOWHERE
from gateway.sms import OutgoingSms, Priority, SmsText
from gateway.sms_text import prepare
from gateway.translation import Sentence, sentence
from gateway.writing.mime import UnsafeHeaderError, wire_address

if TYPE_CHECKING:
    from campaigns.macros import Macros


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
    NO_ADDRESS = "no-address"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    DUPLICATE_ADDRESS = "duplicate-address"
    NO_SUBJECT = "no-subject"
    NO_CONSENT = "no-consent"

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
    Skip.NO_ADDRESS: sentence("has no mail address"),
    Skip.UNSUBSCRIBED: sentence("has unsubscribed from e-mails"),
    Skip.BOUNCED: sentence("has a mail address that does not exist, as its server has said"),
    Skip.DUPLICATE_ADDRESS: sentence("has the same mail address as another contact who gets it"),
    Skip.NO_SUBJECT: sentence("would get an empty subject"),
    Skip.NO_CONSENT: sentence("has not agreed to what the campaign asks for"),
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
    email: Email | None = None
    """Of a campaign by e-mail."""

    @property
    def id(self) -> str | None:
        """Of the message or mail; None where there is none."""
        return self.message.id if self.message is not None else self.email.id if self.email is not None else None

    @property
    def parts(self) -> int:
        """What it takes of the campaign's budget: SMS parts, or one mail."""
        return self.message.text.parts if self.message is not None else int(self.email is not None)

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
    openings: Openings
    """When messages may leave."""
    subjects: Mapping[str, Macros] = field(default_factory=dict)
    """Of e-mails, by variant."""
    short: Mapping[str, ShortText] = field(default_factory=dict)
    """The texts with short links, by variant, where the campaign has them."""
    split: Split | None = None
    """Who gets which version, where several are tried."""
    consent: str = ""
    """The folded name of what somebody must have agreed to; empty for nothing."""

    def render(self, variant: str, member: Recipient) -> str:
        """The text of a variant for a contact. Raises TooMuch."""
        short = self.short.get(variant)
        if short is None:
            return self.texts[variant].render(member.fields)
        return short.macros.render(short.fields(member))


def decide(member: Recipient, terms: Terms, now: float, message_id: str, *, whenever: bool = False) -> Decided:
    """What a contact gets at a moment; `whenever` regardless of its window."""
    if reason := _unreachable(member, terms):
        return Decided(member.contact_id, reason=reason)
    split = terms.split
    version = FIRST if split is None else split.version(member.contact_id)
    if version is None and not whenever and split is not None:
        return Decided(member.contact_id, due_at=split.until)
    hours = None if whenever else hours_of(member, terms, now)
    if hours is not None and hours.begin > now:
        return Decided(member.contact_id, due_at=hours.begin)
    if version is None and split is not None:
        # Nobody knows which it will be: the dearest, so that no more is spent than was said.
        return max((_decided(member, terms, now, message_id, each) for each in split.versions), key=_dearness)
    return _decided(member, terms, now, message_id, version or FIRST, hours)


def hours_of(member: Recipient, terms: Terms, now: float) -> Hours | None:
    """Between when and when a contact may be written to, now or next; None for always."""
    if terms.openings.always:
        return None
    country = member.country or (country_of(member.phone) if member.phone else "")
    return terms.openings.hours(member.zone, country, now)


def _dearness(decided: Decided) -> tuple[int, int]:
    return decided.cost, decided.parts


def _decided(
    member: Recipient, terms: Terms, now: float, message_id: str, version: str, hours: Hours | None = None
) -> Decided:
    _, variant = text_for(terms.content.texts, member.language, version)
    if terms.content.channel is Channel.EMAIL:
        return _email(member, terms, variant, message_id, hours)
    text = _written(terms, variant, member)
    if isinstance(text, SmsText) and text.parts > terms.max_parts:
        text = Skip.TOO_LONG
    if isinstance(text, Skip):
        return Decided(member.contact_id, variant, reason=text)
    message, price = terms.lead(_message(terms.account, member.phone or "", text, message_id, now, hours))
    if message.provider == NOWHERE:
        return Decided(member.contact_id, variant, reason=Skip.NO_ROUTE)
    return Decided(member.contact_id, variant, message, price * text.parts if price else None)


def _email(member: Recipient, terms: Terms, variant: str, mail_id: str, hours: Hours | None) -> Decided:
    try:
        address = wire_address(member.email or "")
    except UnsafeHeaderError:
        return Decided(member.contact_id, variant, reason=Skip.NO_ADDRESS)
    of = text_for(terms.content.subjects, member.language, version_of(variant))[1]
    try:
        text = terms.render(variant, member).strip()
        subject = subject_line(terms.subjects[of].render(member.fields))
    except TooMuch:
        return Decided(member.contact_id, variant, reason=Skip.TEXT)
    if not text or not subject:
        return Decided(member.contact_id, variant, reason=Skip.NO_SUBJECT if text else Skip.NO_TEXT)
    return Decided(member.contact_id, variant, email=Email(mail_id, address, subject, text, member.language, hours))


def _unreachable(member: Recipient, terms: Terms) -> Skip | None:
    """Why nothing can go to a contact, whatever the text."""
    if terms.content.channel is Channel.EMAIL:
        return _OBSTACLES.get(member.obstacle(Channel.EMAIL, terms.consent))
    if member.phone is None:
        return Skip.NO_PHONE
    if member.no_sms:
        return Skip.NO_SMS
    if member.opted_out:
        return Skip.OPTED_OUT
    if terms.countries is not None and (member.country or country_of(member.phone)) not in terms.countries:
        return Skip.COUNTRY
    return Skip.NO_CONSENT if terms.consent and terms.consent not in member.consents else None


_OBSTACLES: Mapping[Obstacle | None, Skip] = {
    Obstacle.NO_EMAIL: Skip.NO_ADDRESS,
    Obstacle.NO_CONSENT: Skip.NO_CONSENT,
}


def _written(terms: Terms, variant: str, member: Recipient) -> SmsText | Skip:
    """The very text that a contact would get, or why there is none."""
    try:
        own = terms.render(variant, member).strip()
    except TooMuch:
        return Skip.TEXT
    return prepare(own, smart=terms.content.smart) if own else Skip.NO_TEXT


def _message(
    account: Account, phone: str, text: SmsText, message_id: str, now: float, hours: Hours | None
) -> OutgoingSms:
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
        hours=hours,
    )
