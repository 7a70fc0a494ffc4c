"""SQL of what was spent: parts and money by purse and day, counted in the transaction that takes the messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, Executable, bindparam, select

from gateway.spending import Charge, OverCap, Purse
from gateway.store.dialect import insert_for
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import spend

Key = tuple[str, int]
"""A purse's name and a day."""


def _standing(dialect: str) -> Executable:
    # Locked in one order: two writers must not both find room for their last message.
    query = select(spend).where(among(dialect, spend.c.purse, "purses"), spend.c.day >= bindparam("first"))
    return query.order_by(spend.c.purse, spend.c.day).with_for_update()


def _add(dialect: str) -> Executable:
    row = insert_for(dialect, spend).values({name: bindparam(name) for name in ("purse", "day", "parts", "cost")})
    more = {"parts": spend.c.parts + row.excluded.parts, "cost": spend.c.cost + row.excluded.cost}
    return row.on_conflict_do_update(index_elements=["purse", "day"], set_=more)


_STANDING = Prepared(_standing)
_ADD = Prepared(_add)
_OPEN = insert_new(spend, ("purse", "day", "parts", "cost"))


class Ledger:
    """What was spent so far, as one transaction sees it, and what the transaction adds."""

    def __init__(self, connection: Connection, charges: Sequence[Charge]) -> None:
        """Read the purses of these charges."""
        self._connection = connection
        self._spent: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
        self._added: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
        capped = {
            (purse.name, charge.day)
            for charge in charges
            for purse in charge.purses
            if purse.parts_cap or purse.cost_cap
        }
        if capped:
            self._read(capped)

    def _read(self, keys: AbstractSet[Key]) -> None:
        """Read what was spent, and keep others from spending it until the transaction ends."""
        wanted = {
            "purses": values_of(self._connection, sorted({purse for purse, _ in keys})),
            "first": min(day for _, day in keys),
        }
        rows = _STANDING.rows(self._connection, wanted)
        missing = keys - {(row.purse, row.day) for row in rows}
        if missing and self._connection.dialect.name == "postgresql":
            # The first messages of a day: only a row that is there can be locked.
            empty = [{"purse": purse, "day": day, "parts": 0, "cost": 0} for purse, day in sorted(missing)]
            _OPEN.many(self._connection, empty)
            rows = _STANDING.rows(self._connection, wanted)
        for row in rows:
            self._spent[row.purse, row.day] = [row.parts, row.cost]

    def over(self, charge: Charge, which: Sequence[int]) -> OverCap | None:
        """The cap that those of a charge's messages would pass, by their places; or None: then it is put aside for."""
        parts, cost = sum(charge.parts[i] for i in which), sum(charge.costs[i] for i in which)
        for purse in charge.purses:
            spent_parts, spent_cost = self._spent[purse.name, charge.day]
            if purse.parts_cap and spent_parts + parts > purse.parts_cap:
                return OverCap(purse.whose, purse.parts_cap, "SMS parts")
            if purse.cost_cap and spent_cost + cost > purse.cost_cap:
                return OverCap(purse.whose, purse.cost_cap, "minor units of money")
        _count(self._spent, charge.purses, charge.day, parts, cost)
        return None

    def spend(self, charge: Charge, which: Iterable[int]) -> None:
        """Spend on those of a charge's messages that were new, by their places."""
        places = tuple(which)
        if places:
            parts, cost = sum(charge.parts[i] for i in places), sum(charge.costs[i] for i in places)
            _count(self._added, charge.purses, charge.day, parts, cost)

    def close(self) -> None:
        """Write down what was spent."""
        _ADD.many(
            self._connection,
            [
                {"purse": purse, "day": day, "parts": parts, "cost": cost}
                for (purse, day), (parts, cost) in sorted(self._added.items())
            ],
        )


def _count(where: defaultdict[Key, list[int]], purses: Iterable[Purse], day: int, parts: int, cost: int) -> None:
    for purse in purses:
        standing = where[purse.name, day]
        standing[0] += parts
        standing[1] += cost


def spent(connection: Connection, purses: Sequence[str], day: int) -> dict[str, tuple[int, int]]:
    """Parts and cost of purses on a day, by name; those that spent nothing are left out."""
    rows = connection.execute(select(spend).where(spend.c.purse.in_(purses), spend.c.day == day))
    return {row.purse: (row.parts, row.cost) for row in rows}
