"""Mail clients that others wrote, on every door: SMTP, submission with STARTTLS, implicit TLS, LMTP."""

from __future__ import annotations

import os
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from pathlib import Path

import pytest
import trustme

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for
from tests.ports import free_port

ANNA = "anna@firm.example"
HERE = "localhost"
"""By name: s-nail knows no addresses in certificates."""
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20

pytestmark = pytest.mark.proves("X1", "any client")


@dataclass(frozen=True)
class Office:
    """A gateway with all its doors open, and Anna's account there."""

    gateway: Gateway
    folder: Path
    submission: int
    submissions: int
    lmtp: int
    key: str
    number: str
    password: str

    @property
    def smtp(self) -> int:
        return self.gateway.smtp_port

    @property
    def address(self) -> str:
        return f"{self.key}@{DOMAIN}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def run(self, *command: str | Path, text: str = "", status: int = 0) -> str:
        """Run a client at home in our folder, with `text` typed into it; what it said."""
        done = subprocess.run(
            [str(word) for word in command],
            input=text.encode(),
            capture_output=True,
            timeout=30,
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "MAILRC": "/dev/null"},
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == status, said
        return said

    def sms(self, phone: str) -> str:
        """The one text that a phone got, from Anna's number."""
        [sms] = self.gateway.sms(phone)
        assert sms["from"] == self.number
        return str(sms["text"])

    def proof(self) -> str:
        """Who vouched for the last mail."""
        return str(self.gateway.events("mail-accepted")[-1]["proof"])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("gateway")
    authority = trustme.CA()
    certificate = authority.issue_cert(HERE, DOMAIN)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "billede.png").write_bytes(PICTURE)
    submission, submissions, lmtp = free_port(), free_port(), free_port()
    toml = (
        f"[submission]\nport = {submission}\ntls_port = {submissions}\n[lmtp]\nport = {lmtp}\n"
        '[tls]\ncertificate = "server.pem"\nkey = "server.pem"\n'
    )
    with Gateway(folder, toml) as gateway:
        key = gateway.key()
        number = gateway.account(key)
        password = gateway.run("account", "password", ANNA)
        yield Office(gateway, folder, submission, submissions, lmtp, key, number, password)


# --- swaks ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swaks(office: Office, require: Callable[[str], str]) -> Callable[..., str]:
    program = require("swaks")

    def run(port: int, subject: str, text: str, *more: str | Path, to: str = "", status: int = 0) -> str:
        basics = ("--server", f"127.0.0.1:{port}", "--helo", "pc.firm.example", "--from", ANNA, "--h-From", ANNA)
        mail = ("--to", to or office.address, "--h-Subject", subject)
        return office.run(program, *basics, *mail, *more, *(("--body", text) if text else ()), status=status)

    return run


def test_swaks_plain(office: Office, swaks: Callable[..., str]):
    swaks(office.smtp, "30661001", "Hej fra swaks, æøå €")
    assert office.sms("+4530661001") == "Hej fra swaks, æøå €"


def test_swaks_says_all_at_once(office: Office, swaks: Callable[..., str]):
    swaks(office.smtp, " ", "på én gang", "--pipeline", to=f"{office.address},30661002@{DOMAIN},30661003@{DOMAIN}")
    assert [office.sms(phone) for phone in ("+4530661002", "+4530661003")] == ["på én gang"] * 2


def test_swaks_signs_in_after_starttls(office: Office, swaks: Callable[..., str]):
    login = ("--auth", "PLAIN", "--auth-user", ANNA, "--auth-password", office.password)
    check = ("--tls", "--tls-verify", "--tls-ca-path", office.authority)
    swaks(office.submission, "30661004", "STARTTLS og PLAIN", *check, *login)
    assert office.sms("+4530661004") == "STARTTLS og PLAIN"
    assert office.proof() == "login"


def test_swaks_signs_in_on_implicit_tls(office: Office, swaks: Callable[..., str]):
    login = ("--auth", "LOGIN", "--auth-user", ANNA, "--auth-password", office.password)
    swaks(office.submissions, "30661005", "TLS og LOGIN", "--tls-on-connect", *login)
    assert office.sms("+4530661005") == "TLS og LOGIN"
    assert office.proof() == "login"


def test_swaks_with_a_wrong_password_or_none_sends_nothing(office: Office, swaks: Callable[..., str]):
    wrong = ("--tls", "--auth", "PLAIN", "--auth-user", ANNA, "--auth-password", "gættet")
    assert "535 5.7.8" in swaks(office.submission, "30661006", "gæt", *wrong, status=28)
    assert "530 5.7.0" in swaks(office.submission, "30661006", "uden", "--tls", status=23)
    assert office.gateway.phone("+4530661006") == []


def test_swaks_by_lmtp_hears_of_each_recipient(office: Office, swaks: Callable[..., str]):
    to = f"{office.address},30661007@{DOMAIN},30661008@{DOMAIN},12@{DOMAIN}"
    said = swaks(office.lmtp, " ", "LMTP til flere", "--protocol", "LMTP", to=to)
    assert said.count("250 2.0.0 taken as") == 3
    assert "550 5.1.3 '12' cannot be a mobile number" in said
    assert [office.sms(phone) for phone in ("+4530661007", "+4530661008")] == ["LMTP til flere"] * 2


def test_swaks_attachments_are_left_out(office: Office, swaks: Callable[..., str]):
    picture = ("--attach-type", "image/png", "--attach", "@billede.png")
    swaks(office.smtp, "30661009", "", "--attach-body", "se bilag", *picture)
    assert office.sms("+4530661009") == "se bilag"


# --- Python --------------------------------------------------------------------------------------------------------


def test_smtplib_on_every_door(office: Office):
    context = ssl.create_default_context(cafile=str(office.authority))
    with smtplib.SMTP(HERE, office.submission, timeout=20) as client:
        client.starttls(context=context)
        client.login(ANNA, office.password)
        client.send_message(mail(office.address, "30662001", "smtplib med STARTTLS"))
    with smtplib.SMTP_SSL(HERE, office.submissions, context=context, timeout=20) as client:
        client.login(ANNA, office.password)
        client.send_message(mail(office.address, "30662002", "smtplib med TLS"))
        client.send_message(mail(office.address, "30662003", "og en til"))
    with smtplib.LMTP(HERE, office.lmtp, timeout=20) as client:
        client.send_message(mail(office.address, "30662004", "smtplib med LMTP"))  # it reads one reply only
    texts = ["smtplib med STARTTLS", "smtplib med TLS", "og en til", "smtplib med LMTP"]
    assert [office.sms(f"+4530662{place:03}") for place in range(1, 5)] == texts


def test_smtplib_in_utf8_and_old_mime_classes(office: Office):
    with smtplib.SMTP(HERE, office.smtp, timeout=20) as client:
        made = mail(office.address, "Møde med Søren 30662005", "én tekst 🎈")
        client.send_message(made, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        whole = MIMEMultipart()
        whole["From"], whole["To"], whole["Subject"] = ANNA, office.address, "30662006"
        whole["Date"], whole["Message-ID"] = formatdate(localtime=True), make_msgid(domain="firm.example")
        whole.attach(MIMEText("gammeldags", _charset="iso-8859-1"))
        whole.attach(MIMEImage(PICTURE, "png"))
        client.sendmail(ANNA, [office.address], whole.as_string())
    assert office.sms("+4530662005") == "én tekst 🎈"
    assert office.sms("+4530662006") == "gammeldags"


def test_signed_in_as_somebody_else(office: Office):
    with smtplib.SMTP(HERE, office.submission, timeout=20) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(office.authority)))
        client.login(ANNA, office.password)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.send_message(mail(office.address, "30662007", "hej", "Bo <bo@firm.example>"))
    assert refused.value.smtp_code == 550
    assert b"you signed in as somebody else" in refused.value.smtp_error


# --- s-nail --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nail(office: Office, require: Callable[[str], str]) -> Callable[..., str]:
    program = require("s-nail")
    own = ("-:/", "-Sv15-compat", "-Ssendwait", "-Snosave", f"-Sfrom={ANNA}", "-Shostname=pc.firm.example")
    check = (f"-Stls-ca-file={office.authority}", "-Stls-verify=strict")

    def run(mta: str, subject: str, text: str, *more: str) -> str:
        words = (*own, *check, f"-Smta={mta}", *more, "-s", subject, office.address)
        return office.run(program, *words, text=text)

    return run


def test_s_nail_plain(office: Office, nail: Callable[..., str]):
    nail(f"smtp://{HERE}:{office.smtp}", "30663001", "s-nail: æøå €\n\nMvh\nAnna\n", "-Ssmtp-auth=none")
    assert office.sms("+4530663001") == "s-nail: æøå €\n\nMvh\nAnna"


def test_s_nail_signs_in(office: Office, nail: Callable[..., str]):
    user = f"{ANNA.replace('@', '%40')}:{office.password}"
    nail(f"smtp://{user}@{HERE}:{office.submission}", "30663002", "STARTTLS\n", "-Ssmtp-use-starttls")
    nail(f"smtps://{user}@{HERE}:{office.submissions}", "30663003", "TLS\n", "-abillede.png")
    assert [office.sms(phone) for phone in ("+4530663002", "+4530663003")] == ["STARTTLS", "TLS"]


# --- mutt ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mutt(office: Office, require: Callable[[str], str]) -> Callable[..., str]:
    program = require("mutt")

    def run(url: str, subject: str, text: str, *more: str) -> str:
        settings = {
            "smtp_url": url,
            "smtp_pass": office.password,
            "ssl_ca_certificates_file": str(office.authority),
            "from": ANNA,
            "realname": "Anna Åberg",
            "hostname": "pc.firm.example",
            "copy": "no",
        }
        rc = office.folder / "muttrc"
        rc.write_text("".join(f'set {name}="{value}"\n' for name, value in settings.items()))
        return office.run(program, "-F", rc, "-s", subject, *more, "--", office.address, text=text)

    return run


def test_mutt_signs_in(office: Office, mutt: Callable[..., str]):
    mutt(f"smtp://{ANNA}@{HERE}:{office.submission}", "30664001", "mutt: æøå €\nto linjer\n")
    mutt(f"smtps://{ANNA}@{HERE}:{office.submissions}", "30664002", "med bilag\n", "-a", "billede.png")
    assert office.sms("+4530664001") == "mutt: æøå €\nto linjer"
    assert office.sms("+4530664002") == "med bilag"


def test_mutt_reply_goes_back_without_the_history(office: Office, mutt: Callable[..., str]):
    office.gateway.text("+4530664003", office.number, "Kommer du?")
    (answer,) = office.gateway.mails(subject="30664003")
    quoted = "".join(f"> {line}\n" for line in answer.get_content().splitlines())
    text = f"Ja, kl. 8\n\nOn Mon, Nov 23, 2026 at 10:00:00AM +0100, besvar.{DOMAIN} wrote:\n{quoted}"
    mutt(
        f"smtp://{ANNA}@{HERE}:{office.submission}",
        f"Re: {answer['Subject']}",
        text,
        "-e",
        f"my_hdr In-Reply-To: {answer['Message-ID']}",
    )
    assert office.sms("+4530664003") == "Ja, kl. 8"


def test_the_key_stands_in_no_log_line(office: Office):
    wait_for(lambda: office.gateway.events("mail-accepted"), "a log")
    assert office.key not in office.gateway.log.read_text()
    assert office.password not in office.gateway.log.read_text()
