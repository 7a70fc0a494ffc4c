"""How much one client, and everybody together, may hold of the SMTP edge: connections and memory.

Counts live in memory and end with what they count; how many mails and failed attempts a minute is in `gateway.rates`.
An IPv6 client is its /64, since that is what one customer gets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.errors import Refusal, too_busy
from gateway.settings import Network


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


def within(ip: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks, which may be written as IPv4 wrapped in IPv6."""
    return any(form in network for network in networks for form in _both_forms(ip))


@lru_cache(4096)
def _both_forms(ip: str) -> tuple[IPv4Address | IPv6Address, ...]:
    try:
        parsed = ip_address(ip)
    except ValueError:
        return ()
    return (parsed, IPv6Address(f"::ffff:{parsed}")) if isinstance(parsed, IPv4Address) else (parsed,)


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


class MemoryPool:
    """The bytes that messages on their way in may hold together, and who holds them.

    Small messages, which fit a connection's buffer, are not counted. A quarter is kept for our own relays. Of the rest
    a client may hold half of what it leaves free: a quarter of the pool where it is alone, less where others hold much,
    and something however many want all. A relay of ours may hold half of all that is free.
    """

    def __init__(self, size: int) -> None:
        self.free = size
        self._kept = size // 4
        self._held: Counter[str] = Counter()

    def take(self, client: str, size: int, *, own_relay: bool) -> bool:
        """Give `size` bytes to a client, if its share has them."""
        left = self.free - size
        holds = self._held[client] + size
        if holds > (left if own_relay else (left - self._kept) // 2):
            return False
        self.free = left
        self._held[client] = holds
        return True

    def give_back(self, client: str, size: int) -> None:
        """Take back what a client holds no more."""
        self.free += size
        self._held[client] -= size
        if not self._held[client]:
            del self._held[client]


class MessageMemory:
    """What one message takes of the pool, in its client's name."""

    def __init__(self, pool: MemoryPool, client: str, *, own_relay: bool = False) -> None:
        self._pool = pool
        self._client = client
        self._own_relay = own_relay
        self.held = 0
        """Bytes now."""

    def take(self, size: int) -> bool:
        """Take `size` bytes, if there are."""
        taken = self._pool.take(self._client, size, own_relay=self._own_relay)
        if taken:
            self.held += size
        return taken

    def give_back(self) -> None:
        """The message is gone."""
        self._pool.give_back(self._client, self.held)
        self.held = 0


def login_pause() -> Refusal:
    """Too many failed sign-ins from the client's address (RFC 4954 §6: 454 is temporary)."""
    return Refusal(454, "4.7.0", "too many failed sign-ins, wait a minute", cause="login pause")
