"""SQL of accounts: opening, closing, editing. Changes are work functions: (connection, items) -> results.

Every change begins with `begin_change`, whose row lock makes changes of all processes wait in line: what a change
reads stays true until it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from gateway.model import Account, ApiKey, KeyKind
from gateway.registry.pool import NumberPool
from gateway.registry.subscription import Subscription
from gateway.store import number_sql
from gateway.store.directory_sql import account, begin_change, key, to_account
from gateway.store.schema import accounts, api_keys, organisations

_REMEMBERED = 100
"""Former numbers of an address that it is not given again."""


class Obstacle(Enum):
    """Why a change was not made."""

    NO_KEY = auto()
    WRONG_KIND = auto()
    NO_ACCOUNT = auto()
    PAUSED = auto()
    NOT_ADMITTED = auto()
    NO_FREE_NUMBER = auto()
    EXISTS = auto()


Admission = Callable[[Sequence[str], Sequence[str]], Subscription]
"""Judges a subscriber by the key's domains and by addresses that have accounts under it."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """An account to be opened. `pausable`: a paused key refuses; `admit` decides about a subscriber, if it is one."""

    account_id: str
    key_id: str
    email: str
    folded: str
    organisation_domain: str
    now: float
    pausable: bool
    admit: Admission | None
    pool: NumberPool
    rested_since: float
    """Who closed an account on a number before that gets no more answers there."""


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """An account to be closed, and when its number may be drawn again."""

    account_id: str
    now: float
    free_after: float


@dataclass(frozen=True, slots=True)
class Edit:
    """Columns of an open account to be set."""

    account_id: str
    values: Mapping[str, Any]


def open_account(connection: Connection, items: Sequence[OpenRequest]) -> list[Account | Obstacle]:
    """Open accounts; an address that has one under the key gets that one."""
    begin_change(connection)
    return [_open(connection, request) for request in items]


def _open(connection: Connection, request: OpenRequest) -> Account | Obstacle:
    owner = key(connection, request.key_id)
    if owner is None:
        return Obstacle.NO_KEY
    if owner.kind is not KeyKind.DIALOG:  # its secret would stand in every From
        return Obstacle.WRONG_KIND
    if owner.paused and request.pausable:
        return Obstacle.PAUSED
    there = _open_account_of(connection, owner.id, request.folded)
    if there is not None:
        return there
    if request.admit is not None:
        verdict = request.admit(owner.domains, _neighbours(connection, owner.id, request.organisation_domain))
        if not verdict.allowed:
            return Obstacle.NOT_ADMITTED
        if verdict.learn is not None:
            connection.execute(update(api_keys).where(api_keys.c.id == owner.id).values(domains=verdict.learn))
    drawn = number_sql.draw(connection, request.pool, _former_numbers(connection, request.folded), request.now)
    if drawn is None:
        wish = number_sql.SharedDraw(owner.org_id, request.now, request.rested_since)
        drawn = number_sql.draw_shared(connection, request.pool, wish)
    return Obstacle.NO_FREE_NUMBER if drawn is None else _put_account(connection, request, owner, *drawn)


def _put_account(
    connection: Connection, request: OpenRequest, owner: ApiKey, number: str, provider: str
) -> Account | Obstacle:
    organisation = connection.execute(select(organisations).where(organisations.c.id == owner.org_id)).one()
    connection.execute(
        insert(accounts).values(
            id=request.account_id,
            org_id=owner.org_id,
            key_id=owner.id,
            email=request.email,
            email_folded=request.folded,
            number=number,
            provider=provider,
            language=organisation.language,
            region=organisation.region,
            opened_at=request.now,
        )
    )
    if not request.pool.is_shared(number):
        number_sql.take(connection, number, provider, request.account_id, request.now)
    return account(connection, request.account_id) or Obstacle.NO_ACCOUNT


def close_account(connection: Connection, items: Sequence[CloseRequest]) -> list[Account | None]:
    """Close accounts and send their numbers into quarantine; closed ones stay as they are."""
    begin_change(connection)
    return [_close(connection, request) for request in items]


def _close(connection: Connection, request: CloseRequest) -> Account | None:
    there = account(connection, request.account_id)
    if there is None or there.closed_at is not None:
        return there
    connection.execute(
        update(accounts).where(accounts.c.id == there.id).values(closed_at=request.now, login_digest=None)
    )
    number_sql.quarantine(connection, there.number, there.id, request.free_after)
    return account(connection, there.id)


def change_account(connection: Connection, items: Sequence[Edit]) -> list[Account | Obstacle]:
    """Edit open accounts."""
    begin_change(connection)
    return [_change(connection, edit) for edit in items]


def _change(connection: Connection, edit: Edit) -> Account | Obstacle:
    row = connection.execute(
        select(accounts).where(accounts.c.id == edit.account_id, accounts.c.closed_at.is_(None))
    ).first()
    if row is None:
        return Obstacle.NO_ACCOUNT
    key_id, folded = edit.values.get("key_id", row.key_id), edit.values.get("email_folded", row.email_folded)
    there = _open_account_of(connection, key_id, folded)
    if there is not None and there.id != row.id:
        return Obstacle.EXISTS
    connection.execute(update(accounts).where(accounts.c.id == row.id).values(**edit.values))
    return account(connection, row.id) or Obstacle.NO_ACCOUNT


def mark_mailbox(connection: Connection, items: Sequence[tuple[str, str | None, float]]) -> list[None]:
    """Note or clear why mailboxes refuse mail: (account id, fault, now)."""
    begin_change(connection)
    for account_id, fault, now in items:
        connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(mailbox_fault=fault, mailbox_fault_at=None if fault is None else now)
        )
    return [None] * len(items)


def set_login(connection: Connection, items: Sequence[tuple[str, str | None]]) -> list[bool]:
    """Set or clear the password digest of open accounts: (account id, digest). False where there is none."""
    return [
        bool(
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.closed_at.is_(None))
                .values(login_digest=digest)
            ).rowcount
        )
        for account_id, digest in items
    ]


def _open_account_of(connection: Connection, key_id: str, folded: str) -> Account | None:
    row = connection.execute(
        select(accounts).where(
            accounts.c.key_id == key_id, accounts.c.email_folded == folded, accounts.c.closed_at.is_(None)
        )
    ).first()
    return None if row is None else to_account(row)


def _neighbours(connection: Connection, key_id: str, domain: str) -> list[str]:
    """Addresses that have or had accounts under a key: those of the domain, or else any one."""
    under_key = select(accounts.c.email_folded).where(accounts.c.key_id == key_id)
    of_domain = or_(
        accounts.c.email_folded.endswith(f"@{domain}", autoescape=True),
        accounts.c.email_folded.endswith(f".{domain}", autoescape=True),
    )
    found = connection.execute(under_key.where(of_domain).limit(50)).scalars().all()
    return list(found or connection.execute(under_key.limit(1)).scalars())


def _former_numbers(connection: Connection, folded: str) -> frozenset[str]:
    rows = connection.execute(
        select(accounts.c.number)
        .where(accounts.c.email_folded == folded, accounts.c.closed_at.is_not(None))
        .order_by(accounts.c.closed_at.desc())
        .limit(_REMEMBERED)
    )
    return frozenset(rows.scalars())
