"""What an honest client sees while others load a server: the time from connecting to the 250 of its mail."""

from __future__ import annotations

import smtplib
import threading
import time
from typing import Self

from bench.load import SENDER

_PAUSE = 0.02
PROBES = 50


class Probe:
    """Sends PROBES mails one after the other while the block runs; complete when the block ends."""

    def __init__(self, port: int, recipient: str, subject: str) -> None:
        self._port = port
        self._recipient = recipient
        self._subject = subject
        self.delays: list[float] = []
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            for number in range(PROBES):
                self._send(number)
                time.sleep(_PAUSE)
        except (OSError, smtplib.SMTPException) as fault:
            self._fault = fault

    def _send(self, number: int) -> None:
        mail = (
            f"From: <{SENDER}>\r\nTo: <{self._recipient}>\r\nSubject: {self._subject}\r\n"
            f"Message-Id: <probe.{number}.{time.time_ns()}@client.firm.example>\r\n\r\nHej nummer {number}\r\n"
        )
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", self._port, timeout=60) as client:
            client.sendmail(SENDER, [self._recipient], mail.encode())
            self.delays.append(time.monotonic() - began)
