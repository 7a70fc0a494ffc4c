"""An organisation's groups: contacts that are listed, or all that a filter is true of whenever it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

from campaigns.counting import Counting
from campaigns.filters.mentions import groups_in
from campaigns.filters.vocabulary import checked
from campaigns.model import Audience, Book, Group, Recipient
from campaigns.store import audience_sql, book_sql, group_sql, group_use_sql
from campaigns.store.audience_sql import NO_BEHAVIOURS, Behaviours, Meant
from campaigns.values import clean, fold
from gateway.model import Clock, new_id
from gateway.paging import MAX_PAGE_SIZE
from gateway.registry.errors import BadValue, NotFound
from gateway.store.database import Database
from gateway.translation import sentence

_LONGEST_NAME, _MOST_GROUPS = 100, 1000
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class GroupUses:
    """Who would miss a group."""

    groups: tuple[Group, ...]
    campaigns: tuple[group_use_sql.CampaignUse, ...]

    def __bool__(self) -> bool:
        return bool(self.groups or self.campaigns)


class Groups:
    """Reads and changes. `behaviours` say who did what with campaigns."""

    def __init__(self, database: Database, clock: Clock, behaviours: Behaviours = NO_BEHAVIOURS) -> None:
        self._database = database
        self._clock = clock
        self._behaviours = behaviours
        self._counting = Counting(database)

    def today(self) -> date:
        """The day that filters call today, UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    async def all(self, org_id: str) -> list[Group]:
        """The organisation's groups by name."""
        book = await self._database.read(partial(book_sql.book, org_id=org_id))
        return [] if book is None else list(book.groups.values())

    async def owned(self, group_id: str) -> Group | None:
        """A group, whoever's it is; None for none."""
        return await self._database.read(partial(group_sql.find, group_id=group_id))

    async def find(self, org_id: str, group_id: str) -> Group:
        """A group. Raises NotFound."""
        for group in await self.all(org_id):
            if group.id == group_id:
                return group
        raise NotFound(sentence("there is no such group"))

    async def make(self, book: Book, name: str, filter_text: str | None, campaigns: Iterable[str] = ()) -> Group:
        """Make a group: with a filter, or None to list its members. Raises BadFilter, BadValue."""
        if len(book.groups) >= _MOST_GROUPS:
            raise BadValue(sentence("there are %(most)s groups already: remove one first", most=_MOST_GROUPS))
        now = self._clock.now()
        return await self._save(Group(new_id(now), book.org_id, name, filter_text, now, now), book, campaigns)

    async def change(
        self, book: Book, group: Group, name: str, filter_text: str, campaigns: Iterable[str] = ()
    ) -> Group:
        """Call a group otherwise, or give a dynamic one another filter. Raises BadFilter, BadValue."""
        kept = filter_text if group.dynamic else None
        changed = Group(group.id, group.org_id, name, kept, group.created_at, self._clock.now())
        return await self._save(changed, book, campaigns)

    async def _save(self, group: Group, book: Book, campaigns: Iterable[str]) -> Group:
        name = " ".join(clean(group.name).split())
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise BadValue(sentence("a group has a name of at most %(most)s characters", most=_LONGEST_NAME))
        if group.filter is not None:
            checked(group.filter, book, campaigns, today=self.today())
            self._refuse_circles(group, name, book)
        fit = Group(group.id, group.org_id, name, group.filter, group.created_at, group.updated_at)
        if not await self._database.write(group_sql.save, fit):
            raise BadValue(sentence("there is a group %(name)s already", name=name))
        return fit

    def _refuse_circles(self, group: Group, name: str, book: Book) -> None:
        """Ask nobody, which finds a group that would ask for itself."""
        inside = Group(group.id, group.org_id, name, group.filter, group.created_at, group.updated_at)
        others = {folded: each for folded, each in book.groups.items() if each.id != group.id}
        trial = Book(book.id, book.org_id, book.region, book.attributes, book.labels, {**others, fold(name): inside})
        group_sql.try_condition(inside, trial, self.today(), self._behaviours)

    async def remove(self, org_id: str, group_id: str) -> None:
        """Remove a group; its contacts stay. Raises NotFound."""
        if not await self._database.write(group_sql.remove, (org_id, group_id)):
            raise NotFound(sentence("there is no such group"))

    async def add(self, org_id: str, group_id: str, contacts: Sequence[int]) -> int:
        """List contacts in a group; how many of them there are."""
        return await self._members(org_id, group_id, contacts, ends=False)

    async def drop(self, org_id: str, group_id: str, contacts: Sequence[int]) -> int:
        """Take contacts off a group's list; how many of them there are."""
        return await self._members(org_id, group_id, contacts, ends=True)

    async def fill(self, org_id: str, group_id: str, filter_text: str) -> int:
        """List all of those in a group whom a filter means now; how many. Raises BadFilter, TooSlow.

        Some thousands at a time: who has a mail to hand in does not wait for a million.
        """
        await self._listed(org_id, group_id)
        meant, after, count = self._meant(org_id, Audience(filter=filter_text)), 0, 0
        while found := await self._counting.read(
            org_id, partial(audience_sql.ids, meant=meant, after=after, size=_AT_ONCE)
        ):
            count += await self.add(org_id, group_id, found)
            after = found[-1]
        return count

    async def _listed(self, org_id: str, group_id: str) -> None:
        if (await self.find(org_id, group_id)).dynamic:
            raise BadValue(sentence("a filter says who is in this group: change the filter"))

    async def campaign_names(self, org_id: str) -> tuple[str, ...]:
        """What `received`, `answered` and `clicked` can name."""
        return tuple(await self._database.read(partial(group_use_sql.campaign_names, org_id=org_id)))

    async def uses(self, org_id: str, group: Group) -> GroupUses:
        """What asks for a group: other groups, and campaigns that are not over."""
        return (await self.all_uses(org_id))[group.id]

    async def all_uses(self, org_id: str) -> dict[str, GroupUses]:
        """The same of every group, by its id."""
        groups = await self.all(org_id)
        campaigns = await self._database.read(partial(group_use_sql.uses, org_id=org_id))
        named = {each.id: groups_in(each.filter) for each in groups if each.filter}
        return {
            group.id: GroupUses(
                tuple(each for each in groups if fold(group.name) in named.get(each.id, ())),
                tuple(each for each in campaigns if group.id in each.ids or fold(group.name) in each.names),
            )
            for group in groups
        }

    async def _members(self, org_id: str, group_id: str, contacts: Sequence[int], *, ends: bool) -> int:
        await self._listed(org_id, group_id)
        item = group_sql.Membership(org_id, group_id, contacts, self._clock.now(), ends)
        return await self._database.write(group_sql.change_members, item)

    # --- who is in it ----------------------------------------------------------------------------------------------

    async def count(self, org_id: str, audience: Audience) -> int:
        """How many an audience has now: a group's, or a filter's while it is built. Raises BadFilter, TooSlow."""
        return await self._counting.read(org_id, partial(audience_sql.count, meant=self._meant(org_id, audience)))

    async def look(self, org_id: str, audience: Audience, size: int) -> tuple[int, list[Recipient]]:
        """The same, and the first of them. Raises BadFilter, TooSlow."""
        meant = self._meant(org_id, audience)
        return await self._counting.read(org_id, partial(audience_sql.look, meant=meant, size=size))

    async def page(self, org_id: str, audience: Audience, after: int = 0, size: int = MAX_PAGE_SIZE) -> list[Recipient]:
        """Some of an audience in the order of their ids, after one of them. Raises BadFilter."""
        meant = self._meant(org_id, audience)
        return await self._database.read(partial(audience_sql.page, meant=meant, after=after, size=size))

    async def some(self, org_id: str, audience: Audience, after: int, size: int) -> list[Recipient]:
        """The same for who looks at them, in turn with those who count. Raises BadFilter, TooSlow."""
        look = partial(audience_sql.page, meant=self._meant(org_id, audience), after=after, size=size)
        return await self._counting.read(org_id, look)

    async def everybody(self, org_id: str, audience: Audience) -> AsyncIterator[Recipient]:
        """All of an audience, in memory a page at a time."""
        after = 0
        while found := await self.page(org_id, audience, after):
            for each in found:
                yield each
            after = found[-1].contact_id

    async def why(self, org_id: str, audience: Audience, contact_id: int) -> audience_sql.Reason:
        """Why a contact is in an audience, or is not. Raises NotFound, BadFilter."""
        meant = self._meant(org_id, audience)
        found = await self._database.read(partial(audience_sql.why, meant=meant, contact_id=contact_id))
        if found is None:
            raise NotFound(sentence("there is no such contact"))
        return found

    def _meant(self, org_id: str, audience: Audience) -> Meant:
        return Meant(org_id, audience, self.today(), self._behaviours)
