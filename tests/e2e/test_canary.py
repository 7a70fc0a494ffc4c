"""A key, the middle of a phone number and a text, put wherever a peer can put them, and where they must not come out."""

from __future__ import annotations

import contextlib
import re
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

PHONE, SHOWN, GONE = "+4530648264", "30648264", "+4520999905"
TEXT = "Kanariegult hemmeligt"
CALLS = b'{"id": "%s", "text": "%s", "from": "%s"}'

pytestmark = pytest.mark.proves("canary key")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("canary"), '[log]\nlevel = "debug"\n') as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    """A key that has been everywhere, with texts and phones beside it."""
    key = gateway.key()
    number = gateway.account(key)
    address = f"{key}@{DOMAIN}"
    gateway.send(mail(address, PHONE, TEXT))
    gateway.send(mail(address, f"{GONE}, 12", TEXT))
    gateway.text(PHONE, number, TEXT)
    gateway.text(PHONE, "+4511223344", TEXT)
    gateway.sms(PHONE)
    gateway.mails(subject="30648264")
    for subject, to, sender in (
        (key, f"subscribe@{DOMAIN}", "new@firm.example"),
        (f"{PHONE} {key}", address, "stranger@firm.example"),
        (f"{key}", address, "anna@firm.example"),
        ("x", f"{key[:-1]}@{DOMAIN}", "anna@firm.example"),
        ("x", f"{key}@elsewhere.example", f"{key}@firm.example"),
        ("x", f"{key}+{SHOWN}@{DOMAIN}", f"{key}@{DOMAIN}"),
    ):
        with contextlib.suppress(smtplib.SMTPException):
            gateway.send(mail(to, subject, TEXT, f"<{sender}>", References=f"<{key}@{DOMAIN}>"), sender=sender)
    with smtplib.SMTP("127.0.0.1", gateway.smtp_port, timeout=20) as client:
        client.ehlo(key)
        client.docmd(f"{key} {PHONE}")
        client.docmd("VRFY", key)
        client.docmd("MAIL", f"FROM:<{key}> {key}={PHONE}")
    wait_for(
        lambda: [event for event in gateway.events("sms-report") if event["state"] == "failed"] or None, "the report"
    )
    gateway.mails(to="anna@firm.example", count=2)
    return key


def asked(gateway: Gateway, path: str, body: bytes | None = None) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.http_port}{path}", body, timeout=10) as answer:
            return str(answer.headers) + answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers) + error.read().decode()


def test_the_log_has_neither(gateway: Gateway, key: str):
    log = gateway.log.read_text()
    assert "+45…64" in log
    for secret in (key, key.upper(), key[:-1], key[:20], SHOWN, "306482", "Kanarie", "2099990"):
        assert secret not in log


@pytest.mark.proves("logs name nobody")
def test_the_log_names_nobody(gateway: Gateway, key: str):
    log = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "", gateway.log.read_text())  # the letters of an id may spell a name
    assert "a…@firm.example" in log
    for name in ("anna", "stranger", "new@"):
        assert name not in log.lower()


def test_what_is_watched_has_neither(gateway: Gateway, key: str):
    told = "".join(asked(gateway, path) for path in ("/metrics", "/status", "/readyz", "/livez"))
    told += gateway.run("status")
    for secret in (key, key[:20], SHOWN, "306482", "Kanarie", "anna", "firm.example", "Firma"):
        assert secret not in told


@pytest.mark.parametrize(
    "path", ["/{}", "/in/{}/{}", "/in/simulator/{}", "/sim/{}", "/static/{}", "/metrics?{}", "/%00{}"]
)
def test_an_error_page_repeats_nothing(gateway: Gateway, key: str, path: str):
    answers = asked(gateway, path.format(key, key)) + asked(
        gateway, path.format(key, key), CALLS % (key.encode(), TEXT.encode(), PHONE.encode())
    )
    for secret in (key, key[:20], SHOWN, "Kanarie", "Traceback"):
        assert secret not in answers
    assert key not in gateway.log.read_text()


def test_a_story_is_told_without_key_and_middle_digits(gateway: Gateway, key: str):
    (sent,) = [sms for sms in gateway.phone(PHONE) if sms["text"] == TEXT and sms.get("from") != PHONE][:1]
    assert key not in gateway.run("message", "trace", sent["id"])
    assert key not in gateway.run("message", "list")
    assert key not in gateway.run("account", "list")


def test_reports_and_trace_lines_of_our_mails_have_no_key(gateway: Gateway, key: str):
    mails = gateway.inbox_mails()
    assert any(mail.get_content_type() == "multipart/report" for mail in mails)
    for each in mails:
        for name, value in each.items():
            if name not in {"From", "Reply-To"}:
                assert key not in str(value), name
        if each.get_content_type() == "multipart/report":
            assert key not in each.as_string()
