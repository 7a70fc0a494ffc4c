"""SQL of a day's spend as people look at it: by organisation, and by key and account of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.spending import DAY
from gateway.store.schema import accounts, api_keys, organisations, spend


@dataclass(frozen=True, slots=True)
class NamedSpend:
    """What an organisation, key or account spent on a day. `cost` is in minor units."""

    id: str
    name: str
    """As people call it; empty for a key without a label."""
    parts: int
    cost: int


def by_organisation(connection: Connection, day: int, most: int) -> list[NamedSpend]:
    """Organisations by what they spent on a day (since the epoch), those that spent nothing at the end."""
    parts = func.coalesce(spend.c.parts, 0)
    query = (
        select(organisations.c.id, organisations.c.name, parts.label("parts"), func.coalesce(spend.c.cost, 0))
        .join(spend, (spend.c.purse == "organisation:" + organisations.c.id) & (spend.c.day == day), isouter=True)
        .order_by(parts.desc(), organisations.c.name)
        .limit(most)
    )
    return _named(connection, query)


def by_key(connection: Connection, org_id: str, day: int, most: int) -> list[NamedSpend]:
    """An organisation's keys that spent something on a day, the most first."""
    query = (
        select(api_keys.c.id, api_keys.c.label, spend.c.parts, spend.c.cost)
        .join(spend, spend.c.purse == "key:" + api_keys.c.id)
        .where(api_keys.c.org_id == org_id, spend.c.day == day)
    )
    return _most(connection, query, most)


def by_account(connection: Connection, org_id: str, day: int, most: int) -> list[NamedSpend]:
    """An organisation's accounts that spent something on a day, the most first."""
    # Who spends is active: the others are passed by before their purses are looked for.
    active = (
        select(accounts.c.id, accounts.c.email)
        .where(accounts.c.org_id + "" == org_id, accounts.c.active_at >= float(day * DAY))
        .cte("active")
    )
    query = (
        select(active.c.id, active.c.email, spend.c.parts, spend.c.cost)
        .join(spend, spend.c.purse == "account:" + active.c.id)
        .where(spend.c.day == day)
    )
    return _most(connection, query, most)


def _most(connection: Connection, query: Select[Any], most: int) -> list[NamedSpend]:
    return _named(connection, query.order_by(spend.c.parts.desc(), spend.c.purse).limit(most))


def _named(connection: Connection, query: Select[Any]) -> list[NamedSpend]:
    return [NamedSpend(id_, name, int(parts), int(cost)) for id_, name, parts, cost in connection.execute(query)]
