"""Programs of other people from npm, as tests/node/package-lock.json names them."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable
from pathlib import Path

NODE = Path(__file__).parent / "node"


def node_with(require: Callable[[str], str], package: str) -> str:
    """The path of node, once the package is there; of tests that run side by side, one fetches it."""
    node = require("node")
    with (NODE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (NODE / "node_modules" / package / "package.json").exists():
            install = [require("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
            subprocess.run(install, cwd=NODE, check=True, capture_output=True, timeout=100)
    return node
