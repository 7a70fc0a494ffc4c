"""Groups (C11): contacts under one name, listed by hand or by a filter; and filters while they are built."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.contacts import Contacts
from campaigns.filters.building import Bracket, Finished, finished
from campaigns.filters.vocabulary import Vocabulary, checked, vocabulary
from campaigns.filters.writing import write
from campaigns.groups import Groups, GroupUses
from campaigns.model import Audience, Book, ContactListing, Group, Recipient
from campaigns.store.contact_list_sql import ContactFilter
from gateway.accounts import Accounts
from gateway.model import Organisation
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.tenancy import seen
from web.identity.actor import Actor
from web.identity.audit import Audit

FIRST = 10
"""Contacts that are shown beside a filter."""
MOST_AT_ONCE = 1000
"""Contacts that one call names."""
_ID = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listing:
    """A group as the list shows it."""

    group: Group
    uses: GroupUses


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a filter means now."""

    text: str
    """The filter as it is written."""
    count: int
    first: Sequence[Recipient]


class GroupDesk:
    """Reads and changes groups, and asks filters."""

    def __init__(self, *, accounts: Accounts, contacts: Contacts, groups: Groups, audit: Audit) -> None:
        self._accounts = accounts
        self._contacts = contacts
        self._groups = groups
        self._audit = audit

    # --- looking -----------------------------------------------------------------------------------------------

    async def organisation(self, actor: Actor, org_id: str = "") -> Organisation:
        """Whose groups are meant: the actor's own; else the one that is named, the first where none is.

        Raises NotFound.
        """
        actor.require(Scope.CONTACTS_READ)
        wanted = actor.org_id or org_id
        there = (each for each in await self._accounts.list_organisations() if not wanted or each.id == wanted)
        found = next(there, None)
        if found is None:
            raise NotFound(sentence("there is no such organisation"))
        return found

    async def list(self, actor: Actor, org_id: str = "") -> list[Listing]:
        """Groups by name, and what uses them. Raises NotFound."""
        owner = await self.organisation(actor, org_id)
        uses = await self._groups.all_uses(owner.id)
        return [Listing(each, uses[each.id]) for each in await self._groups.all(owner.id) if each.id in uses]

    async def get(self, actor: Actor, group_id: str) -> Group:
        """A group. Raises NotFound."""
        actor.require(Scope.CONTACTS_READ)
        return seen(actor, await self._groups.owned(group_id), "group")

    async def uses(self, actor: Actor, group_id: str) -> GroupUses:
        """What asks for a group. Raises NotFound."""
        group = await self.get(actor, group_id)
        return await self._groups.uses(group.org_id, group)

    async def count(self, actor: Actor, group_id: str) -> int:
        """How many are in a group now. Raises NotFound, BadFilter, TooSlow."""
        group = await self.get(actor, group_id)
        return await self._groups.count(group.org_id, Audience(groups=(group.id,)))

    async def members(self, actor: Actor, group_id: str, after: str = "", size: int = 50) -> Sequence[Recipient]:
        """Some of those in a group, behind one of them, in the order in which they became contacts.

        Raises NotFound, BadFilter, TooSlow.
        """
        group = await self.get(actor, group_id)
        return await self._groups.some(group.org_id, Audience(groups=(group.id,)), _number(after or "0"), size)

    # --- filters -----------------------------------------------------------------------------------------------

    async def book(self, actor: Actor, org_id: str = "") -> Book:
        """What an organisation calls things. Raises NotFound."""
        return await self._contacts.book((await self.organisation(actor, org_id)).id)

    async def vocabulary(self, book: Book) -> Vocabulary:
        """What its filters can ask for."""
        return vocabulary(book, await self._groups.campaign_names(book.org_id))

    async def finished(self, book: Book, built: Bracket) -> Finished:
        """What is asked by now by a filter that is being built."""
        return finished(built, book, await self._groups.campaign_names(book.org_id), self._groups.today())

    async def look(self, actor: Actor, filter_text: str, org_id: str = "", size: int = FIRST) -> Found:
        """Whom a filter means. Raises NotFound, BadFilter, TooSlow."""
        book = await self.book(actor, org_id)
        node = checked(filter_text, book, await self._groups.campaign_names(book.org_id), today=self._groups.today())
        text = write(node)
        if not size:
            return Found(text, await self._groups.count(book.org_id, Audience(filter=text)), ())
        return Found(text, *await self._groups.look(book.org_id, Audience(filter=text), size))

    # --- changing ----------------------------------------------------------------------------------------------

    async def make(self, actor: Actor, name: str, filter_text: str | None, org_id: str = "") -> Group:
        """Make a group, with a filter or None to list its members. Raises NotFound, BadFilter, BadValue."""
        actor.require(Scope.CONTACTS_WRITE)
        made = await self._groups.make(await self.book(actor, org_id), name, filter_text)
        await self._audit.note(actor, "group.make", made.id, org_id=made.org_id, name=made.name)
        return made

    async def change(self, actor: Actor, group_id: str, name: str | None, filter_text: str | None = None) -> Group:
        """Call a group otherwise, or give a dynamic one another filter; None leaves it as it is.

        Raises NotFound, BadFilter, BadValue.
        """
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, group_id)
        if filter_text is not None and not group.dynamic:
            raise BadValue(sentence("the members of this group are listed: it has no filter"))
        book = await self._contacts.book(group.org_id)
        kept = group.filter or "" if filter_text is None else filter_text
        changed = await self._groups.change(book, group, group.name if name is None else name, kept)
        await self._audit.note(actor, "group.change", group.id, org_id=group.org_id, name=changed.name)
        return changed

    async def remove(self, actor: Actor, group_id: str) -> Group:
        """Remove a group; its contacts stay. Raises NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, group_id)
        await self._groups.remove(group.org_id, group.id)
        await self._audit.note(actor, "group.remove", group.id, org_id=group.org_id, name=group.name)
        return group

    async def add(self, actor: Actor, group_id: str, contacts: Sequence[str]) -> int:
        """List contacts in a group; how many of them there are. Raises NotFound, BadValue."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, group_id)
        count = await self._groups.add(group.org_id, group.id, _numbers(contacts))
        await self._audit.note(actor, "group.add", group.id, org_id=group.org_id, contacts=count)
        return count

    async def fill(self, actor: Actor, group_id: str, filter_text: str) -> int:
        """List all of those in a group whom a filter means now; how many. Raises NotFound, BadFilter, TooSlow."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, group_id)
        book = await self._contacts.book(group.org_id)
        checked(filter_text, book, await self._groups.campaign_names(group.org_id), today=self._groups.today())
        count = await self._groups.fill(group.org_id, group.id, filter_text)
        await self._audit.note(actor, "group.add", group.id, org_id=group.org_id, contacts=count)
        return count

    async def drop(self, actor: Actor, group_id: str, contacts: Sequence[str]) -> int:
        """Take contacts off a group's list; how many of them there are. Raises NotFound, BadValue."""
        actor.require(Scope.CONTACTS_WRITE)
        group = await self.get(actor, group_id)
        count = await self._groups.drop(group.org_id, group.id, _numbers(contacts))
        await self._audit.note(actor, "group.drop", group.id, org_id=group.org_id, contacts=count)
        return count

    async def search(self, actor: Actor, group_id: str, search: str) -> Sequence[ContactListing]:
        """Contacts whose name, phone or address is like that, to be added to a group. Raises NotFound."""
        group = await self.get(actor, group_id)
        if not search.strip():
            return ()
        wanted = ContactFilter(group.org_id, self._groups.today(), search)
        return (await self._contacts.page(wanted, size=20)).items


def _numbers(contacts: Sequence[str]) -> list[int]:
    if len(contacts) > MOST_AT_ONCE:
        raise BadValue(sentence("at most %(most)s contacts at once: name the others by a filter", most=MOST_AT_ONCE))
    return [_number(each) for each in contacts]


def _number(contact_id: str) -> int:
    """The number of a contact; 0, which nobody has, for what is none."""
    return int(contact_id) if _ID.fullmatch(contact_id) else 0
