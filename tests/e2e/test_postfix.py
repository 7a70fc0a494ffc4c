"""Postfix in front (SMTP, LMTP by TCP and by socket) and behind, with `conf/postfix/` as an administrator loads it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import smtplib
import tempfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.maillog import redact
from tests.gateway_process import DOMAIN, Gateway, mail, reply, wait_for
from tests.ports import free_port
from tests.postfix import STRANGER, Postfix

ANNA = "anna@firm.example"
ONE_EACH = {"recipient_limit = 200": "recipient_limit = 1"}


@pytest.fixture(scope="module")
def program(require: Callable[[str], str]) -> str:
    path = require("postfix")
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Postfix starts as root only")
    return path


@pytest.fixture(scope="module")
def socket_folder() -> Iterator[Path]:
    """As README.md of `conf/postfix/` makes it: what is made here has the group of Postfix."""
    folder = Path(tempfile.mkdtemp(prefix="lmtp-"))
    shutil.chown(folder, group="postfix")
    folder.chmod(0o2750)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def smarthost_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def lmtp_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, program: str, socket_folder: Path, smarthost_port: int, lmtp_port: int
) -> Iterator[Gateway]:
    toml = (
        f'[mail_out]\nrelay = "127.0.0.1:{smarthost_port}"\n'
        f'[lmtp]\nport = {lmtp_port}\nsocket = "{socket_folder}/socket"\n'
    )
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running:
        yield running


@pytest.fixture(scope="module")
def places(gateway: Gateway, socket_folder: Path, lmtp_port: int) -> dict[str, str]:
    return {
        "[gateway.example.com]:25": f"[127.0.0.1]:{gateway.smtp_port}",
        "gateway.example.com:24": f"127.0.0.1:{lmtp_port}",
        "/run/brevdue-lmtp": str(socket_folder),
    }


@pytest.fixture(scope="module")
def postfix(program: str, places: dict[str, str], smarthost_port: int) -> Iterator[Postfix]:
    """In front by SMTP, and behind as the smarthost."""
    with Postfix(program, "transport.smtp", places, mailboxes=("anna",), port=smarthost_port) as running:
        yield running


@pytest.fixture(
    scope="module",
    params=["transport.smtp", "transport.lmtp", "transport.lmtp-socket"],
    ids=["smtp", "lmtp", "lmtp-socket"],
)
def front(request: pytest.FixtureRequest, program: str, places: dict[str, str], postfix: Postfix) -> Iterator[Postfix]:
    if request.param == "transport.smtp":
        yield postfix
        return
    with Postfix(program, request.param, places, mailboxes=("anna",)) as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.key()


@pytest.fixture(scope="module")
def number(gateway: Gateway, key: str) -> str:
    return gateway.account(key)


@pytest.fixture
def mark() -> str:
    """A word that stands in this test's mails alone."""
    return secrets.token_hex(4)


def fault_of(gateway: Gateway, email: str, key: str) -> str | None:
    [row] = json.loads(gateway.run("account", "list", "--email", email, "--key", key, "--json"))
    found: str | None = row["fault"]
    return found


def arrived(gateway: Gateway, phone: str, text: str) -> list[str]:
    """Who sent this text to the phone, once it is there."""
    return wait_for(lambda: [sms["from"] for sms in gateway.phone(phone) if sms["text"] == text], text, 20)


def bounce(postfix: Postfix, words: str) -> EmailMessage:
    """The bounce in Anna's mailbox that says so."""
    return postfix.mails("anna", containing=words)[0]


# --- in front ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("X1", "D8", "D10")
def test_postfix_relays_mail_to_a_key_and_numbers(gateway: Gateway, front: Postfix, key: str, number: str, mark: str):
    text = f"Grüße aus København, {mark}: æøå €"
    made = mail(f"{key}@{DOMAIN}, 30653001@{DOMAIN}", "Møde 30653002", text)
    front.send(made, [f"{key}@{DOMAIN}", f"30653001@{DOMAIN}"], sender=ANNA)
    assert arrived(gateway, "+4530653001", text) == [number]
    assert arrived(gateway, "+4530653002", text) == [number]
    wait_for(lambda: front.log().count("status=sent") >= 2, "Postfix's word that both were taken")


@pytest.mark.proves("X1", "D10", "resent mail")
@pytest.mark.parametrize("transport", ["transport.smtp", "transport.lmtp"])
def test_a_transaction_per_recipient_is_still_one_sms(
    gateway: Gateway, program: str, places: dict[str, str], key: str, number: str, mark: str, transport: str
):
    with Postfix(program, transport, places | ONE_EACH, mailboxes=("anna",)) as splitting:
        made = mail(f"{key}@{DOMAIN}, Bo <30653011@{DOMAIN}>, 30653012@{DOMAIN}", "", f"Til to {mark}")
        splitting.send(made, [f"{key}@{DOMAIN}", f"30653011@{DOMAIN}", f"30653012@{DOMAIN}"], sender=ANNA)
        wait_for(lambda: splitting.log().count("status=sent") == 3, "three deliveries", 20)
    for phone in ("+4530653011", "+4530653012"):
        assert arrived(gateway, phone, f"Til to {mark}") == [number]
    again = mail(f"{key}@{DOMAIN}", "30653011, 30653012", f"bagefter {mark}")
    gateway.send(again)
    for phone in ("+4530653011", "+4530653012"):
        arrived(gateway, phone, f"bagefter {mark}")
        assert [sms["text"] for sms in gateway.phone(phone)].count(f"Til to {mark}") == 1


@pytest.mark.proves("X1", "refusals help")
def test_a_refused_recipient_comes_back_with_our_words(gateway: Gateway, front: Postfix, key: str, number: str):
    unknown = secrets.token_hex(16)
    front.send(mail(f"{unknown}@{DOMAIN}", "30653021", "hej"), [f"{unknown}@{DOMAIN}"], sender=ANNA)
    told = bounce(front, f"<{unknown}@{DOMAIN}>")
    assert told.get_content_type() == "multipart/report"
    report = " ".join(told.as_string().split())
    assert "550 5.1.1 no such address here: write to" in report
    assert "Status: 5.1.1" in report
    front.send(mail(f"{key}@{DOMAIN}, 1234@{DOMAIN}", "", "hej"), [f"{key}@{DOMAIN}", f"1234@{DOMAIN}"], sender=ANNA)
    assert "cannot be a mobile number: check the digits" in " ".join(bounce(front, "'1234'").as_string().split())
    assert gateway.phone("+4530653021") == []


@pytest.mark.proves("X1", "refusals help")
def test_a_refused_mail_comes_back_with_our_words(gateway: Gateway, front: Postfix, key: str, number: str, mark: str):
    word = mark.translate(str.maketrans("0123456789", "ghijklmnop"))  # digits alone could be a phone
    front.send(mail(f"{key}@{DOMAIN}", f"uden nummer {word}", "hej"), [f"{key}@{DOMAIN}"], sender=ANNA)
    told = bounce(front, f"uden nummer {word}")
    assert "no mobile number found: write it in the subject" in " ".join(told.as_string().split())


@pytest.mark.proves("X1", "lmtp")
@pytest.mark.parametrize("front", ["transport.lmtp"], indirect=True, ids=["lmtp"])
def test_by_lmtp_the_one_who_said_stop_is_named_and_the_others_go(
    gateway: Gateway, front: Postfix, key: str, number: str, mark: str
):
    gateway.text("+4530653031", number, "STOP")
    text = f"Til alle {mark}"
    to = [f"{key}@{DOMAIN}", f"30653031@{DOMAIN}", f"30653032@{DOMAIN}"]
    front.send(mail(", ".join(to), "", text), to, sender=ANNA)
    assert arrived(gateway, "+4530653032", text) == [number]
    told = bounce(front, "said STOP")
    report = told.as_string()
    assert "30653031@" in report
    assert "Final-Recipient: rfc822; 30653032" not in report
    assert gateway.phone("+4530653031") == []


@pytest.mark.proves("X1", "key is not enough")
def test_strangers_reach_the_gateway_with_bounces_only(gateway: Gateway, front: Postfix, key: str, number: str):
    forged = mail(f"{key}@{DOMAIN}", "30653041", "fra Anna?")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        front.send(forged, [f"{key}@{DOMAIN}"], sender=ANNA, client=STRANGER)
    front.send(forged, [f"{key}@{DOMAIN}"], sender="", client=STRANGER)
    wait_for(
        lambda: "null return path" in {line["cause"] for line in gateway.events("mail-automatic")}, "the empty sender"
    )
    assert gateway.phone("+4530653041") == []


# --- behind --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("X1", "D2", "D11", "D12")
def test_postfix_behind_delivers_answers_that_can_be_answered(
    gateway: Gateway, postfix: Postfix, key: str, number: str
):
    gateway.text("+4530653051", number, "Æble? 🍏")
    (answer,) = postfix.mails("anna", subject="30653051")
    assert answer.get_content().strip() == "Æble? 🍏"
    assert answer["Return-Path"].strip("<>").endswith(f"@{DOMAIN}")
    made = reply(answer, "Ja tak", prefix="Re: ")
    postfix.send(made, [answer["From"].addresses[0].addr_spec], sender=ANNA)
    assert arrived(gateway, "+4530653051", "Ja tak") == [number]


@pytest.mark.proves("X1", "D5")
def test_subscribing_through_postfix_both_ways(gateway: Gateway, postfix: Postfix, key: str):
    made = mail(f"subscribe@{DOMAIN}", key, "")
    postfix.send(made, [f"subscribe@{DOMAIN}"], sender=ANNA)
    (welcome,) = postfix.mails("anna", containing=f"In-Reply-To: {made['Message-ID']}")
    assert {"image/png"} <= {part.get_content_type() for part in welcome.walk()}


@pytest.mark.proves("X1", "bounces mark the account")
def test_a_bounce_from_behind_marks_the_account_until_delivery_clears_it(gateway: Gateway, postfix: Postfix, key: str):
    gone = "gone@firm.example"
    number = gateway.account(key, gone)
    gateway.text("+4530653061", number, "Er du der?")
    fault = wait_for(lambda: fault_of(gateway, gone, key), "the mark", 20)
    assert fault.startswith("5.1.1")
    assert "unknown user" in fault
    assert gateway.events("mailbox-bounced")[-1]["cause"] == redact(fault)
    postfix.open_mailbox("gone")
    gateway.text("+4530653061", number, "Og nu?")
    (answer,) = postfix.mails("gone", subject="30653061")
    assert answer.get_content().strip() == "Og nu?"
    wait_for(lambda: fault_of(gateway, gone, key) is None, "the mark to go", 10)


@pytest.mark.proves("X1", "restart")
def test_what_comes_while_the_gateway_is_away_waits_in_postfix(
    gateway: Gateway, postfix: Postfix, key: str, number: str, mark: str
):
    assert gateway.stop() == 0
    for phone in ("30653071", "30653072"):
        made = mail(f"{key}@{DOMAIN}, {phone}@{DOMAIN}", "", f"Vent på mig {mark}")
        postfix.send(made, [f"{key}@{DOMAIN}", f"{phone}@{DOMAIN}"], sender=ANNA)
    wait_for(lambda: postfix.deferred() >= 2, "two deferred mails", 20)
    gateway.start()
    for phone in ("+4530653071", "+4530653072"):
        assert arrived(gateway, phone, f"Vent på mig {mark}") == [number]
    wait_for(lambda: postfix.deferred() == 0, "an empty queue", 20)
    assert [len(gateway.phone(phone)) for phone in ("+4530653071", "+4530653072")] == [1, 1]
