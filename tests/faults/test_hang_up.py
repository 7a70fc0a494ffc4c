"""Clients that go away after the final dot, before or after their 250: no mail is lost, none becomes two SMS."""

from __future__ import annotations

import random
import smtplib
import socket
import struct
import time
from collections.abc import Iterator
from email import policy

import pytest

from tests.faults.load import ANNA
from tests.gateway_process import DOMAIN, Gateway, mail

pytestmark = pytest.mark.proves("hang-up after the dot")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    made = gateway.key()
    gateway.account(made)
    return made


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
