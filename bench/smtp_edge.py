"""CPU time and rate of the SMTP edge alone: 1 kB mails into a taker that does nothing, clients in other processes.

python -m bench.smtp_edge [mails]

Who sends in lockstep is Postfix's smtp-source, many mails a connection and one; who pipelines is a client of our own,
since smtp-source does not. What counts is the CPU time of this process, which has nothing but the edge in it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from gateway.model import AddressKind, Envelope, LocalAddress, Peer, Reply, SystemClock
from gateway.settings import GatewaySettings
from gateway.smtp_in import MailEdge

CLIENTS = 20
RECIPIENT = "0123456789abcdef0123456789abcdef@sms.example.com"
ENVELOPE = f"MAIL FROM:<anna@example.org>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode()
BODY = b"From: anna@example.org\r\nSubject: 30643064\r\n\r\n" + b"Hej, hvordan gaar det i dag?\r\n" * 32 + b".\r\n"


class NoOpTaker:
    """Takes everything and forgets it."""

    async def recipient(self, _peer: Peer, _from: str, address: str, _so_far: Sequence[LocalAddress]) -> LocalAddress:
        return LocalAddress(AddressKind.KEY, address, address)

    async def mail(self, envelope: Envelope) -> list[Reply]:
        return [Reply()] * len(envelope.recipients)

    async def login(self, _peer: Peer, _user: str, _password: str) -> str | None:
        return None


async def one_client(port: int, mails: int, per_connection: int) -> None:
    """Send `mails` mails, `per_connection` over each connection."""
    for _ in range(mails // per_connection):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"EHLO bench.example\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        for _ in range(per_connection):
            writer.write(ENVELOPE)
            for _ in range(ENVELOPE.count(b"\n")):
                await reader.readline()
            writer.write(BODY)
            reply = await reader.readline()
            if not reply.startswith(b"250"):
                raise RuntimeError(reply.decode())
        writer.write(b"QUIT\r\n")
        await reader.readline()
        writer.close()


async def send(port: int, mails: int, per_connection: int) -> None:
    """Be all clients of one measurement."""
    await asyncio.gather(*(one_client(port, mails // CLIENTS, per_connection) for _ in range(CLIENTS)))


def pipelining(port: int, mails: int, per_connection: int) -> list[str]:
    """The command that sends pipelined, from a process of its own."""
    return [sys.executable, "-m", "bench.smtp_edge", "--send", str(port), str(mails), str(per_connection)]


def lockstep(port: int, mails: int, *, keep: bool) -> list[str]:
    """The command that sends in lockstep: with `keep` many mails over each connection, else one."""
    source = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if source is None:
        sys.exit("smtp-source is missing: apt-get install postfix")
    options = ["-s", str(CLIENTS), "-l", "1024", "-m", str(mails), "-f", "anna@example.org", "-t", RECIPIENT]
    return [source, *(["-d"] if keep else []), *options, f"127.0.0.1:{port}"]


async def measure(mails: int) -> None:
    """Print one line per way of sending."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    edge = MailEdge(
        GatewaySettings.model_validate({"smtp": {"port": port, "mails_per_minute": 0}}), NoOpTaker(), SystemClock()
    )
    await edge.start()
    for name, command in (
        ("pipelined, 100 mails a connection", pipelining(port, mails, 100)),
        ("in lockstep, many mails a connection", lockstep(port, mails, keep=True)),
        ("pipelined, 1 mail a connection", pipelining(port, mails, 1)),
        ("in lockstep, 1 mail a connection", lockstep(port, mails, keep=False)),
    ):
        cpu, began = time.process_time(), time.perf_counter()
        process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parent.parent)
        if await process.wait():
            sys.exit(f"{name}: failed")
        cpu, took = time.process_time() - cpu, time.perf_counter() - began
        print(f"{name:38} {cpu / mails * 1e6:6.0f} µs CPU a mail {mails / took:8.0f} mails/s", flush=True)
    await edge.stop()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--send", to_port, count, each]:
            uvloop.run(send(int(to_port), int(count), int(each)))
        case arguments:
            uvloop.run(measure(int(arguments[0]) if arguments else 10_000))
