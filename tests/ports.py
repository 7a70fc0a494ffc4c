"""Ports for servers that tests start: each worker has a share of its own, and gives none twice before all were given."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket

_FIRST, _SHARE, _WORKERS = 12_000, 2_500, 8
"""Below those that the system gives to outgoing connections meanwhile, and to servers that ask for any port."""


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = next(_share)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _ports_of(worker: str) -> itertools.cycle[int]:
    """Those of a worker ("gw0"), from a random one on: several runs beside each other do not begin with the same."""
    begins = _FIRST + _SHARE * (int(worker.removeprefix("gw")) % _WORKERS)
    turn = random.randrange(_SHARE)
    return itertools.cycle(begins + (place + turn) % _SHARE for place in range(_SHARE))


_share = _ports_of(os.environ.get("PYTEST_XDIST_WORKER", f"gw{_WORKERS - 1}"))
