"""SQL of changing one contact: what is to become of it is made of what it is, in the transaction that stores it.

Changes of one book wait in line (`book_sql.made_book`), so nobody else's comes in between, on either database and from
whichever process: a change of one field leaves all others as they are, and who has looked at an older state is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.drafts import BadDraft, ChangedMeanwhile, checked, version
from campaigns.model import Draft
from campaigns.store import contact_sql
from campaigns.store.book_sql import made_book


@dataclass(frozen=True, slots=True)
class Edit:
    """A contact that is to be another from now on."""

    org_id: str
    contact_id: int
    made: Callable[[Draft], Draft]
    """What is to become of it, of what it is."""
    now: float
    seen: str | None = None
    """The version that was looked at; None for whichever there is."""


def edit(connection: Connection, items: Sequence[Edit]) -> list[Draft | BadDraft | ChangedMeanwhile | None]:
    """Work: change contacts; what each is then, why it cannot be that, or None where there is no such contact."""
    return [_edit(connection, item) for item in items]


def _edit(connection: Connection, item: Edit) -> Draft | BadDraft | ChangedMeanwhile | None:
    of = made_book(connection, item.org_id)
    found = contact_sql.load(connection, of, [item.contact_id])
    if not found:
        return None
    before = found[0].draft()
    if item.seen is not None and item.seen != version(before):
        return ChangedMeanwhile()
    try:
        after = checked(item.made(before), of)
    except BadDraft as error:
        return error
    contact_sql.store_one(connection, contact_sql.Change(item.org_id, item.now, changed=((item.contact_id, after),)))
    return after
