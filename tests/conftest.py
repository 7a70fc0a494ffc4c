"""What all tests share: nothing but this machine is reached, and a missing server is no excuse in CI.

Properties are proven on busy machines too: an example may take its time.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """`require("postfix")` gives the program's path. Without it the test is skipped; in CI it fails."""

    def find(program: str) -> str:
        servers = (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
        places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *servers))
        path = shutil.which(program, path=places)
        if path is None:
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing(f"needs the program '{program}', which is not installed (see .ci/run)")
        return path

    return find


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _is_here(host: str | None) -> bool:
    name = (host or "").lower().removesuffix(".")
    if address := _address(name):
        return address.is_loopback or address.is_unspecified
    return name in {"", "localhost", socket.gethostname().lower()} or name.endswith(".localhost")


def _guard(method: Callable[..., Any], place: int) -> Callable[..., Any]:
    """Refuse a socket call whose address, the argument at `place` (-1: the last), is not this machine's."""

    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[place]
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_here(address[0]):
            raise AssertionError(f"a test reached out to {address}: only this machine may be contacted")
        return method(self, *args)

    return guarded


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """Refuse connections to anything but loopback, and look-ups of names that are not this machine's."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not _is_here(name) and _address(name) is None:
            raise socket.gaierror(socket.EAI_NONAME, f"a test looked up {name}: only this machine may be contacted")
        return resolve(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name, place in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
            patch.setattr(socket.socket, name, _guard(getattr(socket.socket, name), place))
        patch.setattr(socket, "getaddrinfo", resolve_here)
        yield


@pytest.fixture(autouse=True)
def _quiet_collector(request: pytest.FixtureRequest) -> Iterator[None]:
    """With a stopwatch running, keep the garbage collector off the test suite's own thousands of objects."""
    if request.node.get_closest_marker("stopwatch") is None:
        yield
        return
    gc.freeze()
    yield
    gc.unfreeze()


_LONG = ("faults", "fuzz")
"""Folders whose files take longest: begun first, they end while others still run beside them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; the order within a file stays."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONG)


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what was collected: each look at all of it stops a process for a second.

    Where both sides of a connection are in one process, neither is there meanwhile, and limits of time pass.
    """
    gc.freeze()
