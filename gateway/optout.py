"""STOP and START: who does not want SMS from an organisation, whoever sends.

A word counts when it is all that an SMS says, in any of the languages that accounts can have.
"""

from __future__ import annotations

from enum import StrEnum

_STOP = """
    stop stopall stop-all stopp stoppe quit end cancel unsubscribe optout opt-out
    afmeld afmeldt framelding frameld avmeld avslutt avsluta avregistrera
    abmelden abbestellen stoppen arret arrêt arrêter stopsms
    стоп отписка отписаться отмена
"""
_START = """
    start unstop restart subscribe optin opt-in tilmeld starte starten påmeld anmäl anmelden
    démarrer reprendre старт подписаться
"""
_STOP_WORDS = frozenset(_STOP.split()) | {"stop all", "stop sms", "sms stop", "opt out"}
_START_WORDS = frozenset(_START.split()) | {"opt in"}
_AROUND = " \t\n\r.,!?:;\"'«»„“”()[]*_-"


class Wish(StrEnum):
    """What an SMS that is one of the words asks for."""

    STOP = "stop"
    START = "start"


def read_wish(text: str) -> Wish | None:
    """Tell STOP and START from everything else; a sentence that contains the word is no wish."""
    if len(text) > 60:
        return None
    word = " ".join(text.strip(_AROUND).casefold().split())
    if word in _STOP_WORDS:
        return Wish.STOP
    if word in _START_WORDS:
        return Wish.START
    return None
