"""SQL of the list of numbers: searched and paged, quick with 100,000 of them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from gateway.paging import Cursor, Page, page
from gateway.registry.listings import NumberFilter, NumberListing, NumberState
from gateway.store.number_sql import taken, to_listing
from gateway.store.schema import accounts, numbers, organisation_numbers

ORDER = "numbers"
"""The name that cursors give the order: ascending, as texts."""
_NUMBER = re.compile(r"[+\d][\d\s().-]*")
_SEPARATORS = re.compile(r"[\s().-]")


def list_numbers(
    connection: Connection, wanted: NumberFilter, at: Cursor | None, size: int, now: float
) -> Page[NumberListing]:
    """One page of the numbers that cannot be drawn, read on from the cursor."""
    back = at is not None and at.back
    query = _query(wanted, now)
    if at is not None:
        query = query.where(numbers.c.number < at.place[0] if back else numbers.c.number > at.place[0])
    query = query.order_by(numbers.c.number.desc() if back else numbers.c.number).limit(size + 1)
    rows = [to_listing(row) for row in connection.execute(query)]
    return page(rows, size, at, ORDER, lambda each: (each.number,))


def _query(wanted: NumberFilter, now: float) -> Select[Any]:
    email = func.coalesce(accounts.c.email, organisation_numbers.c.email).label("email")
    query = (
        select(numbers, email)
        .outerjoin(accounts, accounts.c.id == numbers.c.account_id)
        .outerjoin(organisation_numbers, organisation_numbers.c.number == numbers.c.number)
        .where(taken(now))
    )
    if wanted.state is not None:
        in_use = numbers.c.free_after.is_(None)
        query = query.where(in_use if wanted.state is NumberState.IN_USE else ~in_use)
    if wanted.org_id is not None:
        query = query.where(or_(accounts.c.org_id == wanted.org_id, organisation_numbers.c.org_id == wanted.org_id))
    return query if wanted.search is None else query.where(_contains(wanted.search))


def _contains(text: str) -> ColumnElement[bool]:
    """Whether the number contains a text, with or without the blanks that people write in it, or the address does."""
    if _NUMBER.fullmatch(text):
        return numbers.c.number.contains(_SEPARATORS.sub("", text), autoescape=True)
    return or_(
        accounts.c.email_folded.contains(text.lower(), autoescape=True),
        func.lower(organisation_numbers.c.email).contains(text.lower(), autoescape=True),
    )
