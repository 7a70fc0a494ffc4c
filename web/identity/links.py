"""One-time links: 256 random bits in a URL that let somebody in once. Only their HMAC is kept.

Looking at a link does not use it up, so that programs that open links in mails do no harm: what uses it up is the form
that its page sends. A link that was used, is too old or never was looks the same.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType

from gateway.keyring import Keyring
from gateway.model import Clock, new_id
from gateway.store.database import Database
from web.identity.errors import DeadLink
from web.identity.model import Link, LinkKind
from web.identity.roles import Role
from web.store import link_sql
from web.store.link_sql import NewLink

_HOUR, _DAY = 3600.0, 86_400.0
LIFETIMES: Mapping[LinkKind, float] = MappingProxyType(
    {
        LinkKind.OPERATOR: _DAY,
        LinkKind.INVITATION: 7 * _DAY,
        LinkKind.RESET: 2 * _HOUR,
        LinkKind.RESCUE: _DAY,
        LinkKind.SIGN_IN: _HOUR,
    }
)
"""Seconds that a link can be used."""
_TOKEN = re.compile(r"[0-9a-f]{64}")


def digest_of(keyring: Keyring, token: str) -> str:
    """The form in which a link's token is kept."""
    return keyring.digest(token, "link")


class Links:
    """Makes one-time links and uses them up."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, public_url: str) -> None:
        """`public_url` is where browsers find the gateway, without a slash at its end."""
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._public_url = public_url

    def url(self, token: str) -> str:
        """Where a link leads."""
        return f"{self._public_url}/link/{token}"

    async def make(
        self,
        kind: LinkKind,
        *,
        org_id: str | None = None,
        person_id: str | None = None,
        account_id: str | None = None,
        email: str = "",
        name: str = "",
        role: Role | None = None,
        language: str = "",
        made_by: str = "",
    ) -> str:
        """Make a link and return its token (64 hex digits), which is not kept.

        An earlier one of its kind for the same person, account or address stops working.
        """
        now, token = self._clock.now(), secrets.token_hex(32)
        link = Link(
            id=new_id(now),
            kind=kind,
            created_at=now,
            expires_at=now + LIFETIMES[kind],
            org_id=org_id,
            person_id=person_id,
            account_id=account_id,
            email=email,
            name=name,
            role=role,
            language=language,
            made_by=made_by,
        )
        await self._database.write(link_sql.put, NewLink(link, digest_of(self._keyring, token), replaces=True))
        return token

    async def look(self, token: str) -> Link:
        """What a link is for, without using it up. Raises DeadLink."""
        if not _TOKEN.fullmatch(token):
            raise DeadLink
        digest, now = digest_of(self._keyring, token), self._clock.now()
        found = await self._database.read(lambda connection: link_sql.find(connection, digest, now))
        if found is None:
            raise DeadLink
        return found

    async def use(self, token: str) -> Link:
        """Use a link up. Raises DeadLink.

        Where a person is made or changed by it, give the token to `People` instead: that uses it up with the same
        commit, so that what is refused leaves the link usable.
        """
        used = await self._database.write(link_sql.use_up, (digest_of(self._keyring, token), self._clock.now()))
        if used is None:
            raise DeadLink
        return used

    async def list_invitations(self, org_id: str | None) -> list[Link]:
        """Invitations that nobody has followed yet, the newest first."""
        now = self._clock.now()
        return await self._database.read(
            lambda connection: link_sql.list_open(connection, org_id, LinkKind.INVITATION, now)
        )

    async def end(self, link_id: str) -> bool:
        """Take a link back; False where it was used or never was."""
        return await self._database.write(link_sql.end, link_id)
