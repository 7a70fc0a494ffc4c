"""The gate before every adapter's webhooks: a secret path, and networks that it may be called from. Pure."""

from __future__ import annotations

import hmac
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.providers.base import Forged
from gateway.providers.options import DoorOptions


class Gate:
    """One provider's gate."""

    def __init__(self, options: DoorOptions) -> None:
        self._path = options.secret.get_secret_value().encode()
        self._networks = options.networks
        self._is_allowed = lru_cache(1024)(self._in_networks)

    def admit(self, path: str, client: str) -> None:
        """Check the secret in the path, in constant time, and the network. Raises `Forged`."""
        if not hmac.compare_digest(path.encode(errors="replace"), self._path):
            raise Forged("wrong secret in the path")
        if self._networks and not self._is_allowed(client):
            raise Forged("not from the provider's networks")

    def _in_networks(self, client: str) -> bool:
        try:
            address: IPv4Address | IPv6Address = ip_address(client)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
