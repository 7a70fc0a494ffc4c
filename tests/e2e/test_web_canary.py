"""What opens doors on the web stands in no log, story, error page or audit: everything is made once, used and looked for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

from tests.api.conftest import Client, firm
from tests.e2e.test_web_attacks import PASSWORD, Visitor, first_operator, link_of
from tests.gateway_process import Gateway

pytestmark = pytest.mark.proves("canary key")


async def _secrets(gateway: Gateway) -> tuple[Visitor, dict[str, str]]:
    """An operator who has been everywhere, and everything that they were given."""
    found: dict[str, str] = {"password": PASSWORD}
    operator = await first_operator(gateway)
    acme = firm(gateway, "Acme A/S", "anna@acme.example")
    found["REST key"] = acme.client.secret
    hook = acme.client.post("/webhooks", {"url": "https://hooks.example.com/"}).body
    found["webhook secret"] = hook["secret"]
    found["first session"] = operator.token
    _, text, _ = await operator.ask("GET", "/me/second-factor")
    proposed = re.findall(r'name="proposed" value="([^"]+)"', text)[0]
    found["TOTP secret"] = re.sub(r"\s", "", re.findall(r">\s*((?:[A-Z2-7]{4}\s?){8})\s*<", text)[0])
    code = pyotp.TOTP(found["TOTP secret"]).now()
    status, text, _ = await operator.send(
        "/me/second-factor", "/me/second-factor", proposed=proposed, code=code, password=PASSWORD
    )
    assert status == 200, text
    found["recovery code"] = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", text)[0]
    found["session"] = operator.token
    await operator.send("/people/invite", "/people/invite", email="new@op.example", role="operator")
    (invited,) = await asyncio.to_thread(gateway.mails, 1, to="new@op.example")
    found["one-time link"] = link_of(invited.get_content()).removeprefix("/link/")
    return operator, found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Visitor, dict[str, str]]]:
    gateway = Gateway(tmp_path, '[log]\nlevel = "debug"\n[dns]\nservers = ["127.0.0.1:1"]\ntimeout = 0.1\n')
    with gateway:
        operator, found = await _secrets(gateway)
        yield gateway, operator, found


async def test_no_secret_of_the_web_comes_out_again(house: tuple[Gateway, Visitor, dict[str, str]]):
    gateway, operator, found = house
    assert len(set(found.values())) == 8
    assert all(len(secret) >= 16 for secret in found.values())
    stranger = Visitor(gateway)
    answers = []
    for secret in found.values():
        said = urllib.parse.quote(secret)
        for path in (
            f"/{said}",
            f"/link/{said}x",
            f"/accounts/{said}",
            f"/sign-in?next={said}x",
            f"/api/v1/keys/{said}",
        ):
            for visitor in (operator, stranger):
                status, text, _ = await visitor.ask("GET", path)
                assert status < 500
                answers.append(text)
        thief = Visitor(gateway)
        thief.cookies["brevdue"] = secret
        answers.append((await thief.ask("GET", "/me"))[1])
        await stranger.send("/sign-in", "/sign-in", email=f"{secret}@firm.example", password=secret)
        Client(gateway, secret).get(f"/messages?account={said}")
        Client(gateway, secret).post("/messages", {"account": secret, "to": [secret], "text": "x"})
    for path in ("/people", "/audit", "/me", "/webhooks", "/keys"):
        answers.append((await operator.ask("GET", path))[1])
    log = gateway.log.read_text()
    assert '"event"' in log
    with contextlib.closing(sqlite3.connect(gateway.folder / "brevdue.db")) as database:
        kept = "\n".join(database.iterdump())
    for name, secret in found.items():
        assert secret not in log, name
        assert secret.replace("-", "") not in log, name
        assert secret not in kept, name
        if name != "password":
            assert not [text for text in answers if secret in _without_addresses(text)], name


def _without_addresses(text: str) -> str:
    """A page without where it goes on to: a stranger is asked to sign in, and then led to the address they named."""
    return re.sub(r'(next" value|href|action)="[^"]*"', "", text)
