"""The dialog on PostgreSQL, which is chosen by URL and by nothing else."""

from __future__ import annotations

import json
import re
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, reply, wait_for
from tests.postgres import PostgresServer, postgres_server

ANNA = "anna@firm.example"

pytestmark = pytest.mark.proves("X1", "postgresql")


@pytest.fixture(scope="module")
def server(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    with postgres_server(Path(require("initdb")).resolve().parent) as running:
        running.run("CREATE DATABASE brevdue")
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: PostgresServer) -> Iterator[Gateway]:
    toml = f'[store]\nurl = "{server.url("brevdue")}"\n'
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.key()


@pytest.fixture(scope="module")
def number(gateway: Gateway, key: str) -> str:
    return gateway.account(key)


@pytest.mark.proves("D2", "D8", "D11", "D12")
def test_there_and_back_again(gateway: Gateway, key: str, number: str, server: PostgresServer):
    phone = "+4530681001"
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "Hej Søren 🎈\n\nMvh\nAnna"))
    assert gateway.sms(phone)[0]["text"] == "Hej Søren 🎈\n\nMvh\nAnna"
    gateway.text(phone, number, "Hej Anna! Æh … hvornår?")
    (answer,) = gateway.mails(subject="30681001")
    assert answer.get_content().strip() == "Hej Anna! Æh … hvornår?"
    gateway.send(reply(answer, "Kl. 12"))
    assert [sms["text"] for sms in gateway.sms(phone, 2)][1:] == ["Kl. 12"]
    assert not list(gateway.folder.glob("*.db"))
    assert server.run("SELECT count(*) FROM messages", "brevdue") == "2"


@pytest.mark.proves("D5", "D13")
def test_subscribe_and_unsubscribe(gateway: Gateway, key: str):
    bo = "bo@firm.example"
    for _ in range(2):
        gateway.send(mail(f"subscribe@{DOMAIN}", key, "", bo), sender=bo)
    numbers = {
        re.search(r"\+45 \d{12}", one.get_body(("plain",)).get_content()).group() for one in gateway.mails(2, to=bo)
    }
    assert len(numbers) == 1
    gateway.send(mail(f"unsubscribe@{DOMAIN}", "farvel", key, bo), sender=bo)
    with pytest.raises(smtplib.SMTPDataError, match="no account for this address"):
        gateway.send(mail(f"{key}@{DOMAIN}", "30681002", "hej", bo), sender=bo)


@pytest.mark.proves("STOP")
def test_stop_and_start(gateway: Gateway, key: str, number: str):
    phone = "+4530681003"
    gateway.text(phone, number, "STOP")
    with pytest.raises(smtplib.SMTPDataError, match="STOP"):
        gateway.send(mail(f"{key}@{DOMAIN}", phone, "hej"))
    gateway.text(phone, number, "START")
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "igen"))
    assert gateway.sms(phone)[0]["text"] == "igen"


@pytest.mark.proves("resent mail")
def test_the_same_mail_and_the_same_sms_count_once(gateway: Gateway, key: str, number: str):
    phone = "+4530681004"
    made = mail(f"{key}@{DOMAIN}", phone, "kun en gang")
    gateway.send(made)
    gateway.send(made)
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "bagefter"))
    assert [sms["text"] for sms in gateway.sms(phone, 2)] == ["kun en gang", "bagefter"]
    for text, ref in (("svar", "m1"), ("svar", "m1"), ("slut", "m2")):
        gateway.text(phone, number, text, id=ref)
    assert [one.get_content().strip() for one in gateway.mails(2, subject="30681004")] == ["svar", "slut"]


@pytest.mark.proves("partial failure", "failure report")
def test_reports_name_those_who_got_nothing(gateway: Gateway, key: str, number: str):
    gateway.send(mail(f"{key}@{DOMAIN}", "30681005, 123, 20999901", "til dem der findes"))
    assert gateway.sms("+4530681005")

    def told() -> list[str] | None:
        reports = [one for one in gateway.inbox_mails() if one.get_content_type() == "multipart/report"]
        causes = [one.get_body(("plain",)).get_content().partition("Emnet")[0] for one in reports]
        return causes if len(causes) >= 2 else None

    at_once, later = wait_for(told, "two reports")
    assert "123" in at_once
    assert "20999901" in later


@pytest.mark.proves("D14")
def test_what_came_during_a_pause_is_delivered_after_a_restart(gateway: Gateway, key: str, number: str):
    gateway.run("key", "pause", key)
    gateway.text("+4530681006", number, "mens du sov")
    assert gateway.stop() == 0
    gateway.start()
    gateway.run("key", "resume", key)
    assert "mens du sov" in gateway.mails(subject="30681006")[0].get_content()


def test_the_command_line_sees_the_same(gateway: Gateway, key: str, number: str):
    rows = json.loads(gateway.run("account", "list", "--email", ANNA, "--json"))
    assert [row["number"] for row in rows] == [number]
    assert rows[0]["out"] >= 1
    assert rows[0]["in"] >= 1
    [newest] = json.loads(gateway.run("message", "list", "--limit", "1", "--way", "out", "--json"))
    story = json.loads(gateway.run("message", "trace", newest["id"], "--json"))
    assert story["direction"] == "out"
    assert len(story["steps"]) >= 3
