"""How much one address, and everybody together, may ask of the SMTP edge: connections and failed attempts.

Counts live in memory and are forgotten soon. An IPv6 client is its /64, since that is what one customer gets.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from gateway.errors import Refusal, too_busy


@lru_cache(4096)
def plain_ip(address: str) -> str:
    """Write an address in its one form: no zone, and IPv4 as IPv4 where it came wrapped in IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


@lru_cache(4096)
def client_key(ip: str) -> str:
    """Name the client behind an address: the address itself, or an IPv6 address's /64."""
    try:
        parsed = ip_address(ip)
    except ValueError:
        return ip
    return f"{int(parsed) >> 64:x}::/64" if parsed.version == 6 else ip


class ConnectionLimits:
    """Counts open connections: `total` in all, `per_client` from one client."""

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._open = 0
        self._by_client: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Connections now."""
        return self._open

    def enter(self) -> None:
        """Count a new connection, or raise the Refusal that ends it."""
        if self._open >= self._total:
            raise too_busy("too many connections")
        self._open += 1

    def enter_as(self, client: str) -> None:
        """Count the connection as this client's too, or raise the Refusal that ends it."""
        if self._by_client[client] >= self._per_client:
            raise too_busy("too many connections from your address")
        self._by_client[client] += 1

    def leave(self, client: str | None) -> None:
        """A connection that entered has ended."""
        self._open -= 1
        if client is not None:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]


class MessageMemory:
    """What one message may still take of the memory that all messages on their way in share."""

    def __init__(self, shared: MemoryPool) -> None:
        self._shared = shared
        self._held = 0

    def take(self, size: int) -> bool:
        """Take `size` bytes, if there are."""
        if size > self._shared.free:
            return False
        self._shared.free -= size
        self._held += size
        return True

    def give_back(self) -> None:
        """The message is gone."""
        self._shared.free += self._held
        self._held = 0


class MemoryPool:
    """Bytes left for messages on their way in. Small messages, which fit a connection's buffer, are not counted."""

    def __init__(self, size: int) -> None:
        self.free = size


class AttemptLimit:
    """A leaky bucket per client: `burst` failures at once, one forgotten every `forget_every` seconds."""

    _MANY = 50_000

    def __init__(self, burst: int, forget_every: float) -> None:
        self._burst = burst
        self._forget_every = forget_every
        self._failures: dict[str, tuple[float, float]] = {}

    def _level(self, client: str, now: float) -> float:
        level, at = self._failures.get(client, (0.0, now))
        return max(0.0, level - max(0.0, now - at) / self._forget_every)

    def spent(self, client: str, now: float) -> bool:
        """Whether the client has failed too often lately."""
        return client in self._failures and self._level(client, now) > self._burst - 1

    def failed(self, client: str, now: float) -> None:
        """Remember one failure."""
        if len(self._failures) >= self._MANY:
            self._forget_old(now)
        self._failures[client] = (min(self._level(client, now) + 1, self._burst), now)

    def _forget_old(self, now: float) -> None:
        live = {client: entry for client, entry in self._failures.items() if self._level(client, now) > 0}
        self._failures = live if len(live) < self._MANY // 2 else {}


def login_pause() -> Refusal:
    """Too many failed sign-ins from the client's address (RFC 4954 §6: 454 is temporary)."""
    return Refusal(454, "4.7.0", "too many failed sign-ins, wait a minute", cause="login pause")
