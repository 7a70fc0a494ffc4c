"""What was spent, and what may be: by organisations, their keys and accounts, today and on the days before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.accounts import Accounts
from gateway.model import Clock, Organisation
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.settings import LimitSettings
from gateway.spending import DAY, Purse, countries_of
from gateway.statistics import Spent as Days
from gateway.statistics import Statistics
from gateway.store import spend_list_sql as sql
from gateway.store import spend_sql
from gateway.store.database import Database
from gateway.store.spend_list_sql import NamedSpend
from gateway.translation import sentence
from web.desk.naming import named_account
from web.identity.actor import Actor


@dataclass(frozen=True, slots=True)
class Spent:
    """One purse on one day (UTC). Costs are minor units, by `[limits] part_cost`; a cap of 0 is none."""

    purse: Purse
    day: int
    """Days since the epoch."""
    parts: int
    cost: int


@dataclass(frozen=True, slots=True)
class Within:
    """One organisation's day: what it spent, by whom most, and what it may."""

    organisation: Organisation
    whole: Spent
    keys: Sequence[NamedSpend]
    accounts: Sequence[NamedSpend]
    countries: frozenset[str] | None
    """Whose phones it may write to (ISO 3166); None for all."""


MOST = 100
"""Organisations, keys or accounts that are shown, those that spent most first."""


class SpendDesk:
    """Reads."""

    def __init__(self, database: Database, accounts: Accounts, limits: LimitSettings, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._limits = limits
        self._clock = clock
        self._statistics = Statistics(database, limits)

    @property
    def limits(self) -> LimitSettings:
        """What holds for everybody alike."""
        return self._limits

    async def today(self, actor: Actor, account: str = "", org_id: str | None = None) -> list[Spent]:
        """What was spent since midnight UTC. Raises NotFound, BadValue."""
        actor.require(Scope.SPEND_READ)
        limits, day = self._limits, self._day
        owner = actor.org_id or org_id
        purses: list[Purse] = []
        if account:
            named = await named_account(self._accounts, actor, account)
            owner = named.org_id
            purses.append(Purse("account", named.id, limits.account_parts, limits.account_cost))
            purses.append(Purse("key", named.key_id, limits.key_parts, limits.key_cost))
        if owner is None:
            raise NotFound(sentence("there is no such organisation"))
        purses.append(Purse("organisation", owner, limits.organisation_parts, limits.organisation_cost))
        names = [purse.name for purse in purses]
        spent = await self._database.read(partial(spend_sql.spent, purses=names, day=day))
        return [Spent(purse, day, *spent.get(purse.name, (0, 0))) for purse in purses]

    async def by_organisation(self, actor: Actor) -> list[NamedSpend]:
        """What organisations spent since midnight UTC, the most first: for operators."""
        actor.require(Scope.GATEWAY)
        return await self._database.read(partial(sql.by_organisation, day=self._day, most=MOST))

    async def within(self, actor: Actor, org_id: str | None = None) -> Within:
        """The same of one organisation, by keys and accounts. Raises NotFound."""
        actor.require(Scope.SPEND_READ)
        owner = actor.org_id or org_id
        organisation = await self._accounts.organisation(owner) if owner else None
        if organisation is None:
            raise NotFound(sentence("there is no such organisation"))
        by_key = partial(sql.by_key, org_id=organisation.id, day=self._day, most=MOST)
        by_account = partial(sql.by_account, org_id=organisation.id, day=self._day, most=MOST)
        return Within(
            organisation=organisation,
            whole=(await self.today(actor, org_id=organisation.id))[0],
            keys=await self._database.read(by_key),
            accounts=await self._database.read(by_account),
            countries=countries_of(organisation.region, self._limits),
        )

    async def days(self, actor: Actor, org_id: str | None = None, days: int = 30) -> Days:
        """What was spent on each of the last days (UTC), today included: an organisation's, or all of them."""
        actor.require(Scope.SPEND_READ)
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        return await self._statistics.spent(actor.org_id or org_id, today - timedelta(days - 1), today)

    @property
    def _day(self) -> int:
        return int(self._clock.now()) // DAY
