"""What strangers, careless people and providers with bugs have tried, end to end."""

from __future__ import annotations

import smtplib
import sqlite3
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, reply

STRANGER = "eve@evil.example"


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.key()


@pytest.fixture(scope="module")
def number(gateway: Gateway, key: str) -> str:
    return gateway.account(key)


@pytest.mark.proves("two gateways face to face")
def test_machines_mail_to_the_operator_ends_here(gateway: Gateway):
    for headers, sender in (({"Auto_Submitted": "auto-generated"}, "postmaster@other.example"), ({}, "")):
        gateway.send(mail(f"postmaster@{DOMAIN}", "a loop", "x", STRANGER, **headers), sender=sender)
    gateway.send(mail(f"abuse@{DOMAIN}", "from a person", "please stop", STRANGER), sender=STRANGER)
    (told,) = gateway.mails(to="operator@firm.example")
    assert "please stop" in told.as_string()


@pytest.mark.proves("amplification")
def test_many_roles_are_one_letter_and_a_giant_is_refused(gateway: Gateway):
    before = len(gateway.inbox_mails())
    roles = [f"postmaster+{n}@{DOMAIN}" for n in range(50)]
    gateway.send(mail(roles[0], "fifty", "once", STRANGER), to=roles, sender=STRANGER)
    gateway.mails(before + 1)
    with pytest.raises(smtplib.SMTPDataError, match="too big"):
        gateway.send(mail(roles[0], "giant", "x" * 1_500_000, STRANGER), sender=STRANGER)
    assert len(gateway.inbox_mails()) == before + 1


@pytest.mark.proves("no silent drop")
def test_recipients_of_two_kinds_are_sent_apart(gateway: Gateway, key: str, number: str):
    made = mail(f"{key}@{DOMAIN}", "30643101", "kun til telefonen")
    refused = gateway.send(made, to=[f"{key}@{DOMAIN}", f"unsubscribe@{DOMAIN}"])
    assert refused[f"unsubscribe@{DOMAIN}"][0] == 452
    assert gateway.sms("+4530643101")[0]["text"] == "kun til telefonen"


@pytest.mark.proves("canary key")
def test_no_table_keeps_a_key_in_clear(gateway: Gateway, key: str, number: str):
    gateway.text("+4530643102", number, "Hej")
    (asked,) = gateway.mails(subject="30643102")
    gateway.send(reply(asked, f"nøglen er {key}"))
    gateway.sms("+4530643102")
    with sqlite3.connect(f"file:{gateway.folder / 'brevdue.db'}?mode=ro", uri=True) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables if table != "messages" for row in database.execute(f"SELECT * FROM {table}")]
    assert not any(key in str(value) or key.encode() in bytes(str(value), "utf-8") for row in rows for value in row)
    assert key not in gateway.log.read_text()
    (sent,) = gateway.phone("+4530643102")
    assert key not in gateway.run("message", "trace", sent["id"]).replace(sent["text"], "")


@pytest.mark.proves("toll fraud", "number types")
@pytest.mark.parametrize("phone", ["90123456", "+449012345678", "+447012345678", "80123456"])
def test_services_that_cost_get_no_sms(gateway: Gateway, key: str, number: str, phone: str):
    with pytest.raises(smtplib.SMTPDataError, match="cannot be a mobile number"):
        gateway.send(mail(f"{key}@{DOMAIN}", phone, "hej"))


@pytest.mark.proves("D12")
@pytest.mark.parametrize("prefix", ["FW: ", "Fwd: ", "VS: ", "WG: ", "TR: "])
def test_a_forwarded_sms_goes_to_whom_it_is_forwarded_alone(
    gateway: Gateway, key: str, number: str, prefix: str, request: pytest.FixtureRequest
):
    about, to = "+4530643103", f"3064{3110 + len(prefix) * 7 + ord(prefix[0])}"
    made = mail(f"{key}@{DOMAIN}, {to}@{DOMAIN}", f"{prefix}[SMS] Besked fra +45 30643103", "kunden er vanskelig")
    gateway.send(made, to=[f"{key}@{DOMAIN}", f"{to}@{DOMAIN}"])
    assert gateway.sms(f"+45{to}")[0]["text"] == "kunden er vanskelig"
    assert gateway.phone(about) == []


@pytest.mark.proves("D5")
def test_a_key_is_read_as_people_copy_it(gateway: Gateway, key: str):
    grouped = " ".join(key[n : n + 4] for n in range(0, 32, 4)).upper()
    gateway.send(mail(f"subscribe@{DOMAIN}", f"Nøgle: {grouped}", "", "g@firm.example"), sender="g@firm.example")
    assert gateway.mails(to="g@firm.example")


@pytest.mark.proves("D4")
@pytest.mark.parametrize("local", ["postmaster", "30643001", "subscribe"])
def test_our_own_addresses_are_nobodys_accounts(gateway: Gateway, key: str, local: str):
    said = gateway.run("account", "open", key, f"{local}@{DOMAIN}", status=1)
    assert "address of this gateway" in said


@pytest.mark.proves("provider with a bug")
def test_a_reused_provider_id_loses_no_message(gateway: Gateway, key: str, number: str):
    gateway.text("+4530643104", number, "den første", id="same")
    gateway.text("+4530643104", number, "en anden", id="same")
    gateway.text("+4530643104", number, "en anden", id="same")
    gateway.text("+4530643104", number, "slut", id="other")
    texts = [one.get_content().strip() for one in gateway.mails(3, subject="30643104")]
    assert texts == ["den første", "en anden", "slut"]


@pytest.mark.proves("trace")
def test_a_message_is_found_by_every_name_that_it_has(gateway: Gateway, key: str, number: str):
    made = mail(f"{key}@{DOMAIN}", "30643105", "hvor blev den af?")
    gateway.send(made)
    (sms,) = gateway.sms("+4530643105")
    for name in (sms["id"], sms["id"].split(".")[0], made["Message-ID"], f"sim-{sms['id']}"):
        assert "hvor blev den af?" in gateway.run("message", "trace", str(name))


@pytest.mark.proves("toll fraud", "country allow-list", "adjacent numbers", "daily caps")
def test_a_stolen_mailbox_is_stopped_by_caps_countries_and_pace(tmp_path: Path):
    toml = '[limits]\naccount_parts = 3\ncountries = ["SE"]\nadjacent_numbers = 3\n[dialog]\nmails_per_minute = 5\n'
    with Gateway(tmp_path, toml, trusted=True) as gateway:
        key = gateway.key()
        gateway.account(key, "anna@firm.example")
        address = f"{key}@{DOMAIN}"

        def attempt(phone: str, text: str) -> str:
            try:
                gateway.send(mail(address, phone, text))
            except smtplib.SMTPResponseException as refused:
                return f"{refused.smtp_code} {refused.smtp_error.decode()}"
            return "250"

        assert "your organisation does not send SMS to numbers in CU" in attempt("+5351234567", "Hej")
        assert "satellite and service numbers" in attempt("+8816123456789", "Hej")
        assert [attempt(f"3064306{n}", "Hej") for n in range(3)] == ["250"] * 3
        assert "today's limit of your account (3 SMS parts a day), nothing was sent" in attempt("30643069", "Hej")
        assert [event["phones"] for event in gateway.events("adjacent-numbers")] == [3]


@pytest.mark.proves("toll fraud", "D12", "country allow-list")
def test_who_wrote_first_may_be_answered_wherever_the_phone_is_from(tmp_path: Path):
    with Gateway(tmp_path, "[limits]\ncountries = []\n") as gateway:
        key = gateway.key()
        number = gateway.account(key, "anna@firm.example")
        gateway.text("+5351234567", number, "Hola")
        (came,) = gateway.mails(1)
        gateway.send(reply(came, "Hej"))
        assert [sms["text"] for sms in gateway.sms("+5351234567")] == ["Hej"]
