"""Signing in with mail address and password; nothing tells whether an address is anybody's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from gateway import maillog
from gateway.maillog import Event
from web.identity.errors import TooBusy, WrongCode, WrongCredentials
from web.identity.model import Awaits, Credentials, Person
from web.identity.people import People
from web.identity.roles import Role
from web.identity.second_factor import SecondFactor
from web.identity.sessions import Sessions
from web.identity.throttle import Attempt, Throttle, What


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

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        throttle: Throttle,
        second_factor: SecondFactor,
        must_have_second: Collection[Role] = (),
    ) -> None:
        """`must_have_second`: who is asked to set a second factor up before they are let in."""
        self._people = people
        self._sessions = sessions
        self._throttle = throttle
        self._second_factor = second_factor
        self._must_have_second = frozenset(must_have_second)

    async def by_password(self, email: str, password: str, peer_ip: str, user_agent: str) -> SignedIn:
        """Begin a session. Raises WrongCredentials, TooManyAttempts, TooBusy."""
        known = await self._people.credentials_at(email)
        at_home = await self._sessions.was_here(known.person.id if known else "", peer_ip)
        attempt = await self._throttle.count(What.PASSWORD, email, peer_ip, is_known_here=at_home)
        fits = await self._fits(known, password, attempt)
        if known is None or not fits or known.person.disabled_at is not None:
            maillog.warn(Event.LOGIN_FAILED, peer=peer_ip, door="web")
            raise WrongCredentials
        await self._throttle.give_back(attempt)
        return await self.let_in(known.person, peer_ip, user_agent)

    async def let_in(self, person: Person, peer_ip: str, user_agent: str) -> SignedIn:
        """Begin the session of a person whose first factor is proven."""
        awaits = self.awaited(person)
        return SignedIn(await self._sessions.start(person, peer_ip, user_agent, awaits=awaits), person, awaits)

    def awaited(self, person: Person) -> Awaits:
        """What a person has to prove beside the first factor."""
        if person.has_second_factor:
            return Awaits.CODE
        return Awaits.ENROLMENT if self.must_have_second(person) else Awaits.NOTHING

    def must_have_second(self, person: Person) -> bool:
        """Whether the configuration asks for a second factor of such a person."""
        return person.role in self._must_have_second

    async def by_code(self, token: str, code: str, peer_ip: str, user_agent: str) -> SignedIn:
        """Make half a session whole with a code of the second factor, or a recovery code.

        Raises WrongCode, TooManyAttempts, WrongCredentials where there is no such half any more.
        """
        half = await self._sessions.half_of(token)
        known = await self._people.credentials_of(half[0].id) if half and half[1] is Awaits.CODE else None
        if known is None:
            raise WrongCredentials
        await self.check_code(known, code, peer_ip)
        whole = await self._sessions.renew(token, known.person, peer_ip, user_agent)
        return SignedIn(whole, known.person, Awaits.NOTHING)

    async def check_code(self, known: Credentials, code: str, peer_ip: str) -> None:
        """Use a code up. Raises WrongCode, TooManyAttempts."""
        attempt = await self._throttle.count(What.CODE, known.person.id, peer_ip)
        try:
            await self._second_factor.check(known, code)
        except WrongCode:
            maillog.warn(Event.LOGIN_FAILED, peer=peer_ip, door="web", step="code")
            raise
        await self._throttle.give_back(attempt)

    async def check_again(self, person: Person, password: str, peer_ip: str) -> None:
        """Whether somebody who is signed in knows the password, before they change what they sign in with.

        Raises WrongCredentials, TooManyAttempts, TooBusy. Who has no password passes.
        """
        known = await self._people.credentials_of(person.id)
        if known is None or not known.password:
            return
        attempt = await self._throttle.count(What.PASSWORD, person.email, peer_ip, is_known_here=True)
        if not await self._fits(known, password, attempt):
            raise WrongCredentials
        await self._throttle.give_back(attempt)

    async def _fits(self, known: Credentials | None, password: str, attempt: Attempt) -> bool:
        """Whether it is the password. Raises TooBusy, which is no failure: a flood locks nobody out for longer."""
        try:
            return await self._people.check_password(known, password)
        except TooBusy:
            await self._throttle.give_back(attempt)
            raise
