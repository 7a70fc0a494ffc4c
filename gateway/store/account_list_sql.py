"""SQL of the list of accounts: searched, sorted and paged, quick with 100,000 of them.

Rows are chosen first, from indices or in one pass over the table; names of organisations and keys are added to those of
one page. What changes with every SMS (counters, last activity) has no index on purpose: sorting by it is that one pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, TextClause, func, or_, select, text, tuple_
from sqlalchemy.sql.selectable import Subquery

from gateway.paging import COUNTED_TO, Cursor, Page, Place, page
from gateway.registry.listings import AccountFilter, AccountListing, AccountSort, AccountState
from gateway.store.directory_sql import to_account
from gateway.store.schema import accounts, api_keys, organisations

_ADDRESSES = 500
"""Addresses asked about at once."""
_COLUMNS: dict[AccountSort, ColumnElement[Any]] = {
    AccountSort.EMAIL: accounts.c.email_folded,
    AccountSort.NUMBER: accounts.c.number,
    AccountSort.SENT: accounts.c.sent_count,
    AccountSort.RECEIVED: accounts.c.received_count,
    AccountSort.ACTIVE: func.coalesce(accounts.c.active_at, 0.0),
}
_KINDS: dict[AccountSort, type] = {
    AccountSort.EMAIL: str,
    AccountSort.NUMBER: str,
    AccountSort.SENT: int,
    AccountSort.RECEIVED: int,
    AccountSort.ACTIVE: float,
}
"""By opening there is no column beside the id: ids are made then, and sort by time."""

_UNSORTED = {AccountSort.SENT, AccountSort.RECEIVED, AccountSort.ACTIVE}
"""What no index is sorted by."""


def order_of(wanted: AccountFilter) -> str:
    """The name that cursors give the order."""
    return f"accounts {'-' if wanted.descending else ''}{wanted.sort}"


def kinds_of(wanted: AccountFilter) -> tuple[type, ...]:
    """The kinds of values in the cursors of an order."""
    return (_KINDS[wanted.sort], str) if wanted.sort in _KINDS else (str,)


def _keys(wanted: AccountFilter) -> list[ColumnElement[Any]]:
    column = _COLUMNS.get(wanted.sort)
    return [accounts.c.id] if column is None else [column, accounts.c.id]


def list_accounts(connection: Connection, wanted: AccountFilter, at: Cursor | None, size: int) -> Page[AccountListing]:
    """One page of accounts with organisation, key and counters."""
    rows = connection.execute(page_query(wanted, at, size)).all()
    found = page(rows, size, at, order_of(wanted), lambda row: _place(row, wanted))
    return found.map(to_listing)


def page_query(wanted: AccountFilter, at: Cursor | None, size: int) -> Select[Any]:
    """The query of one page, read on from the cursor, with one row more than fits."""
    keys = _keys(wanted)
    down = wanted.descending != (at is not None and at.back)
    chosen = select(accounts.c.id, *(key.label(f"place_{n}") for n, key in enumerate(keys))).where(*_conditions(wanted))
    if at is not None:
        place = tuple_(*at.place)
        chosen = chosen.where(tuple_(*keys) < place if down else tuple_(*keys) > place)
    chosen = chosen.order_by(*(key.desc() if down else key for key in keys)).limit(size + 1)
    return _named(chosen.subquery("chosen"), len(keys), down=down)


def _named(chosen: Subquery, keys: int, *, down: bool) -> Select[Any]:
    places = [chosen.c[f"place_{n}"] for n in range(keys)]
    return (
        select(
            accounts,
            organisations.c.name.label("organisation"),
            api_keys.c.label.label("key_label"),
            api_keys.c.paused_at.label("key_paused_at"),
            *places,
        )
        .join(chosen, chosen.c.id == accounts.c.id)
        .join(organisations, organisations.c.id == accounts.c.org_id)
        .join(api_keys, api_keys.c.id == accounts.c.key_id)
        .order_by(*(place.desc() if down else place for place in places))
    )


def _place(row: Row[Any], wanted: AccountFilter) -> tuple[Place, ...]:
    return tuple(getattr(row, f"place_{n}") for n in range(len(_keys(wanted))))


def count_accounts(connection: Connection, wanted: AccountFilter) -> int:
    """How many there are; one more than are counted where there are more."""
    some = select(accounts.c.id).where(*_conditions(wanted)).limit(COUNTED_TO + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _conditions(wanted: AccountFilter) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = []
    if wanted.org_id is not None:
        conditions.append(accounts.c.org_id == wanted.org_id)
    if wanted.key_id is not None:
        conditions.append(accounts.c.key_id == wanted.key_id)
    if wanted.search is not None:
        conditions.append(_contains(wanted.search))
    if wanted.state is AccountState.REFUSED:  # word for word as its index says it
        conditions.append(text("mailbox_fault IS NOT NULL AND closed_at IS NULL"))
    elif wanted.state is AccountState.CLOSED:
        conditions.append(accounts.c.closed_at.is_not(None))
    elif wanted.state is not None and wanted.sort in _UNSORTED:
        # A sum, lest SQLite walk the index of open addresses and jump from there into the table, row by row.
        conditions.append((accounts.c.closed_at + 0.0).is_(None))
    elif wanted.state is not None:
        conditions.append(accounts.c.closed_at.is_(None))
    if wanted.state is AccountState.PAUSED:
        conditions.append(accounts.c.key_id.in_(select(api_keys.c.id).where(api_keys.c.paused_at.is_not(None))))
    return conditions


_NUMBER = re.compile(r"[+\d][\d\s().-]*")
_SEPARATORS = re.compile(r"[\s().-]")


def _contains(searched: str) -> ColumnElement[bool]:
    """Whether the address contains it, or the number does, with or without the blanks that people write in numbers."""
    in_address = accounts.c.email_folded.contains(searched.lower(), autoescape=True)
    if not _NUMBER.fullmatch(searched):
        return in_address
    return or_(in_address, accounts.c.number.contains(_SEPARATORS.sub("", searched), autoescape=True))


def numbers_of(connection: Connection, key_id: str, folded: Sequence[str]) -> dict[str, str]:
    """The numbers of open accounts under a key, by folded address."""
    numbers: dict[str, str] = {}
    for start in range(0, len(folded), _ADDRESSES):
        some = folded[start : start + _ADDRESSES]
        query = select(accounts.c.email_folded, accounts.c.number).where(
            accounts.c.key_id == key_id, accounts.c.email_folded.in_(some), accounts.c.closed_at.is_(None)
        )
        numbers |= {row.email_folded: row.number for row in connection.execute(query)}
    return numbers


def find_account(connection: Connection, account_id: str, org_id: str | None) -> AccountListing | None:
    """One account as the list shows it; another organisation's is not there."""
    chosen = select(accounts.c.id, accounts.c.id.label("place_0")).where(accounts.c.id == account_id)
    if org_id is not None:
        chosen = chosen.where(accounts.c.org_id == org_id)
    row = connection.execute(_named(chosen.subquery("chosen"), 1, down=False)).first()
    return None if row is None else to_listing(row)


def to_listing(row: Row[Any]) -> AccountListing:
    """A record of a row with the names beside it."""
    return AccountListing(
        account=to_account(row),
        organisation=row.organisation,
        key_label=row.key_label,
        sent=row.sent_count,
        received=row.received_count,
        active_at=row.active_at,
        has_password=row.login_digest is not None,
        key_paused=row.key_paused_at is not None,
    )
