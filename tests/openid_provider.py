"""npm's `oidc-provider` as a process of its own (tests/node/oidc.mjs)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from typing import Self

from tests.node_packages import NODE, node_with


class NodeOpenIdProvider:
    """Start it, know its issuer, stop it."""

    def __init__(self, require: Callable[[str], str], redirect_uri: str) -> None:
        command = [node_with(require, "oidc-provider"), str(NODE / "oidc.mjs"), redirect_uri]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        self.issuer = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
