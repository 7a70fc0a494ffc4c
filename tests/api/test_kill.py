"""A kill in the middle of calls: whoever makes them again gets one answer for one deed."""

from __future__ import annotations

import signal
import threading
import urllib.error
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.api.conftest import Client, Firm, firm
from tests.gateway_process import Gateway

PHONES = [f"+45306450{n:02}" for n in range(40)]


@pytest.mark.proves("Idempotency-Key", "kill -9", "sent once")
def test_calls_that_a_kill_cuts_off_are_made_again_and_each_phone_gets_one_sms(tmp_path: Path):
    with Gateway(tmp_path) as gateway:
        acme = firm(gateway, "Acme A/S", "anna@acme.example")
        answered = _until_killed(gateway, acme)
        gateway.start()
        again = {phone: acme.send(phone, Idempotency_Key=phone) for phone in PHONES}
        assert {answer.status for answer in again.values()} == {201}, [
            answer.content for answer in again.values() if answer.status != 201
        ]
        for phone, content in answered.items():
            assert again[phone].content == content, "what was answered before the kill is answered again"
        for phone in PHONES:
            gateway.sms(phone)
            listed = acme.client.get(f"/messages?phone=%2B{phone[1:]}").body["items"]
            assert [each["id"] for each in listed] == [again[phone].body["messages"][0]["id"]]
        assert {phone: len(gateway.phone(phone)) for phone in PHONES} == dict.fromkeys(PHONES, 1)


def _until_killed(gateway: Gateway, acme: Firm) -> dict[str, bytes]:
    """Send from four threads, kill in the middle; what was answered."""
    answered: dict[str, bytes] = {}
    process = gateway.process
    assert process is not None

    def send(phones: list[str]) -> None:
        for phone in phones:
            try:
                answer = Client(gateway, acme.client.secret).post(
                    "/messages", {"account": acme.email, "to": [phone], "text": "Hej"}, Idempotency_Key=phone
                )
            except (OSError, urllib.error.URLError, HTTPException):
                return
            if answer.status == 201:
                answered[phone] = answer.content
            if len(answered) >= 12:  # at once: until another thread woke, all might be answered
                process.kill()

    threads = [threading.Thread(target=send, args=(PHONES[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
    assert 12 <= len(answered) < len(PHONES), "the kill came in the middle"
    return answered
