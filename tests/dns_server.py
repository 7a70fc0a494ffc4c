"""A small authoritative DNS server on loopback, UDP and TCP on one port, that misbehaves on demand.

    async with DnsServer({"example.com": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.example.com."]}}) as server:
        server.misbehave("example.com", Fault.TIMEOUT)
        resolver = DnsResolver(DnsSettings(servers=(server.address,), timeout=1))

Names are looked up without regard to case. TXT values are str or bytes of any length; other types are written as in a
zone file with absolute names. CNAMEs are followed, as a resolver's answer would be.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

Zone = Mapping[str, Mapping[str, Sequence[str | bytes]]]


class Fault(StrEnum):
    """What can be wrong with a name."""

    TIMEOUT = "timeout"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    NXDOMAIN = "nxdomain"
    TRUNCATE = "truncate"
    """Over UDP only: the whole answer comes over TCP."""
    GARBAGE = "garbage"
    WRONG_ID = "wrong-id"
    """A forged answer with another transaction id first, the true one after it."""


class DnsServer:
    """The server. `queries` lists (name, type, "udp" or "tcp") as they came."""

    def __init__(self, zone: Zone | None = None, *, ttl: int = 300) -> None:
        self.ttl = ttl
        self.delay = 0.0
        self.queries: list[tuple[str, str, str]] = []
        self._records: dict[dns.name.Name, dict[str, list[dns.rdata.Rdata]]] = {}
        self._faults: dict[str, Fault] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for name, records in (zone or {}).items():
            self.put(name, records)

    async def __aenter__(self) -> Self:
        for _ in range(50):
            self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
            self.port: int = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Udp(self), local_addr=("127.0.0.1", self.port), family=socket.AF_INET
                )
            except OSError:
                self._tcp.close()
                continue
            return self
        raise OSError("no port that is free for both UDP and TCP")

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tcp.wait_closed()

    @property
    def address(self) -> str:
        """As `[dns] servers` wants it."""
        return f"127.0.0.1:{self.port}"

    def put(self, name: str, records: Mapping[str, Sequence[str | bytes]]) -> None:
        """Add or replace the records of a name."""
        known = self._records.setdefault(_name(name), {})
        for kind, values in records.items():
            known[kind] = [_rdata(kind, value) for value in values]

    def misbehave(self, name: str, fault: Fault | None) -> None:
        """Make a name, or every name with "*", fail in this way from now on; None ends it."""
        if fault is None:
            self._faults.pop(name.lower(), None)
        else:
            self._faults[name.lower()] = fault

    def begin(self, task: asyncio.Task[None]) -> None:
        """Keep a running answer until it is sent."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, wire: bytes, transport: str) -> list[bytes]:
        """Answer one query: no message, one, or several."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((name, kind, transport))
        fault = self._faults.get(name, self._faults.get("*"))
        if self.delay:
            await asyncio.sleep(self.delay)
        if fault is Fault.TIMEOUT:
            return []
        if fault is Fault.GARBAGE:
            return [wire[:2] + b"\xff" * 9]
        response = dns.message.make_response(query, recursion_available=True)
        if fault in {Fault.SERVFAIL, Fault.REFUSED, Fault.NXDOMAIN}:
            response.set_rcode(dns.rcode.from_text(fault.value))
        else:
            self._fill(response, question.name, kind)
        if fault is Fault.TRUNCATE and transport == "udp":
            response.answer.clear()
            response.flags |= dns.flags.TC
        whole = response.to_wire(max_size=65535)
        if transport == "udp" and len(whole) > 1232:
            response.answer.clear()
            response.flags |= dns.flags.TC
            whole = response.to_wire()
        if fault is Fault.WRONG_ID:
            return [bytes([whole[0] ^ 1]) + whole[1:], whole]
        return [whole]

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        for _ in range(10):
            known = self._records.get(_lower(name))
            if known is None:
                below = any(other.is_subdomain(_lower(name)) for other in self._records)
                response.set_rcode(dns.rcode.NOERROR if below else dns.rcode.NXDOMAIN)
                break
            if kind in known or "CNAME" not in known:
                if known.get(kind):
                    response.answer.append(dns.rrset.from_rdata_list(name, self.ttl, known[kind]))
                break
            response.answer.append(dns.rrset.from_rdata_list(name, self.ttl, known["CNAME"]))
            name = known["CNAME"][0].target  # type: ignore[attr-defined]
        if not any(dns.rdatatype.to_text(rrset.rdtype) == kind for rrset in response.answer):
            soa = f"ns.invalid. root.invalid. 1 3600 600 86400 {self.ttl}"
            response.authority.append(dns.rrset.from_text(name.parent(), self.ttl, "IN", "SOA", soa))

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.begin(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                for message in await self.answer(await reader.readexactly(length), "tcp"):
                    writer.write(struct.pack("!H", len(message)) + message)
                await writer.drain()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.begin(asyncio.get_running_loop().create_task(self._reply(data, addr)))

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        for message in await self._server.answer(data, "udp"):
            self._transport.sendto(message, addr)  # type: ignore[attr-defined]


def _name(text: str) -> dns.name.Name:
    return dns.name.Name([*(label.encode() for label in text.lower().rstrip(".").split(".")), b""])


def _lower(name: dns.name.Name) -> dns.name.Name:
    return dns.name.Name([label.lower() for label in name.labels])


def _rdata(kind: str, value: str | bytes) -> dns.rdata.Rdata:
    if kind == "TXT":
        data = value.encode() if isinstance(value, str) else value
        strings = [data[start : start + 255] for start in range(0, len(data), 255)] or [b""]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    text = value if isinstance(value, str) else value.decode()
    return dns.rdata.from_text("IN", kind, text, origin=dns.name.root, relativize=False)
