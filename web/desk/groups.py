"""Groups of contacts: listed by hand, or all that a filter is true of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.groups import Groups
from campaigns.model import Audience, Group, Recipient
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.contacts import ContactDesk
from web.identity.actor import Actor
from web.identity.audit import Audit

_SHOWN = 10
"""Contacts that stand beside a count, so that one sees whether they are the right ones."""


@dataclass(frozen=True, slots=True)
class Members:
    """Who belongs to a group, or would."""

    count: int
    first: Sequence[Recipient]
    """Some of them, the oldest first."""


class GroupDesk:
    """Makes, counts, changes and removes groups."""

    def __init__(self, desk: ContactDesk, groups: Groups, audit: Audit) -> None:
        self._desk = desk
        self._groups = groups
        self._audit = audit

    # --- looking -----------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, org_id: str, group_id: str) -> Group:
        """One group. Raises NotFound."""
        return await self._groups.find((await self._desk.organisation(actor, org_id)).id, group_id)

    async def members(self, actor: Actor, group: Group) -> Members:
        """Who belongs to a group now."""
        actor.require(Scope.CONTACTS_READ)
        if not actor.sees(group.org_id):
            raise NotFound(sentence("there is no such group"))
        return await self._members(group.org_id, Audience(groups=(group.id,)))

    async def of_filter(self, actor: Actor, org_id: str, filter_text: str) -> Members:
        """Of whom a filter is true; everybody where it is empty. Raises BadFilter, NotFound."""
        owner = (await self._desk.organisation(actor, org_id)).id
        return await self._members(owner, Audience(filter=filter_text))

    async def _members(self, org_id: str, audience: Audience) -> Members:
        count = await self._groups.count(org_id, audience)
        return Members(count, await self._groups.page(org_id, audience, size=_SHOWN) if count else ())

    async def users(self, actor: Actor, group: Group) -> Sequence[Group]:
        """The groups whose filter asks for this one."""
        said = group.name.casefold()
        others = await self._desk.groups(actor, group.org_id)
        return [
            each
            for each in others
            if each.id != group.id and each.filter is not None and said in each.filter.casefold()
        ]

    # --- changing ----------------------------------------------------------------------------------------------

    async def make(self, actor: Actor, org_id: str, name: str, filter_text: str | None) -> Group:
        """Make a group with a filter, or None to list its members. Raises BadFilter, BadValue, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        made = await self._groups.make(await self._desk.book(actor, org_id), name, _wanted(filter_text))
        await self._audit.note(actor, "group.make", made.id, org_id=made.org_id, name=made.name)
        return made

    async def change(self, actor: Actor, org_id: str, group_id: str, name: str, filter_text: str) -> Group:
        """Call a group otherwise, or give it another filter. Raises BadFilter, BadValue, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, org_id, group_id)
        wanted = _wanted(filter_text) if group.dynamic else ""
        changed = await self._groups.change(await self._desk.book(actor, org_id), group, name, wanted or "")
        await self._audit.note(actor, "group.change", changed.id, org_id=changed.org_id, name=changed.name)
        return changed

    async def remove(self, actor: Actor, org_id: str, group_id: str) -> Group:
        """Remove a group; its contacts stay. Raises NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, org_id, group_id)
        await self._groups.remove(group.org_id, group.id)
        await self._audit.note(actor, "group.remove", group.id, org_id=group.org_id, name=group.name)
        return group


def _wanted(filter_text: str | None) -> str | None:
    """A filter as it is kept. Raises BadValue for one that asks nothing: everybody needs no group."""
    if filter_text is not None and not filter_text.strip():
        raise BadValue(sentence("write what is true of the contacts in this group"))
    return filter_text
