"""The RFC 7208 suite once more, this time over real DNS: the scenario's zone is served on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dns import DnsResolver
from gateway.proof.spf import check_spf
from gateway.settings import DnsSettings
from tests.dns_server import DnsServer, Fault
from tests.unit.test_spf import cases


def serve(zone: dict[str, list[Any]]) -> DnsServer:
    """A server with a scenario's records: SPF stands for TXT, and a name that times out answers SERVFAIL, sooner.

    A time-out is about the types that are not listed; where TXT is, nothing else is asked for.
    """
    server = DnsServer()
    for name, entries in zone.items():
        if any(not 0 < len(label) < 64 for label in name.rstrip(".").split(".")):
            continue
        records: dict[str, list[str | bytes]] = {}
        spf: list[str | bytes] = []
        for entry in entries:
            if entry == "TIMEOUT":
                if not any("TXT" in other and other["TXT"] != "NONE" for other in entries if isinstance(other, dict)):
                    server.misbehave(name.rstrip("."), Fault.SERVFAIL)
                continue
            ((kind, value),) = entry.items()
            if kind in {"TXT", "SPF"} and value != "NONE":
                text = ("".join(value) if isinstance(value, list) else value).encode("latin-1")
                (records.setdefault("TXT", []) if kind == "TXT" else spf).append(text)
            elif kind == "MX":
                records.setdefault("MX", []).append(f"{value[0]} {value[1].rstrip('.')}.")
            elif kind in {"CNAME", "PTR"}:
                records.setdefault(kind, []).append(f"{value.rstrip('.')}.")
            elif value != "NONE":
                records.setdefault(kind, []).append(value)
        explicit = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
        server.put(name, records if explicit or not spf else records | {"TXT": spf})
    return server


@pytest.mark.proves("SPF")
@pytest.mark.parametrize(("zone", "case"), cases())
async def test_conformance_over_dns(zone: dict[str, list[Any]], case: dict[str, Any]) -> None:
    async with serve(zone) as server:
        resolver = DnsResolver(DnsSettings(servers=(server.address,)))
        verdict = await check_spf(resolver, case["host"], case["mailfrom"], case["helo"])
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert verdict.result in wanted
