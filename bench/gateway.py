"""The gateway under measurement: `brevdue serve` as its users run it, in a folder of its own, with one open account."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Self

from bench.load import SENDER
from tests.gateway_process import BREVDUE, DOMAIN, Gateway, wait_for

_START_SECONDS = 60.0


class Measured(Gateway):
    """`arguments` are added to `brevdue serve`; `toml` to the configuration."""

    def __init__(self, folder: Path, toml: str = "", arguments: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, toml)
        self._arguments = shlex.split(arguments)
        self.address = ""
        self.number = ""
        self.ready_after = 0.0
        """Seconds from the start of the process until /readyz answered 200."""

    def start(self) -> Self:
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*BREVDUE, "serve", "-c", str(self.config), *self._arguments],
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )
        wait_for(self.ready, "ready", _START_SECONDS)
        self.ready_after = time.monotonic() - began
        return self

    def open_account(self) -> Self:
        """Give the load's sender a key and an account; works before the start as well."""
        key = self.key()
        self.number = self.account(key, SENDER)
        self.address = f"{key}@{DOMAIN}"
        return self

    @property
    def database(self) -> Path:
        """The file of the embedded default."""
        return self.folder / "brevdue.db"

    @property
    def pid(self) -> int:
        """The process id of the first process; workers descend from it."""
        if self.process is None:
            raise RuntimeError("the gateway is not running")
        return self.process.pid
