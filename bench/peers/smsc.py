"""A message centre on node-smpp: answers every submit_sm, reports delivery where asked, counts."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any, Self

from bench.processes import Service
from tests.ports import free_port

PROGRAM = Path(__file__).parents[2] / "tests/node/smsc.js"


class MessageCentre:
    """`receipts` sends a delivery report for each message; `talk` keeps when each text arrived (monotonic seconds)."""

    def __init__(self, home: Path, *, receipts: bool = True, talk: bool = False, port: int | None = None) -> None:
        self.port = port or free_port()
        self.arrived: dict[str, float] = {}
        flags = ["--receipts"] * receipts + ["--talk"] * talk
        self._service = Service(
            "the message centre", ["node", str(PROGRAM), str(self.port), *flags], home / "smsc.log", talks=True
        )
        self._answer: dict[str, int] | None = None
        self._answered = threading.Event()

    def __enter__(self) -> Self:
        self._service.start()
        if int(self._service.output.readline()) != self.port:
            raise RuntimeError("the message centre listens elsewhere")
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._service.stop()

    def _listen(self) -> None:
        for line in self._service.output:
            now = time.monotonic()
            event: dict[str, Any] = json.loads(line)
            if event.get("event") == "submit_sm":
                self.arrived.setdefault(event["text"], now)
            elif "submits" in event:
                self._answer = event
                self._answered.set()

    def counts(self) -> dict[str, int]:
        """What it has seen so far: submits, receipts, acknowledged, ..."""
        self._answered.clear()
        self._service.process.send_signal(signal.SIGUSR1)
        if not self._answered.wait(30) or self._answer is None:
            raise RuntimeError("the message centre does not say what it has seen")
        return self._answer
