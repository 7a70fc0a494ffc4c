"""SQL of the directory: organisations, keys and accounts as records, and the revision that tells of changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, literal_column, select

from gateway.model import Account, ApiKey, KeyKind, Organisation
from gateway.registry.number_use import Keyword, NumberUse, OrganisationNumber
from gateway.scopes import read_scopes
from gateway.store.dialect import insert
from gateway.store.prepared import Prepared
from gateway.store.schema import (
    accounts,
    api_keys,
    key_secrets,
    keywords,
    organisation_numbers,
    organisations,
    revisions,
)

_REVISION = Prepared(
    lambda _dialect: select(revisions.c.value).where(revisions.c.name == literal_column("'directory'"))
)


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key, found by one of its secrets; that secret works until `retires_at`."""

    key: ApiKey
    retires_at: float | None


def revision(connection: Connection) -> int:
    """The number that every change of the directory makes another; 0 before the first."""
    return next(iter(_REVISION.scalars(connection, {})), 0)


def begin_change(connection: Connection) -> None:
    """Tell every process of a change; first statement of it, because its row lock makes changes wait in line."""
    row = insert(connection, revisions).values(name="directory", value=1)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": revisions.c.value + 1}))


def organisation(connection: Connection, org_id: str) -> Organisation | None:
    """An organisation by its id."""
    row = connection.execute(select(organisations).where(organisations.c.id == org_id)).first()
    return None if row is None else to_organisation(row)


def key(connection: Connection, key_id: str) -> ApiKey | None:
    """A key by its id."""
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
    return None if row is None else to_key(row)


def key_by_digest(connection: Connection, digest: str) -> FoundKey | None:
    """A key by the digest of one of its secrets, retired or not."""
    row = connection.execute(
        select(api_keys, key_secrets.c.retires_at, key_secrets.c.made_by)
        .join(key_secrets, key_secrets.c.key_id == api_keys.c.id)
        .where(key_secrets.c.digest == digest)
    ).first()
    return None if row is None else FoundKey(replace(to_key(row), made_by=row.made_by), row.retires_at)


def newest_secret(connection: Connection, key_id: str) -> str | None:
    """The sealed secret that was made last."""
    return connection.execute(
        select(key_secrets.c.sealed)
        .where(key_secrets.c.key_id == key_id)
        .order_by(key_secrets.c.retires_at.is_(None).desc(), key_secrets.c.created_at.desc())
        .limit(1)
    ).scalar()


def account(connection: Connection, account_id: str) -> Account | None:
    """An account by its id, open or closed."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
    return None if row is None else to_account(row)


def number_use(connection: Connection, number: str) -> NumberUse | None:
    """Who has a number; None where nobody has."""
    rows = connection.execute(
        select(accounts)
        .where(accounts.c.number == number, accounts.c.closed_at.is_(None))
        .order_by(accounts.c.opened_at, accounts.c.id)
    ).all()
    if rows:
        return NumberUse(accounts=tuple(to_account(row) for row in rows))
    owned = organisation_number(connection, number)
    return None if owned is None else NumberUse(organisation_number=owned)


def organisation_number(connection: Connection, number: str) -> OrganisationNumber | None:
    """An organisation's number with its keywords."""
    row = connection.execute(select(organisation_numbers).where(organisation_numbers.c.number == number)).first()
    if row is None:
        return None
    words = connection.execute(select(keywords).where(keywords.c.number == number).order_by(keywords.c.word))
    return OrganisationNumber(
        number=row.number,
        org_id=row.org_id,
        provider=row.provider,
        email=row.email,
        since=row.since,
        keywords={each.word: Keyword(each.word, each.written, each.email, each.reply) for each in words},
    )


def open_accounts_of(connection: Connection, folded: str) -> tuple[Account, ...]:
    """The open accounts of a folded address, oldest first."""
    rows = connection.execute(
        select(accounts)
        .where(accounts.c.email_folded == folded, accounts.c.closed_at.is_(None))
        .order_by(accounts.c.opened_at, accounts.c.id)
    )
    return tuple(to_account(row) for row in rows)


def logins_of(connection: Connection, folded: str) -> list[tuple[Account, str]]:
    """The open accounts of a folded address that have a password, with its digest."""
    rows = connection.execute(
        select(accounts).where(
            accounts.c.email_folded == folded, accounts.c.closed_at.is_(None), accounts.c.login_digest.is_not(None)
        )
    )
    return [(to_account(row), row.login_digest) for row in rows]


def to_organisation(row: Row[Any]) -> Organisation:
    """Read the columns of `organisations`."""
    return Organisation(row.id, row.name, row.region, row.language, row.created_at)


def to_key(row: Row[Any]) -> ApiKey:
    """Read the columns of `api_keys`."""
    return ApiKey(
        id=row.id,
        org_id=row.org_id,
        kind=KeyKind(row.kind),
        label=row.label,
        created_at=row.created_at,
        paused_at=row.paused_at,
        domains=tuple(row.domains.split()),
        scopes=read_scopes(row.scopes),
    )


def to_account(row: Row[Any]) -> Account:
    """Read the columns of `accounts`."""
    return Account(
        id=row.id,
        org_id=row.org_id,
        key_id=row.key_id,
        email=row.email,
        number=row.number,
        provider=row.provider,
        language=row.language,
        region=row.region,
        cut_signature=row.cut_signature,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        mailbox_fault=row.mailbox_fault,
    )
