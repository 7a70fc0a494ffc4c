"""`python -m bench.clients.paced PORT RECIPIENT PHONE RATE MAILS`: mails at an even pace, and when each was taken.

Writes one JSON list: [text, monotonic seconds of its 250] for each mail. A mail that finds every connection busy is
sent as soon as one is free.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

import uvloop

from bench.load import SENDER

CONNECTIONS = 20
_TEXT = "Hej, det er nummer {:06}."
_PATIENCE = 300

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def texts_and_times(port: int, recipient: str, phone: str, rate: float, mails: int) -> dict[str, float]:
    """Run this client in a process of its own; when each text was taken."""
    command = [sys.executable, "-m", "bench.clients.paced", str(port), recipient, phone, str(rate), str(mails)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE)
    return dict(json.loads(done.stdout))


async def _connect(port: int) -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _answer(reader, b"220")
    writer.write(b"EHLO client.firm.example\r\n")
    await _answer(reader, b"250")
    return reader, writer


async def _answer(reader: asyncio.StreamReader, code: bytes) -> None:
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(code):
        raise RuntimeError(f"expected {code.decode()}: {line.decode()}")


async def _send(streams: Streams, recipient: str, phone: str, number: int) -> tuple[str, float]:
    reader, writer = streams
    for command, code in ((f"MAIL FROM:<{SENDER}>", b"250"), (f"RCPT TO:<{recipient}>", b"250"), ("DATA", b"354")):
        writer.write(command.encode() + b"\r\n")
        await _answer(reader, code)
    text = _TEXT.format(number)
    writer.write(
        f"From: <{SENDER}>\r\nTo: <{recipient}>\r\nSubject: {phone}\r\n"
        f"Message-Id: <paced.{number}.{time.time_ns()}@client.firm.example>\r\n\r\n{text}\r\n.\r\n".encode()
    )
    await _answer(reader, b"250")
    return text, time.monotonic()


async def _all(port: int, recipient: str, phone: str, rate: float, mails: int) -> list[tuple[str, float]]:
    free: asyncio.Queue[Streams] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await _connect(port))

    async def one(number: int, streams: Streams) -> tuple[str, float]:
        sent = await _send(streams, recipient, phone, number)
        free.put_nowait(streams)
        return sent

    sending = []
    began = time.monotonic()
    for number in range(mails):
        await asyncio.sleep(began + number / rate - time.monotonic())
        sending.append(asyncio.ensure_future(one(number, await free.get())))
    return await asyncio.gather(*sending)


if __name__ == "__main__":
    _port, _recipient, _phone, _rate, _mails = sys.argv[1:]
    print(json.dumps(uvloop.run(_all(int(_port), _recipient, _phone, float(_rate), int(_mails)))))
