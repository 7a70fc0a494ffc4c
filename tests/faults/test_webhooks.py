"""Killed at any moment under load, no event is lost on its way to a webhook, whatever its receiver does meanwhile."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Reader

from gateway.hooks.events import TOLD_STATES
from tests.faults.load import Load
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import Gateway, wait_for
from tests.receiver import OPEN, Receiver, receiving

MAILS = 40


def standing(gateway: Gateway) -> set[tuple[str, str]]:
    """Every message that stands as is told, with its state."""
    with sqlite3.connect(f"file:{gateway.folder / 'brevdue.db'}?mode=ro", uri=True) as book:
        rows = book.execute("SELECT id, state FROM messages").fetchall()
    book.close()
    return {(message, state) for message, state in rows if state in set(TOLD_STATES)}


def told(receiver: Receiver, secret: str) -> dict[str, tuple[str, str]]:
    """What was told, by the event's id; each signature is looked at, however old the call."""
    found = {}
    for call in list(receiver.calls):
        headers = dict(call.headers)
        Reader(secret).verify(call.body, headers)
        read = json.loads(call.body)
        told_before = found.setdefault(headers["webhook-id"], (read["data"]["id"], read["data"]["state"]))
        assert told_before == (read["data"]["id"], read["data"]["state"]), "the same id is the same event"
    return found


@pytest.mark.parametrize(
    "kills", [3, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)
@pytest.mark.proves("kill -9", "webhooks are tried again")
def test_killed_at_any_moment_every_state_is_told(kills: int, tmp_path: Path, folder: Path):
    chance = random.Random(kills)
    with receiving() as receiver, Gateway(folder, SimulatedPhones(tmp_path / "phones").toml + OPEN) as gateway:
        key = gateway.key()
        gateway.account(key)
        secret = gateway.run("webhook", "create", f"{receiver.url}/hook", "--org", "Firma A/S", "--event", "message")
        time.sleep(1.1)  # for so long a connection may trust what it knows of webhooks
        load = Load(gateway, key, "told")
        for _ in range(kills):
            load.write(MAILS)
            threads = load.send()
            load.until_accepted(chance.randrange(MAILS * 3 // 4))
            time.sleep(chance.random() / 20)
            assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
            load.settle(threads)
            gateway.start()
        load.finish()
        wait_for(lambda: len(standing(gateway)) == kills * MAILS or None, "every message at an end", 60)
        wait_for(
            lambda: standing(gateway) <= set(told(receiver, secret).values()) or None,
            "every state told",
            60,  # what was in hand at a kill is due again after its lease
        )
        events = told(receiver, secret)
        print(f"{kills} kills: {len(receiver.calls)} calls about {len(events)} events of {kills * MAILS} messages")
