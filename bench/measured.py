"""The gateway under measurement: `brevdue serve` as its users run it, in a folder of its own, with one open account."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.load import SENDER
from tests.gateway_process import BREVDUE, DOMAIN, Gateway, wait_for

_START_SECONDS = 60.0
_TRUTH = ("brevdue.db", "brevdue.secret")


@dataclass(frozen=True)
class Account:
    """The load's sender in a gateway's folder: where to write, and the number that SMS come from."""

    folder: Path
    address: str
    number: str


class Measured(Gateway):
    """`arguments` are added to `brevdue serve`; `toml` to the configuration."""

    def __init__(
        self, folder: Path, toml: str = "", arguments: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, toml)
        self.environment |= environment or {}
        self._arguments = shlex.split(arguments)
        self._account: Account | None = None
        self.ready_after = 0.0
        """Seconds from the start of the process until /readyz answered 200."""

    def start(self) -> Self:
        """Start and wait until it is ready."""
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

    def open_account(self, copied: Account | None = None) -> Self:
        """Give the load's sender a key and an account, or copy the database of a gateway that has them already.

        To be called while neither gateway runs.
        """
        if copied is None:
            key = self.key()
            self._account = Account(self.folder, f"{key}@{DOMAIN}", self.account(key, SENDER))
        else:
            for name in _TRUTH:
                shutil.copy2(copied.folder / name, self.folder / name)
            self._account = Account(self.folder, copied.address, copied.number)
        return self

    @property
    def opened(self) -> Account:
        """The account that was opened."""
        if self._account is None:
            raise RuntimeError("no account is open")
        return self._account

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
