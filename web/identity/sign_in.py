"""Signing in with mail address and password; nothing tells whether an address is anybody's."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway import maillog
from gateway.maillog import Event
from web.identity.errors import WrongCredentials
from web.identity.model import Awaits, Credentials, Person
from web.identity.people import People
from web.identity.sessions import Sessions
from web.identity.throttle import Throttle


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody has proven who they are, or half of it."""

    token: str = field(repr=False)
    """For the cookie."""
    person: Person
    awaits: Awaits
    """What they still have to prove before the session is one."""


class SignIn:
    """The way in."""

    def __init__(self, people: People, sessions: Sessions, throttle: Throttle) -> None:
        self._people = people
        self._sessions = sessions
        self._throttle = throttle

    async def by_password(self, email: str, password: str, peer_ip: str, user_agent: str) -> SignedIn:
        """Begin a session. Raises WrongCredentials, TooManyAttempts, TooBusy."""
        known = await self._people.credentials_at(email)
        at_home = await self._sessions.was_here(known.person.id if known else "", peer_ip)
        attempt = await self._throttle.count("password", email, peer_ip, is_known_here=at_home)
        fits = await self._people.check_password(known, password)
        if known is None or not fits or known.person.disabled_at is not None:
            maillog.warn(Event.LOGIN_FAILED, peer=peer_ip, door="web")
            raise WrongCredentials
        await self._throttle.give_back(attempt)
        return await self.let_in(known, peer_ip, user_agent)

    async def let_in(self, known: Credentials, peer_ip: str, user_agent: str) -> SignedIn:
        """Begin the session of a person whose first factor is proven."""
        awaits = Awaits.CODE if known.totp else Awaits.NOTHING
        token = await self._sessions.start(known.person, peer_ip, user_agent, awaits=awaits)
        return SignedIn(token, known.person, awaits)
