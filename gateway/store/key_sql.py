"""SQL of organisations, keys and their secrets. Changes are work functions: (connection, items) -> results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, or_, select, update

from gateway.model import ApiKey, Organisation
from gateway.registry.listings import KeyListing
from gateway.scopes import write_scopes
from gateway.store.directory_sql import begin_change, key, to_key, to_organisation
from gateway.store.schema import accounts, api_keys, key_secrets, organisations


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret as it is kept."""

    key_id: str
    digest: str
    sealed: str
    created_at: float
    made_by: str = ""
    """The id of the person who has made it; empty for the terminal."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new secret, and when the one before stops."""

    fresh: SecretRow
    retires_at: float


def put_organisation(connection: Connection, items: Sequence[Organisation]) -> list[Organisation]:
    """Insert organisations; the stored one comes back where the name is taken."""
    begin_change(connection)
    return [_put_organisation(connection, each) for each in items]


def _put_organisation(connection: Connection, wanted: Organisation) -> Organisation:
    row = connection.execute(select(organisations).where(organisations.c.name == wanted.name)).first()
    if row is not None:
        return to_organisation(row)
    connection.execute(
        insert(organisations).values(
            id=wanted.id,
            name=wanted.name,
            region=wanted.region,
            language=wanted.language,
            created_at=wanted.created_at,
        )
    )
    return wanted


def organisation_named(connection: Connection, text: str) -> Organisation | None:
    """The organisation with this name, or else with this id."""
    row = connection.execute(
        select(organisations)
        .where(or_(organisations.c.name == text, organisations.c.id == text.upper()))
        .order_by((organisations.c.name == text).desc())
    ).first()
    return None if row is None else to_organisation(row)


def list_organisations(connection: Connection) -> list[Organisation]:
    """All organisations, by name."""
    return [to_organisation(row) for row in connection.execute(select(organisations).order_by(organisations.c.name))]


def put_key(connection: Connection, items: Sequence[tuple[ApiKey, SecretRow]]) -> list[None]:
    """Insert keys with their first secret."""
    begin_change(connection)
    for each, secret in items:
        connection.execute(
            insert(api_keys).values(
                id=each.id,
                org_id=each.org_id,
                kind=each.kind,
                label=each.label,
                scopes=write_scopes(each.scopes),
                created_at=each.created_at,
            )
        )
        _put_secret(connection, secret)
    return [None] * len(items)


def list_keys(connection: Connection, org_id: str | None, now: float) -> list[KeyListing]:
    """Keys, oldest first, with the state of their secrets and the number of open accounts."""
    live = (
        select(
            key_secrets.c.key_id,
            func.count().label("live"),
            func.min(key_secrets.c.retires_at).label("retires_at"),
        )
        .where(_live(now))
        .group_by(key_secrets.c.key_id)
        .subquery()
    )
    opened = (
        select(accounts.c.key_id, func.count().label("open"))
        .where(accounts.c.closed_at.is_(None))
        .group_by(accounts.c.key_id)
        .subquery()
    )
    query = (
        select(api_keys, organisations.c.name, live.c.live, live.c.retires_at, opened.c.open)
        .join(organisations, organisations.c.id == api_keys.c.org_id)
        .outerjoin(live, live.c.key_id == api_keys.c.id)
        .outerjoin(opened, opened.c.key_id == api_keys.c.id)
        .order_by(api_keys.c.created_at, api_keys.c.id)
    )
    if org_id is not None:
        query = query.where(api_keys.c.org_id == org_id)
    return [
        KeyListing(to_key(row), row.name, row.live or 0, row.retires_at, row.open or 0)
        for row in connection.execute(query)
    ]


def pause(connection: Connection, items: Sequence[tuple[str, float | None]]) -> list[ApiKey | None]:
    """Set or clear when keys were paused; a key that is paused keeps its time."""
    begin_change(connection)
    for key_id, at in items:
        since = None if at is None else case((api_keys.c.paused_at.is_(None), at), else_=api_keys.c.paused_at)
        connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(paused_at=since))
    return [key(connection, key_id) for key_id, _ in items]


def edit(connection: Connection, items: Sequence[tuple[str, Mapping[str, Any]]]) -> list[ApiKey | None]:
    """Set columns of keys."""
    begin_change(connection)
    for key_id, values in items:
        connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))
    return [key(connection, key_id) for key_id, _ in items]


def any_secret(connection: Connection) -> SecretRow | None:
    """The newest secret of all, to try the secret file on."""
    row = connection.execute(select(key_secrets).order_by(key_secrets.c.created_at.desc()).limit(1)).first()
    return None if row is None else _to_secret(row)


def live_secrets(connection: Connection, key_id: str, now: float) -> list[SecretRow]:
    """The secrets of a key that still work, newest first."""
    rows = connection.execute(
        select(key_secrets)
        .where(key_secrets.c.key_id == key_id, _live(now))
        .order_by(key_secrets.c.retires_at.is_(None).desc(), key_secrets.c.created_at.desc())
    )
    return [_to_secret(row) for row in rows]


def rotate(connection: Connection, items: Sequence[Rotation]) -> list[int]:
    """Add a secret where exactly one is live; gives how many were."""
    begin_change(connection)
    return [_rotate(connection, each) for each in items]


def _rotate(connection: Connection, rotation: Rotation) -> int:
    key_id, now = rotation.fresh.key_id, rotation.fresh.created_at
    live = len(live_secrets(connection, key_id, now))
    if live == 1:
        expired = key_secrets.c.retires_at <= now
        connection.execute(delete(key_secrets).where(key_secrets.c.key_id == key_id, expired))
        connection.execute(
            update(key_secrets).where(key_secrets.c.key_id == key_id).values(retires_at=rotation.retires_at)
        )
        _put_secret(connection, rotation.fresh)
    return live


def retire(connection: Connection, items: Sequence[str]) -> list[int]:
    """Delete the secrets that a rotation has replaced; gives how many."""
    begin_change(connection)
    return [
        connection.execute(
            delete(key_secrets).where(key_secrets.c.key_id == key_id, key_secrets.c.retires_at.is_not(None))
        ).rowcount
        for key_id in items
    ]


def _put_secret(connection: Connection, secret: SecretRow) -> None:
    connection.execute(
        insert(key_secrets).values(
            digest=secret.digest,
            key_id=secret.key_id,
            sealed=secret.sealed,
            created_at=secret.created_at,
            made_by=secret.made_by,
        )
    )


def _to_secret(row: Any) -> SecretRow:
    return SecretRow(row.key_id, row.digest, row.sealed, row.created_at, row.made_by)


def _live(now: float) -> Any:
    return or_(key_secrets.c.retires_at.is_(None), key_secrets.c.retires_at > now)
