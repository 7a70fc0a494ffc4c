"""SQL of what waits for a person: how much, and whom it could be for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, Select, func, select, text

from gateway.listed_sms import Candidate, Need
from gateway.paging import COUNTED_TO
from gateway.store.schema import IN_DOUBT, accounts, inbound, messages


def count(connection: Connection, org_id: str | None) -> dict[Need, int]:
    """How many wait for what; one more than are counted where there are more."""
    return {need: _count(connection, _waiting(need, org_id)) for need in Need}


def _waiting(need: Need, org_id: str | None) -> Select[tuple[str]]:
    table = messages if need is Need.UNKNOWN else inbound
    query = select(table.c.id).where(text(IN_DOUBT if need is Need.UNKNOWN else f"state = '{need}'"))
    # A concatenation, lest all that the organisation has be read instead of what waits.
    return query if org_id is None else query.where(table.c.org_id + "" == org_id)


def _count(connection: Connection, query: Select[tuple[str]]) -> int:
    some = query.limit(COUNTED_TO + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def candidates(connection: Connection, numbers: Sequence[str], org_id: str | None) -> dict[str, tuple[Candidate, ...]]:
    """The open accounts of numbers, else the one that had a number last."""
    query = select(accounts).where(accounts.c.number.in_(numbers))
    if org_id is not None:
        query = query.where(accounts.c.org_id == org_id)
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for row in connection.execute(query.order_by(accounts.c.opened_at)):
        found[row.number].append(Candidate(row.id, row.email, row.closed_at))
    return {number: _likely(some) for number, some in found.items()}


def _likely(some: Sequence[Candidate]) -> tuple[Candidate, ...]:
    still = tuple(each for each in some if each.closed_at is None)
    return still or tuple(some[-1:])
