"""What was spent today, and what may be: the organisation's, and of an account and its key where one is named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from gateway.accounts import Accounts
from gateway.model import Clock
from gateway.registry.errors import NotFound
from gateway.scopes import Scope
from gateway.settings import LimitSettings
from gateway.spending import DAY, Purse
from gateway.store import spend_sql
from gateway.store.database import Database
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


class SpendDesk:
    """Reads."""

    def __init__(self, database: Database, accounts: Accounts, limits: LimitSettings, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._limits = limits
        self._clock = clock

    async def today(self, actor: Actor, account: str = "", org_id: str | None = None) -> list[Spent]:
        """What was spent since midnight UTC. Raises NotFound, BadValue."""
        actor.require(Scope.SPEND_READ)
        limits, day = self._limits, int(self._clock.now()) // DAY
        owner = actor.org_id or org_id
        purses: list[Purse] = []
        if account:
            named = await named_account(self._accounts, actor, account)
            owner = named.org_id
            purses.append(Purse("account", named.id, limits.account_parts, limits.account_cost))
            purses.append(Purse("key", named.key_id, limits.key_parts, limits.key_cost))
        if owner is None:
            raise NotFound("there is no such organisation")
        purses.append(Purse("organisation", owner, limits.organisation_parts, limits.organisation_cost))
        names = [purse.name for purse in purses]
        spent = await self._database.read(partial(spend_sql.spent, purses=names, day=day))
        return [Spent(purse, day, *spent.get(purse.name, (0, 0))) for purse in purses]
