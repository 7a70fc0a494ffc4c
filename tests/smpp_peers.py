"""Other people's SMPP in processes of their own: a message centre on smpp34, a client on rusmppyc.

`python -m tests.smpp_peers NAME PORT` is the process; `Peer` starts it, talks to it in JSON lines, and ends it. Both
libraries run threads of their own that do not survive the end of an interpreter: the process ends without one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]


class Peer:
    """Start a peer, read what it tells, tell it something, end it."""

    def __init__(self, name: str, port: int) -> None:
        command = [sys.executable, "-m", "tests.smpp_peers", name, str(port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = port
        self._told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.append(json.loads(line))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in list(self._told) if event["event"] == name]

    def tell(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def say(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


async def orders() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def give_up(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        print(repr(fault), file=sys.stderr, flush=True)
        os._exit(1)


async def smpp34_centre(port: int) -> None:
    """Takes messages, save to phones that end in 00; sends each receipt on the bind that its submit did not use."""
    import smpp34

    server = smpp34.Server(host="127.0.0.1", port=port, system_id="smpp34")
    await server.start()
    say("ready")
    sessions: dict[str, Any] = {}
    waiting: deque[Any] = deque()

    async def obey() -> None:
        async for line in await orders():
            order = json.loads(line)
            text = bytes.fromhex(order.pop("text"))
            order["tlvs"] = [smpp34.Tlv(tag, bytes.fromhex(value)) for tag, value in order.pop("tlvs", [])]
            answer = await next(iter(sessions.values())).deliver_sm(short_message=text, **order)
            say("deliver_sm_resp", status=answer.command_status)
        os._exit(0)

    async def report(event: Any, message_id: str) -> None:
        other = next((each for name, each in sessions.items() if name != event.session_id), None)
        if other is not None:
            text = f"id:{message_id} sub:001 dlvrd:001 stat:DELIVRD err:000".encode()
            ours, phone = event.source_addr, event.destination_addr
            answer = await other.deliver_sm(destination_addr=ours, source_addr=phone, short_message=text, esm_class=4)
            say("receipt", status=answer.command_status, same=other.session_id == event.session_id)

    obeying = asyncio.create_task(obey())
    obeying.add_done_callback(give_up)
    for number in range(1, 1_000_000):
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
            say("bound", system_id=event.system_id)
        elif isinstance(event, smpp34.Unbound):
            sessions.pop(event.session_id, None)
            say("unbound")
        elif event.destination_addr.endswith("00"):
            event.reject(smpp34.ESME_RINVDSTADR)
        else:
            event.accept(f"{number:x}")
            say(
                "submit_sm",
                id=f"{number:x}",
                source=event.source_addr,
                dest=event.destination_addr,
                esm_class=event.esm_class,
                data_coding=event.data_coding,
                text=event.short_message.hex(),
                tlvs=[(tlv.tag, tlv.value.hex()) for tlv in event.tlvs],
            )
            waiting.append(asyncio.create_task(report(event, f"{number:x}")))
    await obeying


async def rusmppyc_client(port: int) -> None:
    """Binds, submits what it is told to in its own encodings and parts, and tells what it is sent."""
    import rusmppyc
    from rusmppyc import rusmppyc as kinds

    client, events = await rusmppyc.Client.connect(f"smpp://127.0.0.1:{port}", interface_version_check=False)
    answer = await client.bind_transceiver(system_id="firma", password="hemmelig")
    say("bound", system_id=answer.system_id.rstrip(b"\0").decode())
    encoders = {
        "gsm7": kinds.Encoder.Gsm7BitUnpacked(kinds.Gsm7BitUnpacked.default()),
        "ucs2": kinds.Encoder.Ucs2(kinds.Ucs2.default()),
    }

    async def obey() -> None:
        async for line in await orders():
            order = json.loads(line)
            pieces = client.submit_sm_multipart(
                order["text"],
                reference=order["reference"],
                encoder=encoders[order["encoding"]],
                source_addr="456099462196",
                source_addr_ton=kinds.Ton.International(),
                dest_addr_ton=kinds.Ton.International(),
                destination_addr="4530643064",
            )
            answers = [await client.submit_sm(piece) for piece in pieces]
            say("submitted", ids=[answer.message_id.rstrip(b"\0").decode() for answer in answers])
        os._exit(0)

    obeying = asyncio.create_task(obey())
    obeying.add_done_callback(give_up)
    async for event in events:
        command = event._0
        pdu = command.pdu._0
        say(
            "deliver_sm",
            source=pdu.source_addr.rstrip(b"\0").decode(),
            dest=pdu.destination_addr.rstrip(b"\0").decode(),
            text=pdu.short_message.hex(),
            kind=repr(pdu.esm_class),
            data_coding=repr(pdu.data_coding),
            tlvs=[repr(tlv) for tlv in pdu.tlvs],
        )
        await client.deliver_sm_resp(sequence_number=command.sequence_number)
    await obeying


if __name__ == "__main__":
    PEERS = {"smpp34": smpp34_centre, "rusmppyc": rusmppyc_client}
    try:
        asyncio.run(PEERS[sys.argv[1]](int(sys.argv[2])))
    except BaseException as fault:  # it must end, whatever the libraries' threads are at
        print(repr(fault), file=sys.stderr, flush=True)
    os._exit(1)
