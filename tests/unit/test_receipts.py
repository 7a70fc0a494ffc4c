"""Receipts as people and mail programs read them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.money import Money
from gateway.translation import LANGUAGES
from gateway.writing.receipts import Receipted, Sent, receipt
from gateway.writing.reports import FailedRecipient, FailureReason, OriginalMail
from tests.unit.test_mail_compose import ACCOUNT, DOMAIN, KEY, NOW, decoded, read, status_groups

pytestmark = pytest.mark.proves("receipt", "RFC 3464")

DELIVERED = Receipted("+4530643064", 2, Money(15_800, "DKK"), NOW - 10)
RELAYED = Receipted("+4620643064", 1, None)
MISSED = Receipted("+4640643064", 1, None, failed=FailedRecipient("+4640643064", FailureReason.NO_WORD))


def a_receipt(*phones: Receipted, sent: Sent | None = None, **changes: Any) -> EmailMessage:
    values: dict[str, Any] = {
        "account": replace(ACCOUNT, language="en"),
        "domain": DOMAIN,
        "reporting_mta": "gw.example.com",
        "original": OriginalMail("orig@firma.dk", "30643064", NOW - 60),
        "sent": sent or Sent("Hej Anders!\nRing.", "", ""),
        "phones": phones,
        "display_name": "SMS",
        "message_id": f"m6@{DOMAIN}",
        "now": NOW,
        "zone": ZoneInfo("UTC"),
    }
    return read(receipt(**(values | changes)))


def for_people(mail: EmailMessage) -> str:
    return str(next(mail.iter_parts()).get_content()).replace("\r\n", "\n")


def test_programs_read_what_became_of_each_phone():
    mail = a_receipt(DELIVERED, RELAYED, MISSED)
    assert mail["In-Reply-To"] == "<orig@firma.dk>"
    assert mail["Auto-Submitted"] == "auto-replied"
    _, *groups = status_groups(mail)
    assert [(each["Final-Recipient"], each["Action"], each["Status"]) for each in groups] == [
        (f"rfc822; +4530643064@{DOMAIN}", "delivered", "2.1.5"),
        (f"rfc822; +4620643064@{DOMAIN}", "relayed", "2.0.0"),
        (f"rfc822; +4640643064@{DOMAIN}", "failed", "5.4.7"),
    ]
    assert [each["Diagnostic-Code"] for each in groups] == [None, None, "smtp; 550 5.4.7 no-word"]


def test_people_read_text_parts_price_and_moment():
    told = for_people(a_receipt(DELIVERED, RELAYED, sent=Sent("Hej\n\nder", "> Gammelt", "kort.pdf, foto.jpg")))
    assert re.search(r"\+45 30643064: delivered 24 Nov 2025, \d+\.\d\d UTC; SMS parts: 2; 0,158 DKK\n", told)
    assert "does not tell whether it arrives; SMS parts: 1\n" in told
    assert "\n\n  Hej\n  \n  der\n\n" in told
    assert "Quoted history that was left out:\n\n  > Gammelt" in told
    assert "kort.pdf, foto.jpg" in told


@pytest.mark.parametrize(
    ("phones", "subject"),
    [
        ((DELIVERED,), "Your SMS was delivered"),
        ((DELIVERED, RELAYED), "Your SMS was sent"),
        ((DELIVERED, MISSED), "Your SMS did not reach everybody"),
    ],
)
def test_the_subject_says_the_least_that_holds_for_all(phones: tuple[Receipted, ...], subject: str):
    assert a_receipt(*phones)["Subject"] == subject


def test_long_history_is_shown_in_part():
    told = for_people(a_receipt(DELIVERED, sent=Sent("Hej", "x" * 5000, "")))
    assert 900 < told.count("x") < 1100
    assert "…" in told


def test_no_key_is_left_in_the_text():
    mail = a_receipt(DELIVERED, sent=Sent(f"my key is {KEY}", f"> {KEY.upper()}", f"{KEY}.pdf"))
    assert not any(KEY in text.lower() for text in decoded(mail))


TOLD = {
    "da": ("Sådan gik det din besked:", "leveret 24. nov. 2025 13.20; sms-dele: 2; 0,158 DKK"),
    "no": ("Slik gikk det med meldingen din:", "levert 24. nov. 2025, 13:20; SMS-deler: 2; 0,158 DKK"),
    "sv": ("Så gick det för ditt meddelande:", "levererat 24 nov. 2025 13:20; sms-delar: 2; 0,158 DKK"),
    "en": ("This became of your message:", "delivered 24 Nov 2025, 13.20; SMS parts: 2; 0,158 DKK"),
    "de": ("Das wurde aus Ihrer Nachricht:", "zugestellt am 24.11.2025, 13:20; SMS-Teile: 2; 0,158 DKK"),
    "fr": (
        "Voici ce qu'il est advenu de votre message :",
        "remis le 24 nov. 2025, 13:20; parties de SMS : 2; 0,158 DKK",
    ),
    "ru": ("Что стало с вашим сообщением:", "доставлено 24 нояб. 2025 г., 13:20; частей SMS: 2; 0,158 DKK"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_read_it_in_their_language_and_by_their_clock(language: str):
    phone = replace(DELIVERED, delivered_at=datetime(2025, 11, 24, 12, 20, 59, tzinfo=UTC).timestamp())
    account = replace(ACCOUNT, language=language, region="DK")
    told = (
        for_people(a_receipt(phone, account=account, zone=ZoneInfo("Europe/Copenhagen")))
        .replace("\xa0", " ")
        .replace("\u202f", " ")
    )
    assert all(each in told for each in TOLD[language])
