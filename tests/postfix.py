"""A Postfix of the tests' own, with the files of `conf/postfix/` loaded as an administrator loads them.

It lives in a temporary directory (configuration, queue, data, mailboxes, log), listens on loopback alone, looks nothing
up in DNS and delivers nothing anywhere but to the gateway and to maildirs of `firm.example`. /etc/postfix is not
touched. Postfix's master runs as root only.
"""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Self

from tests.gateway_process import wait_for
from tests.ports import free_port

CONF = Path(__file__).parent.parent / "conf" / "postfix"
EMPLOYEE, STRANGER = "127.0.0.1", "127.0.0.2"
"""Client addresses inside and outside of Postfix's `mynetworks`."""
_OWNER = "postfix"
_PATIENCE = 30.0
"""Seconds for a start, a stop or a reload."""

_SERVER = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
mail_owner = postfix
myhostname = mail.firm.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
virtual_mailbox_domains = firm.example
virtual_mailbox_maps = texthash:{home}/mailboxes
virtual_mailbox_base = {home}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = error:5.4.4 this test sends nothing elsewhere
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_reject_unlisted_recipient = no
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""
_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n  -  n  60     1  pickup
cleanup   unix  n  -  n  -      0  cleanup
qmgr      unix  n  -  n  1      1  qmgr
rewrite   unix  -  -  n  -      -  trivial-rewrite
bounce    unix  -  -  n  -      0  bounce
defer     unix  -  -  n  -      0  bounce
trace     unix  -  -  n  -      0  bounce
flush     unix  n  -  n  1000?  0  flush
proxymap  unix  -  -  n  -      -  proxymap
smtp      unix  -  -  n  -      -  smtp
showq     unix  n  -  n  -      -  showq
error     unix  -  -  n  -      -  error
retry     unix  -  -  n  -      -  error
virtual   unix  -  n  n  -      -  virtual
anvil     unix  -  -  n  -      1  anvil
scache    unix  -  -  n  -      1  scache
postlog   unix-dgram n -  n -   1  postlogd
"""


class Postfix:
    """The server of `firm.example`.

    `transport` is a file of `conf/postfix/`, `places` what stands here instead of the places and values that those files
    name. (A parameter that is set twice is a warning, and Postfix 3.7's postlogd can wait for itself over its own
    warnings: so values are replaced, not overridden.)
    """

    def __init__(
        self,
        program: str,
        transport: str,
        places: dict[str, str],
        *,
        mailboxes: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        self._program = program
        self._places = places
        self.port = port or free_port()
        self.home = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.home.chmod(0o755)
        self._mailboxes = mailboxes
        self._transport = transport

    # --- configuration -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._configure()
            self._command("start")
            wait_for(self._answers, "Postfix", _PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        record = self.home / "queue/pid/master.pid"
        try:
            if record.exists():
                self._command("stop")
        except subprocess.TimeoutExpired:
            os.killpg(int(record.read_text()), signal.SIGKILL)
            raise
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def _configure(self) -> None:
        etc = self.home / "etc"
        for name in ("etc", "queue", "data", "mail"):
            (self.home / name).mkdir()
        for name in ("data", "mail"):
            shutil.chown(self.home / name, _OWNER, _OWNER)
        owner = (self.home / "data").stat()
        parts = [_SERVER.format(home=self.home, uid=owner.st_uid, gid=owner.st_gid)]
        parts += [self._loaded("front.main.cf"), self._loaded("behind.main.cf")]
        (etc / "main.cf").write_text("\n".join(parts))
        (etc / "master.cf").write_text(_SERVICES.format(port=self.port) + self._loaded("front.master.cf"))
        (etc / "brevdue.transport").write_text(self._loaded(self._transport))
        self._write_mailboxes()

    def _loaded(self, name: str) -> str:
        """A file of `conf/postfix/` with this test's places in it."""
        text = (CONF / name).read_text()
        for written, here in ({"/etc/postfix": f"{self.home}/etc"} | self._places).items():
            text = text.replace(written, here)
        return text

    def _write_mailboxes(self) -> None:
        lines = (f"{address}@firm.example {address}/\n" for address in self._mailboxes)
        (self.home / "mailboxes").write_text("".join(lines))

    def open_mailbox(self, name: str) -> None:
        """Give `name`@firm.example a mailbox from now on."""
        self._mailboxes += (name,)
        self._write_mailboxes()
        self._command("reload")

    def _command(self, word: str) -> None:
        done = subprocess.run(
            [self._program, "-c", self.home / "etc", word],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"postfix {word}: {done.stderr}{self.log()}"

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                return client.noop()[0] == 250
        except (ConnectionError, smtplib.SMTPException):
            return False

    # --- use -----------------------------------------------------------------------------------------------------

    def send(self, mail: EmailMessage, to: list[str], *, sender: str, client: str = EMPLOYEE) -> None:
        """Hand a mail in from a client's address."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20, source_address=(client, 0)) as connection:
            connection.sendmail(sender, to, mail.as_bytes(policy=policy.SMTP))

    def inbox(self, name: str) -> list[EmailMessage]:
        """The mails in somebody's maildir."""
        parse = BytesParser(policy=policy.default).parsebytes
        return [parse(path.read_bytes()) for path in sorted((self.home / "mail" / name / "new").glob("*"))]

    def mails(self, name: str, *, subject: str = "", containing: str = "") -> list[EmailMessage]:
        """Those with a word in the Subject and with words anywhere, however they are folded, once there are any."""

        def look() -> list[EmailMessage]:
            return [
                mail
                for mail in self.inbox(name)
                if subject in str(mail["Subject"]) and containing in " ".join(mail.as_string().split())
            ]

        try:
            return wait_for(look, f"a mail to {name} with '{subject}{containing}'", 20)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def log(self) -> str:
        path = self.home / "log"
        return path.read_text() if path.exists() else ""

    def deferred(self) -> int:
        """How many mails wait for another attempt."""
        return sum(path.is_file() for path in (self.home / "queue/deferred").rglob("*"))
