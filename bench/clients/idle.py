"""`python -m bench.clients.idle PORT CLIENTS [tls]`: clients that say EHLO and then nothing, until stdin is closed.

Writes one line when all of them have had their answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator

import uvloop

_AT_ONCE = 50
"""Connections that are being made at one time: more would wait in the listener's queue."""


@contextlib.contextmanager
def idle_clients(port: int, clients: int, *, tls: bool) -> Iterator[None]:
    """So many clients, all of them answered, while the block runs."""
    command = [sys.executable, "-m", "bench.clients.idle", str(port), str(clients), *(["tls"] if tls else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise RuntimeError("the idle clients found no place")
            yield
        finally:
            process.stdin.close()
            process.wait(60)


async def _connect(port: int, context: ssl.SSLContext | None) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    await reader.readline()
    writer.write(b"EHLO client.firm.example\r\n")
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(b"250"):
        raise RuntimeError(line.decode())
    return writer


async def _all(port: int, clients: int, *, tls: bool) -> None:
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held: list[asyncio.StreamWriter] = []
    while len(held) < clients:
        some = min(_AT_ONCE, clients - len(held))
        held += await asyncio.gather(*(_connect(port, context) for _ in range(some)))
    print("all are idle", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_all(int(sys.argv[1]), int(sys.argv[2]), tls="tls" in sys.argv[3:]))
