"""How often somebody may fail to sign in: counted by client address and by account, in the database.

So processes share the counts and a restart forgets none. An attempt is counted before it is looked at, so that many at
once are not more than many in turn; one that succeeds is given back. Whether an address has an account makes no
difference. Where a person has signed in before they have a count of their own, so that a stranger who fails
in their name elsewhere does not lock them out.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum

from gateway.keyring import Keyring
from gateway.model import Clock
from gateway.registry.employee_address import fold_email
from gateway.store.database import Database
from web.identity.errors import TooManyAttempts
from web.store import throttle_sql
from web.store.throttle_sql import Drop

PEER_BURST, PEER_SECONDS = 20, 15.0
"""Failures from one client address: so many at once, then one in so many seconds."""
ACCOUNT_BURST, ACCOUNT_SECONDS = 10, 60.0
"""Failures for one account: 1,440 guesses a day at most, from however many addresses."""
CODE_BURST, CODE_SECONDS = 10, 300.0
"""Wrong codes of the second factor of one account, of which a million have a chance of three each."""
MAIL_BURST, MAIL_SECONDS = 3, 900.0
"""Links that are mailed to one address."""


class What(StrEnum):
    """What is tried."""

    PASSWORD = "password"  # noqa: S105 - a word, not one
    CODE = "code"
    MAIL = "mail"


_LIMITS = {
    What.PASSWORD: (ACCOUNT_BURST, ACCOUNT_SECONDS),
    What.CODE: (CODE_BURST, CODE_SECONDS),
    What.MAIL: (MAIL_BURST, MAIL_SECONDS),
}

Attempt = tuple[Drop, ...]
"""What an attempt was counted under."""


class Throttle:
    """Counts attempts."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def count(self, what: What, name: str, peer_ip: str, *, is_known_here: bool = False) -> Attempt:
        """Count an attempt on an account, named by its address or id. Raises TooManyAttempts.

        `is_known_here`: the account's owner has signed in from this client address before.
        """
        now = self._clock.now()
        peer = peer_name(peer_ip)
        whose = self._keyring.digest(f"{what} {fold_email(name)}{f' {peer}' if is_known_here else ''}", "throttle")
        attempt = (
            Drop(f"peer {what} {peer}", PEER_BURST, PEER_SECONDS, now),
            Drop(f"account {whose}", *_LIMITS[what], now),
        )
        wait = await self._database.write(throttle_sql.take, attempt)
        if wait:
            raise TooManyAttempts(wait)
        return attempt

    async def give_back(self, attempt: Attempt) -> None:
        """Uncount an attempt that succeeded."""
        await self._database.write(throttle_sql.give_back, attempt)


def peer_name(peer_ip: str) -> str:
    """What counts as one client: an IPv4 address, or the 64 bits of IPv6 that one customer is given at least."""
    try:
        address = ipaddress.ip_address(peer_ip.partition("%")[0])
    except ValueError:
        return peer_ip[:64]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
