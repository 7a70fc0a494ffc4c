"""The recipe for Kannel, against Kannel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for
from tests.kannel import PASSWORD, Kannel

RECIPE = Path(__file__).parents[2] / "conf/providers/kannel.toml"
PHONE = "+4530643064"
SECRET = "change-me-0123456789"
POOL = '[[pool]]\nprovider = "kannel"\nrange = "+45609946000000..+45609946000099"\n'


@pytest.fixture
def both(tmp_path: Path, require: Callable[[str], str]) -> Iterator[tuple[Gateway, Kannel]]:
    """A gateway and a Kannel that know each other by the recipe."""
    gateway = Gateway(tmp_path)
    recipe = RECIPE.read_text()
    (get_url,) = (line.partition('"')[2].rstrip('"') for line in recipe.splitlines() if "get-url" in line)
    kannel = Kannel(tmp_path, require, get_url.replace("127.0.0.1:8025", f"127.0.0.1:{gateway.http_port}"))
    for written, here in {
        "127.0.0.1:13013": f"127.0.0.1:{kannel.port}",
        'password = "change-me"': f'password = "{PASSWORD}"',
    }.items():
        assert written in recipe
        recipe = recipe.replace(written, here)
    public = f'public_url = "http://127.0.0.1:{gateway.http_port}"'
    config = gateway.config.read_text().replace("[http]\n", f"[http]\n{public}\n")
    gateway.config.write_text(config + recipe + POOL)
    with kannel, gateway:
        yield gateway, kannel


@pytest.mark.proves("D7", "Kannel recipe")
def test_kannel_carries_both_ways_and_reports(both: tuple[Gateway, Kannel]):
    gateway, kannel = both
    key = gateway.key()
    number = gateway.account(key)
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Hej Anders & Co: 100 % i morgen?"))
    sender, to, kind, text = kannel.next()
    assert (sender, to, kind, text) == (number, PHONE, "text", "Hej Anders & Co: 100 % i morgen?")
    delivered = wait_for(lambda: json.loads(gateway.run("message", "list", "--state", "delivered", "--json")), "report")
    assert len(delivered) == 1

    kannel.say(PHONE, number, "Ja tak, kl. 14 & 15 + 16")
    (answer,) = gateway.mails(1)
    assert "Ja tak, kl. 14 & 15 + 16" in answer.get_content()
    assert PASSWORD not in gateway.log.read_text()


@pytest.mark.proves("Kannel recipe")
def test_other_letters_pass_in_both_directions(both: tuple[Gateway, Kannel]):
    gateway, kannel = both
    key = gateway.key()
    number = gateway.account(key)
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Привет, Андерс"))
    _, _, kind, text = kannel.next()
    assert (kind, text.encode("latin-1").decode("utf-16-be")) == ("ucs-2", "Привет, Андерс")
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Smørrebrød på fredag: {5 €}?"))
    _, _, kind, text = kannel.next()
    assert (kind, text.encode("latin-1").decode()) == ("text", "Smørrebrød på fredag: {5 €}?")
    kannel.say(PHONE, number, "Gerne, jeg tager øl med")
    assert "Gerne, jeg tager øl med" in gateway.mails(1)[0].get_content()


@pytest.mark.proves("Kannel recipe")
def test_a_wrong_password_is_no_fault_of_the_message(both: tuple[Gateway, Kannel]):
    gateway, kannel = both
    gateway.stop()
    gateway.config.write_text(gateway.config.read_text().replace(PASSWORD, "wrong password"))
    gateway.start()
    key = gateway.key()
    gateway.account(key)
    gateway.send(mail(f"{key}@{DOMAIN}", PHONE, "Hej"))
    (line,) = wait_for(lambda: gateway.events("sms-delayed")[:1], "the refusal")
    assert line["cause"] == "HTTP 403 Forbidden: Authorization failed for sendsms"
    gateway.stop()
    gateway.config.write_text(gateway.config.read_text().replace("wrong password", PASSWORD))
    gateway.start()
    assert kannel.next()[3] == "Hej"
