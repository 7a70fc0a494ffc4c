"""Receipts end to end: what Anna reads of her SMS when she wants to read of all of them, or of none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

pytestmark = pytest.mark.proves("receipt")
QUOTED = "Hej begge\n\nDen 23.11.2026 kl. 10.00 skrev Bo <bo@firm.example>:\n> Gammelt\n"


def test_one_mail_tells_what_became_of_all_phones(tmp_path: Path):
    with Gateway(tmp_path, '[dialog]\nreceipts = "always"\n') as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@{DOMAIN}", "30643064, 20999905", QUOTED))
        (told,) = wait_for(lambda: _with(gateway, "Action: delivered"), "the receipt", 30)
        assert "Action: failed" in told
        assert "Gammelt" in told, "what was cut"
        gateway.send(mail(f"{key}@{DOMAIN}", "20999905", "Nej", Auto_Submitted="auto-replied"))
        gateway.send(mail(f"{key}@{DOMAIN}", "30643065", "Ja"))
        wait_for(lambda: len(_with(gateway, "Action: delivered")) == 2, "the second receipt", 30)
        assert len(gateway.inbox_mails()) == 3, "a failure and two receipts; nothing about the robot's"
        receipts = [each for each in gateway.inbox_mails() if "Action: delivered" in each.as_string()]
        assert {each["Return-Path"] for each in receipts} == {"<>"}


def test_who_wants_no_mail_about_failures_gets_none(tmp_path: Path):
    with Gateway(tmp_path, '[dialog]\nreceipts = "never"\n') as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@{DOMAIN}", "20999905", "Hej"))
        wait_for(lambda: "sender wants no report" in gateway.run("message", "trace", _id(gateway)), "the end", 30)
        assert gateway.inbox_mails() == []


def _with(gateway: Gateway, words: str) -> list[str]:
    return [text for each in gateway.inbox_mails() if words in (text := each.as_string())]


def _id(gateway: Gateway) -> str:
    return str(wait_for(lambda: gateway.events("mail-accepted"), "its line in the log")[0]["id"])


@pytest.mark.proves("attachments")
def test_attachments_that_stayed_behind_are_told_of_once(tmp_path: Path):
    with Gateway(tmp_path) as gateway:
        key = gateway.key()
        gateway.account(key)
        for text in ("Se her", "Se igen"):
            made = mail(f"{key}@{DOMAIN}", "30643064", text)
            made.add_attachment(b"\xff\xd8 a photo", "image", "jpeg", filename="foto.jpg")
            made.add_attachment(b"%PDF-1.4", "application", "pdf", filename="tilbud.pdf")
            gateway.send(made)
        assert [sms["text"] for sms in gateway.sms("+4530643064", 2)] == ["Se her", "Se igen"]
        gateway.send(mail(f"{key}@{DOMAIN}", "20999905", "Nej"))
        wait_for(lambda: len(gateway.inbox_mails()) == 2, "the letter and a later report")
        told = gateway.inbox_mails()[0]
        assert "foto.jpg, tilbud.pdf" in told.get_content()
        assert told["Return-Path"] == "<>"
        assert "mail queued" in gateway.run("message", "trace", _id(gateway)), "the letter is part of the story"
