"""CPU time and rate of the SMTP edge alone: 1 kB mails into a taker that does nothing, clients in another process.

python bench/smtp_edge.py [mails]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import time
from collections.abc import Sequence

import uvloop

from gateway.model import AddressKind, Envelope, LocalAddress, Peer, Reply, SystemClock
from gateway.settings import GatewaySettings
from gateway.smtp_in import MailEdge

CLIENTS = 20
ENVELOPE = (
    b"MAIL FROM:<anna@example.org>\r\n",
    b"RCPT TO:<0123456789abcdef0123456789abcdef@sms.example.com>\r\n",
    b"DATA\r\n",
)
BODY = b"From: anna@example.org\r\nSubject: 30643064\r\n\r\n" + b"Hej, hvordan gaar det i dag?\r\n" * 32 + b".\r\n"


class NoOpTaker:
    """Takes everything and forgets it."""

    async def recipient(self, _peer: Peer, _from: str, address: str, _so_far: Sequence[LocalAddress]) -> LocalAddress:
        return LocalAddress(AddressKind.KEY, address, address)

    async def mail(self, envelope: Envelope) -> list[Reply]:
        return [Reply()] * len(envelope.recipients)

    async def login(self, _peer: Peer, _user: str, _password: str) -> str | None:
        return None


async def one_client(port: int, mails: int, per_connection: int, *, pipelined: bool) -> None:
    """Send `mails` mails, `per_connection` over each connection."""
    for _ in range(mails // per_connection):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"EHLO bench.example\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        for _ in range(per_connection):
            for group in [b"".join(ENVELOPE)] if pipelined else ENVELOPE:
                writer.write(group)
                for _ in range(group.count(b"\n")):
                    await reader.readline()
            writer.write(BODY)
            reply = await reader.readline()
            if not reply.startswith(b"250"):
                raise RuntimeError(reply.decode())
        writer.write(b"QUIT\r\n")
        await reader.readline()
        writer.close()


def clients(port: int, mails: int, per_connection: int, pipelined: bool) -> None:  # noqa: FBT001 - a process's target
    """Run all clients of one measurement."""

    async def everybody() -> None:
        each = mails // CLIENTS
        await asyncio.gather(*(one_client(port, each, per_connection, pipelined=pipelined) for _ in range(CLIENTS)))

    uvloop.run(everybody())


async def measure(mails: int) -> None:
    """Print one line per way of sending."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    edge = MailEdge(GatewaySettings.model_validate({"smtp": {"port": port}}), NoOpTaker(), SystemClock())
    await edge.start()
    for name, per_connection, pipelined in (
        ("pipelined, 100 mails a connection", 100, True),
        ("in lockstep, 100 mails a connection", 100, False),
        ("pipelined, 1 mail a connection", 1, True),
    ):
        cpu, began = time.process_time(), time.perf_counter()
        process = multiprocessing.Process(target=clients, args=(port, mails, per_connection, pipelined))
        process.start()
        await asyncio.to_thread(process.join)
        cpu, took = time.process_time() - cpu, time.perf_counter() - began
        print(f"{name:38} {cpu / mails * 1e6:6.0f} µs CPU a mail {mails / took:8.0f} mails/s")
    await edge.stop()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
