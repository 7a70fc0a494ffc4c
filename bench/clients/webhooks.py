"""`python -m bench.clients.webhooks PORT PATH TO SMS`: a provider that tells of incoming SMS, and how long each took.

Writes one JSON list: the seconds from request to answer for each. Answers other than 200 end it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.parse

import uvloop

CONNECTIONS = 32
_PATIENCE = 300


def delays(port: int, path: str, to: str, sms: int) -> tuple[float, ...]:
    """Run this client in a process of its own; the seconds that each SMS took to be answered."""
    command = [sys.executable, "-m", "bench.clients.webhooks", str(port), path, to, str(sms)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE)
    return tuple(json.loads(done.stdout))


def _request(path: str, to: str, number: int) -> bytes:
    fields = {"id": f"{number:032x}", "from": f"+45{30000000 + number}", "to": to, "text": f"Ja tak, nummer {number}"}
    body = urllib.parse.urlencode(fields)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    for field in fields:
        name, _, value = field.partition(":")
        if name.lower() == "content-length":
            await reader.readexactly(int(value))
    if " 200 " not in status:
        raise RuntimeError(head.decode())


async def _one(port: int, path: str, to: str, numbers: range) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for number in numbers:
        began = time.monotonic()
        writer.write(_request(path, to, number))
        await _answer(reader)
        took.append(time.monotonic() - began)
    writer.close()
    return took


async def _all(port: int, path: str, to: str, sms: int) -> list[float]:
    each = await asyncio.gather(*(_one(port, path, to, range(first, sms, CONNECTIONS)) for first in range(CONNECTIONS)))
    return [delay for some in each for delay in some]


if __name__ == "__main__":
    _port, _path, _to, _sms = sys.argv[1:]
    print(json.dumps(uvloop.run(_all(int(_port), _path, _to, int(_sms)))))
