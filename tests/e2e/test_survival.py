"""Faults under load: whatever got 250 reaches the phone, and nothing reaches it twice.

The witness is outside: this process counts the 250s, the simulated phones keep what they received. A mail without 250
is sent again as it was, as a mail server does, so in the end every mail has its 250.
"""

from __future__ import annotations

import json
import random
import signal
import smtplib
import socket
import struct
import threading
import time
from collections import Counter
from email import policy
from email.message import EmailMessage

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

ANNA = "anna@firm.example"
CLIENTS = 5
ROUNDS, MAILS = 5, 50


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    made = gateway.key()
    gateway.account(made)
    return made


class Load:
    """Mails from several clients at once. `accepted` are the texts whose mail got 250, `waiting` the other mails."""

    def __init__(self, gateway: Gateway, key: str, name: str) -> None:
        self.name = name
        self._gateway = gateway
        self._key = key
        self._made = 0
        self._lock = threading.Lock()
        self.waiting: list[tuple[str, EmailMessage]] = []
        self.accepted: list[str] = []

    def write(self, count: int) -> None:
        """Write so many mails, each with a text of its own."""
        for _ in range(count):
            self._made += 1
            text = f"{self.name} {self._made}"
            phone = f"3070{self._made % 37:04}"
            self.waiting.append((text, mail(f"{self._key}@{DOMAIN}", phone, text)))

    def send(self) -> list[threading.Thread]:
        """Let every client send its share of what waits until the server goes away."""
        threads = [threading.Thread(target=self._client, args=(self.waiting[n::CLIENTS],)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _client(self, share: list[tuple[str, EmailMessage]]) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._gateway.smtp_port, timeout=30) as client:
                for text, made in share:
                    client.sendmail(ANNA, [str(made["To"])], made.as_bytes(policy=policy.SMTP))
                    with self._lock:
                        self.accepted.append(text)
        except (OSError, smtplib.SMTPException):
            pass  # what has no 250 is sent again later

    def until_accepted(self, count: int) -> None:
        """Wait for so many new 250s."""
        goal = len(self.accepted) + count
        wait_for(lambda: len(self.accepted) >= goal, f"{count} mails accepted", 30)

    def settle(self, threads: list[threading.Thread]) -> None:
        """Wait for the clients and find out what still has no 250."""
        for thread in threads:
            thread.join(40)
            assert not thread.is_alive()
        done = set(self.accepted)
        self.waiting = [each for each in self.waiting if each[0] not in done]


def unknown(gateway: Gateway) -> set[str]:
    rows = json.loads(gateway.run("message", "list", "--state", "unknown", "--limit", "10000", "--json"))
    return {row["text"] for row in rows}


def received(gateway: Gateway, load: Load) -> Counter[str]:
    texts = (sms["text"] for sms in gateway.get("/sim/messages"))
    return Counter(text for text in texts if text.startswith(f"{load.name} "))


def check(gateway: Gateway, load: Load) -> set[str]:
    """Every accepted text is on a phone, or shown as unknown; none is there twice. Returns the unknown ones."""
    wanted = set(load.accepted)
    assert len(wanted) == len(load.accepted)
    open_question: set[str] = set()

    def missing() -> bool:
        open_question.update(unknown(gateway))
        return not wanted - received(gateway, load).keys() - open_question

    wait_for(missing, "every SMS", 40)
    assert [text for text, count in received(gateway, load).items() if count > 1] == []
    assert received(gateway, load).keys() <= wanted
    return open_question


@pytest.mark.proves("a client that disconnects after the final dot")
def test_a_client_that_hangs_up_after_the_dot_loses_nothing(gateway: Gateway, key: str):
    texts = [f"lagt på {number}" for number in range(20)]
    for text in texts:
        made = mail(f"{key}@{DOMAIN}", "30691001", text).as_bytes(policy=policy.SMTP)
        with socket.create_connection(("127.0.0.1", gateway.smtp_port), timeout=10) as client:
            answers = client.makefile("rb")
            assert answers.readline().startswith(b"220")
            lines = ("HELO pc.firm.example", f"MAIL FROM:<{ANNA}>", f"RCPT TO:<{key}@{DOMAIN}>", "DATA")
            for line in lines:
                client.sendall(line.encode() + b"\r\n")
                assert answers.readline()[:1] in {b"2", b"3"}
            client.sendall(made + b"\r\n.\r\n")
            answers.close()
    assert sorted(sms["text"] for sms in gateway.sms("+4530691001", 20)) == sorted(texts)


@pytest.mark.proves("a client that disconnects after the final dot")
def test_a_connection_that_breaks_after_the_dot_costs_no_second_sms(gateway: Gateway, key: str):
    chance = random.Random(1)
    for number in range(20):
        made = mail(f"{key}@{DOMAIN}", "30691002", f"brud {number}")
        client = smtplib.SMTP("127.0.0.1", gateway.smtp_port, timeout=10)
        client.ehlo()
        client.mail(ANNA)
        client.rcpt(f"{key}@{DOMAIN}")
        client.putcmd("DATA")
        assert client.getreply()[0] == 354
        client.sock.sendall(made.as_bytes(policy=policy.SMTP) + b"\r\n.\r\n")
        time.sleep(chance.random() / 100)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() sends RST
        client.close()
        gateway.send(made)
    texts = [sms["text"] for sms in gateway.sms("+4530691002", 20)]
    assert sorted(texts) == sorted(f"brud {number}" for number in range(20))


@pytest.mark.proves("kill -9 at any moment under load")
def test_killed_at_any_moment_nothing_is_lost_or_doubled(gateway: Gateway, key: str):
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    load = Load(gateway, key, "killed")
    for _ in range(ROUNDS):
        load.write(MAILS)
        threads = load.send()
        load.until_accepted(chance.randrange(MAILS * 3 // 4))
        time.sleep(chance.random() / 50)
        assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
        load.settle(threads)
        gateway.start()
    load.settle(load.send())
    assert (load.waiting, len(load.accepted)) == ([], ROUNDS * MAILS)
    in_hand = check(gateway, load)
    assert len(in_hand) < ROUNDS * MAILS // 2, "a kill leaves open what was being handed over, not everything"


@pytest.mark.proves("SIGTERM under load")
def test_told_to_stop_under_load_it_finishes_and_ends_well(gateway: Gateway, key: str):
    load = Load(gateway, key, "stopped")
    for _ in range(2):
        load.write(200)
        threads = load.send()
        load.until_accepted(40)
        before = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - before < 30
        load.settle(threads)
        gateway.start()
    load.settle(load.send())
    assert (load.waiting, len(load.accepted)) == ([], 400)
    assert [text for text in check(gateway, load) if text in load.accepted] == [], (
        "a stop in good order leaves no message in doubt"
    )
    assert gateway.events("stopped")
