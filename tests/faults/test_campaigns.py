"""Campaigns that are killed, paused and resumed under way: nobody twice, nobody left out. Phones count outside."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from campaigns.model import Draft, Point
from campaigns.store.contact_sql import Change, store
from gateway.store.key_sql import organisation_named
from gateway.store.opening import open_database
from tests.faults.conftest import every_provider
from tests.faults.load import unknown
from tests.faults.phones import Phones, SimulatedPhones
from tests.gateway_process import Gateway, wait_for

PHONES = 3000
KILLS = pytest.mark.parametrize(
    "kills", [4, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])], ids=["short", "long"]
)


async def _fill(folder: Path, organisation: str, count: int) -> None:
    database = await open_database(f"sqlite:///{folder / 'brevdue.db'}")
    try:
        owner = await database.read(partial(organisation_named, text=organisation))
        assert owner is not None
        drafts = [Draft(f"Contact {n}", phones=(Point(f"+4520{n:06}"),)) for n in range(1, count + 1)]
        await database.write(store, Change(owner.id, time.time(), drafts))
    finally:
        await database.close()


def contacts(gateway: Gateway, count: int, organisation: str = "Firma A/S") -> None:
    """Give the organisation contacts, each with a phone of its own."""
    asyncio.run(_fill(gateway.folder, organisation, count))


def shown(gateway: Gateway, campaign: str) -> dict[str, str]:
    """How a campaign stands."""
    return dict(json.loads(gateway.run("campaign", "show", campaign, "--json")))


def created(gateway: Gateway, name: str, *words: str) -> str:
    """A campaign to everybody; its text names it and the contact."""
    text = f"{name} {{{{ name }}}}"
    return gateway.run(
        "campaign", "create", name, "--account", "anna@firm.example", "--text", text, "--where", "", *words
    )


def ours(phones: Phones, name: str) -> Counter[str]:
    """How often each text of a campaign arrived."""
    return Counter({text: n for text, n in phones.received().items() if text.startswith(f"{name} ")})


def finished(gateway: Gateway, phones: Phones, campaign: str, name: str, count: int) -> tuple[int, int]:
    """Wait until it is; hold the contacts against the phones. How many are shown as unknown, and of these arrived."""
    wait_for(lambda: shown(gateway, campaign)["state"] == "finished", "the end of the campaign", 200)
    wanted = {f"{name} Contact {n}" for n in range(1, count + 1)}
    # Everything has left when it is said to be finished; what phones got may be read a moment later.
    wait_for(lambda: wanted - ours(phones, name).keys() <= unknown(gateway), "every SMS", 5)
    got, in_doubt = ours(phones, name), unknown(gateway) & wanted
    assert [text for text, times in got.items() if times > 1] == [], "somebody got it twice"
    assert got.keys() <= wanted
    figures = shown(gateway, campaign)
    assert (figures["contacts"], figures["SMS"], figures["skipped"]) == (count, count, 0)
    return len(in_doubt), len(in_doubt & got.keys())


@KILLS
@every_provider
@pytest.mark.proves("kill -9")
def test_a_campaign_that_is_killed_at_any_moment(kills: int, phones: Phones, folder: Path) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    with Gateway(folder, phones.toml) as gateway:
        gateway.account(gateway.key())
        contacts(gateway, PHONES)
        campaign = created(gateway, "killed")
        gateway.run("campaign", "start", campaign)
        for _ in range(kills):
            so_far = len(ours(phones, "killed"))
            until = so_far + chance.randrange(PHONES // kills)
            wait_for(partial(_has, phones, until), "some of it", 60)
            assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
            gateway.start()
        in_doubt, arrived = finished(gateway, phones, campaign, "killed", PHONES)
        print(f"{type(phones).__name__}, {kills} kills (seed {seed}): {in_doubt} unknown, of which {arrived} arrived")
    if isinstance(phones, SimulatedPhones):  # it knows a message again: nothing stays in doubt
        assert in_doubt == 0


def _has(phones: Phones, count: int) -> bool:
    return len(ours(phones, "killed")) >= min(count, PHONES)


@pytest.mark.proves("campaign: pause")
def test_a_pause_from_the_command_line_holds_and_survives_a_kill(phones: Phones, folder: Path) -> None:
    with Gateway(folder, phones.toml) as gateway:
        gateway.account(gateway.key())
        contacts(gateway, PHONES)
        campaign = created(gateway, "paused", "--per-minute", "12000")
        gateway.run("campaign", "start", campaign)
        wait_for(lambda: len(ours(phones, "paused")) > 100, "some of it", 60)
        gateway.run("campaign", "pause", campaign)
        time.sleep(1)
        so_far = len(ours(phones, "paused"))
        gateway.stop(signal.SIGKILL)
        gateway.start()
        time.sleep(2)
        assert len(ours(phones, "paused")) == so_far < PHONES
        gateway.run("campaign", "resume", campaign)
        assert finished(gateway, phones, campaign, "paused", PHONES) == (0, 0)


@pytest.mark.proves("campaign: versions", "kill -9")
def test_versions_whose_winner_is_found_amid_kills(phones: Phones, folder: Path) -> None:
    chance = random.Random(time.time_ns())
    with Gateway(folder, phones.toml) as gateway:
        gateway.account(gateway.key())
        contacts(gateway, PHONES)
        versions = ("--ab", "b=tried {{ name }}", "--ab-share", "20", "--ab-rule", "delivered", "--ab-hours", "0.0025")
        campaign = created(gateway, "tried", *versions)
        gateway.run("campaign", "start", campaign)
        verdicts = set()
        for _ in range(6):
            time.sleep(chance.random() * 2)
            gateway.stop(signal.SIGKILL)
            verdicts.add(shown(gateway, campaign)["winner"])
            gateway.start()
        finished(gateway, phones, campaign, "tried", PHONES)
        figures = shown(gateway, campaign)
        assert figures["winner"] in {"A, by the rule", "B, by the rule"}
        assert verdicts <= {"not decided yet", figures["winner"]}
