"""Kannel: bearerbox and smsbox, with one SMSC connection over SMPP or HTTP, kept by process id.

Defaults, but for the window (`max-pending-submits`), which a comparison sets alike on both sides, and the log, which
is at level "info" as the gateway's is.
"""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Self

from bench.processes import Service
from tests.gateway_process import wait_for
from tests.ports import free_port

_PATIENCE = 30.0
_CORE = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = bench
smsbox-port = {box}
smsbox-interface = 127.0.0.1
log-file = "{home}/bearerbox.log"
log-level = 1
dlr-storage = internal
sms-resend-freq = 1
{store}
group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1
log-file = "{home}/smsbox.log"
log-level = 1

group = sendsms-user
username = bench
password = bench
max-messages = 8
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = "none"

"""
_SMPP = """\
group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = bench
smsc-password = bench
system-type = ""
max-pending-submits = {window}
reconnect-delay = 1
"""
_HTTP = """\
group = smsc
smsc = http
smsc-id = sink
system-type = generic
port = {incoming}
connect-allow-ip = 127.0.0.1
send-url = "http://127.0.0.1:{port}/send?from=%P&to=%p&text=%b"
status-success-regex = "id"
generic-foreign-id-regex = "\\"id\\":\\"([0-9a-f]+)\\""
max-pending-submits = {window}
"""


_SEND = "/cgi-bin/sendsms?username=bench&password=bench&dlr-mask=3"


class Kannel:
    """Both boxes, sending to a port by `kind` "smpp" or "http"; `durable` keeps what waits in a spool of files."""

    def __init__(self, home: Path, kind: str, port: int, *, window: int, durable: bool = False) -> None:
        self._home = home
        self._admin, self.send_port, self._box = free_port(), free_port(), free_port()
        store = f'store-type = spool\nstore-location = "{home}/store"\n' if durable else ""
        core = _CORE.format(admin=self._admin, box=self._box, send=self.send_port, home=home, store=store)
        smsc = (_SMPP if kind == "smpp" else _HTTP).format(port=port, window=window, incoming=free_port())
        self._config = home / "kannel.conf"
        (home / "store").mkdir(parents=True)
        self._config.write_text(core + smsc)
        self._bearerbox = Service("bearerbox", ["bearerbox", "-v", "4", str(self._config)], home / "bearerbox.out")
        self._smsbox = Service("smsbox", ["smsbox", "-v", "4", str(self._config)], home / "smsbox.out")

    def __enter__(self) -> Self:
        self._bearerbox.start()
        wait_for(lambda: self._bearerbox.alive() and self._page(self._admin, "/status.txt"), "bearerbox", _PATIENCE)
        self._smsbox.start()
        wait_for(lambda: self._smsbox.alive() and self._page(self.send_port, "/"), "smsbox", _PATIENCE)
        return self

    def __exit__(self, *_error: object) -> None:
        self._smsbox.stop()
        self._bearerbox.stop()

    @property
    def pids(self) -> tuple[int, int]:
        return self._bearerbox.pid, self._smsbox.pid

    def send_url(self) -> str:
        """Where a message is handed in, up to its `from`, `to` and `text`: a report is asked for."""
        return f"http://127.0.0.1:{self.send_port}{_SEND}"

    def send_path(self, to: str, text: str) -> str:
        """The request that hands one message in."""
        return f"{_SEND}&{urllib.parse.urlencode({'from': '+4560994600', 'to': to, 'text': text})}"

    @staticmethod
    def _page(port: int, path: str) -> str:
        with contextlib.suppress(ConnectionError, urllib.error.URLError):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                return f"{error.code}"
        return ""
