"""Which SMS get no answer by themselves."""

from __future__ import annotations

import pytest

from gateway.automatic_sms import why_not
from gateway.sms import InboundSms
from tests.stopwatch import cpu_seconds

pytestmark = pytest.mark.proves("automatic answers")
COUNTRIES = frozenset({"DK", "SE"})


def sms(text: str = "Hej, er I der?", sender: str = "+4530643064") -> InboundSms:
    return InboundSms("p", "r", sender, "+45609946000001", text, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "Hej, er I der?",
        "Kan jeg bestille en tid i morgen?",
        "Please call me back",
        "Er koden til porten stadig den samme?",
        "ok",
        "👍 tak",
        "2",
    ],
)
def test_people_may_be_answered(text: str):
    assert why_not(sms(text), COUNTRIES) is None


@pytest.mark.parametrize(
    "sender", ["1234", "INFO", "", "+45609946000002", "+4590123456", "+4570123456789", "+1", "+00"]
)
def test_what_no_person_holds_is_not_answered(sender: str):
    assert why_not(sms(sender=sender), None) == "not from a phone that can be written to"


def test_countries_that_are_not_written_to():
    assert why_not(sms(sender="+447911123456"), COUNTRIES) == "from a country that is not written to"
    assert why_not(sms(sender="+447911123456"), None) is None


@pytest.mark.proves("machines get nothing")
@pytest.mark.parametrize(
    "text",
    [
        "Your verification code is 123456",
        "Din kode er 1234. Del den ikke med nogen.",
        "Ihr Code: 99887",
        "123456 is your OTP",
        "Код подтверждения: 5521",
        "Engangskode 4321",
        "Your order has shipped. Do not reply to this message.",
        "Denne besked kan ikke besvares.",
        "Autosvar: Jeg er på ferie",
        "Automatic reply: I am away",
        "Diese SMS wurde automatisch erstellt, bitte nicht antworten",
        "Out of office: back on Monday",
        "...",
        "👍",
    ],
)
def test_machines_are_not_answered(text: str):
    assert why_not(sms(text), None) is not None


@pytest.mark.proves("STOP")
@pytest.mark.parametrize("text", ["STOP", "start", "Stop!"])
def test_a_wish_is_obeyed_and_not_answered(text: str):
    assert why_not(sms(text), None) == "STOP or START"


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("piece", ["no ", "automatisk ", "a", "code de ", " ", "автоматическ", "pin "])
@pytest.mark.stopwatch
def test_a_long_text_costs_little(piece: str):
    text = piece * (39_000 // len(piece))
    assert cpu_seconds(lambda: why_not(sms(text), None), 0.2) < 0.2
