"""A connection to PostgreSQL that dies after COMMIT was said: what was committed is nobody's knowledge but the server's."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for
from tests.postgres import PostgresServer, postgres_server
from tests.postgres_proxy import Wire, wire

pytestmark = pytest.mark.proves("X1", "commit unanswered")


@pytest.fixture(scope="module")
def server(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    with postgres_server(Path(require("initdb")).resolve().parent) as running:
        running.run("CREATE DATABASE brevdue")
        yield running


@pytest.fixture(scope="module")
def breaking(server: PostgresServer) -> Iterator[Wire]:
    with wire(server.port) as opened:
        yield opened


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, breaking: Wire) -> Iterator[Gateway]:
    toml = f'[store]\nurl = "postgresql://postgres@127.0.0.1:{breaking.port}/brevdue"\n'
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    key = gateway.key()
    gateway.account(key)
    return key


def _send_until_taken(gateway: Gateway, made: object, refused: list[int]) -> bool:
    try:
        gateway.send(made)  # type: ignore[arg-type]  # a mail, as `mail` makes it
    except smtplib.SMTPDataError as error:
        refused.append(error.smtp_code)
        return False
    return True


def test_a_mail_whose_commit_went_unanswered_is_refused_for_now_and_sent_once(
    gateway: Gateway, key: str, breaking: Wire, server: PostgresServer
):
    phone = "+4530682001"
    gateway.send(mail(f"{key}@{DOMAIN}", "+4530682000", "vi taler sammen"))
    gateway.sms("+4530682000")
    made, refused = mail(f"{key}@{DOMAIN}", phone, "kun en gang"), list[int]()
    for _ in range(20):  # the commit that is cut may be another's, as the heartbeat's
        breaking.cuts = 1
        if not _send_until_taken(gateway, made, refused):
            break
    assert refused == [451]
    breaking.cuts = 0
    stored = f"SELECT count(*) FROM messages WHERE to_number = '{phone}'"
    assert server.run(stored, "brevdue") == "1", "the commit was done, though nobody was told"
    wait_for(lambda: _send_until_taken(gateway, made, refused), "the mail is taken", 20)
    wait_for(lambda: gateway.phone(phone), "the SMS", 90)
    assert server.run(stored, "brevdue") == "1"
    assert [sms["text"] for sms in gateway.phone(phone)] == ["kun en gang"]


def test_the_outcome_of_an_attempt_is_written_down_in_the_end(
    gateway: Gateway, key: str, breaking: Wire, server: PostgresServer
):
    for n in range(10):
        made = mail(f"{key}@{DOMAIN}", f"+453068300{n}", "hej")  # a cut that met nothing else may meet this one
        wait_for(lambda: _send_until_taken(gateway, made, []), "the mail is taken", 20)  # noqa: B023
        breaking.cuts = 1
    breaking.cuts = 0
    left = "SELECT count(*) FROM messages WHERE state NOT IN ('delivered', 'submitted')"
    wait_for(lambda: server.run(left, "brevdue") == "0", "every outcome is stored", 90)
    assert breaking.cut > 1
    for n in range(10):
        assert len(gateway.phone(f"+453068300{n}")) == 1
