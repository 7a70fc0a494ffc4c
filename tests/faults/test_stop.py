"""Told to stop while mails are under way: who is in the middle of a mail ends it, everybody else hears 421."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import every_provider
from tests.faults.load import ANNA, Load, verdict
from tests.faults.phones import Phones
from tests.gateway_process import DOMAIN, Gateway, wait_for

HEAD = f"From: {ANNA}\r\nSubject: 30700001\r\nMessage-ID: <halfway@firm.example>\r\n\r\n"
STOP_SECONDS = 30.0


@pytest.mark.proves("SIGTERM under load")
@every_provider
def test_told_to_stop_under_load_it_finishes_and_ends_well(phones: Phones, folder: Path):
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = Load(gateway, key, "stopped")
        took = []
        for _ in range(2):
            load.write(200)
            threads = load.send()
            load.until_accepted(40)
            before = time.monotonic()
            assert gateway.stop() == 0
            took.append(time.monotonic() - before)
            load.settle(threads)
            gateway.start()
        load.finish()
        found = verdict(gateway, load, phones.received)
        print(f"{type(phones).__name__}: stopped in {max(took):.1f} s, {found}, refused {dict(load.refusals)}")
        assert max(took) < STOP_SECONDS
        assert found.accepted == 400
        assert not found.had | found.never_had, "a stop in good order leaves no message in doubt"
        assert set(load.refusals) <= {0, 421}
        assert gateway.events("stopped")


@contextlib.contextmanager
def session(gateway: Gateway, *commands: str) -> Iterator[tuple[socket.socket, Iterator[bytes]]]:
    """A connection on which these commands have been answered."""
    with (
        socket.create_connection(("127.0.0.1", gateway.smtp_port), timeout=20) as client,
        client.makefile("rb") as answers,
    ):
        assert answers.readline().startswith(b"220")
        for command in commands:
            client.sendall(command.encode() + b"\r\n")
            assert answers.readline()[:1] in {b"2", b"3"}
        yield client, answers


@pytest.mark.proves("SIGTERM under load")
def test_a_mail_under_way_is_finished_and_others_hear_421(phones: Phones, folder: Path):
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        mail = ("HELO pc.firm.example", f"MAIL FROM:<{ANNA}>", f"RCPT TO:<{key}@{DOMAIN}>")
        with session(gateway, *mail, "DATA") as (sender, sent), session(gateway, *mail[:2]) as (_, idle):
            sender.sendall(f"{HEAD}halvvejs".encode())
            process = gateway.process
            assert process is not None
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            assert next(idle).startswith(b"421")
            wait_for(lambda: not reachable(gateway), "no new sessions")
            assert process.poll() is None, "it waits for the mail under way"
            sender.sendall(b"\r\n.\r\n")
            assert next(sent).startswith(b"250 ")
            assert process.wait(STOP_SECONDS) == 0
            assert time.monotonic() - begun < STOP_SECONDS
        gateway.start()
        wait_for(lambda: phones.received()["halvvejs"], "the SMS")
        time.sleep(0.5)
        assert phones.received()["halvvejs"] == 1


def reachable(gateway: Gateway) -> bool:
    """Whether a new session is greeted with anything but 421."""
    try:
        with socket.create_connection(("127.0.0.1", gateway.smtp_port), timeout=5) as client:
            return client.recv(100)[:3] not in {b"", b"421"}
    except OSError:
        return False


@pytest.mark.proves("SIGTERM under load")
def test_what_waits_when_it_stops_leaves_at_the_next_start(phones: Phones, folder: Path):
    """Leases are released: the next process need not wait until they run out."""
    with Gateway(folder, phones.toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        load = Load(gateway, key, "left over", phone="20999903")  # throttled twice, then accepted
        load.write(2)
        load.settle(load.send())
        assert gateway.stop() == 0
        begun = time.monotonic()
        gateway.start()
        found = verdict(gateway, load, phones.received, 25)
        print(f"what waited was sent {time.monotonic() - begun:.1f} s after the start: {found}")
        assert not found.had | found.never_had
