"""An organisation's contacts: made, found, changed, and what they agreed to.

Everything is of one organisation: an id of another's is not there. What cannot be meant is refused with a sentence for
each field (`BadDraft`), a contact that is gone with NotFound.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from campaigns.drafts import MOST_TAGS, checked, checked_object, read_tag
from campaigns.filters.vocabulary import RESERVED
from campaigns.imports.plan import FIELDS, WRITTEN
from campaigns.model import (
    Attribute,
    AttributeType,
    Book,
    Consent,
    Contact,
    ContactListing,
    Draft,
    LinkedObject,
    PointKind,
)
from campaigns.store import (
    book_sql,
    consent_sql,
    contact_edit_sql,
    contact_list_sql,
    contact_sql,
    field_sql,
    object_sql,
    tag_sql,
)
from campaigns.store.contact_list_sql import ContactFilter
from campaigns.values import clean
from gateway import paging
from gateway.model import Clock
from gateway.paging import MAX_PAGE_SIZE, PAGE_SIZE, Count, Page
from gateway.registry.errors import AccountError, BadValue, NotFound
from gateway.store.database import Database
from gateway.translation import sentence

_KEY = re.compile(r"[^\W\d_][\w]{0,39}")
_COLUMNS = frozenset({*WRITTEN, *FIELDS})
"""What files of contacts call their columns: a field of an organisation's own would be mistaken for that."""
_MOST_CHOICES, _MOST_ATTRIBUTES = 200, 200
_SWEPT = 1_000
"""Contacts whose values of a field are removed in one transaction: some 30 ms of the one that writes."""


class Contacts:
    """Reads and changes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def today(self) -> date:
        """The day that filters call today, UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    async def book(self, org_id: str) -> Book:
        """What the organisation calls things."""
        return await self._database.read(partial(book_sql.book_or_blank, org_id=org_id))

    # --- people ----------------------------------------------------------------------------------------------------

    async def add(self, org_id: str, draft: Draft) -> int:
        """Store a new contact; its id. Raises BadDraft."""
        fit = checked(draft, await self.book(org_id))
        change = contact_sql.Change(org_id, self._clock.now(), new=(fit,))
        return (await self._database.write(contact_sql.store, change)).new[0]

    async def edit(self, org_id: str, contact_id: int, made: Callable[[Draft], Draft], seen: str | None = None) -> None:
        """Store what `made` makes of a contact as it stands, with no other change in between.

        `seen` is the `drafts.version` that was looked at. Raises BadDraft, NotFound, and ChangedMeanwhile where it is
        another by now.
        """
        edit = contact_edit_sql.Edit(org_id, contact_id, made, self._clock.now(), seen)
        outcome = await self._database.write(contact_edit_sql.edit, edit)
        if outcome is None:
            raise _no_contact()
        if isinstance(outcome, AccountError):
            raise outcome

    async def remove(self, org_id: str, contacts: Sequence[int]) -> int:
        """Remove contacts with all that belongs to them; how many there were. Opt-outs stay, they are the phone's."""
        return await self._database.write(contact_sql.remove, contact_sql.Removal(org_id, contacts, self._clock.now()))

    async def find(self, org_id: str, contact_id: int) -> Contact:
        """A contact with all that belongs to it. Raises NotFound."""
        found = await self._database.read(partial(contact_sql.find, org_id=org_id, contact_id=contact_id))
        if found is None:
            raise _no_contact()
        return found

    async def owner(self, contact_id: int) -> str | None:
        """The organisation whose contact it would be, by its number; None for nobody's."""
        return await self._database.read(partial(book_sql.owner, book_id=contact_id >> 32))

    async def tag(self, org_id: str, contacts: Sequence[int], tag: str, *, ends: bool = False) -> int:
        """Put a tag on contacts, or take it off; how many that changed. Raises BadValue."""
        change = tag_sql.Tagging(org_id, contacts, read_tag(tag), self._clock.now(), MOST_TAGS, ends)
        return await self._database.write(tag_sql.tag, change)

    async def with_phone(self, org_id: str, phone: str) -> list[int]:
        """The ids of contacts that have a phone (E.164), the oldest first."""
        book = await self.book(org_id)
        look = partial(contact_list_sql.by_points, of=book, kind=PointKind.PHONE, values=(phone,))
        return (await self._database.read(look)).get(phone, [])

    async def page(
        self, wanted: ContactFilter, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[ContactListing]:
        """A page of the list. Raises BadFilter, and BadValue for a cursor that is none."""
        wanted = replace(wanted, search=paging.search_text(wanted.search))
        at = paging.cursor(cursor, wanted.order, wanted.kinds)
        look = partial(contact_list_sql.page, wanted=wanted, at=at, size=paging.page_size(size))
        return await self._database.read(look)

    async def count(self, wanted: ContactFilter) -> Count:
        """How long the list is, counted so far as people read it. Raises BadFilter."""
        wanted = replace(wanted, search=paging.search_text(wanted.search))
        return paging.counted(await self._database.read(partial(contact_list_sql.count, wanted=wanted)))

    async def whole(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        """All that are wanted with all that belongs to them, in memory a page at a time."""
        cursor: str | None = None
        while True:
            found = await self.page(wanted, cursor=cursor, size=MAX_PAGE_SIZE)
            book = await self.book(wanted.org_id)
            ids = [each.id for each in found.items]
            loaded = await self._database.read(partial(contact_sql.load, of=book, ids=ids))
            by_id = {each.id: each for each in loaded}
            for each in ids:
                if each in by_id:
                    yield by_id[each]
            if found.next is None:
                return
            cursor = found.next

    # --- what they agreed to ---------------------------------------------------------------------------------------

    async def give_consent(
        self, org_id: str, contacts: Sequence[int], purpose: str, *, how: str, wording: str, at: float | None = None
    ) -> int:
        """Note that contacts agreed, to what, how, and in which words; how many had not before. Raises BadValue."""
        name, way, words = clean(purpose), clean(how), clean(wording)
        if not (name and way and words):
            raise BadValue(sentence("say what they agreed to, how, and in which words"))
        given = Consent(name, at if at is not None else self._clock.now(), way, words)
        return await self._database.write(consent_sql.give, consent_sql.Agreement(org_id, contacts, given))

    async def end_consent(self, org_id: str, contacts: Sequence[int], purpose: str, *, how: str) -> int:
        """Note that contacts agree no longer; how many had."""
        end = consent_sql.Withdrawal(org_id, contacts, purpose, self._clock.now(), clean(how))
        return await self._database.write(consent_sql.withdraw, end)

    # --- linked objects --------------------------------------------------------------------------------------------

    async def link(self, org_id: str, contact_id: int, thing: LinkedObject) -> int:
        """Link an object to a contact, or store it anew; its number. Raises BadDraft, NotFound."""
        fit = checked_object(thing, await self.book(org_id))
        number = await self._database.write(object_sql.put, (org_id, contact_id, fit, self._clock.now()))
        if number is None:
            raise _no_contact()
        return number

    async def unlink(self, org_id: str, contact_id: int, kind: str, number: int) -> None:
        """Remove a linked object. Raises NotFound."""
        if not await self._database.write(object_sql.remove, (org_id, contact_id, kind, number)):
            raise NotFound(sentence("that is not there any more"))

    # --- attributes ------------------------------------------------------------------------------------------------

    async def define(self, org_id: str, attribute: Attribute) -> Attribute:
        """Define an attribute, or change label and choices of one. Raises BadValue."""
        fit = _checked_attribute(attribute, (await self.book(org_id)).attributes)
        name = field_sql.Named(org_id, fit.kind, fit.key)
        if await self._database.read(partial(field_sql.since, name=name)) is None:
            await self._clear_leftovers(name)
        item = book_sql.Definition(org_id, fit, self._clock.now())
        made = await self._database.write(book_sql.define, item)
        if made is None:
            raise BadValue(sentence("%(key)s is there with values of another type: remove it first", key=attribute.key))
        return made

    async def undefine(self, org_id: str, kind: str, key: str) -> None:
        """Forget an attribute with all its values. Raises NotFound.

        It is there until all are gone: where that is interrupted, removing it once more goes on.
        """
        name = field_sql.Named(org_id, kind, key)
        since = await self._database.read(partial(field_sql.since, name=name))
        if since is not None:
            await self._sweep(name, since)
        if since is None or not await self._database.write(field_sql.undefine, name):
            raise NotFound(sentence("there is no field %(name)s", name=key[:60]))

    async def _clear_leftovers(self, name: field_sql.Named) -> None:
        """A field that was removed when its values were not is no reason for a new one to have them."""
        if await self._database.read(partial(field_sql.left, name=name)):
            await self._sweep(name, None)

    async def _sweep(self, name: field_sql.Named, since: float | None) -> None:
        """Remove values, and rest as long as that takes, so that others find the database free."""
        after: int | None = 0
        while after is not None:
            began = time.perf_counter()
            after = await self._database.write(field_sql.sweep, field_sql.Sweep(name, since, after, _SWEPT))
            await asyncio.sleep(time.perf_counter() - began)


def _checked_attribute(attribute: Attribute, there: Mapping[tuple[str, str], Attribute]) -> Attribute:
    key, kind = attribute.key.strip().lower(), attribute.kind.strip().lower()
    for name in (key, kind) if kind else (key,):
        if not _KEY.fullmatch(name):
            raise BadValue(
                sentence("%(name)s is no name: begin with a letter, go on with letters and digits", name=name[:60])
            )
    if not kind and (key in RESERVED or (key in _COLUMNS and (kind, key) not in there)):
        raise BadValue(sentence("every contact has %(name)s already: choose another name", name=key))
    if kind in RESERVED:
        raise BadValue(sentence("%(name)s means something else in filters: choose another name", name=kind))
    if (kind, key) not in there and len(there) >= _MOST_ATTRIBUTES:
        raise BadValue(sentence("there are %(most)s fields already: remove one first", most=_MOST_ATTRIBUTES))
    choices = tuple(dict.fromkeys(filter(None, (clean(each) for each in attribute.choices))))
    if attribute.type is AttributeType.CHOICE and not 1 <= len(choices) <= _MOST_CHOICES:
        raise BadValue(sentence("list 1 to %(most)s choices", most=_MOST_CHOICES))
    return Attribute(key, clean(attribute.label) or key, attribute.type, choices, kind)


def _no_contact() -> NotFound:
    return NotFound(sentence("there is no such contact"))
