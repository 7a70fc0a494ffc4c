"""Contacts: who they are, what belongs to them, and files of them.

A contact's id names its organisation, so whoever sees all of them names none. In the audit log stand ids and counts,
never who somebody is.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from campaigns import vcards
from campaigns.contacts import Contacts
from campaigns.filters.vocabulary import checked
from campaigns.groups import Groups
from campaigns.imports.imports import Imports
from campaigns.imports.merging import Merged, RefusedRow
from campaigns.model import Book, Contact, ContactListing, Draft, LinkedObject
from campaigns.store import email_optout_sql
from campaigns.store.behaviour_sql import BEHAVIOURS
from campaigns.store.contact_list_sql import ContactFilter, ContactSort
from campaigns.store.email_optout_sql import EmailOptOut
from gateway import csv_cells
from gateway.accounts import Accounts
from gateway.model import Organisation
from gateway.paging import PAGE_SIZE, Count, Page
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.store import optout_list_sql
from gateway.store.database import Database
from gateway.store.optout_sql import OptOut
from gateway.translation import sentence
from web.desk.contact_file import contact_lines
from web.identity.actor import Actor
from web.identity.audit import Audit

MOST_SELECTED = 10_000
"""Contacts that one deed is done to."""
_ID = re.compile(r"[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A contact that is there for whoever asks."""

    org_id: str
    number: int


class ContactDesk:
    """Reads and changes contacts."""

    def __init__(
        self,
        *,
        database: Database,
        contacts: Contacts,
        groups: Groups,
        imports: Imports,
        accounts: Accounts,
        audit: Audit,
    ) -> None:
        self._database = database
        self._contacts = contacts
        self._groups = groups
        self._imports = imports
        self._accounts = accounts
        self._audit = audit

    # --- whose -------------------------------------------------------------------------------------------------

    async def organisation(self, actor: Actor, org_id: str = "") -> Organisation:
        """Whose contacts are meant: the actor's own; else the one that is named, the first where none is.

        Raises NotFound.
        """
        actor.require(Scope.CONTACTS_READ)
        there = [each for each in await self._accounts.list_organisations() if actor.sees(each.id)]
        wanted = actor.org_id or org_id
        found = next((each for each in there if not wanted or each.id == wanted), None)
        if found is None:
            raise NotFound(sentence("there is no such organisation"))
        return found

    async def book(self, actor: Actor, org_id: str) -> Book:
        """What an organisation calls things. Raises NotFound."""
        return await self._contacts.book((await self.organisation(actor, org_id)).id)

    async def place(self, actor: Actor, contact_id: str) -> Place:
        """Whose contact an id names. Raises NotFound."""
        actor.require(Scope.CONTACTS_READ)
        number = int(contact_id) if _ID.fullmatch(contact_id) else 0
        owner = await self._contacts.owner(number) if number < 2**53 else None
        if owner is None or not actor.sees(owner):
            raise NotFound(sentence("there is no such contact"))
        return Place(owner, number)

    # --- looking -----------------------------------------------------------------------------------------------

    async def wanted(
        self,
        actor: Actor,
        org_id: str = "",
        *,
        search: str = "",
        filter_text: str = "",
        sort: ContactSort = ContactSort.NAME,
    ) -> ContactFilter:
        """A question for the list. Raises NotFound, and BadFilter for a filter that cannot be understood."""
        book = await self.book(actor, org_id)
        today = self._contacts.today()
        checked(filter_text, book, today=today)
        return ContactFilter(book.org_id, today, search or None, filter_text, sort, BEHAVIOURS)

    async def page(
        self, actor: Actor, wanted: ContactFilter, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ContactListing]:
        """A page of contacts. Raises BadValue for a cursor of another list."""
        return await self._contacts.page(_within(actor, wanted), cursor=cursor, size=size)

    async def count(self, actor: Actor, wanted: ContactFilter) -> Count:
        """How many contacts a list has in all its pages."""
        return await self._contacts.count(_within(actor, wanted))

    async def get(self, actor: Actor, contact_id: str) -> Contact:
        """A contact with all that belongs to it. Raises NotFound."""
        place = await self.place(actor, contact_id)
        return await self._contacts.find(place.org_id, place.number)

    async def optouts(self, actor: Actor, contact_id: str) -> dict[str, OptOut]:
        """Those of a contact's phones that have said STOP. Raises NotFound."""
        place = await self.place(actor, contact_id)
        contact = await self._contacts.find(place.org_id, place.number)
        found: dict[str, OptOut] = {}
        for point in contact.phones:
            look = partial(optout_list_sql.find, org_id=place.org_id, phone=point.value)
            entry = await self._database.read(look)
            if entry is not None:
                found[point.value] = entry
        return found

    async def unsubscribed(self, actor: Actor, contact_id: str) -> list[EmailOptOut]:
        """Those of a contact's addresses that want no e-mails of campaigns. Raises NotFound."""
        place = await self.place(actor, contact_id)
        contact = await self._contacts.find(place.org_id, place.number)
        addresses = [point.value for point in contact.emails]
        return await self._database.read(
            partial(email_optout_sql.of_addresses, org_id=place.org_id, addresses=addresses)
        )

    # --- changing ----------------------------------------------------------------------------------------------

    async def add(self, actor: Actor, org_id: str, draft: Draft) -> Contact:
        """Make a contact. Raises BadDraft, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        owner = (await self.organisation(actor, org_id)).id
        number = await self._contacts.add(owner, draft)
        await self._audit.note(actor, "contact.add", str(number), org_id=owner)
        return await self._contacts.find(owner, number)

    async def change(
        self, actor: Actor, contact_id: str, made: Callable[[Draft], Draft], seen: str | None = None
    ) -> Contact:
        """Store what `made` makes of a contact as it stands; `seen` is the version that was looked at.

        Raises BadDraft, NotFound, and ChangedMeanwhile where it is another by now.
        """
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        await self._contacts.edit(place.org_id, place.number, made, seen)
        await self._audit.note(actor, "contact.change", contact_id, org_id=place.org_id)
        return await self._contacts.find(place.org_id, place.number)

    async def remove(self, actor: Actor, contact_id: str) -> None:
        """Remove a contact with all that belongs to it; what it was sent stays in the log. Raises NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        if not await self._contacts.remove(place.org_id, [place.number]):
            raise NotFound(sentence("there is no such contact"))
        await self._audit.note(actor, "contact.remove", contact_id, org_id=place.org_id)

    # --- many at once ------------------------------------------------------------------------------------------

    async def tag(self, actor: Actor, org_id: str, chosen: Sequence[str], tag: str, *, ends: bool = False) -> int:
        """Put a tag on contacts, or take it off; how many that changed. Raises BadValue, NotFound."""
        owner, numbers = await self._chosen(actor, org_id, chosen)
        changed = await self._contacts.tag(owner, numbers, tag, ends=ends)
        await self._audit.note(
            actor, "contact.untag" if ends else "contact.tag", owner, org_id=owner, contacts=changed, tag=tag
        )
        return changed

    async def tag_one(self, actor: Actor, contact_id: str, tag: str, *, ends: bool = False) -> None:
        """The same for one contact. Raises BadValue, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        await self._contacts.find(place.org_id, place.number)
        await self._contacts.tag(place.org_id, [place.number], tag, ends=ends)
        await self._audit.note(
            actor, "contact.untag" if ends else "contact.tag", contact_id, org_id=place.org_id, tag=tag
        )

    async def join(self, actor: Actor, org_id: str, chosen: Sequence[str], group_id: str) -> int:
        """List contacts in a group. Raises NotFound, and BadValue for a group that a filter fills."""
        owner, numbers = await self._chosen(actor, org_id, chosen)
        count = await self._groups.add(owner, group_id, numbers)
        await self._audit.note(actor, "group.add", group_id, org_id=owner, contacts=count)
        return count

    async def remove_many(self, actor: Actor, org_id: str, chosen: Sequence[str]) -> int:
        """Remove contacts; how many there were."""
        owner, numbers = await self._chosen(actor, org_id, chosen)
        count = await self._contacts.remove(owner, numbers)
        await self._audit.note(actor, "contact.remove", owner, org_id=owner, contacts=count)
        return count

    async def _chosen(self, actor: Actor, org_id: str, chosen: Sequence[str]) -> tuple[str, Sequence[int]]:
        actor.require(Scope.CONTACTS_WRITE)
        owner = (await self.organisation(actor, org_id)).id
        if len(chosen) > MOST_SELECTED:
            raise BadValue(sentence("choose at most %(most)s contacts at once", most=MOST_SELECTED))
        return owner, [int(each) for each in chosen if _ID.fullmatch(each) and int(each) < 2**53]

    # --- what they agreed to -----------------------------------------------------------------------------------

    async def give_consent(
        self, actor: Actor, contact_id: str, purpose: str, *, how: str, wording: str, at: float | None = None
    ) -> bool:
        """Note that a contact agreed; whether that is new. Raises BadValue, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        await self._contacts.find(place.org_id, place.number)
        given = await self._contacts.give_consent(
            place.org_id, [place.number], purpose, how=how, wording=wording, at=at
        )
        await self._audit.note(actor, "consent.give", contact_id, org_id=place.org_id, purpose=purpose)
        return bool(given)

    async def end_consent(self, actor: Actor, contact_id: str, purpose: str, *, how: str) -> None:
        """Note that a contact agrees no longer. Raises NotFound where it had not agreed."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        if not await self._contacts.end_consent(place.org_id, [place.number], purpose, how=how):
            raise NotFound(sentence("there is no such consent"))
        await self._audit.note(actor, "consent.end", contact_id, org_id=place.org_id, purpose=purpose)

    # --- linked objects ----------------------------------------------------------------------------------------

    async def link(self, actor: Actor, contact_id: str, thing: LinkedObject) -> LinkedObject:
        """Link an object to a contact, or store it anew. Raises BadDraft, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        if thing.number:
            await self.linked(actor, contact_id, thing.kind, thing.number)
        number = await self._contacts.link(place.org_id, place.number, thing)
        await self._audit.note(actor, "object.store", contact_id, org_id=place.org_id, kind=thing.kind)
        return await self.linked(actor, contact_id, thing.kind, number)

    async def linked(self, actor: Actor, contact_id: str, kind: str, number: int) -> LinkedObject:
        """One of a contact's objects. Raises NotFound."""
        contact = await self.get(actor, contact_id)
        for each in contact.objects:
            if (each.kind, each.number) == (kind, number):
                return each
        raise NotFound(sentence("that is not there any more"))

    async def unlink(self, actor: Actor, contact_id: str, kind: str, number: int) -> None:
        """Remove a linked object. Raises NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        place = await self.place(actor, contact_id)
        await self.linked(actor, contact_id, kind, number)
        await self._contacts.unlink(place.org_id, place.number, kind, number)
        await self._audit.note(actor, "object.remove", contact_id, org_id=place.org_id, kind=kind)

    # --- files -------------------------------------------------------------------------------------------------

    async def csv(self, actor: Actor, wanted: ContactFilter, form: csv_cells.Form) -> AsyncIterator[bytes]:
        """All that are wanted as CSV, in memory a page at a time."""
        within = _within(actor, wanted)
        book = await self._contacts.book(within.org_id)
        await self._audit.note(actor, "contact.export", within.org_id, org_id=within.org_id, form="csv")
        return contact_lines(self._contacts.whole(within), book, form)

    async def cards(self, actor: Actor, wanted: ContactFilter) -> AsyncIterator[bytes]:
        """All that are wanted as vCards (RFC 6350), in memory a page at a time."""
        within = _within(actor, wanted)
        await self._audit.note(actor, "contact.export", within.org_id, org_id=within.org_id, form="vcard")
        return self._cards(within)

    async def _cards(self, wanted: ContactFilter) -> AsyncIterator[bytes]:
        async for each in self._contacts.whole(wanted):
            yield vcards.write(each).encode()

    async def take_cards(self, actor: Actor, org_id: str, content: bytes) -> tuple[Merged, Sequence[RefusedRow]]:
        """Make contacts of a file of vCards, joined with those that are known; and the cards that are refused.

        Raises BadValue for what is no such file, NotFound.
        """
        actor.require(Scope.CONTACTS_WRITE)
        owner = (await self.organisation(actor, org_id)).id
        merged, refused = await self._imports.cards(owner, content)
        await self._audit.note(actor, "contact.cards", owner, org_id=owner, contacts=len(merged.new))
        return merged, [*refused, *merged.refused]


def _within(actor: Actor, wanted: ContactFilter) -> ContactFilter:
    """The same question, asked within what the actor sees."""
    actor.require(Scope.CONTACTS_READ)
    return wanted if actor.org_id is None else replace(wanted, org_id=actor.org_id)
