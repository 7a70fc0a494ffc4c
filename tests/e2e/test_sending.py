"""SMS without a mail, end to end: queued from the command line while the gateway runs, or does not, or is killed."""

from __future__ import annotations

import json
import signal
import smtplib
import subprocess
import sys
from typing import Any

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, reply

pytestmark = pytest.mark.proves("sending without a mail")

ANNA = "anna@firm.example"


@pytest.fixture(scope="module")
def number(gateway: Gateway) -> str:
    return gateway.account(gateway.key())


def send(gateway: Gateway, phones: str, text: str, *more: str) -> list[dict[str, Any]]:
    return list(json.loads(gateway.run("message", "send", ANNA, phones, text, "--json", *more)))


@pytest.mark.proves("D2", "D12", "threads")
def test_it_leaves_and_its_answer_comes_to_the_inbox_and_is_answered_by_mail(gateway: Gateway, number: str):
    phone = "+4530643071"
    (sent,) = send(gateway, "30 64 30 71", "Hej Anders!\nRing til mig")
    (sms,) = gateway.sms(phone)
    assert (sms["from"], sms["text"]) == (number, "Hej Anders!\nRing til mig")
    gateway.text(phone, number, "Hvornår?")
    (answer,) = gateway.mails(subject="+45 30643071", to=ANNA)
    record = str(sent["id"]).partition(".")[0]
    assert record in str(answer["References"])
    gateway.send(reply(answer, "Kl. 12"))
    assert gateway.sms(phone, 2)[1]["text"] == "Kl. 12"
    gateway.text(phone, number, "OK")
    again = gateway.mails(2, subject="+45 30643071", to=ANNA)[1]
    assert again["References"].split()[0] == answer["References"].split()[0], "one thread per phone"


@pytest.mark.proves("failure report")
def test_what_fails_is_told_to_the_accounts_mailbox_with_the_text(gateway: Gateway, number: str):
    (sent,) = send(gateway, "20999905", "Tabt besked\nmed to linjer")
    (report,) = gateway.mails(subject="Din sms blev ikke leveret", to=ANNA)
    people = next(part for part in report.walk() if part.get_content_type() == "text/plain").get_content()
    assert "+45 20999905" in people
    assert people.rstrip().endswith("  Tabt besked\n  med to linjer")
    assert str(sent["id"]).partition(".")[0] in str(report["In-Reply-To"])


@pytest.mark.proves("a message's whole story is told")
def test_its_story_begins_with_who_wrote_it(gateway: Gateway, number: str):
    (sent,) = send(gateway, "30643072", "Hej")
    gateway.sms("+4530643072")
    story = json.loads(gateway.run("message", "trace", sent["id"], "--json"))
    assert story["steps"][0]["event"] == "SMS written"
    assert story["steps"][0]["facts"]["on"] == "command-line"


@pytest.mark.proves("sent once")
def test_an_identity_said_twice_is_one_sms(gateway: Gateway, number: str):
    first = send(gateway, "30643073", "Hej", "--identity", "order 7")
    assert send(gateway, "30643073", "Hej", "--identity", "order 7") == first
    send(gateway, "30643073", "bagefter")
    assert [sms["text"] for sms in gateway.sms("+4530643073", 2)] == ["Hej", "bagefter"]


@pytest.mark.proves("refusals help")
def test_what_cannot_go_is_refused_in_a_sentence(gateway: Gateway, number: str):
    said = gateway.run("message", "send", ANNA, "12", "Hej", status=1)
    assert "brevdue: '12' cannot be a mobile number" in said
    good, bad = send(gateway, "30643074, 12", "Hej")
    assert (good["refused"], bad["id"], bad["parts"]) == ("", None, 0)
    assert "'12' cannot be a mobile number" in bad["refused"]


def test_while_nothing_runs_it_waits(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.account(gateway.key())
    send(gateway, "30643064", "Hej")
    with gateway:
        assert [sms["text"] for sms in gateway.sms("+4530643064")] == ["Hej"]


@pytest.mark.proves("kill -9", "sent once")
def test_a_kill_right_after_the_answer_loses_nothing_and_doubles_nothing(tmp_path):
    with Gateway(tmp_path) as gateway:
        gateway.account(gateway.key())
        for turn in range(2):
            phones = [f"3064{turn}{n:03}" for n in range(20)]
            send(gateway, ",".join(phones), f"Hej {turn}", "--identity", f"turn {turn}")
            assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
            send(gateway, ",".join(phones), f"Hej {turn}", "--identity", f"turn {turn}")
            gateway.start()
            for phone in phones:
                gateway.sms(f"+45{phone}")
        assert all(len(gateway.phone(f"+453064{turn}{n:03}")) == 1 for turn in range(2) for n in range(20))


_SEND_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from brevdue.app import App
from brevdue.settings import load
from gateway.model import Author, Origin
from gateway.sending import Wish
from gateway.store.opening import open_database

async def main():
    settings = load(Path(sys.argv[1]), os.environ)
    app = App(settings, await open_database(settings.store.url))
    await app.start()
    account = await app.rooms.accounts.account_named("anna@firm.example")
    author = Author(Origin.API, "key", "01KEY", "shop")
    sent = await app.rooms.sending.send(Wish(account.id, tuple(sys.argv[2:]), "Hej", author, "order 7"))
    os.write(1, f"{sent.new} {len(sent.phones)}".encode())
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.proves("kill -9", "sent once")
def test_a_server_that_dies_right_after_its_answer_has_lost_and_doubled_nothing(tmp_path):
    gateway = Gateway(tmp_path)
    gateway.account(gateway.key())
    phones = [f"3064{n:04}" for n in range(40)]
    answers = [
        subprocess.run(
            [sys.executable, "-c", _SEND_AND_DIE, str(gateway.config), *phones],
            capture_output=True,
            timeout=60,
            check=False,
        )
        for _ in range(2)
    ]
    assert [(each.returncode, each.stdout.splitlines()[-1]) for each in answers] == [
        (-signal.SIGKILL, b"True 40"),
        (-signal.SIGKILL, b"False 40"),
    ]
    with gateway:
        for phone in phones:
            gateway.sms(f"+45{phone}")
        assert gateway.run("message", "list", "--state", "queued", "--json") == "[]"
        assert all(len(gateway.phone(f"+45{phone}")) == 1 for phone in phones)


@pytest.mark.proves("REST keys")
def test_a_rest_key_is_no_mail_address(gateway: Gateway, number: str):
    made = json.loads(gateway.run("key", "create", "--org", "Firma A/S", "--kind", "rest", "--label", "shop", "--json"))
    assert made["scopes"] == ["messages:read", "messages:send"]
    for local in (made["key"], made["key"].removeprefix("brevdue_")):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            gateway.send(mail(f"{local}@{DOMAIN}", "30643075", "Hej"))
        assert next(iter(refused.value.recipients.values()))[0] == 550
    assert gateway.run("key", "scopes", "shop", "messages:send") == "messages:send"
    listed = {each["label"]: each for each in json.loads(gateway.run("key", "list", "--json"))}
    assert (listed["shop"]["kind"], listed["shop"]["scopes"]) == ("rest", ["messages:send"])
    assert "no key can hold gateway:manage" in gateway.run("key", "scopes", "shop", "gateway:manage", status=1)
