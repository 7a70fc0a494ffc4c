"""The table of capabilities in docs/providers.md is what the providers declare."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from gateway.providers.base import Capability, Provider
from tests.providers.test_contract import CONTRACTS, PROTOCOLS

DOCUMENT = Path(__file__).parents[2] / "docs/providers.md"
COLUMNS = (
    Capability.PRICE,
    Capability.BALANCE,
    Capability.PING,
    Capability.LOOKUP,
    Capability.BATCH,
    Capability.SCHEDULE,
    Capability.INBOUND,
    Capability.CONCATENATES_INBOUND,
    Capability.IDEMPOTENT,
)
SECRET = "0123456789abcdef"
SMSC = {"host": "smsc.example.net", "system_id": "firma"}
DOOR = {"webhook": {"secret": SECRET}}
FORM = {"url": "https://api.example.com", "form": {"to": "{to}", "text": "{text}", "id": "{id}"}}
HEARD = {"webhook": {"secret": SECRET, "message": {"from": "f", "to": "t", "text": "x", "id": "i"}}}
TWILIO = {"account_sid": f"AC{'0' * 32}", "auth_token": "x"}
VONAGE = {"api_key": "x", "api_secret": "x", "signature_secret": "x"}
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "simulator": ({}, {}),
    "smpp": (SMSC, SMSC | {"query_sm": True}),
    "http": (FORM, FORM | HEARD | {"idempotent": True}),
    "gatewayapi": ({"token": "x"}, {"token": "x", "webhook": {"secret": SECRET, "key": "x" * 32}}),
    "smsru": ({"api_id": "x"}, {"api_id": "x"} | DOOR),
    "infobip": ({"api_key": "x", "url": "https://x"}, {"api_key": "x", "url": "https://x"} | DOOR),
    "cpsms": ({"user": "x", "key": "x"}, {"user": "x", "key": "x", "point_price": 1} | DOOR),
    "twilio": (TWILIO, TWILIO | DOOR),
    "vonage": (VONAGE, VONAGE | DOOR),
}
"""What a kind can with as few options as can be, and with all that add something."""
KINDS = sorted(entry_points(group="brevdue.providers").names)


def made(kind: str) -> tuple[Provider, Provider]:
    """Bare and full; one that has no row above is as its contract table makes it."""
    if kind not in OPTIONS:
        full = next(contract for contract in CONTRACTS if contract.name == kind).make("http://127.0.0.1:1")
        return full, full
    (entry,) = entry_points(group="brevdue.providers", name=kind)
    bare, full = (entry.load()(kind, options) for options in OPTIONS[kind])
    return bare, full


def row(kind: str) -> str:
    """A line of the table: what it can always, what it can if set up for it, what it cannot."""
    bare, full = made(kind)
    words = [
        "yes" if column in bare.capabilities else "if set up" if column in full.capabilities else "–"
        for column in COLUMNS
    ]
    return f"| `{kind}` | {' | '.join(words)} |"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.proves("capability table")
def test_the_table_says_what_each_kind_declares(kind: str):
    assert row(kind) in DOCUMENT.read_text().splitlines(), f"docs/providers.md needs this line:\n{row(kind)}"


@pytest.mark.proves("capability table")
def test_the_table_has_all_capabilities_and_no_other_kind():
    assert set(COLUMNS) == set(Capability)
    text = DOCUMENT.read_text()
    table = text[text.index("\n## What each can tell and do") :].split("\n## ")[1]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - {"kind"}
    assert sorted(named) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.proves("capability table")
def test_each_kind_can_what_it_declares(kind: str):
    for provider in made(kind):
        for capability in provider.capabilities & set(PROTOCOLS):
            assert isinstance(provider, PROTOCOLS[capability])
