"""The dialog over SMPP, end to end: `brevdue serve`, mail by SMTP, and node-smpp as the message centre."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, reply, wait_for
from tests.node_smsc import NodeSmsc
from tests.ports import free_port

ANNA, PHONE = "anna@firm.example", "+4530643064"


@pytest.fixture
def smsc(require) -> Iterator[NodeSmsc]:
    with NodeSmsc(require, "--receipts", "--decimal") as running:
        yield running


@pytest.fixture
def gateway(smsc: NodeSmsc, tmp_path: Path) -> Iterator[Gateway]:
    toml = (
        '[[provider]]\nname = "smsc"\nkind = "smpp"\nhost = "127.0.0.1"\nsystem_id = "firma"\npassword = "hemmelig"\n'
        f'port = {smsc.port}\nmessage_id = "decimal"\n'
        '[[pool]]\nprovider = "smsc"\nrange = "+45609946000000..+45609946999999"\n'
    )
    with Gateway(tmp_path, toml) as running:
        yield running


@pytest.mark.proves("D1", "D2", "D8", "trace")
def test_a_dialog_over_smpp(gateway: Gateway, smsc: NodeSmsc):
    key = gateway.key()
    number = gateway.account(key)
    text = "Hej Anders!\n\nVi ses klokken ti ved banegården. " + "Husk billetten, madpakken og paraplyen. " * 8 + "Anna"
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, text))
    parts = wait_for(lambda: got if len(got := smsc.events("submit_sm")) == 3 else None, "three parts")
    assert "".join(part["text"] for part in parts) == text
    assert {(part["from"], part["to"]) for part in parts} == {(number[1:], PHONE[1:])}

    def delivered() -> bool:
        (listed,) = json.loads(gateway.run("message", "list", "--way", "out", "--json"))
        return bool(listed["state"] == "delivered")

    wait_for(delivered, "delivered")
    (listed,) = json.loads(gateway.run("message", "list", "--way", "out", "--json"))
    story = gateway.run("message", "trace", listed["id"])
    assert "DELIVRD" in story
    assert all(part["id"] in story for part in parts)

    smsc.text(PHONE, number, "del 2, æ €", [5, 0, 3, 7, 2, 2])
    smsc.text(PHONE, number, "del 1, ", [5, 0, 3, 7, 2, 1])
    (answer,) = gateway.mails(1, PHONE[-4:])
    assert answer.get_content().startswith("del 1, del 2, æ €")
    wait_for(lambda: len(smsc.events("deliver_sm_resp")) == 5, "five answers")
    assert {event["status"] for event in smsc.events("deliver_sm_resp")} == {0}

    gateway.send(reply(answer, "Fint"), to=[str(answer["From"]).split("<")[-1].rstrip(">")])
    last = wait_for(lambda: got[-1] if len(got := smsc.events("submit_sm")) == 4 else None, "the answer on the phone")
    assert (last["text"], last["to"]) == ("Fint", PHONE[1:])
    assert "hemmelig" not in gateway.log.read_text()


@pytest.mark.proves("never sent again blindly")
def test_a_message_centre_that_is_away_is_waited_for(require, tmp_path: Path):
    port = free_port()
    toml = (
        f'[[provider]]\nname = "smsc"\nkind = "smpp"\nhost = "127.0.0.1"\nport = {port}\nsystem_id = "firma"\n'
        '[[pool]]\nprovider = "smsc"\nrange = "+45609946000000..+45609946999999"\n'
    )
    with Gateway(tmp_path, toml) as gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Er du der?"))
        wait_for(lambda: gateway.events("sms-delayed"), "delayed")
        with NodeSmsc(require, port=port) as smsc:
            (sent,) = wait_for(lambda: smsc.events("submit_sm"), "the SMS", 40)
            assert sent["text"] == "Er du der?"
            gateway.stop()
            assert len(smsc.events("submit_sm")) == 1


@pytest.mark.proves("provider answers late", "never sent again blindly")
def test_a_message_whose_parts_are_all_answered_late_is_known_in_the_end(require, tmp_path: Path):
    toml = (
        '[[provider]]\nname = "smsc"\nkind = "smpp"\nhost = "127.0.0.1"\nsystem_id = "firma"\nport = {}\n'
        'message_id = "decimal"\nresponse_timeout = 2\n'
        '[[pool]]\nprovider = "smsc"\nrange = "+45609946000000..+45609946999999"\n'
    )
    with (
        NodeSmsc(require, "--receipts", "--decimal", "--late=6000") as smsc,
        Gateway(tmp_path, toml.format(smsc.port)) as gateway,
    ):
        key = gateway.key()
        gateway.account(key)
        gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Husk billetten, madpakken og paraplyen. " * 8))
        (unknown,) = wait_for(lambda: gateway.events("sms-unknown"), "unknown")
        assert unknown["cause"].startswith("0 of 3 parts taken; another: no answer within 2 s")
        wait_for(lambda: "delivered" in gateway.run("message", "list", "--way", "out", "--json"), "delivered")
        (submitted,) = gateway.events("sms-submitted")
        assert (submitted["id"], submitted["cause"]) == (unknown["id"], "late answer")
        story = gateway.run("message", "trace", unknown["id"])
        assert [each["id"] in story for each in smsc.events("submit_sm")] == [True] * 3, "each once, under its own id"


@pytest.mark.proves("D2", "kill -9")
def test_parts_from_a_phone_meet_across_a_kill(gateway: Gateway, smsc: NodeSmsc):
    number = gateway.account(gateway.key())
    for sequence in (3, 1):
        smsc.text(PHONE, number, f"del {sequence} ", [5, 0, 3, 7, 3, sequence])
    wait_for(lambda: len(smsc.events("deliver_sm_resp")) == 2, "two parts answered")
    gateway.stop(signal.SIGKILL)
    gateway.start()
    wait_for(lambda: [event for event in gateway.events("provider-state") if event["state"] == "up"][1:], "bound again")
    assert not gateway.inbox_mails()
    smsc.text(PHONE, number, "del 2 ", [5, 0, 3, 7, 3, 2])
    (letter,) = gateway.mails(1, PHONE[-4:])
    assert letter.get_content().startswith("del 1 del 2 del 3")
    assert {event["status"] for event in smsc.events("deliver_sm_resp")} == {0}
