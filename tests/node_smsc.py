"""The message centre of npm's `smpp` as a process of its own (tests/node/smsc.js)."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.node_packages import NODE, node_with


class NodeSmsc:
    """Start it, read what it was given, let phones write, stop it."""

    def __init__(self, require: Callable[[str], str], *flags: str, port: int = 0) -> None:
        command = [node_with(require, "smpp"), str(NODE / "smsc.js"), str(port), "--talk", *flags]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.append(json.loads(line))

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it told so far: "submit_sm" or "deliver_sm_resp"."""
        return [event for event in list(self._told) if event["event"] == name]

    def text(self, sender: str, to: str, text: str, udh: list[int] | None = None) -> None:
        """A phone writes; `udh` are the octets of a user data header."""
        assert self._process.stdin is not None
        message = {"from": sender.removeprefix("+"), "to": to.removeprefix("+"), "text": text, "udh": udh}
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
