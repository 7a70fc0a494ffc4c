"""People who can sign in: who they are, in which organisation, as what. Who may change whom is decided by the desk.

One address is one person in the whole gateway. Promises: the last owner of an organisation and the last operator can
neither go nor become something else, also when two changes meet; who is disabled is signed out by the same commit.
An AccountError's text is one sentence for a person.
"""

from __future__ import annotations

from functools import cache
from typing import NoReturn
from zoneinfo import available_timezones

from gateway.keyring import Keyring
from gateway.model import Clock, new_id
from gateway.registry.employee_address import fold_email, valid_address
from gateway.registry.errors import AccountError, BadValue, NotFound
from gateway.registry.keys import valid_language
from gateway.store.database import Database
from gateway.translation import sentence
from web.identity.errors import DeadLink, LastOfTheirKind, PersonExists
from web.identity.links import digest_of
from web.identity.model import Credentials, Person
from web.identity.passwords import Passwords, refuse_weak
from web.identity.roles import Role
from web.store import person_sql, second_factor_sql
from web.store.person_sql import Edit, NewPerson, Obstacle

MAX_NAME = 100
"""Characters of a person's name."""


class People:
    """Everybody who can sign in."""

    def __init__(self, database: Database, keyring: Keyring, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._passwords = passwords
        self._clock = clock

    # --- looking up --------------------------------------------------------------------------------------------

    async def is_empty(self) -> bool:
        """Whether there is nobody yet, so that the first operator has to be let in by a link."""
        return not await self._database.read(person_sql.any_person)

    async def person(self, person_id: str) -> Person | None:
        """A person by their id."""
        return await self._database.read(lambda connection: person_sql.person(connection, person_id))

    async def person_at(self, email: str) -> Person | None:
        """A person by their mail address, however it is written."""
        found = await self.credentials_at(email)
        return None if found is None else found.person

    async def credentials_at(self, email: str) -> Credentials | None:
        """The same with what they prove themselves by."""
        folded = fold_email(email)
        return await self._database.read(lambda connection: person_sql.credentials_at(connection, folded))

    async def credentials_of(self, person_id: str) -> Credentials | None:
        """The same by their id."""
        return await self._database.read(lambda connection: person_sql.credentials_of(connection, person_id))

    async def list_people(self, org_id: str | None) -> list[Person]:
        """An organisation's people, disabled ones too, or with None the operators; by address."""
        return await self._database.read(lambda connection: person_sql.list_people(connection, org_id))

    # --- coming ------------------------------------------------------------------------------------------------

    async def create(
        self,
        email: str,
        role: Role,
        org_id: str | None,
        *,
        password: str | None = None,
        name: str = "",
        language: str = "",
        timezone: str = "",
        link: str | None = None,
    ) -> Person:
        """Make a person. `link` is the token of the one-time link that lets them in: it is used up by the same commit.

        Without a password they sign in by other means. Raises BadAddress, BadValue, WeakPassword, PersonExists,
        DeadLink, TooBusy.
        """
        if (role is Role.OPERATOR) != (org_id is None):
            raise BadValue(sentence("an operator belongs to no organisation, and everybody else to one"))
        now, address = self._clock.now(), valid_address(email)
        person = Person(
            id=new_id(now),
            org_id=org_id,
            email=address,
            name=_valid_name(name),
            role=role,
            language=valid_language(language) if language else "",
            timezone=valid_timezone(timezone) if timezone else "",
            created_at=now,
        )
        kept = "" if password is None else await self._hash(password, address)
        digest = None if link is None else digest_of(self._keyring, link)
        made = await self._database.write(person_sql.put, NewPerson(person, fold_email(address), kept, digest))
        return made if isinstance(made, Person) else _raise(made)

    # --- changing ----------------------------------------------------------------------------------------------

    async def change(
        self,
        person: Person,
        *,
        role: Role | None = None,
        name: str | None = None,
        language: str | None = None,
        timezone: str | None = None,
    ) -> Person:
        """Edit a person in place; None leaves a field as it is, "" clears language and time zone.

        Raises BadValue, NotFound, LastOfTheirKind.
        """
        values: dict[str, object] = {}
        if role is not None:
            if Role.OPERATOR in {role, person.role} and role != person.role:
                raise BadValue(sentence("operators belong to no organisation: nobody becomes one, or ceases to be one"))
            values["role"] = role
        if name is not None:
            values["name"] = _valid_name(name)
        if language is not None:
            values["language"] = valid_language(language) if language else ""
        if timezone is not None:
            values["timezone"] = valid_timezone(timezone) if timezone else ""
        return await self._edit(person, values) if values else person

    async def disable(self, person: Person) -> Person:
        """Let a person in no more: sessions and links end with the same commit. Raises NotFound, LastOfTheirKind."""
        return await self._edit(person, {"disabled_at": person.disabled_at or self._clock.now()})

    async def enable(self, person: Person) -> Person:
        """Let a disabled person in again. Raises NotFound."""
        return await self._edit(person, {"disabled_at": None})

    async def set_password(
        self, person: Person, password: str, *, link: str | None = None, drop_second_factor: bool = False
    ) -> Person:
        """Give a person a new password; `link` as for `create`. Sessions are the caller's affair (`Sessions.renew`).

        Raises WeakPassword, NotFound, DeadLink, TooBusy.
        """
        values: dict[str, object] = {"password": await self._hash(password, person.email)}
        if drop_second_factor:
            values |= {"totp": "", "totp_step": 0}
            await self._database.write(second_factor_sql.put_codes, (person.id, ()))
        return await self._edit(person, values, link)

    async def check_password(self, credentials: Credentials | None, password: str) -> bool:
        """Whether it is the password; takes as long where there is nobody. Hashes it anew where ways have changed.

        Raises TooBusy.
        """
        kept = "" if credentials is None else credentials.password
        if not await self._passwords.fits(password, kept):
            return False
        if credentials is not None and self._passwords.is_outdated(kept):
            fresh = await self._passwords.hash(password)
            await self._database.write(person_sql.keep_password, (credentials.person.id, kept, fresh))
        return True

    async def _hash(self, password: str, email: str) -> str:
        refuse_weak(password, email)
        return await self._passwords.hash(password)

    async def _edit(self, person: Person, values: dict[str, object], link: str | None = None) -> Person:
        digest = None if link is None else digest_of(self._keyring, link)
        edit = Edit(person.id, values, self._clock.now(), digest)
        changed = await self._database.write(person_sql.change, edit)
        return changed if isinstance(changed, Person) else _raise(changed)


def valid_timezone(name: str) -> str:
    """The IANA name of a time zone. Raises BadValue."""
    if name not in _timezones():
        raise BadValue(sentence("'%(name)s' is no time zone: write it like Europe/Copenhagen", name=name[:50]))
    return name


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _valid_name(name: str) -> str:
    text = " ".join(name.split())
    if len(text) > MAX_NAME or not text.isprintable():
        raise BadValue(sentence("a name has at most %(most)s characters, all of them visible", most=MAX_NAME))
    return text


_OBSTACLES: dict[Obstacle, AccountError] = {
    Obstacle.NO_PERSON: NotFound(sentence("there is no such person")),
    Obstacle.EXISTS: PersonExists(sentence("there is somebody with this mail address already")),
    Obstacle.LAST: LastOfTheirKind(
        sentence("nobody could manage this any more: give somebody else the same role first")
    ),
}


def _raise(obstacle: Obstacle) -> NoReturn:
    if obstacle is Obstacle.DEAD_LINK:
        raise DeadLink
    error = _OBSTACLES[obstacle]
    raise type(error)(*error.args)
