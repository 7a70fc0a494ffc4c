"""Who calls: the key of the kind REST in `Authorization: Bearer` (RFC 6750 §2.1), and nowhere else.

In: the header and the client's address. Out: the `Actor` that the key is, as it stands at this moment. Promises: a key
that is paused, rotated or has lost a scope is obeyed in the next call of every process; who guesses waits, and who
has called from the same address before does not wait for them.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict

from gateway.accounts import Accounts
from gateway.model import ApiKey, Clock, KeyKind
from gateway.rates import Rate
from gateway.scopes import with_reading
from web.api import problems
from web.identity.actor import Actor, ActorKind
from web.identity.throttle import peer_name

GUESSES, GUESS_SECONDS = 20, 15.0
"""Wrong keys from one client address: so many at once, then one in so many seconds."""
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,200}) *", re.IGNORECASE)
_REMEMBERED = 10_000


class Bearers:
    """Finds who calls."""

    def __init__(self, keys: Accounts, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._guesses = Rate(GUESSES, GUESS_SECONDS)
        self._welcome: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    async def actor(self, authorization: str, peer_ip: str) -> Actor:
        """Who calls. Raises CallRefused."""
        if not authorization:
            raise problems.no_key()
        written = _BEARER.fullmatch(authorization)
        if written is None:
            raise problems.no_key()
        return _actor(await self._key(written[1], peer_ip), peer_ip)

    async def _key(self, secret: str, peer_ip: str) -> ApiKey:
        peer = peer_name(peer_ip)
        who = peer, hashlib.sha256(secret.encode()).digest()
        now = self._clock.now()
        wait = self._guesses.wait(peer, now) if who not in self._welcome else 0.0
        if wait:
            raise problems.too_many(wait, "wrong keys from your address")
        await self._keys.refresh()
        key = await self._keys.find_key(secret, kind=KeyKind.REST)
        if key is None:
            self._welcome.pop(who, None)
            self._guesses.count(peer, now)
            raise problems.wrong_key()
        self._remember(who)
        if key.paused:
            raise problems.paused_key()
        return key

    def _remember(self, who: tuple[str, bytes]) -> None:
        self._welcome[who] = None
        self._welcome.move_to_end(who)
        if len(self._welcome) > _REMEMBERED:
            self._welcome.popitem(last=False)


def _actor(key: ApiKey, peer_ip: str) -> Actor:
    return Actor(
        kind=ActorKind.KEY,
        id=key.id,
        name=key.label or key.id,
        scopes=with_reading(key.scopes),
        org_id=key.org_id,
        peer_ip=peer_ip,
        made_by=key.made_by,
    )
