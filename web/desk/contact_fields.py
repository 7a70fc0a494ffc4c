"""The fields of an organisation's own: what it knows of its contacts, and of the objects that are linked to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from campaigns.contacts import Contacts
from campaigns.model import Attribute, Book
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.contacts import ContactDesk
from web.identity.actor import Actor
from web.identity.audit import Audit


@dataclass(frozen=True, slots=True)
class Kind:
    """Contacts themselves, or a kind of linked objects, with the fields that it has."""

    name: str
    """"" for contacts."""
    fields: tuple[Attribute, ...]


class FieldDesk:
    """Defines, renames and forgets fields."""

    def __init__(self, desk: ContactDesk, contacts: Contacts, audit: Audit) -> None:
        self._desk = desk
        self._contacts = contacts
        self._audit = audit

    async def kinds(self, actor: Actor, org_id: str = "") -> list[Kind]:
        """Fields of contacts, then those of each kind that has any. Raises NotFound."""
        return kinds_of(await self._desk.book(actor, org_id))

    async def get(self, actor: Actor, org_id: str, kind: str, key: str) -> Attribute:
        """One field. Raises NotFound."""
        found = (await self._desk.book(actor, org_id)).attributes.get((kind, key))
        if found is None:
            raise NotFound(sentence("there is no field %(name)s", name=key[:60]))
        return found

    async def define(self, actor: Actor, org_id: str, wanted: Attribute) -> Attribute:
        """Make a field. Raises BadValue, also for one that is there; NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        book = await self._desk.book(actor, org_id)
        if (wanted.kind.strip().lower(), wanted.key.strip().lower()) in book.attributes:
            raise BadValue(sentence("there is a field %(name)s already", name=wanted.key.strip()[:60]))
        made = await self._contacts.define(book.org_id, wanted)
        await self._audit.note(actor, "field.define", made.key, org_id=book.org_id, kind=made.kind or None)
        return made

    async def change(
        self, actor: Actor, org_id: str, kind: str, key: str, *, label: str, choices: tuple[str, ...]
    ) -> Attribute:
        """Call a field otherwise, or let it have other choices. Raises BadValue, NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        there = await self.get(actor, org_id, kind, key)
        owner = (await self._desk.organisation(actor, org_id)).id
        changed = await self._contacts.define(owner, replace(there, label=label, choices=choices))
        await self._audit.note(actor, "field.change", key, org_id=owner, kind=kind or None)
        return changed

    async def remove(self, actor: Actor, org_id: str, kind: str, key: str) -> None:
        """Forget a field with all its values. Raises NotFound."""
        actor.require(Scope.CONTACTS_WRITE)
        owner = (await self._desk.organisation(actor, org_id)).id
        await self._contacts.undefine(owner, kind, key)
        await self._audit.note(actor, "field.remove", key, org_id=owner, kind=kind or None)


def kinds_of(book: Book) -> list[Kind]:
    """Contacts first, then the kinds of linked objects by name."""
    names = sorted({kind for kind, _ in book.attributes} - {""})
    return [Kind(name, tuple(book.own(name))) for name in ("", *names)]
