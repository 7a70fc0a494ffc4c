"""Fills an organisation's book with contacts: each with a name, a language and a phone of its own."""

from __future__ import annotations

import time

from campaigns.model import Draft, Point
from campaigns.store.contact_sql import Change, store
from gateway.store.database import Database

_AT_ONCE = 10_000
_STRIDE = 611_953
"""Has no factor in common with a million: every number comes once."""


def contact(number: int) -> Draft:
    """Contact `number`; phones come in no order, as people do."""
    million, rest = divmod(number, 1_000_000)
    phone = Point(f"+45{20 + million}{rest * _STRIDE % 1_000_000:06}")
    return Draft(f"Anders Hansen {number}", "Anders", phones=(phone,), language="da")


async def fill(database: Database, org_id: str, number: int) -> None:
    """Put so many into the book."""
    for first in range(0, number, _AT_ONCE):
        drafts = [contact(each) for each in range(first, min(first + _AT_ONCE, number))]
        await database.write(store, Change(org_id, time.time(), drafts))
