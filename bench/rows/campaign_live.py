"""What a campaign that runs is to others, and how fast it is silent: the whole gateway, and a message centre.

One clock on one machine: the sender notes the monotonic time of each 250, the witness that of each submit_sm as the
message centre tells of it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench import providers
from bench.clients.campaign import TEXT
from bench.clients.paced import texts_and_times
from bench.contacts import fill
from bench.measured import Measured
from bench.peers.smsc import MessageCentre
from bench.processes import metered
from bench.results import Plan, Row, Run, side
from bench.rows.mail_to_sms import PHONE, named
from bench.scratch import scratch
from gateway.store.key_sql import organisation_named
from gateway.store.opening import open_database
from tests.gateway_process import wait_for

CONTACTS = 1_000_000
_ORGANISATION = "Firma A/S"
_MAILS_A_SECOND, _SECONDS = 20, 20
_P99_MS = 100
_PAUSES, _BETWEEN = 10, 500
_LISTEN_SECONDS = 2.5
_SILENCE_SECONDS = 1.0
_PATIENCE = 120
_ALL_DAY = '[campaigns]\nquiet_hours = ""\nholidays = false\n'
_NO_LIMITS = "[limits]\naccount_parts = 0\nkey_parts = 0\norganisation_parts = 0\n"


class Campaign:
    """A campaign to everybody, and the gateway that it is in."""

    def __init__(self, gateway: Measured, centre: MessageCentre) -> None:
        self.gateway = gateway
        self.centre = centre
        scopes = ("--scope", "campaigns:read", "--scope", "campaigns:run")
        made = gateway.run("key", "create", "--org", _ORGANISATION, "--kind", "rest", *scopes, "--json")
        self._secret = json.loads(made)["key"]
        words = ("--account", "anna@firm.example", "--text", TEXT, "--where", "")
        self._id = gateway.run("campaign", "create", "Spring", *words)

    def told(self, deed: str) -> None:
        """Start, pause or resume it; returns when that holds."""
        url = f"http://127.0.0.1:{self.gateway.http_port}/api/v1/campaigns/{self._id}/{deed}"
        order = urllib.request.Request(url, method="POST", headers={"Authorization": f"Bearer {self._secret}"})
        urllib.request.urlopen(order, timeout=_PATIENCE).close()

    def arrived(self) -> int:
        """How many messages are at the door, those of others included."""
        return len(self.centre.arrived)


@contextmanager
def ready(arguments: str, contacts: int) -> Iterator[Campaign]:
    """A gateway with so many contacts, and a campaign that has not started."""
    with scratch() as home, MessageCentre(home, talk=True) as centre:
        toml = providers.smpp(centre.port) + _ALL_DAY + _NO_LIMITS
        gateway = Measured(home / "gateway", toml, arguments).open_account()
        asyncio.run(_fill(gateway, contacts))
        campaign = Campaign(gateway, centre)
        with gateway:
            yield campaign


async def _fill(gateway: Measured, contacts: int) -> None:
    database = await open_database(f"sqlite:///{gateway.database}")
    try:
        owner = await database.read(partial(organisation_named, text=_ORGANISATION))
        if owner is None:
            raise RuntimeError(f"there is no organisation {_ORGANISATION}")
        await fill(database, owner.id, contacts)
    finally:
        await database.close()


def dialog_beside(arguments: str, contacts: int) -> tuple[Run, float]:
    """Mails at a pace, from before the campaign starts; the delays of those since, and how many of it left a second."""
    mails = _MAILS_A_SECOND * _SECONDS
    taken: dict[str, float] = {}
    with ready(arguments, contacts) as campaign, metered(campaign.gateway.pid) as meter:
        gateway, centre = campaign.gateway, campaign.centre
        send = partial(texts_and_times, gateway.smtp_port, gateway.opened.address, PHONE, _MAILS_A_SECOND, mails)
        sender = threading.Thread(target=lambda: taken.update(send()))
        sender.start()
        wait_for(lambda: campaign.arrived() >= _MAILS_A_SECOND, "the first dialogs", _PATIENCE)
        before, began = campaign.arrived(), time.monotonic()
        campaign.told("start")
        sender.join()
        of_campaign, took = campaign.arrived() - before, time.monotonic() - began
        wait_for(lambda: taken.keys() <= centre.arrived.keys(), "all dialogs", _PATIENCE)
    delays = tuple(centre.arrived[text] - at for text, at in taken.items() if at > began)
    return Run(len(delays), took, meter.cpu, meter.peak, delays), of_campaign / took


def dialog(plan: Plan) -> list[Row]:
    """Dialogs while texts of the campaign are made and leave."""
    contacts, rows = plan.some(CONTACTS), []
    for arguments in plan.gateways:
        run, rate = dialog_beside(arguments, contacts)
        ours = side(named(arguments), [run])
        assert ours.p99_ms is not None
        rows.append(
            Row(
                "campaign-dialog",
                f"a dialog's message from 250 to the provider's door while a campaign to {contacts:,} contacts runs",
                f"p99 ≤ {_P99_MS} ms",
                ours.p99_ms,
                "ms p99",
                ours.p99_ms <= _P99_MS,
                (ours,),
                note=f"{rate:.0f} messages/s of the campaign left meanwhile",
            )
        )
    return rows


def silences(arguments: str, contacts: int) -> list[float]:
    """Seconds from the moment that somebody asks for a pause until the last message arrives, of several pauses."""
    found = []
    with ready(arguments, contacts) as campaign:
        campaign.told("start")
        for _ in range(_PAUSES):
            enough = campaign.arrived() + _BETWEEN
            wait_for(lambda: campaign.arrived() >= enough, "some of the campaign", _PATIENCE)  # noqa: B023 - called within the turn
            asked = time.monotonic()
            campaign.told("pause")
            time.sleep(_LISTEN_SECONDS)
            found.append(max(0.0, max(campaign.centre.arrived.values()) - asked))
            campaign.told("resume")
    return found


def pause(plan: Plan) -> list[Row]:
    """The longest silence took."""
    contacts = plan.some(CONTACTS // 10)
    return [
        Row(
            "campaign-pause",
            f"from a pause to the last message at the provider's door, the longest of {_PAUSES}<br>{named(arguments)}",
            f"≤ {_SILENCE_SECONDS:g} s",
            took := max(silences(arguments, contacts)),
            "s",
            took <= _SILENCE_SECONDS,
        )
        for arguments in plan.gateways
    ]
