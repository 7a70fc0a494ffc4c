"""What phones received, kept where no fault of the gateway reaches it: three kinds of provider.

Each has the lines of configuration that lead to it, and the texts that arrived at its phones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.faults.http_provider import Fault
from tests.node_packages import NODE, node_with

NUMBERS = "+45609946000000..+45609946000999"


class Phones(Protocol):
    """The far end."""

    toml: str

    def received(self) -> Counter[str]:
        """How often each text arrived."""
        ...


class _Journal:
    """JSON lines of what came."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def received(self) -> Counter[str]:
        """How often each text arrived."""
        return self.count("received")

    def count(self, kind: str) -> Counter[str]:
        """How often each text was the subject of such a line."""
        return Counter(entry["text"] for entry in self.entries(kind))

    def entries(self, kind: str) -> Iterator[dict[str, Any]]:
        """Such lines, in order."""
        lines = self._path.read_text().splitlines(keepends=True) if self._path.exists() else []
        entries = (json.loads(line) for line in lines if line.endswith("\n"))  # the last one may be half written
        return (entry for entry in entries if entry["kind"] == kind)


class SimulatedPhones(_Journal):
    """The simulator's journal, in a folder of its own: it survives the gateway and its disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        journal = folder / "phones.jsonl"
        super().__init__(journal)
        self.toml = f'[[provider]]\nname = "simulator"\nkind = "simulator"\npath = "{journal}"\n'


class HttpPhones(_Journal):
    """Behind `http_provider`, in a process of its own."""

    def __init__(self, journal: Path, process: subprocess.Popen[str], name: str, numbers: str) -> None:
        super().__init__(journal)
        assert process.stdout is not None
        self._process = process
        self._port = port = int(process.stdout.readline())
        self.toml = f"""
[[provider]]
name = "{name}"
kind = "http"
url = "http://127.0.0.1:{port}/sms"
json = {{ id = "{{id}}", to = "{{to}}", text = "{{text}}" }}
connect_timeout = 1
timeout = 2
[provider.answer]
id = "/id"
error = "/error"
[[provider.answer.rule]]
at = "/error"
is = "try later"
outcome = "temporary"
retry_after = 1
[[provider.answer.rule]]
at = "/error"
is = "no such number"
outcome = "permanent"
reason = "not-in-use"
[[pool]]
provider = "{name}"
range = "{numbers}"
"""

    def asked(self) -> Counter[str]:
        """How often the provider was asked to send each text, whatever it did then."""
        return self.count("asked")

    def arrivals(self) -> list[float]:
        """When each SMS was received, in monotonic seconds."""
        return [entry["at"] for entry in self.entries("received")]

    def die(self) -> None:
        """Be killed, with all that is in hand."""
        self._process.kill()
        self._process.wait()

    def behave(self, fault: Fault) -> None:
        """Begin a fault; `Fault.NONE` ends it."""
        order = urllib.request.Request(f"http://127.0.0.1:{self._port}/fault/{fault}", method="PUT")
        urllib.request.urlopen(order, timeout=10).close()


@contextmanager
def http_phones(folder: Path, name: str = "http", numbers: str = NUMBERS) -> Iterator[HttpPhones]:
    """A running provider with an HTTP interface."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{name}.jsonl"
    command = [sys.executable, "-m", "tests.faults.http_provider", str(journal)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            yield HttpPhones(journal, process, name, numbers)
        finally:
            process.kill()


class SmppPhones:
    """Behind node-smpp, another implementation, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._texts: list[str] = []
        port = int(process.stdout.readline())
        threading.Thread(target=self._listen, args=(process.stdout,), daemon=True).start()
        self.toml = f"""
[[provider]]
name = "smpp"
kind = "smpp"
host = "127.0.0.1"
port = {port}
system_id = "brevdue"
response_timeout = 3
[[pool]]
provider = "smpp"
range = "{NUMBERS}"
"""

    def _listen(self, lines: Iterator[str]) -> None:
        for line in lines:
            event = json.loads(line)
            if event.get("event") == "submit_sm":
                self._texts.append(event["text"])

    def received(self) -> Counter[str]:
        """How often each text arrived."""
        return Counter(self._texts)


@contextmanager
def smpp_phones(require: Callable[[str], str]) -> Iterator[SmppPhones]:
    """A running message centre."""
    command = [node_with(require, "smpp"), "smsc.js", "0", "--talk"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=NODE) as process:
        try:
            yield SmppPhones(process)
        finally:
            process.kill()
