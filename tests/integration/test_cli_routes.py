"""`brevdue route explain`: what would happen to a number, and why, while a gateway runs and while it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, wait_for

pytestmark = pytest.mark.proves("routes", "route explain")

ROUTES = """
[[provider]]
name = "simulator"
kind = "simulator"
[[provider]]
name = "other"
kind = "simulator"
path = "other.jsonl"
magic = false
[[provider]]
name = "dear"
kind = "simulator"
path = "dear.jsonl"
magic = false
senders = "any"
[[pool]]
provider = "simulator"
range = "+45609946000000..+45609946999999"
[[price]]
provider = "dear"
part = { other = 0.5 }
[[route]]
name = "campaigns abroad"
kinds = ["campaign"]
countries = ["US", "SE"]
via = [{ provider = "other", sender = "+46701234567" }]
fallback = ["dear"]
at_most = 0.1
[[route]]
name = "series"
prefixes = ["+4530"]
via = ["owner"]
fallback = [{ provider = "other", sender = "Firma" }, "dear"]
"""


def explain(gateway: Gateway, *words: str, status: int = 0) -> list[dict[str, str]]:
    return list(json.loads(gateway.run("route", "explain", *words, "--json", status=status))["ways"])


def test_what_would_happen_to_a_number_and_why(tmp_path: Path):
    gateway = Gateway(tmp_path, ROUTES)
    text = gateway.run("route", "explain", "30 64 30 64")
    assert "dialog to +4530643064 (DK) from +45609946000000 (of simulator)\nroute 'series'\n" in text
    assert "numbers in DK are portable: a prefix says who gave the number out, not who has it now" in text
    told = explain(gateway, "+4530643064")
    assert [(way["provider"], way["sender"], way["what"]) for way in told] == [
        ("simulator", "the number", "carries it"),
        ("other", "Firma", "next, where it is known not to be sent"),
        ("dear", "the number", "next, where it is known not to be sent"),
    ]
    told = explain(gateway, "+46701111111", "--kind", "campaign", "--from", "+45609946000009")
    assert [way["what"] for way in told] == [
        "carries it",
        "no: too dear: 0.50 EUR a part, and the rule says at most 0.10 EUR",
    ]
    assert "no route fits: the owner of the number carries it" in gateway.run("route", "explain", "+46701111111")


def test_where_nobody_would_carry_it_the_exit_status_says_so(tmp_path: Path):
    only_dear = ROUTES.replace('via = [{ provider = "other", sender = "+46701234567" }]\n', 'via = ["dear"]\n')
    Gateway(tmp_path, only_dear).run("route", "explain", "+46701111111", "--kind", "campaign", status=1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("12",), "'12' is no phone number: too short"),
        (("+4530643064", "--from", "Firma"), "'Firma' is no phone number: no digits"),
        (("+4530643064", "--org", "Nobody"), "there is no organisation"),
    ],
)
def test_what_cannot_be_explained_is_said(tmp_path: Path, words: tuple[str, ...], sentence: str):
    assert sentence in Gateway(tmp_path, ROUTES).run("route", "explain", *words, status=1)


@pytest.mark.proves("provider throttles")
def test_a_breaker_that_is_open_is_seen_everywhere(tmp_path: Path):
    """Five SMS to phones that throttle open it; what is new goes another way."""
    with Gateway(tmp_path, ROUTES) as gateway:
        key = gateway.key()
        gateway.account(key)
        for _ in range(5):
            gateway.send(mail(f"{key}@{DOMAIN}", "30999904", "throttled"))
        wait_for(lambda: gateway.get("/status")["breakers_open"], "an open breaker")
        first, second, _ = explain(gateway, "+4530643064", "--org", "Firma A/S")
        assert first["what"] == "takes no messages at the moment"
        assert second["what"] == "carries it"
        metrics = gateway.get("/metrics", raw=True).decode()
        assert 'brevdue_provider_breaker_open{provider="simulator"} 1.0' in metrics
        assert 'brevdue_provider_breaker_open{provider="dear"} 0.0' in metrics
        assert "simulator breaker open, other" in gateway.run("status")
