"""When an SMS may be answered by itself: never a machine, a short code, a service, or one of our own numbers. Pure.

What answers by itself can meet its like. Whatever looks like a machine gets no answer; that somebody is left without
one costs less than two programs that write to each other for a night.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from gateway.numbers import NumberError, country_of, to_e164
from gateway.optout import read_wish
from gateway.reading.absence import reason_in_words
from gateway.sms import InboundSms

_LOOKED_AT, _FIRST_WORDS = 2000, 200
"""Characters that are read at all, and those that say what a note of absence is."""
_CODE = re.compile(
    r"\b(?:otp|one[- ]time|verification|security code|login code|passcode|pin(?:[- ]?code| ?kode)?|tan"
    r"|engangskode|bekræftelseskode|sikkerhedskode|adgangskode|bekreftelseskode|engångskod|verifieringskod"
    r"|bestätigungscode|sicherheitscode|einmalpasswort|code de (?:vérification|sécurité)|код (?:подтверждения|доступа)"
    r"|(?:your|din|dein|ihr|votre|ваш) (?:code|kode|kod|код))\b"
)
_UNATTENDED = re.compile(
    r"\b(?:no[- ]?reply|do not reply|don't reply|please do not respond|automatic(?:ally)? (?:generated|reply|message)"
    r"|auto[- ]?(?:reply|response|svar|antwort)|autosvar|automatisk (?:svar|besked|melding|meddelande)"
    r"|kan ikke besvares|besvar ikke|svar ikke|kan inte besvaras|svara inte"
    r"|nicht antworten|automatische (?:antwort|nachricht)|ne pas répondre|réponse automatique"
    r"|не отвечайте|автоответ|автоматическ\w{2,4} (?:ответ|сообщени\w))\b"
)
"""Words of those that nobody reads."""


def why_not(sms: InboundSms, countries: Collection[str] | None) -> str | None:
    """A short English reason why this SMS gets no automatic answer; None where it may get one.

    `countries` (ISO 3166) are those whose phones may be written to; None for all.
    """
    if not _is_phone(sms.from_number):
        return "not from a phone that can be written to"
    if countries is not None and country_of(sms.from_number) not in countries:
        return "from a country that is not written to"
    if read_wish(sms.text) is not None:
        return "STOP or START"
    return _machine(sms.text[:_LOOKED_AT])


def _is_phone(number: str) -> bool:
    """Whether a person may hold this number: no short code, no name, no service, no pool number (twelve digits)."""
    if not number.startswith("+"):
        return False
    try:
        return to_e164(number, "") == number
    except NumberError:
        return False


def _machine(text: str) -> str | None:
    if not any(letter.isalnum() for letter in text):
        return "no words"
    folded = text.casefold()
    if _CODE.search(folded):
        return "a code from a machine"
    if _UNATTENDED.search(folded):
        return "written by a machine"
    return reason_in_words(text[:_FIRST_WORDS], text)
