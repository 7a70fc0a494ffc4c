"""What is taken away is taken away: from the moment that the command has returned, no mail becomes an SMS by it."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

ANNA = "anna@firm.example"
PHONE = "+4530643077"
CLIENTS = 3


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    made.serve_options = ["--workers", str(request.param)]
    with made:
        yield made


class Hammer:
    """Clients that send the same account's mails one after the other, and remember when each that got 250 began."""

    def __init__(self, gateway: Gateway, address: str, sender: str, phone: str) -> None:
        self._gateway, self._address, self._sender, self._phone = gateway, address, sender, phone
        self._stop = threading.Event()
        self.taken: list[float] = []
        self.refused: list[float] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._gateway.smtp_port, timeout=20) as client:
            while not self._stop.is_set():
                content = mail(self._address, self._phone, "Hej", self._sender).as_bytes()
                began = time.monotonic()
                try:
                    client.sendmail(self._sender, [self._address], content)
                except smtplib.SMTPException:
                    self.refused.append(began)
                    time.sleep(0.01)
                    if len(self.refused) > 15:
                        return
                else:
                    self.taken.append(began)

    def end(self) -> None:
        wait_for(lambda: len(self.refused) > CLIENTS, "refusals", 20)
        self._stop.set()
        for thread in self._threads:
            thread.join()


def pause(gateway: Gateway, key: str, _number: str) -> None:
    gateway.run("key", "pause", key)


def rotate(gateway: Gateway, key: str, _number: str) -> None:
    gateway.run("key", "rotate", key)
    gateway.run("key", "retire", key)


def close(gateway: Gateway, _key: str, number: str) -> None:
    gateway.run("account", "close", number)


def move(gateway: Gateway, _key: str, number: str) -> None:
    gateway.run("account", "move", number, "--email", f"new-{number[1:]}@firm.example")


def stop(gateway: Gateway, _key: str, number: str) -> None:
    gateway.text(PHONE, number, "STOP")


@pytest.mark.proves("obeyed at once")
@pytest.mark.parametrize("change", [pause, rotate, close, move, stop])
def test_nothing_that_begins_after_the_change_gets_out(gateway: Gateway, change: Callable[[Gateway, str, str], None]):
    key = gateway.key(f"Firm {change.__name__}")
    sender = f"{change.__name__}@firm.example"
    number = gateway.account(key, sender)
    hammer = Hammer(gateway, f"{key}@{DOMAIN}", sender, PHONE)
    wait_for(lambda: len(hammer.taken) > 20, "mails on their way", 20)
    change(gateway, key, number)
    changed = time.monotonic()
    hammer.end()
    assert max(hammer.taken) < changed
