"""Which addresses belong to the public Internet, and which lead into somebody's own network. Pure.

For requests to URLs that users give: such a request must not reach this machine, its neighbours or a cloud's metadata
(CWE-918). What counts is the address in the end, whatever it is wrapped in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are the IPv4 address that is reached."""
_NOT_PUBLIC = (
    IPv4Network("192.88.99.0/24"),  # relays of 6to4 (RFC 7526)
    IPv6Network("100::/64"),  # discard (RFC 6666)
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of one network's own (RFC 8215)
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
    IPv6Network("5f00::/16"),  # segment routing (RFC 9602)
    IPv6Network("fec0::/10"),  # site-local, deprecated
)
"""What `is_global` of some version of Python lets pass."""


def is_public(text: str, opened: Sequence[Network] = ()) -> bool:
    """Whether an address, as text, may be connected to: a public one, or one of the networks that are opened."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return all(_is_global(each) or any(each in network for network in opened) for each in _meant(address))


def _meant(address: Address) -> Iterator[Address]:
    """The address itself, unless it is another way to write an IPv4 address; and those that are wrapped in it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    if address in _TRANSLATED:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _is_global(address: Address) -> bool:
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback)
        and not any(address in network for network in _NOT_PUBLIC)
    )
