"""Whom a provider's claims let in: somebody who came that way before, whose address it is, or a new person by rule."""

from __future__ import annotations

from collections.abc import Mapping

from gateway import maillog
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Clock
from gateway.proof.alignment import ascii_domain
from gateway.settings import OpenIdSettings
from gateway.store.database import Database
from web.identity.errors import ProviderRefused
from web.identity.model import Person
from web.identity.openid import Beginning, Claims, OpenId
from web.identity.people import People
from web.identity.roles import Role
from web.store import identity_sql
from web.store.identity_sql import Known


class SingleSignOn:
    """Finds or makes the person whom a provider has signed in."""

    def __init__(
        self,
        settings: OpenIdSettings,
        openid: OpenId,
        people: People,
        accounts: Accounts,
        database: Database,
        clock: Clock,
    ) -> None:
        self.label = settings.label
        self._settings = settings
        self._openid = openid
        self._people = people
        self._accounts = accounts
        self._database = database
        self._clock = clock

    async def begin(self, to: str) -> Beginning:
        """Where to send the browser. Raises ProviderAway."""
        return await self._openid.begin(to)

    async def finish(self, given: Mapping[str, str], sealed: str, peer_ip: str) -> tuple[Person, str]:
        """Who has come back, and where they wanted to go. Raises ProviderRefused, ProviderAway, DeadForm."""
        try:
            claims, to = await self._openid.finish(given, sealed)
            return await self._person(claims), to
        except ProviderRefused as error:
            maillog.warn(Event.LOGIN_FAILED, peer=peer_ip, door="openid", cause=error.cause)
            raise

    async def _person(self, claims: Claims) -> Person:
        known = await self._database.read(
            lambda connection: identity_sql.person_id(connection, claims.issuer, claims.subject)
        )
        person = await self._people.person(known) if known else await self._by_address(claims)
        if person is None or person.disabled_at is not None:
            raise ProviderRefused("nobody here, or let in no more")
        if known is None:
            now = self._clock.now()
            await self._database.write(identity_sql.put, Known(claims.issuer, claims.subject, person.id, now))
        return person

    async def _by_address(self, claims: Claims) -> Person | None:
        """Whose address it is, if the provider has proven it, and speaks for its domain."""
        if not claims.email or not claims.email_verified:
            raise ProviderRefused("no proven mail address")
        domain = ascii_domain(claims.email.rpartition("@")[2])
        allowed = [ascii_domain(each) for each in self._settings.allowed_domains]
        if allowed and domain not in allowed:
            raise ProviderRefused("mail domain not allowed")
        return await self._people.person_at(claims.email) or await self._made(claims)

    async def _made(self, claims: Claims) -> Person | None:
        """A new person, where the rule makes one."""
        settings = self._settings
        if settings.create_role == "nobody":
            return None
        organisation = await self._accounts.ensure_organisation(settings.organisation)
        return await self._people.create(claims.email, Role(settings.create_role), organisation.id, name=claims.name)
