"""People of an organisation: who is there, inviting, changing and shutting out; and the operators."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.accounts import Accounts
from gateway.model import Organisation
from gateway.registry.employee_address import valid_address
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.identity.actor import Actor, NotAllowed
from web.identity.errors import PersonExists
from web.identity.identity import Identity
from web.identity.model import Link, LinkKind, Person
from web.identity.post import Post
from web.identity.roles import Role, may_grant

ANY = "any"
"""Some organisation, whichever."""


class PeopleDesk:
    """What is done with people. An operator names the organisation, or none for operators; others have their own."""

    def __init__(self, identity: Identity, accounts: Accounts, post: Post) -> None:
        self._identity = identity
        self._accounts = accounts
        self._post = post

    async def everybody(self, actor: Actor, org_id: str | None = None) -> tuple[Sequence[Person], Sequence[Link]]:
        """People, and invitations that nobody has followed yet."""
        actor.require(Scope.PEOPLE_READ)
        place = await self._place(actor, org_id)
        return await self._identity.people.list_people(place), await self._identity.links.list_invitations(place)

    async def organisations(self, actor: Actor) -> Sequence[Organisation]:
        """Those whose people an actor can look at, besides its own."""
        return await self._accounts.list_organisations() if actor.may(Scope.GATEWAY) else []

    async def get(self, actor: Actor, person_id: str) -> Person:
        """One person. Raises NotFound."""
        actor.require(Scope.PEOPLE_READ)
        found = await self._identity.people.person(person_id)
        if found is None or not actor.sees(found.org_id):
            raise NotFound(sentence("there is no such person"))
        return found

    def grantable(self, actor: Actor, org_id: str | None) -> Sequence[Role]:
        """The roles that an actor may give somebody in an organisation, or among the operators."""
        among = [Role.OPERATOR] if org_id is None else [role for role in Role if role is not Role.OPERATOR]
        may = actor.role is not None and actor.may(Scope.PEOPLE_WRITE)
        return [role for role in among if may and actor.role is not None and may_grant(actor.role, role)]

    def inviting(self, actor: Actor) -> Sequence[Role]:
        """The roles that an actor may invite people as, the operators' last. Raises NotAllowed."""
        actor.require(Scope.PEOPLE_WRITE)
        own = self.grantable(actor, actor.org_id or ANY)
        return [*own, *self.grantable(actor, None)] if actor.org_id is None else own

    async def managed(self, actor: Actor, person_id: str) -> Person:
        """Somebody whom the actor may change. Raises NotFound, NotAllowed."""
        actor.require(Scope.PEOPLE_WRITE)
        person = await self.get(actor, person_id)
        if person.role not in self.grantable(actor, person.org_id):
            raise NotAllowed(Scope.PEOPLE_WRITE)
        return person

    async def invite(
        self, actor: Actor, email: str, role: Role, org_id: str | None = None, *, language: str = ""
    ) -> str:
        """Mail an invitation; the address as it was understood. Raises BadAddress, PersonExists, NotAllowed, NotFound.

        Whether the address is somebody's in another organisation is not told: they learn it from the link.
        """
        actor.require(Scope.PEOPLE_WRITE)
        place = await self._place(actor, None if role is Role.OPERATOR else org_id)
        if place is None and role is not Role.OPERATOR:
            raise BadValue(sentence("choose the organisation that they belong to"))
        if role not in self.grantable(actor, place):
            raise NotAllowed(Scope.PEOPLE_WRITE)
        address = valid_address(email)
        known = await self._identity.people.person_at(address)
        if known is not None and known.org_id == place:
            raise PersonExists(sentence("there is somebody with this mail address already"))
        organisation = await self._accounts.organisation(place) if place else None
        spoken = language or (organisation.language if organisation else "")
        links = self._identity.links
        token = await links.make(
            LinkKind.INVITATION, org_id=place, email=address, role=role, language=language, made_by=actor.name
        )
        name = organisation.name if organisation else ""
        await self._post.invite(address, links.url(token), by=actor.name, organisation=name, language=spoken)
        await self._identity.audit.note(actor, "person.invite", address, org_id=place, email=address, role=role)
        return address

    async def take_back(self, actor: Actor, link_id: str, org_id: str | None = None) -> None:
        """End an invitation. Raises NotFound."""
        actor.require(Scope.PEOPLE_WRITE)
        place = await self._place(actor, org_id)
        there = {link.id: link for link in await self._identity.links.list_invitations(place)}
        if link_id not in there or not await self._identity.links.end(link_id):
            raise NotFound(sentence("there is no such invitation"))
        await self._identity.audit.note(actor, "person.uninvite", there[link_id].email, org_id=place)

    async def change(self, actor: Actor, person_id: str, *, role: Role, name: str) -> Person:
        """Give somebody another role or name. Raises NotFound, NotAllowed, BadValue, LastOfTheirKind."""
        person = await self.managed(actor, person_id)
        if role is not person.role and role not in self.grantable(actor, person.org_id):
            raise NotAllowed(Scope.PEOPLE_WRITE)
        changed = await self._identity.people.change(person, role=role, name=name)
        await self._identity.audit.note(
            actor, "person.change", person.id, org_id=person.org_id, email=person.email, role=role, name=changed.name
        )
        return changed

    async def disable(self, actor: Actor, person_id: str) -> Person:
        """Let somebody in no more. Raises NotFound, NotAllowed, BadValue, LastOfTheirKind."""
        person = await self.managed(actor, person_id)
        if person.id == actor.id:
            raise BadValue(sentence("you would shut yourself out: let somebody else do it"))
        return await self._did(actor, "person.disable", await self._identity.people.disable(person))

    async def enable(self, actor: Actor, person_id: str) -> Person:
        """Let somebody in again. Raises NotFound, NotAllowed."""
        person = await self.managed(actor, person_id)
        return await self._did(actor, "person.enable", await self._identity.people.enable(person))

    async def end_sessions(self, actor: Actor, person_id: str) -> Person:
        """Sign somebody out everywhere. Raises NotFound, NotAllowed."""
        person = await self.managed(actor, person_id)
        await self._identity.sessions.end_all(person_id=person.id)
        return await self._did(actor, "session.end", person)

    async def drop_second_factor(self, actor: Actor, person_id: str) -> Person:
        """Take second factor and passkeys off somebody who has lost them; they are signed out.

        Raises NotFound, NotAllowed.
        """
        person = await self.managed(actor, person_id)
        await self._identity.second_factor.remove(person)
        await self._identity.passkeys.remove_all(person)
        await self._identity.sessions.end_all(person_id=person.id)
        return await self._did(actor, "person.second_factor_off", person)

    async def _did(self, actor: Actor, action: str, person: Person) -> Person:
        await self._identity.audit.note(actor, action, person.id, org_id=person.org_id, email=person.email)
        return person

    async def _place(self, actor: Actor, org_id: str | None) -> str | None:
        """The organisation that is meant. Raises NotFound."""
        if org_id and not actor.sees(org_id):
            raise NotFound(sentence("there is no such organisation"))
        place = actor.org_id or org_id
        if place and await self._accounts.organisation(place) is None:
            raise NotFound(sentence("there is no such organisation"))
        return place or None
