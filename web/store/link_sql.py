"""SQL of one-time links. Changes are work functions: (connection, items) -> results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from web.identity.model import Link, LinkKind
from web.identity.roles import Role
from web.store.schema import links

_KEPT_SECONDS = 30 * 86_400.0
"""How long a link that was used or is too old stays, for who wants to know."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be kept. `replaces`: others of its kind for the same person, account or address stop working."""

    link: Link
    digest: str
    replaces: bool


def put(connection: Connection, items: Sequence[NewLink]) -> list[None]:
    """Insert links; forget those that are long dead."""
    for item in items:
        link = item.link
        connection.execute(delete(links).where(links.c.expires_at < link.created_at - _KEPT_SECONDS))
        if item.replaces:
            _end_others(connection, link)
        connection.execute(
            insert(links).values(
                digest=item.digest,
                id=link.id,
                kind=link.kind,
                org_id=link.org_id,
                person_id=link.person_id,
                account_id=link.account_id,
                email=link.email,
                name=link.name,
                role=link.role or "",
                language=link.language,
                made_by=link.made_by,
                created_at=link.created_at,
                expires_at=link.expires_at,
            )
        )
    return [None] * len(items)


def _end_others(connection: Connection, link: Link) -> None:
    connection.execute(
        delete(links).where(
            links.c.kind == link.kind,
            links.c.org_id.is_not_distinct_from(link.org_id),
            links.c.person_id.is_not_distinct_from(link.person_id),
            links.c.account_id.is_not_distinct_from(link.account_id),
            links.c.email == link.email,
            links.c.used_at.is_(None),
        )
    )


def find(connection: Connection, digest: str, now: float) -> Link | None:
    """A link that can be used now."""
    row = connection.execute(
        select(links).where(links.c.digest == digest, links.c.used_at.is_(None), links.c.expires_at > now)
    ).first()
    return None if row is None else _to_link(row)


def use(connection: Connection, digest: str, now: float) -> bool:
    """Use a link up, in the caller's transaction; False where it cannot be used, or another was faster."""
    used = connection.execute(
        update(links)
        .where(links.c.digest == digest, links.c.used_at.is_(None), links.c.expires_at > now)
        .values(used_at=now)
    )
    return used.rowcount == 1


def use_up(connection: Connection, items: Sequence[tuple[str, float]]) -> list[Link | None]:
    """Work: use links up, as (digest, now); None for one that cannot be used."""
    found: list[Link | None] = []
    for digest, now in items:
        link = find(connection, digest, now)
        found.append(link if link is not None and use(connection, digest, now) else None)
    return found


def list_open(connection: Connection, org_id: str | None, kind: LinkKind, now: float) -> list[Link]:
    """Links of an organisation (None: of the operators) that can still be used, the newest first."""
    query = select(links).where(
        links.c.org_id.is_not_distinct_from(org_id),
        links.c.kind == kind,
        links.c.used_at.is_(None),
        links.c.expires_at > now,
    )
    return [_to_link(row) for row in connection.execute(query.order_by(links.c.created_at.desc(), links.c.id.desc()))]


def end(connection: Connection, items: Sequence[str]) -> list[bool]:
    """Work: take links back, by id; False for one that was used, or is not there."""
    return [
        connection.execute(delete(links).where(links.c.id == link_id, links.c.used_at.is_(None))).rowcount == 1
        for link_id in items
    ]


def _to_link(row: Row[Any]) -> Link:
    return Link(
        id=row.id,
        kind=LinkKind(row.kind),
        created_at=row.created_at,
        expires_at=row.expires_at,
        org_id=row.org_id,
        person_id=row.person_id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        role=Role(row.role) if row.role else None,
        language=row.language,
        made_by=row.made_by,
        used_at=row.used_at,
    )
