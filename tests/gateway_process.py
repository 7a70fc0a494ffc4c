"""A gateway as its users run it: `brevdue serve` in a process of its own, on ports of its own, in a folder of its own."""

from __future__ import annotations

import json
import mailbox
import os
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.ports import free_port

T = TypeVar("T")
DOMAIN = "sms.example.com"
BREVDUE = [sys.executable, "-m", "brevdue.cli"]


def wait_for(look: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """The first truthy answer of `look`. The seconds end a test that hangs; what must be quick is measured instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


class Gateway:
    """Configure, start, use, stop (or kill) and start again."""

    def __init__(self, folder: Path, toml: str = "", *, trusted: bool = True, **environment: str) -> None:
        self.folder = folder
        self.smtp_port, self.http_port = free_port(), free_port()
        self.inbox = folder / "inbox"
        self.config = folder / "brevdue.toml"
        self.environment = environment
        self.serve_options: list[str] = []
        """More words for `brevdue serve`."""
        self.under: list[str] = []
        """A program that runs the server and takes its place (`strace -D`), with its arguments."""
        relay = "" if "[mail_out]" in toml else '[mail_out]\nrelay = "maildir:inbox"\n'
        trust = '[trust]\nnetworks = ["127.0.0.0/8"]\n' if trusted and "[trust]" not in toml else ""
        # Tests run at night and on holidays.
        hours = "" if "[campaigns]" in toml else '[campaigns]\nquiet_hours = ""\nholidays = false\n'
        self.config.write_text(
            f'[mail]\ndomains = ["{DOMAIN}"]\nhostname = "{DOMAIN}"\noperator = "operator@firm.example"\n'
            f"[smtp]\nport = {self.smtp_port}\n[http]\nport = {self.http_port}\n{relay}{trust}{hours}{toml}"
        )
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.under, *BREVDUE, "serve", *self.serve_options, "-c", str(self.config)],
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )
        try:
            wait_for(self.ready, "ready", 60)
        except BaseException:  # nobody else will stop it
            self.process.kill()
            self.process.wait()
            raise
        return self

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log.read_text()}")
        try:
            return bool(self.get("/readyz", raw=True))
        except (urllib.error.URLError, ConnectionError):
            return False

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End the process and return its exit status."""
        assert self.process is not None
        self.process.send_signal(sign)
        status = self.process.wait(40)
        self.process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        if self.process is not None:
            self.stop()

    # --- the command line ------------------------------------------------------------------------------------------

    def run(self, *words: str, status: int = 0) -> str:
        command, environment = [*BREVDUE, *words, "-c", str(self.config)], os.environ | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == status, done.stderr + done.stdout
        return (done.stdout if status == 0 else done.stderr).strip()

    def key(self, organisation: str = "Firma A/S") -> str:
        return self.run("key", "create", "--org", organisation)

    def account(self, key: str, email: str = "anna@firm.example") -> str:
        return self.run("account", "open", key, email)

    # --- HTTP ------------------------------------------------------------------------------------------------------

    def get(self, path: str, *, raw: bool = False) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
            body = answer.read()
        return body if raw else json.loads(body)

    def phone(self, number: str) -> list[dict[str, Any]]:
        return list(self.get("/sim/messages?" + urllib.parse.urlencode({"to": number})))

    def sms(self, number: str, count: int = 1) -> list[dict[str, Any]]:
        """What a phone received, once there are `count` of them."""
        return wait_for(lambda: got if len(got := self.phone(number)) >= count else None, f"{count} SMS to {number}")

    def text(self, sender: str, to: str, text: str, **fields: str) -> None:
        data = urllib.parse.urlencode({"from": sender, "to": to, "text": text, **fields}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/sim/inbound", data, timeout=10).close()

    # --- mail ------------------------------------------------------------------------------------------------------

    def send(
        self, mail: EmailMessage | bytes, to: Iterable[str] | None = None, sender: str = "anna@firm.example"
    ) -> dict[str, tuple[int, bytes]]:
        """Hand a mail over by SMTP; what smtplib raises is raised."""
        content = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP)
        recipients = list(to) if to is not None else [str(mail["To"])] if isinstance(mail, EmailMessage) else []
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20) as client:
            return client.sendmail(sender, recipients, content)

    def inbox_mails(self) -> list[EmailMessage]:
        if not all((self.inbox / folder).exists() for folder in ("cur", "new")):
            return []
        box = mailbox.Maildir(self.inbox, factory=None, create=False)
        parse = BytesParser(policy=policy.default).parsebytes
        mails = [parse(box.get_bytes(name)) for name in sorted(box.keys())]
        return sorted(mails, key=lambda mail: mail["Message-ID"])  # our ids are made in order of time

    def mails(self, count: int = 1, subject: str = "", to: str = "") -> list[EmailMessage]:
        """Mails in the inbox whose Subject and Delivered-To contain the words, once there are `count` of them."""

        def look() -> list[EmailMessage] | None:
            fitting = [
                mail
                for mail in self.inbox_mails()
                if subject in str(mail["Subject"]) and to in str(mail["Delivered-To"])
            ]
            return fitting if len(fitting) >= count else None

        return wait_for(look, f"{count} mails about '{subject}' to '{to}'")

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The log so far."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if not name or line["event"] == name]


def mail(
    to: str, subject: str, text: str, sender: str = "Anna Hansen <anna@firm.example>", **headers: str
) -> EmailMessage:
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Message-ID"] = headers.pop("Message_ID", f"<{time.time_ns()}@firm.example>")
    made["Date"] = "Mon, 23 Nov 2026 10:00:00 +0100"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def reply(to: EmailMessage, text: str, prefix: str = "SV: ") -> EmailMessage:
    """An answer as a mail client writes it, with the history below."""
    sender = str(to["From"])
    quoted = "\n".join(f"> {line}" for line in to.get_content().splitlines())
    return mail(
        sender,
        prefix + str(to["Subject"]),
        f"{text}\n\nDen 23.11.2026 kl. 10.00 skrev {sender}:\n{quoted}\n",
        In_Reply_To=str(to["Message-ID"]),
        References=f"{to['References'] or ''} {to['Message-ID']}".strip(),
    )
