"""The one vocabulary of outcomes, and every refusal that a mail client or server can be given.

A refusal has two faces: what is told of it (`smtp_reply` to a peer, `say` to a person in their language) and what the
log keeps (`cause`). A reply is ASCII (RFC 5321 §4.2; SMTPUTF8 allows no more in texts, RFC 6531 §3.7.4). It speaks
English, for whoever runs the mail server; where the sender is known, it says the same before that in their language,
for their own server's bounce quotes it to them. What only programs ever read has no language but English.
The public text never contains a key, a phone number that the peer did not write itself, or an internal fault.
Reply codes follow RFC 5321 §4.2.3, enhanced codes RFC 3463 and the IANA registry.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Literal, Self

from gateway.spelling import in_ascii
from gateway.translation import SOURCE, Sentence, Translations, sentence, sentences, translations


class Outcome(StrEnum):
    """What became of an attempt to hand something on."""

    ACCEPTED = "accepted"
    """The other side has taken responsibility."""
    TEMPORARY = "temporary"
    """Known not to have been taken; trying again may help."""
    PERMANENT = "permanent"
    """Known not to have been taken; trying again is useless."""
    UNKNOWN = "unknown"
    """It may or may not have been taken. Never sent again blindly."""


class Refusal(Exception):
    """A decision not to take a mail or a recipient, with the reply that explains it.

    `code` is the SMTP reply code, `enhanced` the RFC 3463 code ("5.1.1"), `told` one sentence that says what to do,
    ASCII in its English, `cause` the short reason for the log.
    """

    def __init__(self, code: int, enhanced: str, told: Sentence | str, *, cause: str) -> None:
        super().__init__(f"{code} {enhanced} {cause}")
        self.code = code
        self.enhanced = enhanced
        self.told = told
        self.cause = cause
        self.language = ""
        """The sender's, where the sender is known: whose own words the reply has too."""

    def to(self, language: str) -> Self:
        """The same for a sender with a language."""
        self.language = language
        return self

    @property
    def public_text(self) -> str:
        """The sentence in English."""
        return str(self.told)

    def say(self, words: Translations) -> str:
        """The sentence in a person's language."""
        return words.say(self.told) if isinstance(self.told, Sentence) else self.told

    @property
    def outcome(self) -> Outcome:
        """Temporary for 4xx, permanent for 5xx."""
        return Outcome.TEMPORARY if 400 <= self.code < 500 else Outcome.PERMANENT

    @property
    def smtp_reply(self) -> str:
        """The reply as it goes on the wire, without the last CRLF: one line, or two (RFC 5321 §4.2.1, RFC 2034 §4)."""
        english = self._line(" ", in_ascii(self.public_text, SOURCE))
        words = translations(self.language) if self.language and isinstance(self.told, Sentence) else None
        if words is None or words.language == SOURCE:
            return english
        return self._line("-", in_ascii(self.say(words), words.language)) + "\r\n" + english

    def _line(self, mark: str, text: str) -> str:
        return f"{self.code}{mark}{self.enhanced} {text}".replace("\r", " ").replace("\n", " ")[:510]


# --- recipients (RCPT) ---------------------------------------------------------------------------------------------


def no_such_recipient() -> Refusal:
    """Neither a live key, a number, nor one of our own addresses. Unknown and foreign keys look alike on purpose."""
    return Refusal(
        550,
        "5.1.1",
        sentence(
            "no such address here: write to <key>@, <mobile number>@, subscribe@ or unsubscribe@; "
            "if you answered an old mail, take the address from a newer one"
        ),
        cause="no such recipient",
    )


def not_our_domain() -> Refusal:
    """The recipient's domain is not one of `[mail] domains` (RFC 5321 §3.6.2: no relaying)."""
    return Refusal(550, "5.7.1", "this server only takes mail for its own SMS domains", cause="relay denied")


def bad_number(what: str) -> Refusal:
    """The number part of a recipient or subject cannot be a phone number."""
    return Refusal(
        550,
        "5.1.3",
        sentence(
            "'%(what)s' cannot be a mobile number: check the digits, foreign numbers need their country code", what=what
        ),
        cause="bad number",
    )


def bad_address_syntax() -> Refusal:
    """The address is not an address (RFC 5321 §4.1.2)."""
    return Refusal(553, "5.1.3", "that is not a mail address", cause="bad address syntax")


def too_many_recipients(limit: int) -> Refusal:
    """More recipients than `[dialog] max_recipients`."""
    most = sentence("too many phone numbers: at most %(limit)s at once", limit=limit)
    return Refusal(550, "5.5.3", most, cause="too many recipients")


# --- who wrote it --------------------------------------------------------------------------------------------------


def unproven_sender(detail: str) -> Refusal:
    """Nothing proves that the mail comes from the address in From."""
    return Refusal(
        550,
        "5.7.26",
        sentence(
            "cannot tell that this mail really comes from its From address (%(detail)s): "
            "send through your own mail server with SPF or DKIM, or sign in",
            detail=detail,
        ),
        cause=f"unproven sender: {detail}",
    )


def sender_check_unavailable() -> Refusal:
    """DNS did not answer: nothing is known, so nothing is decided."""
    return Refusal(
        451,
        "4.4.3",
        sentence("cannot check the sender right now (DNS), try again later"),
        cause="sender check unavailable",
    )


def bad_from_header(detail: str) -> Refusal:
    """Not exactly one From with exactly one well-formed address (RFC 5322 §3.6.2)."""
    return Refusal(
        550,
        "5.6.0",
        sentence("the From header must hold exactly one mail address (%(detail)s)", detail=detail),
        cause=f"bad From: {detail}",
    )


def no_account() -> Refusal:
    """The proven sender has no account under the key. The same words whether the key exists or not."""
    return Refusal(
        550,
        "5.7.1",
        sentence("no account for this address under this key: send a mail to subscribe@ with the key in the subject"),
        cause="no account",
    )


def ambiguous_key() -> Refusal:
    """The mail names several keys, or none and the sender has several accounts."""
    return Refusal(
        550, "5.1.3", sentence("write to exactly one key address, beside the numbers"), cause="ambiguous key"
    )


def no_campaigns() -> Refusal:
    """The proven sender may not start campaigns, or must not by mail."""
    return Refusal(
        550,
        "5.7.1",
        sentence("you may not start campaigns by mail: ask your administrator for the role of a sender"),
        cause="no campaigns",
    )


def several_accounts() -> Refusal:
    """The sender of a campaign has accounts under several keys."""
    return Refusal(
        550,
        "5.1.3",
        sentence("you have several accounts: make the campaign on the web page, where you choose one"),
        cause="several accounts",
    )


def paused_key() -> Refusal:
    """The key is paused; only the owner of an account under it is told so."""
    return Refusal(
        550,
        "5.2.1",
        sentence("SMS is paused by your administrator: ask for it to be switched on again"),
        cause="key paused",
    )


def auth_required() -> Refusal:
    """Submission wants AUTH first (RFC 4954 §6)."""
    return Refusal(530, "5.7.0", "sign in first", cause="authentication required")


def one_kind_at_a_time() -> Refusal:
    """Recipients that need decisions of different kinds: one reply could not speak for both (RFC 5321 §4.5.3.1.10)."""
    return Refusal(452, "4.5.3", "send this recipient a mail of its own", cause="recipients of two kinds")


def too_many_for_operator() -> Refusal:
    """More mail to postmaster@ and abuse@ than an operator can read."""
    return Refusal(
        450, "4.7.1", "too many mails to this address right now, try again later", cause="too many for the operator"
    )


def too_many_mails(whose: Literal["your account", "your address"], seconds: float) -> Refusal:
    """More mails a minute than one client's address or one account may send."""
    wait = _wait(seconds)
    if whose == "your account":
        told = sentence("too many mails from your account right now: send again in %(wait)s", wait=wait)
    else:
        told = sentence("too many mails from your address right now: send again in %(wait)s", wait=wait)
    return Refusal(450, "4.7.1", told, cause=f"mail rate of {whose}")


def _wait(seconds: float) -> Sentence:
    # Translators: "%(num)s second", "minute" and "hour" stand after "in", as in "in 3 minutes".
    brief = sentences("%(num)s second", "%(num)s seconds", math.ceil(seconds))
    return brief if seconds <= 90 else sentences("%(num)s minute", "%(num)s minutes", math.ceil(seconds / 60))


# --- the mail itself -----------------------------------------------------------------------------------------------


def unanswerable(sender: str) -> Refusal:
    """The answered SMS came from a name or a short code, which is no phone."""
    shown = sender.encode("ascii", "replace").decode()
    told = sentence("'%(sender)s' sends SMS but cannot be answered: it is not a phone number", sender=shown)
    return Refusal(550, "5.1.3", told, cause="unanswerable")


def no_phone_number() -> Refusal:
    """Neither subject, recipients nor references name a phone."""
    return Refusal(
        550,
        "5.1.3",
        sentence("no mobile number found: write it in the subject or as <number>@ in the recipients"),
        cause="no phone number",
    )


def empty_text() -> Refusal:
    """Nothing is left of the text once quoted history is cut."""
    told = sentence("nothing to send: there is no text of your own in this mail")
    return Refusal(550, "5.6.0", told, cause="empty text")


def too_many_parts(parts: int, limit: int, forced_by: Sentence | str) -> Refusal:
    """The text needs more SMS parts than allowed; `forced_by` describes the characters that forced UCS-2, if any."""
    most, yours = (_about(count * (67 if forced_by else 153)) for count in (limit, parts))
    told = sentence(
        "the text needs %(parts)s SMS parts, at most %(limit)s are allowed, which is some %(most)s characters; "
        "yours has some %(yours)s: shorten it",
        parts=parts,
        limit=limit,
        most=most,
        yours=yours,
    )
    if forced_by:
        told = sentence(
            "%(told)s; %(characters)s forces 70 instead of 160 characters per SMS", told=told, characters=forced_by
        )
    return Refusal(552, "5.3.4", told, cause=f"{parts} parts")


def _about(count: int) -> int:
    """A number as people say it: two digits and noughts, or all of it below 100."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return count // unit * unit


def no_phone_named() -> Refusal:
    """A form or a call without a phone."""
    return Refusal(
        550, "5.1.3", sentence("nobody to write to: name at least one mobile number"), cause="no phone number"
    )


def no_text() -> Refusal:
    """A form or a call without a text."""
    return Refusal(550, "5.6.0", sentence("nothing to send: write a text"), cause="empty text")


def no_open_account() -> Refusal:
    """Nobody can write from an account that was closed, or never was."""
    return Refusal(
        550, "5.2.1", sentence("the account is closed: open it again, or write from another"), cause="account closed"
    )


def too_many_sms(seconds: float) -> Refusal:
    """More at once than one account may write."""
    return Refusal(
        450,
        "4.7.1",
        sentence("too many SMS from this account right now: send again in %(wait)s", wait=_wait(seconds)),
        cause="mail rate",
    )


def identity_used() -> Refusal:
    """What is said to be the same says something else."""
    return Refusal(
        550,
        "5.5.0",
        sentence("this was sent before with another text: nothing was sent; use a new identity"),
        cause="identity used",
    )


def opted_out(phones: int) -> Refusal:
    """Every recipient has said STOP to this organisation."""
    one = sentence("the recipient has said STOP to SMS from your organisation, and must write START first")
    all_of_them = sentence("all recipients have said STOP to SMS from your organisation, and must write START first")
    return Refusal(550, "5.7.1", one if phones == 1 else all_of_them, cause="opted out")


def country_not_allowed(what: str, country: str) -> Refusal:
    """A phone in a country that the organisation does not send to; `country` is its ISO 3166 code, "001" for none."""
    if country == "001":
        told = sentence(
            "'%(what)s': your organisation does not send SMS to satellite and service numbers; "
            "your administrator can allow it",
            what=what,
        )
    else:
        told = sentence(
            "'%(what)s': your organisation does not send SMS to numbers in %(country)s; "
            "your administrator can allow it",
            what=what,
            country=country,
        )
    return Refusal(550, "5.7.1", told, cause=f"country {country} not allowed")


def daily_limit(whose: str, limit: int, what: str) -> Refusal:
    """Today's cap would be passed. `whose` is account, key or organisation; `what` is counted: SMS parts or money."""
    # Translators: "%(num)s SMS part" and "minor unit of money" (a cent) stand before "a day".
    parts = sentences("%(num)s SMS part", "%(num)s SMS parts", limit)
    money = sentences("%(num)s minor unit of money", "%(num)s minor units of money", limit)
    most = parts if what == "SMS parts" else money
    told = {
        "account": sentence(
            "this would pass today's limit of your account (%(most)s a day), nothing was sent: "
            "try again tomorrow (UTC), or ask your administrator",
            most=most,
        ),
        "key": sentence(
            "this would pass today's limit of your key (%(most)s a day), nothing was sent: "
            "try again tomorrow (UTC), or ask your administrator",
            most=most,
        ),
        "organisation": sentence(
            "this would pass today's limit of your organisation (%(most)s a day), nothing was sent: "
            "try again tomorrow (UTC), or ask your administrator",
            most=most,
        ),
    }
    return Refusal(550, "5.7.1", told[whose], cause=f"daily limit of the {whose}: {limit} {what}")


def unreadable_mail(detail: str) -> Refusal:
    """The MIME structure cannot be read, or is larger or deeper than allowed."""
    return Refusal(
        554,
        "5.6.0",
        sentence("this mail cannot be read (%(detail)s): send it as plain text", detail=detail),
        cause=f"unreadable: {detail}",
    )


def too_big(limit: int) -> Refusal:
    """Larger than `[smtp] max_size` bytes."""
    return Refusal(552, "5.3.4", sentence("mail too big: at most %(limit)s bytes", limit=limit), cause="too big")


def mail_loop() -> Refusal:
    """More Received headers than a mail can honestly have (RFC 5321 §6.3)."""
    return Refusal(554, "5.4.6", "mail loop: too many Received headers", cause="mail loop")


def nothing_to_close() -> Refusal:
    """unsubscribe@ from somebody who has no account under the key, whether the key exists or not."""
    return Refusal(
        550,
        "5.7.1",
        sentence("there is no account of this address under this key: nothing to close"),
        cause="no account",
    )


def key_missing() -> Refusal:
    """unsubscribe@ needs the key; it was looked for in the whole mail."""
    return Refusal(
        550,
        "5.7.1",
        sentence("no valid key in the mail: write the 32 characters of your organisation's key there"),
        cause="key missing",
    )


def opened_too_often(seconds: float) -> Refusal:
    """The sender has opened and closed accounts so often that numbers would run out."""
    return Refusal(
        550,
        "5.7.1",
        sentence(
            "you have opened several accounts lately: try again in %(wait)s, or ask your administrator to open one",
            wait=sentences("%(num)s hour", "%(num)s hours", math.ceil(seconds / 3600)),
        ),
        cause="opened too often",
    )


def subscription_refused(cause: str) -> Refusal:
    """No key, an unknown or paused one, or one that lets nobody of this mail domain open accounts from outside.

    The same words for all of them: a stranger who guesses keys does not learn that one is somebody's.
    """
    return Refusal(
        550,
        "5.7.1",
        sentence(
            "no key in the subject that opens accounts for your mail domain: write the 32 characters of your "
            "organisation's key there, or ask your administrator to open an account"
        ),
        cause=cause,
    )


def no_free_number() -> Refusal:
    """The pool is drained. Temporary: quarantined numbers come back, operators add ranges."""
    return Refusal(451, "4.3.2", sentence("no free phone number right now, try again later"), cause="pool drained")


# --- ourselves -----------------------------------------------------------------------------------------------------


def too_much_at_once() -> Refusal:
    """The memory for messages on their way in is used up for the moment (RFC 3463: mail system full)."""
    return Refusal(452, "4.3.1", sentence("too much mail at once, try again later"), cause="message memory used up")


def internal_fault() -> Refusal:
    """An unknown fault is temporary, and its text stays in the log."""
    return Refusal(451, "4.3.0", sentence("something went wrong here, try again later"), cause="internal fault")


def storage_unavailable() -> Refusal:
    """The durable commit failed: nothing was taken."""
    return Refusal(451, "4.3.1", sentence("cannot store mail right now, try again later"), cause="storage unavailable")


def shutting_down() -> Refusal:
    """New work while stopping (RFC 5321 §3.8)."""
    return Refusal(421, "4.3.2", "closing down, try again in a moment", cause="shutting down")


def too_busy(detail: str) -> Refusal:
    """A cap on connections, rate or time was reached; the connection ends."""
    return Refusal(421, "4.7.0", f"{detail}, try again later", cause=detail)
