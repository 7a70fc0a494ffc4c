"""Load: Postfix's smtp-source for mail, and a paced sender where each mail needs a time of its own."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

SENDER = "anna@firm.example"
SESSIONS = 20


@dataclass(frozen=True)
class MailLoad:
    """Mails that smtp-source sends: each with a Message-Id of its own, a number as Subject and `length` octets of text.

    `keep` sends mail after mail over the same connections, as a relay does under load; else every mail has a connection
    of its own, as from people's clients.
    """

    mails: int
    recipient: str
    subject: str = "30643064"
    length: int = 150
    keep: bool = False

    def send(self, port: int) -> float:
        """Hand all over; the seconds that it took until the last 250."""
        began = time.monotonic()
        subprocess.run(self._command(port), check=True, timeout=600)
        return time.monotonic() - began

    def _command(self, port: int) -> list[str]:
        return [
            *("smtp-source", "-s", str(SESSIONS), "-m", str(self.mails), "-l", str(self.length)),
            *("-f", SENDER, "-t", self.recipient, "-S", self.subject, "-M", "client.firm.example"),
            *(["-d"] if self.keep else []),
            f"127.0.0.1:{port}",
        ]
