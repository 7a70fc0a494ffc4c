"""Campaigns that are paused, stopped by phones and killed in any order: silence at once, nobody twice, nobody left out.

What is known to go wrong elsewhere: campaigns that are finished while much has not left, and doubles after a resume.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client, rest_key
from tests.faults.conftest import every_provider
from tests.faults.phones import HttpPhones, Phones, SimulatedPhones
from tests.faults.test_campaigns import KILLS, PHONES, contacts, created, finished, ours
from tests.gateway_process import Gateway, wait_for

PAUSES = 3
SILENCE_SECONDS = 1.0
"""The longest that anything may arrive after a pause."""
PACE = ("--per-minute", "30000")
"""Texts are made for some seconds, while others leave."""


def client_of(gateway: Gateway) -> Client:
    """Calls the API for the organisation."""
    return Client(gateway, rest_key(gateway, "Firma A/S"))


def told(client: Client, campaign: str, deed: str) -> None:
    """Start, pause or resume it; returns when that holds."""
    answer = client.post(f"/campaigns/{campaign}/{deed}")
    assert answer.status == 200, answer.content


def standing(client: Client, campaign: str) -> Any:
    """The campaign as it stands. Who asks too often is told when to ask again, and does."""
    while (answer := client.get(f"/campaigns/{campaign}")).status == 429:
        time.sleep(int(answer.headers["retry-after"]))
    return answer.body


@pytest.mark.stopwatch
@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one process", "two"])
@pytest.mark.parametrize("phones", ["http"], indirect=True)
@pytest.mark.proves("campaign: pause")
def test_a_pause_is_silence_within_a_second(options: list[str], phones: HttpPhones, folder: Path):
    """Whichever process takes it, and whichever runs the campaign."""
    count = 3 * PHONES
    gateway = Gateway(folder, phones.toml)
    gateway.serve_options = options
    with gateway:
        gateway.account(gateway.key())
        contacts(gateway, count)
        client, campaign = client_of(gateway), created(gateway, "silent")
        told(client, campaign, "start")
        for _ in range(PAUSES):
            enough = len(phones.arrivals()) + 100
            wait_for(lambda: len(phones.arrivals()) >= enough, "some of it", 60)  # noqa: B023 - called within the turn
            told(client, campaign, "pause")
            paused = time.monotonic()
            time.sleep(2 * SILENCE_SECONDS)
            late = [at - paused for at in phones.arrivals() if at > paused]
            assert max(late, default=0.0) <= SILENCE_SECONDS
            assert len(phones.arrivals()) < count
            told(client, campaign, "resume")
        assert finished(gateway, phones, campaign, "silent", count) == (0, 0)


def killed(gateway: Gateway, _client: Client, _campaign: str) -> None:
    """It dies under way."""
    gateway.stop(signal.SIGKILL)
    gateway.start()


def killed_while_paused(gateway: Gateway, client: Client, campaign: str) -> None:
    """It dies right after a pause, and is resumed in its next life."""
    told(client, campaign, "pause")
    killed(gateway, client, campaign)
    assert standing(client, campaign)["state"] == "paused"
    told(client, campaign, "resume")


def killed_when_resumed(gateway: Gateway, client: Client, campaign: str) -> None:
    """It dies right after a resume."""
    told(client, campaign, "pause")
    told(client, campaign, "resume")
    killed(gateway, client, campaign)


DEEDS: list[Callable[[Gateway, Client, str], None]] = [killed, killed_while_paused, killed_when_resumed]


@KILLS
@every_provider
@pytest.mark.proves("kill -9")
def test_kills_pauses_and_resumes_in_any_order(kills: int, phones: Phones, folder: Path):
    seed = time.time_ns()
    chance = random.Random(seed)
    with Gateway(folder, phones.toml) as gateway:
        gateway.account(gateway.key())
        contacts(gateway, PHONES)
        client, campaign = client_of(gateway), created(gateway, "any order", *PACE)
        told(client, campaign, "start")
        for kill in range(kills):
            enough = len(ours(phones, "any order")) + chance.randrange(PHONES // kills)
            wait_for(lambda: len(ours(phones, "any order")) >= enough or _over(client, campaign), "some of it", 60)  # noqa: B023
            if _over(client, campaign):
                break
            DEEDS[kill % len(DEEDS)](gateway, client, campaign)
        in_doubt, arrived = finished(gateway, phones, campaign, "any order", PHONES)
        print(f"{type(phones).__name__}, {kills} kills (seed {seed}): {in_doubt} unknown, of which {arrived} arrived")
    if isinstance(phones, SimulatedPhones):  # it knows a message again: nothing stays in doubt
        assert in_doubt == 0


def _over(client: Client, campaign: str) -> bool:
    return bool(standing(client, campaign)["state"] == "finished")


@pytest.mark.proves("campaign: STOP")
def test_a_stop_under_way_is_obeyed_at_once(phones: Phones, folder: Path):
    """By one whose message waits already, and by one that has not been looked at yet."""
    count = 500
    # So slowly that both STOPs arrive seconds before their turn.
    with Gateway(folder, f"{phones.toml}parts_per_second = 20\n") as gateway:
        number = gateway.account(gateway.key())
        contacts(gateway, count)
        client, campaign = client_of(gateway), created(gateway, "stopped", "--per-minute", "3000")
        told(client, campaign, "start")
        made = wait_for(lambda: _made(client, campaign, 200), "messages that wait", 60)
        for contact in (made - 2, count):
            gateway.text(f"+4520{contact:06}", number, "STOP")
        wait_for(lambda: standing(client, campaign)["state"] == "finished", "the end of the campaign", 120)
        wanted = {f"stopped Contact {n}" for n in range(1, count + 1)} - {
            f"stopped Contact {made - 2}",
            f"stopped Contact {count}",
        }
        assert ours(phones, "stopped") == dict.fromkeys(wanted, 1)
        figures = client.get(f"/campaigns/{campaign}/statistics").body
        assert figures["states"]["failed"] == 1
        assert figures["skipped"] == {"opted-out": 1}


def _made(client: Client, campaign: str, most: int) -> int | None:
    looked_at = int(standing(client, campaign)["recipients"])
    return looked_at if looked_at >= most else None
