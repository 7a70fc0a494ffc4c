"""What people do for themselves: their name, language, password, second factor and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.registry.errors import BadValue, NotFound
from gateway.translation import sentence
from web.identity.actor import Actor, ActorKind
from web.identity.identity import Identity
from web.identity.model import Passkey, Person, Session
from web.identity.passkeys import Question


@dataclass(frozen=True, slots=True)
class Me:
    """Everything that somebody sees of themselves."""

    person: Person
    sessions: Sequence[Session]
    recovery_codes: int
    passkeys: Sequence[Passkey]
    passkeys_possible: bool
    must_have_second: bool


class MyDesk:
    """One's own account. What one signs in with is changed by who knows the password, and makes a new session."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def show(self, actor: Actor) -> Me:
        """Everything there is."""
        person = await self._person(actor)
        return Me(
            person=person,
            sessions=await self._identity.sessions.list_sessions(person_id=person.id),
            recovery_codes=await self._identity.second_factor.recovery_codes_left(person),
            passkeys=await self._identity.passkeys.list_passkeys(person),
            passkeys_possible=self._identity.passkeys.are_possible,
            must_have_second=self._identity.sign_in.must_have_second(person),
        )

    async def change(self, actor: Actor, *, name: str, language: str, timezone: str) -> Person:
        """Set name, language and time zone. Raises BadValue."""
        person = await self._person(actor)
        changed = await self._identity.people.change(person, name=name, language=language, timezone=timezone)
        await self._identity.audit.note(actor, "person.change", person.id, name=changed.name)
        return changed

    async def set_password(self, actor: Actor, token: str, old: str, new: str, user_agent: str) -> str:
        """A new password; all other sessions end, and this one gets a new token, which is returned.

        Raises WrongCredentials, WeakPassword, TooManyAttempts, TooBusy.
        """
        person = await self._person(actor)
        await self._identity.sign_in.check_again(person, old, actor.peer_ip)
        await self._identity.people.set_password(person, new)
        return await self._renewed(actor, token, person, user_agent, "person.password")

    def propose(self, person: Person) -> str:
        """A secret for a second factor, for the form that `enrol` reads back."""
        return self._identity.second_factor.propose(person)

    def shown(self, person: Person, proposed: str) -> tuple[str, str]:
        """That secret in letters and as a picture. Raises DeadForm."""
        return self._identity.second_factor.shown(person, proposed)

    async def enrol(
        self, actor: Actor, token: str, *, password: str, proposed: str, code: str, user_agent: str
    ) -> tuple[str, list[str]]:
        """Set the second factor up; the session's new token, and the recovery codes.

        Raises WrongCredentials, WrongCode, DeadForm, TooManyAttempts, TooBusy.
        """
        person = await self._person(actor)
        await self._identity.sign_in.check_again(person, password, actor.peer_ip)
        codes = await self._identity.second_factor.enrol(person, proposed, code)
        return await self._renewed(actor, token, person, user_agent, "person.second_factor"), codes

    async def drop_second_factor(self, actor: Actor, token: str, password: str, user_agent: str) -> str:
        """Take the second factor off; the session's new token. Raises as `set_password`, and BadValue."""
        person = await self._person(actor)
        if self._identity.sign_in.must_have_second(person):
            raise BadValue(sentence("a second factor is required here: set up another one instead"))
        await self._identity.sign_in.check_again(person, password, actor.peer_ip)
        await self._identity.second_factor.remove(person)
        return await self._renewed(actor, token, person, user_agent, "person.second_factor_off")

    async def renew_recovery_codes(self, actor: Actor, password: str) -> list[str]:
        """New recovery codes. Raises WrongCredentials, TooManyAttempts, TooBusy, BadValue without a second factor."""
        person = await self._person(actor)
        if not person.has_second_factor:
            raise BadValue(sentence("there is no second factor yet"))
        await self._identity.sign_in.check_again(person, password, actor.peer_ip)
        codes = await self._identity.second_factor.renew_recovery_codes(person)
        await self._identity.audit.note(actor, "person.recovery_codes", person.id)
        return codes

    async def ask_passkey(self, actor: Actor) -> Question:
        """What a page asks a device to make. Raises NotFound where browsers know no passkeys of ours."""
        person = await self._person(actor)
        if not self._identity.passkeys.are_possible:
            raise NotFound(sentence("passkeys need the pages to be on https, by name"))
        return await self._identity.passkeys.ask_new(person)

    async def keep_passkey(
        self, actor: Actor, token: str, *, password: str, sealed: str, answer: str, label: str, user_agent: str
    ) -> str:
        """Keep what a device has made; the session's new token.

        Raises WrongCredentials, WrongPasskey, DeadForm, TooManyAttempts, TooBusy.
        """
        person = await self._person(actor)
        await self._identity.sign_in.check_again(person, password, actor.peer_ip)
        await self._identity.passkeys.keep(person, sealed, answer, label)
        return await self._renewed(actor, token, person, user_agent, "person.passkey")

    async def remove_passkey(self, actor: Actor, passkey_id: str) -> None:
        """Forget a passkey. Raises NotFound."""
        person = await self._person(actor)
        await self._identity.passkeys.remove(person, passkey_id)
        await self._identity.audit.note(actor, "person.passkey_off", person.id)

    async def end_session(self, actor: Actor, session_id: str) -> None:
        """Sign out somewhere else. Raises NotFound."""
        person = await self._person(actor)
        if not await self._identity.sessions.end_one(session_id, person_id=person.id):
            raise NotFound(sentence("there is no such session"))
        await self._identity.audit.note(actor, "session.end", session_id)

    async def end_other_sessions(self, actor: Actor) -> int:
        """Sign out everywhere else; how many sessions ended."""
        person = await self._person(actor)
        ended = await self._identity.sessions.end_all(person_id=person.id, but=actor.session_id)
        await self._identity.audit.note(actor, "session.end", person.id, ended=ended)
        return ended

    async def _renewed(self, actor: Actor, token: str, person: Person, user_agent: str, action: str) -> str:
        await self._identity.sessions.end_all(person_id=person.id, but=actor.session_id)
        renewed = await self._identity.sessions.renew(token, person, actor.peer_ip, user_agent)
        await self._identity.audit.note(actor, action, person.id)
        return renewed

    async def _person(self, actor: Actor) -> Person:
        found = await self._identity.people.person(actor.id) if actor.kind is ActorKind.PERSON else None
        if found is None:
            raise NotFound(sentence("this is for people who sign in"))
        return found
