"""SQL of addresses that want no e-mails of campaigns, as people look at them: page by page, one, one more by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, select, tuple_, update

from campaigns.store import email_sql
from campaigns.store.email_schema import email_bounces, email_optouts
from campaigns.store.email_sql import Left, folded
from gateway import paging
from gateway.paging import Cursor, Page
from gateway.store.schema import organisations

ORDER = "email-optouts"
KINDS = (float, str, str)
"""A place in the list: since when, which organisation, which address."""


@dataclass(frozen=True, slots=True)
class EmailOptOut:
    """One address that wants no e-mail of an organisation's campaigns."""

    org_id: str
    organisation: str
    address: str
    """Folded."""
    since: float
    how: str
    """A word of `unsubscribing.Way`."""
    campaign_id: str | None
    """Whose mail was answered so."""


@dataclass(frozen=True, slots=True)
class EmailOptOutFilter:
    """Which addresses; an `org_id` of None is for operators alone."""

    org_id: str | None
    search: str | None = None
    """A part of the address."""


def page(connection: Connection, wanted: EmailOptOutFilter, at: Cursor | None, size: int) -> Page[EmailOptOut]:
    """Addresses on the list now, the latest first."""
    columns = (email_optouts.c.since, email_optouts.c.org_id, email_optouts.c.address)
    query = _listed()
    if wanted.org_id is not None:
        query = query.where(email_optouts.c.org_id == wanted.org_id)
    if wanted.search is not None:
        query = query.where(email_optouts.c.address.contains(wanted.search.lower(), autoescape=True))
    back = at is not None and at.back
    if at is not None:
        place, here = tuple_(*columns), tuple_(*at.place)
        query = query.where(place > here if back else place < here)
    query = query.order_by(*(column.asc() if back else column.desc() for column in columns)).limit(size + 1)
    rows = [_read(row) for row in connection.execute(query)]
    return paging.page(rows, size, at, ORDER, lambda each: (each.since, each.org_id, each.address))


def of_addresses(connection: Connection, org_id: str, addresses: Collection[str]) -> list[EmailOptOut]:
    """Query: those of the addresses that have unsubscribed, the latest first."""
    query = _listed().where(
        email_optouts.c.org_id == org_id, email_optouts.c.address.in_({folded(each) for each in addresses})
    )
    return [_read(row) for row in connection.execute(query.order_by(email_optouts.c.since.desc()))]


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody has said in another way that they want no e-mails of campaigns."""

    org_id: str
    organisation: str
    address: str
    how: str
    now: float


def add(connection: Connection, items: Sequence[ByHand]) -> list[bool]:
    """Work: put addresses on the list; False for one that is on it. What waits for the address does not leave."""
    return [
        email_sql.opt_out(
            connection, Left(item.org_id, item.organisation, folded(item.address)), item.how, None, item.now
        )
        for item in items
    ]


def readmit(connection: Connection, items: Sequence[tuple[str, str, float]]) -> list[bool]:
    """Work: let campaigns write to an address again, as (organisation, address, now); False where they may already.

    That its server has said it is none is forgotten with it: whoever asks for mail again has a mailbox.
    """
    found = []
    for org_id, address, now in items:
        mine = email_optouts.c.org_id == org_id, email_optouts.c.address == folded(address)
        ended = update(email_optouts).where(*mine, email_optouts.c.ended_at.is_(None)).values(ended_at=now)
        theirs = email_bounces.c.org_id == org_id, email_bounces.c.address == folded(address)
        forgotten = connection.execute(delete(email_bounces).where(*theirs)).rowcount
        found.append(bool(connection.execute(ended).rowcount + forgotten))
    return found


def _listed() -> Select[Any]:
    return (
        select(email_optouts, organisations.c.name)
        .join(organisations, organisations.c.id == email_optouts.c.org_id)
        .where(email_optouts.c.ended_at.is_(None))
    )


def _read(row: Any) -> EmailOptOut:
    return EmailOptOut(row.org_id, row.name, row.address, row.since, row.how, row.campaign_id)
