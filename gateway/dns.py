"""The resolver: names in, records out, over dnspython's asynchronous stub resolver.

Comes in: a domain name as text (A-labels or U-labels) and the `[dns]` settings. Goes out: the records of one type.
Promises: a definite "there is none" (`NoSuchRecordError`) is never confused with "nobody answered"
(`NoAnswerError`); answers are kept no longer than their TTL allows; callers who ask for the same thing at the same
time share one query; no lookup takes longer than `[dns] timeout`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver

from gateway.settings import DnsSettings

_CACHED_ANSWERS = 2_000
_CACHED_ANSWER_BYTES = 8_192
_LONGEST_TTL = 3_600.0
_LONGEST_NEGATIVE_TTL = 300.0
"""RFC 2308 §5 lets a resolver cap negative answers: a record that was just published should soon be seen."""


class DnsError(Exception):
    """A lookup gave no records."""


class NoSuchRecordError(DnsError):
    """Definite: the name does not exist, cannot exist, or has no record of this type."""


class NoAnswerError(DnsError):
    """Temporary: time-out, SERVFAIL, REFUSED or an unreachable server. Nothing is known."""


@dataclass(frozen=True, slots=True)
class MailExchanger:
    """One MX record. `host` is "." for the null MX of RFC 7505."""

    preference: int
    host: str


class Resolver(Protocol):
    """What the rooms ask DNS. Each method raises NoSuchRecordError or NoAnswerError rather than return nothing."""

    async def txt(self, name: str) -> tuple[bytes, ...]:
        """TXT records, the strings of each joined without a separator (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        ...

    async def a(self, name: str) -> tuple[str, ...]:
        """IPv4 addresses."""
        ...

    async def aaaa(self, name: str) -> tuple[str, ...]:
        """IPv6 addresses."""
        ...

    async def mx(self, name: str) -> tuple[MailExchanger, ...]:
        """Mail exchangers, the preferred ones first."""
        ...

    async def ptr(self, name: str) -> tuple[str, ...]:
        """Names of a reverse name such as 1.2.0.192.in-addr.arpa."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """Records of one name and type, none where there are none, and how many seconds they may be kept."""

    records: tuple[dns.rdata.Rdata, ...]
    ttl: float


_Question = tuple[dns.name.Name, dns.rdatatype.RdataType]


class DnsResolver:
    """The resolver of the running program. Lives on one event loop; needs no closing."""

    def __init__(self, settings: DnsSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._stub = _stub_resolver(settings)
        self._now = now
        self._kept: OrderedDict[_Question, tuple[float, _Answer]] = OrderedDict()
        self._flights: dict[_Question, asyncio.Task[_Answer | None]] = {}

    async def txt(self, name: str) -> tuple[bytes, ...]:
        """TXT records, the strings of each joined."""
        return tuple(b"".join(record.strings) for record in await self._records(name, dns.rdatatype.TXT))

    async def a(self, name: str) -> tuple[str, ...]:
        """IPv4 addresses."""
        return tuple(str(record.address) for record in await self._records(name, dns.rdatatype.A))

    async def aaaa(self, name: str) -> tuple[str, ...]:
        """IPv6 addresses."""
        return tuple(str(record.address) for record in await self._records(name, dns.rdatatype.AAAA))

    async def mx(self, name: str) -> tuple[MailExchanger, ...]:
        """Mail exchangers, the preferred ones first."""
        found = [
            MailExchanger(int(record.preference), _host(record.exchange))
            for record in await self._records(name, dns.rdatatype.MX)
        ]
        return tuple(sorted(found, key=lambda exchanger: exchanger.preference))

    async def ptr(self, name: str) -> tuple[str, ...]:
        """Names of a reverse name."""
        return tuple(_host(record.target) for record in await self._records(name, dns.rdatatype.PTR))

    async def _records(self, name: str, kind: dns.rdatatype.RdataType) -> tuple[Any, ...]:
        question = (_absolute(name), kind)
        answer = self._recall(question)
        if answer is None:
            flight = self._flights.get(question)
            if flight is None:
                flight = asyncio.get_running_loop().create_task(self._ask(question))
                self._flights[question] = flight
                flight.add_done_callback(lambda _: self._flights.pop(question, None))
            # One caller who gives up must not take the answer away from the others.
            answer = await asyncio.shield(flight)
        if answer is None:
            raise NoAnswerError(f"{kind.name} {name}: no answer")
        if not answer.records:
            raise NoSuchRecordError(f"{kind.name} {name}: no such record")
        return answer.records

    async def _ask(self, question: _Question) -> _Answer | None:
        name, kind = question
        try:
            found = await self._stub.resolve(name, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as missing:
            answer = _Answer((), _negative_ttl(missing, name))
        except dns.resolver.YXDOMAIN:
            answer = _Answer((), 0)
        except (dns.exception.DNSException, OSError):
            return None
        else:
            ttl = float(found.chaining_result.minimum_ttl)
            records = tuple(found.rrset or ())
            answer = _Answer(records, min(ttl, _LONGEST_TTL if records else _LONGEST_NEGATIVE_TTL))
        self._keep(question, answer)
        return answer

    def _recall(self, question: _Question) -> _Answer | None:
        kept = self._kept.get(question)
        if kept is None:
            return None
        until, answer = kept
        if self._now() >= until:
            del self._kept[question]
            return None
        self._kept.move_to_end(question)
        return answer

    def _keep(self, question: _Question, answer: _Answer) -> None:
        size = sum(len(record.to_wire() or b"") for record in answer.records)
        if answer.ttl <= 0 or size > _CACHED_ANSWER_BYTES:
            return
        self._kept[question] = (self._now() + answer.ttl, answer)
        self._kept.move_to_end(question)
        while len(self._kept) > _CACHED_ANSWERS:
            self._kept.popitem(last=False)


def _absolute(name: str) -> dns.name.Name:
    """Read a name label by label: a backslash is an octet like any other, not an escape of a zone file."""
    text = name.removesuffix(".")
    try:
        if text.isascii():
            return dns.name.Name([*(label.encode() for label in text.split(".")), b""])
        return dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_UTS_46)
    except (dns.exception.DNSException, UnicodeError) as fault:
        raise NoSuchRecordError(f"{name[:80]!r} cannot be a domain name") from fault


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _negative_ttl(missing: dns.resolver.NXDOMAIN, name: dns.name.Name) -> float:
    """Seconds that the zone's SOA lets the denial live (RFC 2308 §5); none where no SOA came with it."""
    response = missing.kwargs.get("responses", {}).get(name)
    if not isinstance(response, dns.message.QueryMessage):
        return 0
    return min(float(response.resolve_chaining().minimum_ttl), _LONGEST_NEGATIVE_TTL) if response.authority else 0


def _stub_resolver(settings: DnsSettings) -> dns.asyncresolver.Resolver:
    if settings.servers:
        stub = dns.asyncresolver.Resolver(configure=False)
        stub.nameservers = _name_servers(settings.servers)
    else:
        try:
            stub = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            # What the C library does where resolv.conf is missing: ask this machine.
            stub = dns.asyncresolver.Resolver(configure=False)
            stub.nameservers = ["127.0.0.1"]
    stub.lifetime = settings.timeout
    # A datagram gets lost now and then: leave time to ask again within the lifetime.
    stub.timeout = settings.timeout / 3
    # The size that passes every path unfragmented (DNS flag day 2020); larger answers come over TCP.
    stub.use_edns(0, 0, 1232)
    return stub


def _name_servers(servers: Sequence[str]) -> list[str | dns.nameserver.Nameserver]:
    return [dns.nameserver.Do53Nameserver(*name_server_address(server)) for server in servers]


_SERVER = re.compile(r"\[(?P<six>[^][]+)\](?P<end6>:\d{1,5})?|(?P<host>[^][:]+)(?P<end>:\d{1,5})?|(?P<bare>[^][]+)")


def name_server_address(server: str) -> tuple[str, int]:
    """Read "192.0.2.53", "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:5353"; ValueError for anything else."""
    found = _SERVER.fullmatch(server)
    host = (found["six"] or found["host"] or found["bare"]) if found else ""
    end = (found["end6"] or found["end"]) if found else None
    port = int((end or ":53")[1:])
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError(f"[dns] servers: {server!r} is not an IP address, with or without :port") from None
    if not 0 < port < 65536:
        raise ValueError(f"[dns] servers: {server!r} has no valid port")
    return address, port
