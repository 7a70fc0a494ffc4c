"""Postfix: as a relay, with a pipe script behind it, and its own load generator and sink.

A server lives in a folder of its own and is stopped by its master's process id; /etc/postfix is not touched. Settings
are Postfix's defaults but for names, places and `in_flow_delay`, whose default of a second only slows a load test down.
A setting must not stand twice: that is a warning, and Postfix 3.7's log daemon can wait for itself over its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
from pathlib import Path
from typing import Self

from bench.processes import Service
from tests.gateway_process import wait_for
from tests.ports import free_port

_PATIENCE = 60.0

_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log
maillog_file_prefixes = {home}
mail_owner = postfix
myhostname = mail.firm.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
disable_dns_lookups = yes
smtpd_peername_lookup = no
in_flow_delay = 0
default_transport = {transport}
relayhost = {relayhost}
kannel_destination_recipient_limit = 1
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n  -  n  60     1  pickup
cleanup   unix  n  -  n  -      0  cleanup
qmgr      unix  n  -  n  300    1  qmgr
tlsmgr    unix  -  -  n  1000?  1  tlsmgr
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
anvil     unix  -  -  n  -      1  anvil
scache    unix  -  -  n  -      1  scache
postlog   unix-dgram n -  n -   1  postlogd
kannel    unix  -  n  n  -      -  pipe user=nobody argv={script} ${{sender}} ${{recipient}}
"""


class Postfix:
    """A server that relays everything to one place: a port (`relay_to`) or a script that reads mails on stdin."""

    def __init__(self, home: Path, *, relay_to: int | None = None, script: Path | None = None) -> None:
        self.home = home
        self.port = free_port()
        self._relay_to = relay_to
        self._script = script

    def __enter__(self) -> Self:
        for name in ("etc", "queue", "data"):
            (self.home / name).mkdir(parents=True)
        self.home.chmod(0o755)
        shutil.chown(self.home / "data", "postfix", "postfix")
        main = _MAIN.format(
            home=self.home,
            transport="smtp" if self._script is None else "kannel",
            relayhost="" if self._relay_to is None else f"[127.0.0.1]:{self._relay_to}",
        )
        (self.home / "etc/main.cf").write_text(main)
        (self.home / "etc/master.cf").write_text(_MASTER.format(port=self.port, script=self._script or "/bin/false"))
        try:
            self._command("start")
            wait_for(self._answers, "Postfix", _PATIENCE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(FileNotFoundError):
            pid = self.pid
            try:
                self._command("stop")
            except subprocess.TimeoutExpired:
                os.killpg(pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The master's process id."""
        return int((self.home / "queue/pid/master.pid").read_text())

    def _command(self, word: str) -> None:
        done = subprocess.run(
            ["postfix", "-c", self.home / "etc", word], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        if done.returncode:
            raise RuntimeError(f"postfix {word}: {done.stderr}")

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                return client.noop()[0] == 250
        except (ConnectionError, smtplib.SMTPException):
            return False


class SmtpSink:
    """Postfix's sink; ends by itself after `until` mails where that is given."""

    def __init__(self, home: Path, *, until: int | None = None) -> None:
        self.port = free_port()
        limit = [] if until is None else ["-M", str(until)]
        command = ["smtp-sink", "-u", "nobody", *limit, "-m", "1000", f"127.0.0.1:{self.port}", "1000"]
        self._service = Service("smtp-sink", command, home / "smtp-sink.log")

    def __enter__(self) -> Self:
        self._service.start()
        wait_for(self._listens, "smtp-sink", _PATIENCE)
        return self

    def __exit__(self, *_error: object) -> None:
        self._service.stop()

    def _listens(self) -> bool:
        """Whether the kernel lists the port as open: a connection would count as a session."""
        return self._service.alive() and f":{self.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()

    def finished(self, seconds: float) -> None:
        """Wait for the last mail."""
        self._service.process.wait(seconds)
