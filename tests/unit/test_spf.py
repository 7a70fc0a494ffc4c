"""The RFC 7208 conformance suite, all 203 cases, through our own SPF code path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.dns import MailExchanger, NoAnswerError, NoSuchRecordError
from gateway.proof.spf import SpfResult, check_spf, spf_identity

SUITE = Path(__file__).resolve().parents[2] / ".." / "shared" / "specs" / "spf" / "rfc7208-tests.yml"


class ZoneData:
    """A Resolver over one scenario's zone, by the suite's rules: SPF records stand for TXT, TIMEOUT for silence."""

    def __init__(self, zone: dict[str, list[Any]]) -> None:
        self._zone = {name.lower().rstrip("."): entries for name, entries in zone.items()}

    def _values(self, name: str, kind: str) -> list[Any]:
        name = name.lower().removesuffix(".")
        if any(not 0 < len(label) < 64 for label in name.split(".")):
            raise NoSuchRecordError(name)
        for _ in range(10):
            entries = self._zone.get(name)
            if entries is None:
                raise NoSuchRecordError(name)
            found = [entry[kind] for entry in entries if isinstance(entry, dict) and kind in entry]
            if kind == "TXT" and not found:
                found = [entry["SPF"] for entry in entries if isinstance(entry, dict) and "SPF" in entry]
            found = [value for value in found if value != "NONE"]
            if found:
                return found
            if "TIMEOUT" in entries:
                raise NoAnswerError(name)
            aliases = [entry["CNAME"] for entry in entries if isinstance(entry, dict) and "CNAME" in entry]
            if not aliases:
                break
            name = aliases[0].lower().rstrip(".")
        raise NoSuchRecordError(name)

    async def txt(self, name: str) -> tuple[bytes, ...]:
        return tuple(
            ("".join(value) if isinstance(value, list) else value).encode("latin-1")
            for value in self._values(name, "TXT")
        )

    async def a(self, name: str) -> tuple[str, ...]:
        return tuple(self._values(name, "A"))

    async def aaaa(self, name: str) -> tuple[str, ...]:
        return tuple(self._values(name, "AAAA"))

    async def mx(self, name: str) -> tuple[MailExchanger, ...]:
        return tuple(MailExchanger(preference, host) for preference, host in self._values(name, "MX"))

    async def ptr(self, name: str) -> tuple[str, ...]:
        return tuple(self._values(name, "PTR"))


def cases() -> list[Any]:
    if not SUITE.exists():
        return []
    scenarios = yaml.safe_load_all(SUITE.read_text(encoding="utf-8"))
    return [
        pytest.param(scenario["zonedata"], case, id=name)
        for scenario in scenarios
        for name, case in scenario["tests"].items()
    ]


@pytest.mark.proves("SPF")
def test_the_whole_suite_is_there() -> None:
    if not SUITE.exists() and not os.environ.get("CI"):
        pytest.skip(f"{SUITE} is not on this machine")
    assert len(cases()) == 203


@pytest.mark.proves("SPF")
@pytest.mark.parametrize(("zone", "case"), cases())
async def test_conformance(zone: dict[str, list[Any]], case: dict[str, Any]) -> None:
    verdict = await check_spf(ZoneData(zone), case["host"], case["mailfrom"], case["helo"])
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert verdict.result in wanted


@pytest.mark.proves("SPF")
@pytest.mark.parametrize(
    ("mail_from", "helo", "domain"),
    [
        ("anna@example.com", "mx.example.com", "example.com"),
        ('"a@b"@example.com', "mx.example.com", "example.com"),
        ("", "mx.example.com", "mx.example.com"),
    ],
)
def test_the_identity_is_the_reverse_path_or_helo(mail_from: str, helo: str, domain: str) -> None:
    assert spf_identity(mail_from, helo) == domain


@pytest.mark.proves("SPF")
@pytest.mark.parametrize("helo", ["", "[192.0.2.1]", "localhost", "a..b", "x" * 300, "bücher.example", "a b"])
async def test_any_helo_name_gives_a_verdict(helo: str) -> None:
    verdict = await check_spf(ZoneData({}), "192.0.2.1", "", helo)
    assert verdict.result is SpfResult.NONE
