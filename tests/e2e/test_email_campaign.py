"""A campaign by e-mail with everything real: our process, killed in the middle, a receiving server, and its readers."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import smtplib
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from campaigns.model import Draft, Point
from campaigns.store.contact_sql import Change, store
from gateway.store.key_sql import organisation_named
from gateway.store.opening import open_database
from tests.gateway_process import Gateway, wait_for
from tests.smarthost import Fault, Smarthost

READERS = 500


@pytest.fixture
def smarthost() -> Iterator[Smarthost]:
    """A receiving server in a thread of its own."""
    loop, host = asyncio.new_event_loop(), Smarthost()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(host.open(), loop).result(10)
    yield host
    asyncio.run_coroutine_threadsafe(host.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _fill(folder: Path) -> None:
    database = await open_database(f"sqlite:///{folder / 'brevdue.db'}")
    try:
        owner = await database.read(partial(organisation_named, text="Firma A/S"))
        assert owner is not None
        drafts = [Draft(f"Contact {n}", emails=(Point(f"r{n}@customer.example"),)) for n in range(1, READERS + 1)]
        await database.write(store, Change(owner.id, time.time(), drafts))
    finally:
        await database.close()


def got(host: Smarthost) -> Counter[str]:
    """How many different mails each address has: one that comes twice under one id is shown once."""
    return Counter(to for to, _ in {(each.recipient, each.message["Message-ID"]) for each in host.mails})


def created(gateway: Gateway, *words: str) -> str:
    account = ("--account", "anna@firm.example", "--channel", "email", "--subject", "Hej {{ name }}")
    return gateway.run("campaign", "create", "Spring", *account, "--text", "Hej {{ name }}", "--where", "", *words)


@pytest.mark.proves("campaign: e-mail", "campaign: one-click", "campaign: pause", "kill -9")
@pytest.mark.timeout(300)
def test_a_campaign_by_mail(smarthost: Smarthost, tmp_path: Path) -> None:
    smarthost.behave("r5@customer.example", Fault.UNKNOWN_USER)
    relay = f'[mail_out]\nrelay = "{smarthost.address}"\ntls = "none"\n'
    with Gateway(tmp_path, relay) as gateway:
        gateway.account(gateway.key())
        asyncio.run(_fill(gateway.folder))
        campaign = created(gateway, "--per-minute", "1200")  # a command takes seconds beside others
        gateway.run("campaign", "start", campaign)
        wait_for(lambda: len(smarthost.mails) > 60, "some mails", 60)
        assert gateway.stop(signal.SIGKILL) == -signal.SIGKILL
        gateway.start()
        wait_for(lambda: len(smarthost.mails) > 120, "some more", 60)
        gateway.run("campaign", "pause", campaign)
        wait_for(partial(_stands_still, smarthost), "what was on its way to be there")
        so_far = len(smarthost.mails)
        time.sleep(1)
        assert len(smarthost.mails) == so_far < READERS - 1
        _unsubscribe(gateway, smarthost)
        left = json.loads(gateway.run("optout", "emails", "--org", "Firma A/S", "--json"))
        assert sorted(each["how"] for each in left) == ["mail", "one-click"]
        gateway.run("campaign", "resume", campaign)
        shown = partial(_shown, gateway, campaign)
        wait_for(lambda: shown()["state"] == "finished", "the end", 100)
        campaign_mails = {to: n for to, n in got(smarthost).items() if to.startswith("r")}
        assert campaign_mails == {f"r{n}@customer.example": 1 for n in range(1, READERS + 1) if n != 5}
        figures = shown()
        assert (figures["mails sent"], figures["mails bounced"], figures["opt-outs"]) == (READERS - 1, 1, 2)
        second = created(gateway)
        gateway.run("campaign", "start", second)
        wait_for(lambda: _shown(gateway, second)["state"] == "finished", "the end of the second", 100)
        figures = _shown(gateway, second)
        assert (figures["skipped: unsubscribed"], figures["skipped: bounced"]) == (2, 1)


def _stands_still(host: Smarthost) -> bool:
    """Whether nothing comes for two seconds."""
    before = len(host.mails)
    time.sleep(2)
    return len(host.mails) == before


def _shown(gateway: Gateway, campaign: str) -> dict[str, object]:
    return dict(json.loads(gateway.run("campaign", "show", campaign, "--json")))


def _unsubscribe(gateway: Gateway, host: Smarthost) -> None:
    """One by a click of their mail program, one by mail; opening the link changes nothing."""
    mails = [each for each in host.mails if each.recipient.startswith("r")]
    field = mails[0].message["List-Unsubscribe"]
    found = re.fullmatch(r"<https?://[^/]+(/u/\w+)>,\s*<mailto:([^>]+)>", field)
    assert found, field
    url = f"http://127.0.0.1:{gateway.http_port}{found[1]}"
    with urllib.request.urlopen(url) as answer:
        page = answer.read().decode()
    assert "<button" in page
    assert "r1@" not in page
    posted = urllib.request.Request(
        url, b"List-Unsubscribe=One-Click", {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
    )
    with urllib.request.urlopen(posted) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url[:-3] + "aaa", b"List-Unsubscribe=One-Click")
    second = re.search(r"<mailto:([^>]+)>", mails[1].message["List-Unsubscribe"])
    assert second
    with smtplib.SMTP("127.0.0.1", gateway.smtp_port) as client:
        client.sendmail("reader@customer.example", [second[1]], b"Subject: unsubscribe\r\n\r\n\r\n")
