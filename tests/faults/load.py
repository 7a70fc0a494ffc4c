"""Mail from several clients at once, and the book about it: which mails got 250, what the others were told.

The book is kept here, outside the gateway. A mail without 250 is sent again as it was, as a mail server does, so in
the end every mail has its 250; what phones received is then compared with it (`verdict`).
"""

from __future__ import annotations

import contextlib
import json
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

ANNA = "anna@firm.example"
CLIENTS = 5
RECONNECT_SECONDS = 0.05
REFUSED_SECONDS = 0.3
"""How long a client rests after a refusal: real ones rest for minutes."""
Texts = Callable[[], Counter[str]]
"""How often phones received each text."""


class Load:
    """Mails with a text each. `accepted` are the texts whose mail got 250, `waiting` the other mails."""

    def __init__(self, gateway: Gateway, key: str, name: str, phone: str = "3070{:04}") -> None:
        self.name = name
        self.accepted: dict[str, float] = {}
        """When each mail got its 250, by `time.monotonic`."""
        self.waiting: list[tuple[str, EmailMessage]] = []
        self.refusals: Counter[int] = Counter()
        """Replies that were no 250, by their code; 0 for a connection that ended instead."""
        self._gateway = gateway
        self._to = f"{key}@{DOMAIN}"
        self._phone = phone
        self._made = 0
        self._lock = threading.Lock()
        self._flowing = threading.Event()

    def write(self, count: int) -> list[tuple[str, EmailMessage]]:
        """Write so many mails, each with a text of its own."""
        with self._lock:
            numbers = range(self._made + 1, self._made + count + 1)
            self._made += count
        made = [
            (f"{self.name} {number}", mail(self._to, self._phone.format(number % 37), f"{self.name} {number}"))
            for number in numbers
        ]
        with self._lock:
            self.waiting += made
        return made

    def send(self) -> list[threading.Thread]:
        """Let every client send its share of what waits, until it is through or the server is gone."""
        shares = [self.waiting[number::CLIENTS] for number in range(CLIENTS)]
        return self._begin(lambda number: self._once(shares[number]))

    @contextlib.contextmanager
    def flow(self) -> Iterator[None]:
        """Let every client write and send one mail after the other, and connect anew where it must, inside the block."""
        self._flowing.set()
        threads = self._begin(self._again_and_again)
        try:
            yield
        finally:
            self._flowing.clear()
            self.settle(threads)

    def settle(self, threads: list[threading.Thread]) -> None:
        """Wait for the clients and find out what still has no 250."""
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        self.waiting = [each for each in self.waiting if each[0] not in self.accepted]

    def finish(self) -> None:
        """Send what waits until everything has its 250."""

        def through() -> bool:
            self.settle(self.send())
            return not self.waiting

        wait_for(through, "250 for every mail", 60)

    def until_accepted(self, count: int, seconds: float = 30) -> None:
        """Wait for so many new 250s."""
        goal = len(self.accepted) + count
        wait_for(lambda: len(self.accepted) >= goal, f"{count} mails accepted", seconds)

    def until_accepted_after(self, moment: float, seconds: float) -> None:
        """Wait for a 250 that came after a moment of `time.monotonic`."""
        wait_for(lambda: any(at > moment for at in list(self.accepted.values())), "mail again", seconds)

    def _begin(self, client: Callable[[int], None]) -> list[threading.Thread]:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _once(self, share: list[tuple[str, EmailMessage]]) -> None:
        try:
            with self._connected() as client:
                for text, made in share:
                    self._hand_over(client, text, made)
        except (OSError, smtplib.SMTPException):
            self._count(0)

    def _again_and_again(self, number: int) -> None:
        while self._flowing.is_set():
            try:
                with self._connected() as client:
                    while self._flowing.is_set():
                        [(text, made)] = self.write(1)
                        self._hand_over(client, text, made)
                        if text not in self.accepted:
                            time.sleep(REFUSED_SECONDS)
            except (OSError, smtplib.SMTPException):
                self._count(0)
                time.sleep(RECONNECT_SECONDS)

    def _connected(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self._gateway.smtp_port, timeout=45)

    def _hand_over(self, client: smtplib.SMTP, text: str, made: EmailMessage) -> None:
        """Send one mail and note the answer; raises where the session is over."""
        try:
            client.sendmail(ANNA, [self._to], made.as_bytes(policy=policy.SMTP))
        except smtplib.SMTPRecipientsRefused as error:
            self._count(next(iter(error.recipients.values()))[0])
        except smtplib.SMTPResponseException as error:
            if error.smtp_code <= 0:  # no reply but the end of the connection
                raise
            self._count(error.smtp_code)
            if error.smtp_code == 421:
                raise
        else:
            with self._lock:
                self.accepted[text] = time.monotonic()

    def _count(self, code: int) -> None:
        with self._lock:
            self.refusals[code] += 1


@dataclass(frozen=True)
class Verdict:
    """What became of the mails that got 250, and which of them are shown as unknown."""

    accepted: int
    had: frozenset[str]
    """Unknown, and the phone has it."""
    never_had: frozenset[str]
    """Unknown, and the phone has it not."""

    def __str__(self) -> str:
        return (
            f"{self.accepted} accepted, none lost, none doubled; unknown: "
            f"{len(self.had)} that arrived, {len(self.never_had)} that did not"
        )


def unknown(gateway: Gateway) -> set[str]:
    """Texts of the messages that are shown as unknown."""
    rows = json.loads(gateway.run("message", "list", "--state", "unknown", "--limit", "100000", "--json"))
    return {row["text"] for row in rows}


def verdict(gateway: Gateway, load: Load, received: Texts, seconds: float = 40) -> Verdict:
    """Hold the book against the phones: every accepted text is on a phone or shown as unknown, none is there twice."""
    wanted = set(load.accepted)
    assert load.waiting == []

    def ours() -> Counter[str]:
        return Counter({text: n for text, n in received().items() if text.startswith(f"{load.name} ")})

    def all_told() -> bool:
        missing = wanted - ours().keys()
        return not missing or missing <= unknown(gateway)

    with contextlib.suppress(AssertionError):  # asking the phones is cheap, asking for what is unknown is not
        wait_for(lambda: not wanted - ours().keys(), "every SMS", 2)
    wait_for(all_told, "every SMS", seconds)
    there, in_doubt = ours(), unknown(gateway) & wanted
    assert [text for text, count in there.items() if count > 1] == []
    assert there.keys() <= wanted
    return Verdict(len(wanted), frozenset(in_doubt & there.keys()), frozenset(in_doubt - there.keys()))
