"""SQL of sessions. Changes are work functions: (connection, items) -> results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from gateway.model import Account
from gateway.store.directory_sql import account
from web.identity.model import Awaits, Person, Session
from web.store.person_sql import person
from web.store.schema import sessions


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be kept. `instead` is the digest of the one that ends by it."""

    session: Session
    digest: str
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A session with the person or the account that it belongs to."""

    session: Session
    person: Person | None
    account: Account | None


def put(connection: Connection, items: Sequence[NewSession]) -> list[None]:
    """Insert sessions; forget those that are over."""
    for item in items:
        session = item.session
        over = sessions.c.expires_at < session.created_at
        connection.execute(delete(sessions).where(or_(over, sessions.c.digest == (item.instead or ""))))
        connection.execute(
            insert(sessions).values(
                digest=item.digest,
                id=session.id,
                person_id=session.person_id,
                account_id=session.account_id,
                created_at=session.created_at,
                seen_at=session.seen_at,
                expires_at=session.expires_at,
                peer_ip=session.peer_ip,
                user_agent=session.user_agent,
                awaits=session.awaits,
                email=session.email,
            )
        )
    return [None] * len(items)


def holder(connection: Connection, digest: str, seen_since: float, now: float) -> Holder | None:
    """A session that was seen since a time and is not over, with whom it belongs to."""
    row = connection.execute(
        select(sessions).where(
            sessions.c.digest == digest, sessions.c.seen_at > seen_since, sessions.c.expires_at > now
        )
    ).first()
    if row is None:
        return None
    return Holder(
        session=_to_session(row),
        person=None if row.person_id is None else person(connection, row.person_id),
        account=None if row.account_id is None else account(connection, row.account_id),
    )


def see(connection: Connection, items: Sequence[tuple[str, float]]) -> list[None]:
    """Note when sessions were last used: (digest, now)."""
    for digest, now in items:
        connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))
    return [None] * len(items)


def list_sessions(
    connection: Connection, *, person_id: str | None, account_id: str | None, seen_since: float, now: float
) -> list[Session]:
    """The live sessions of a person or an account, the latest used first."""
    query = select(sessions).where(
        _belongs(person_id, account_id), sessions.c.seen_at > seen_since, sessions.c.expires_at > now
    )
    return [_to_session(row) for row in connection.execute(query.order_by(sessions.c.seen_at.desc(), sessions.c.id))]


@dataclass(frozen=True, slots=True)
class Ending:
    """Sessions of a person or an account that end: one, or all but one, or all."""

    person_id: str | None
    account_id: str | None
    only: str | None = None
    but: str | None = None


def end(connection: Connection, items: Sequence[Ending]) -> list[int]:
    """End sessions; how many they were."""
    ended = []
    for item in items:
        conditions = [_belongs(item.person_id, item.account_id)]
        if item.only is not None:
            conditions.append(sessions.c.id == item.only)
        if item.but is not None:
            conditions.append(sessions.c.id != item.but)
        ended.append(connection.execute(delete(sessions).where(*conditions)).rowcount)
    return ended


def end_by_token(connection: Connection, items: Sequence[str]) -> list[None]:
    """End the sessions with these digests."""
    for digest in items:
        connection.execute(delete(sessions).where(sessions.c.digest == digest))
    return [None] * len(items)


def was_here(connection: Connection, person_id: str, peer_ip: str) -> bool:
    """Whether the person is signed in, or was lately, at this address."""
    query = select(sessions.c.id).where(
        sessions.c.person_id == person_id, sessions.c.peer_ip == peer_ip, sessions.c.awaits == Awaits.NOTHING
    )
    return connection.execute(query.limit(1)).first() is not None


def _belongs(person_id: str | None, account_id: str | None) -> ColumnElement[bool]:
    return sessions.c.person_id == person_id if person_id is not None else sessions.c.account_id == account_id


def _to_session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        person_id=row.person_id,
        account_id=row.account_id,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        peer_ip=row.peer_ip,
        user_agent=row.user_agent,
        awaits=Awaits(row.awaits),
        email=row.email,
    )
